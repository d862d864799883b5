/** Cards of datasets, what they share, and the runs that read them: the tables behind a dataset's page. */
import { z } from "zod";
import {
  CARD_VERSION,
  DatasetCard,
  DatasetId,
  DatasetOverlap,
  DatasetRun,
  type Shared,
  TillerError,
} from "@tiller/schema";
import { blobLines, type Db, readBlob, sql, writeBlob } from "@tiller/store";

/** The channel that 091-dataset-cards.sql tells on. */
export const NEW_DATASET = "tiller_dataset";

/** undefined: none was made yet, or one that counted otherwise. */
export const keptCard = (db: Db, dataset: string): Promise<DatasetCard | undefined> =>
  db
    .maybe(
      sql`select card from dataset_card where dataset = ${dataset} and version = ${CARD_VERSION}`,
      z.object({ card: DatasetCard }),
    )
    .then((row) => row?.card);
/** What is known of each row, as it was saved with the card: ours to the byte, since its hash is checked. */
export async function keptColumns(db: Db, home: string, dataset: string): Promise<unknown> {
  const kept = await db.maybe(
    sql`select columns from dataset_card where dataset = ${dataset} and version = ${CARD_VERSION}`,
    z.object({ columns: z.string() }),
  );
  return kept && JSON.parse((await readBlob(home, kept.columns)).toString());
}
export async function saveCard(
  db: Db,
  home: string,
  dataset: string,
  { card, columns }: { readonly card: DatasetCard; readonly columns: object },
): Promise<void> {
  const blob = await writeBlob(home, Buffer.from(JSON.stringify(columns)));
  await db.run(
    sql`insert into dataset_card (dataset, version, card, columns) values (${dataset}, ${card.version}, ${JSON.stringify(card)}, ${blob})
        on conflict (dataset) do update set version = excluded.version, card = excluded.card, columns = excluded.columns, made_at = now()`,
  );
}
/** The newest first. */
export const datasetsWithoutCard = async (db: Db): Promise<string[]> =>
  (
    await db.many(
      sql`select d.id from dataset d left join dataset_card c on c.dataset = d.id and c.version = ${CARD_VERSION} where c.dataset is null order by d.created_at desc`,
      z.object({ id: z.string() }),
    )
  ).map((d) => d.id);

export const datasetBlob = async (db: Db, id: string): Promise<string> => {
  const found = await db.maybe(
    sql`select blob from dataset where id = ${id}`,
    z.object({ blob: z.string() }),
  );
  if (!found)
    throw new TillerError("not_found", `there is no dataset ${id}. Look it up in the studio.`);
  return found.blob;
};
/** Its lines with the byte that each begins at, blank ones left out. */
export async function* placedLines(
  home: string,
  blob: string,
): AsyncGenerator<{ readonly line: string; readonly begin: number }> {
  let begin = 0;
  for await (const line of blobLines(home, blob)) {
    if (line) yield { line, begin };
    begin += Buffer.byteLength(line) + 1;
  }
}

const Compared = DatasetOverlap.omit({ same: true, near: true, prompts: true }).extend({
  same: z.int().nullable(),
  near: z.int().nullable(),
  prompts: z.int().nullable(),
});
type Compared = z.infer<typeof Compared>;
const FEW = 12;
/**
 * What a dataset is held against: evaluation sets, those that were held against it before, and `others`; the newest first, with
 * what is known of each.
 */
export const comparedDatasets = (
  db: Db,
  dataset: string,
  others: readonly string[],
): Promise<Compared[]> =>
  db.many(
    sql`select d.id as other, d.name, d.rows, d.role = 'evaluation' as evaluation, o.same, o.near, o.prompts
        from dataset d
          left join dataset_overlap o on o.dataset = ${dataset} and o.other = d.id and o.version = ${CARD_VERSION}
        where d.id <> ${dataset} and (d.role = 'evaluation' or o.dataset is not null or d.id = any(${[...others]}))
        order by d.id = any(${[...others]}) desc, d.created_at desc, d.id limit ${FEW + others.length}`,
    Compared,
  );
export const saveOverlap = (
  db: Db,
  dataset: string,
  other: string,
  s: Shared & { readonly rows: readonly number[] },
): Promise<number> =>
  db.run(
    sql`insert into dataset_overlap (dataset, other, version, same, near, prompts, rows)
        values (${dataset}, ${other}, ${CARD_VERSION}, ${s.same}, ${s.near}, ${s.prompts}, ${[...s.rows]})
        on conflict (dataset, other) do update set version = excluded.version, same = excluded.same, near = excluded.near, prompts = excluded.prompts, rows = excluded.rows`,
  );
/** Rows of a dataset that are near one of the other; undefined: they were not held against each other. */
export const sharedRows = (db: Db, dataset: string, other: string): Promise<number[] | undefined> =>
  db
    .maybe(
      sql`select rows from dataset_overlap where dataset = ${dataset} and other = ${other} and version = ${CARD_VERSION}`,
      z.object({ rows: z.array(z.int()) }),
    )
    .then((row) => row?.rows);

const MOST_RUNS = 100;
/** The newest first. */
export const datasetRuns = (db: Db, dataset: string): Promise<DatasetRun[]> =>
  db.many(
    sql`select r.id as run, r.experiment, r.kind, r.state, r.output, c.name, r.started_at as at
        from run_input i join run r on r.id = i.run left join checkpoint c on c.id = r.output
        where i.kind = 'dataset' and i.id = ${DatasetId.parse(dataset)} order by r.started_at desc, r.id limit ${MOST_RUNS}`,
    DatasetRun,
  );
