/** Cards of dataset versions and what two of them share, made out of their rows and the judgments that these name, and kept. */
import { z } from "zod";
import type { DatasetCard, DatasetOverlap, RowJudgment, Shared } from "@tiller/schema";
import {
  comparedDatasets,
  datasetBlob,
  getDataset,
  keptCard,
  placedLines,
  saveCard,
  saveOverlap,
} from "@tiller/lab";
import { type Db, sql } from "@tiller/store";
import { namedAnswers } from "@tiller/work";
import { describeRows, likenessOf, type NamedJudgment, sharedWith } from "./card.ts";
import type { DatasetIndex } from "./dataset-index.ts";
import { nearDuplicates } from "./duplicates.ts";
import { type Columns, factsOf } from "./row-facts.ts";

const AT_ONCE = 20_000; // answers a query

/** Made and kept, with what is known of each row. */
export async function makeCard(
  db: Db,
  home: string,
  id: string,
): Promise<{ readonly card: DatasetCard; readonly index: DatasetIndex }> {
  const blob = await datasetBlob(db, id);
  const begin: number[] = [];
  let end = 0;
  const rows = async function* () {
    for await (const { line, begin: at } of placedLines(home, blob)) {
      begin.push(at);
      end = at + Buffer.byteLength(line) + 1;
      yield JSON.parse(line) as unknown;
    }
  };
  const { card, columns } = await describeRows(rows(), {
    judgments: async (answers) => {
      const known = await judgmentsNamed(db, answers);
      return new Map(
        known.map((j): [string, NamedJudgment] => [
          j.answer,
          { ...j, source: j.experiment ?? j.project },
        ]),
      );
    },
  });
  const index: DatasetIndex = { ...columns, begin: [...begin, end] };
  await saveCard(db, home, id, { card, columns: index });
  return { card, index };
}
/** The kept one, or made now. */
export const cardOf = async (db: Db, home: string, id: string): Promise<DatasetCard> =>
  (await keptCard(db, id)) ?? (await makeCard(db, home, id)).card;

const Where = z.object({
  id: z.string(),
  experiment: z.string().nullable(),
  project: z.string().nullable(),
});
type Named = RowJudgment & { readonly answer: string };
/** Of each answer that is there the label of its question: of a pair, where it asks one. */
export async function judgmentsNamed(db: Db, answers: readonly string[]): Promise<Named[]> {
  const known: Named[] = [];
  for (let from = 0; from < answers.length; from += AT_ONCE) {
    const some = answers.slice(from, from + AT_ONCE);
    const where = await db.many(
      sql`select a.id, b.experiment, b.project from answer a join task t on t.id = a.task join batch b on b.id = t.batch where a.id = any(${some})`,
      Where,
    );
    const places = new Map(where.map((w) => [w.id, w]));
    const byAnswer = Map.groupBy(await namedAnswers(db, some), (a) => a.answer);
    for (const of of byAnswer.values()) {
      const a = of.find((x) => x.sides) ?? of[0]!;
      const { answer, task, by, person, simulated } = a;
      const at = places.get(answer);
      const about = {
        experiment: at?.experiment ?? null,
        project: at?.project ?? null,
        seconds: a.activeSeconds,
      };
      known.push({ answer, task, by, person, simulated, label: a.label, ...about });
    }
  }
  return known;
}

interface Texts {
  readonly texts: string[];
  readonly prompts: (string | undefined)[];
}
/** Of rows, what they are held against others by. */
export async function textsOf(
  rows: AsyncIterable<unknown> | Iterable<unknown>,
  columns: Columns = {},
): Promise<Texts> {
  const found: Texts = { texts: [], prompts: [] };
  for await (const row of rows) {
    const facts = factsOf(row, columns);
    found.texts.push(likenessOf(facts));
    found.prompts.push(facts.prompt?.trim());
  }
  return found;
}
/** What the first share with the second, and which of them do. */
export function sharedBetween(mine: Texts, theirs: Texts): Shared & { rows: number[] } {
  const alike = {
    ...nearDuplicates([...mine.texts, ...theirs.texts]),
    prompts: [...mine.prompts, ...theirs.prompts],
  };
  const places = alike.prompts.map((_, i) => i);
  const cut = mine.texts.length;
  return sharedWith(places.slice(0, cut), places.slice(cut), alike);
}

/** The rows of a dataset, one after the other. */
export async function* savedRows(db: Db, home: string, id: string): AsyncGenerator<unknown> {
  for await (const { line } of placedLines(home, await datasetBlob(db, id))) yield JSON.parse(line);
}
/** With the sets that evaluations read, with those it was held against before, and with `others`. */
export async function overlapsOf(
  db: Db,
  home: string,
  id: string,
  others: readonly string[],
): Promise<DatasetOverlap[]> {
  for (const other of others) await getDataset(db, other); // a wrong id is a 404
  const compared = await comparedDatasets(db, id, others);
  let mine: Texts | undefined;
  const all: DatasetOverlap[] = [];
  for (const { same, near, prompts, ...about } of compared) {
    if (same !== null && near !== null && prompts !== null) {
      all.push({ ...about, same, near, prompts });
      continue;
    }
    mine ??= await textsOf(savedRows(db, home, id));
    const shared = sharedBetween(mine, await textsOf(savedRows(db, home, about.other)));
    await saveOverlap(db, id, about.other, shared);
    const { rows: _, ...counts } = shared;
    all.push({ ...about, ...counts });
  }
  return all;
}
