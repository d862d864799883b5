/** Makes cards of datasets and looks through their rows beside the server, in a thread of its own. */
import {
  type ChangesQuery,
  type Dataset,
  type Example,
  type Examples,
  type ExamplesQuery,
  TillerError,
} from "@tiller/schema";
import { datasetBlob, keptColumns, sharedRows } from "@tiller/lab";
import type { Db } from "@tiller/store";
import { answerThread, withThreadDb } from "@tiller/work/asked-thread.ts";
import { cardOf, judgmentsNamed, makeCard, overlapsOf } from "./dataset-cards.ts";
import {
  changesShown,
  type DatasetIndex,
  exampleRows,
  groupSizes,
  rowsAt,
} from "./dataset-index.ts";
import { factsOf } from "./row-facts.ts";

export type DatasetQuestion = { readonly home: string; readonly dataset: Dataset["id"] } & (
  | { readonly kind: "card" }
  | { readonly kind: "examples"; readonly query: ExamplesQuery }
  | { readonly kind: "changes"; readonly query: ChangesQuery }
  | { readonly kind: "overlaps"; readonly others: readonly string[] }
);

/** The last few datasets that were looked through. */
const indexes = new Map<string, DatasetIndex>();
const KEPT = 4;

function keep(id: string, index: DatasetIndex): void {
  indexes.delete(id);
  indexes.set(id, index);
  if (indexes.size > KEPT) indexes.delete(indexes.keys().next().value!);
}
async function indexOf(db: Db, home: string, id: string): Promise<DatasetIndex> {
  const index =
    indexes.get(id) ??
    ((await keptColumns(db, home, id)) as DatasetIndex | undefined) ??
    (await makeCard(db, home, id)).index;
  keep(id, index);
  return index;
}

async function examples(db: Db, home: string, id: string, q: ExamplesQuery): Promise<Examples> {
  const index = await indexOf(db, home, id);
  const shared = q.shared === undefined ? undefined : await sharedRows(db, id, q.shared);
  if (q.shared !== undefined && !shared)
    throw new TillerError(
      "not_compared",
      `the dataset ${id.slice(0, 12)} was not held against ${q.shared.slice(0, 12)} yet. Ask for what they share first.`,
    );
  const found = exampleRows(index, q, shared);
  const page = found.slice(q.offset, q.offset + q.limit);
  const rows = await rowsAt(home, await datasetBlob(db, id), index, page);
  const facts = rows.map((row) => factsOf(row));
  const known = await judgmentsNamed(
    db,
    facts.flatMap((f) => f.answers),
  );
  const byAnswer = new Map(known.map((j) => [j.answer, j]));
  const groups = groupSizes(index);
  const name = (names: readonly string[], n: number | null | undefined) =>
    n === null || n === undefined ? null : names[n]!;
  const shown = page.map((at, i): Example => ({
    at,
    row: rows[i]!,
    judgments: [
      ...facts[i]!.answers.flatMap((a) => byAnswer.get(a) ?? []),
      ...facts[i]!.votes.map((v) => ({ ...ofFile, ...v })),
    ],
    agreement: index.agreement[at]!,
    strength: index.strength[at]!,
    difference: index.difference[at]!,
    weight: index.weight[at]!,
    source: name(index.sources, index.source[at]),
    split: name(index.splits, index.split[at]),
    near: groups.get(index.first[at]!)!,
  }));
  return { total: found.length, rows: shown };
}
const ofFile = {
  answer: null,
  task: null,
  person: null,
  simulated: false,
  experiment: null,
  project: null,
  seconds: null,
} as const;

const answer = (asked: DatasetQuestion): Promise<unknown> =>
  withThreadDb(async (db) => {
    const { home, dataset: id } = asked;
    switch (asked.kind) {
      case "card":
        return cardOf(db, home, id);
      case "examples":
        return examples(db, home, id, asked.query);
      case "overlaps":
        return overlapsOf(db, home, id, asked.others);
      case "changes": {
        const { since, ...query } = asked.query;
        const side = async (of: string) => ({
          blob: await datasetBlob(db, of),
          index: await indexOf(db, home, of),
        });
        return changesShown(home, { since: await side(since), id: await side(id) }, query);
      }
      default: {
        const never: never = asked;
        return never;
      }
    }
  });
answerThread(answer);
