/** The comparisons of an import as a dataset version: one row a pair, with the fraction of the weight that chose b. */
import { LabelledPair, labelledPairs } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { saveDataset } from "@tiller/lab";
import { kindsOfWork } from "./export.ts";
import { prompt } from "./formats.ts";

const raw = (text: string) => ({ text, values: [] });

/** Of the tasks in the temporary table `fresh`; null when none of them is a comparison. */
export async function saveImportedPairs(
  db: Db,
  home: string,
  o: { name: string; experiment: string | null },
): Promise<string | null> {
  const rows = await db.many(
    sql`${raw(kindsOfWork)} select t.id as task, ${raw(prompt)} as passage, t.input #>> k.a as a, t.input #>> k.b as b,
          sum(a.weight * case a.value #>> k.field when 'b' then 1 when 'a' then 0 else 0.5 end) / sum(a.weight) as "pB",
          array_agg(a.id order by a.id) as judgments
        from task t join k on (k.name, k.version) = (t.type, t.type_version) join answer a on a.task = t.id
        where t.id in (select row->>'task' from fresh) and a.undone_at is null and a.weight > 0 and a.value #>> k.field in ('a', 'b', 'tie')
          and t.input #>> k.a is not null and t.input #>> k.b is not null
        group by t.id, k.prompts, k.a, k.b order by t.place, t.id`,
    LabelledPair,
  );
  return rows.length ? saveDataset(db, home, { ...o, rows, schema: labelledPairs.name }) : null;
}
