/**
 * Rows of other formats that are here already. A task is known by its id, or by what is shown in it: ids are hashes, and an
 * earlier version of the reader may have kept other columns beside the texts. A row that says what its person said here is
 * unchanged and counted; one that says something else is named.
 */
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import type pg from "pg";
import { clipped } from "./json.ts";

const SHOWN = 10;
/** Tasks of these batches that show the same, whatever their ids; the id that is here is taken. */
const byContent = `update staged s set row = jsonb_set(s.row, '{task}', to_jsonb(t.id))
  from task t where t.batch = s.row->>'batch' and (t.type, t.type_version) = (s.row->>'type', s.row->>'typeVersion')
    and t.input - 'source' = (s.row->'input') - 'source' and s.row ? 'byContent'
    and not exists (select from task k where k.id = s.row->>'task')`;
/** What somebody said here to a task of the file, and how far the file says the same: in every field that both have. */
const here = `create temp table here on commit drop as
  select s.n, s.line, concat(s.row->>'rater', ' on ', s.row->>'task') as who, a.value as was, s.row->'value' as says,
    exists (select from jsonb_each(a.value - 'source') o join jsonb_each((s.row->'value') - 'source') x using (key) where o.value <> x.value)
      or not exists (select from jsonb_each(a.value - 'source') o join jsonb_each((s.row->'value') - 'source') x using (key)) as otherwise,
    concat_ws(', ',
      case when a.active_seconds <> (s.row->>'activeSeconds')::float8 then 'activeSeconds' end,
      case when a.idle_seconds <> (s.row->>'idleSeconds')::float8 then 'idleSeconds' end,
      case when not s.row ? 'timeUnknown' and a.at <> (s.row->>'at')::timestamptz then 'at' end) as fields
  from staged s join person p on p.pseudonym = s.row->>'rater' and p.imported
    join answer a on a.task = s.row->>'task' and a.person = p.id and a.undone_at is null`;

/** The ids of tasks that are here already. */
export async function recognise(client: pg.ClientBase): Promise<void> {
  await client.query(byContent);
}

/** Takes the unchanged rows out and says how many they were; refuses where others are changed. */
export async function withoutKnown(client: pg.ClientBase, name: string): Promise<number> {
  await client.query(here);
  const changed = z
    .array(
      z.object({
        line: z.number(),
        who: z.string(),
        was: z.unknown(),
        says: z.unknown(),
        otherwise: z.boolean(),
        fields: z.string(),
      }),
    )
    .parse(
      (
        await client.query<object>(
          `select * from here where otherwise or fields <> '' order by n limit ${SHOWN}`,
        )
      ).rows,
    );
  if (changed.length)
    throw new TillerError(
      "bad_rows",
      `${name}: ${changed
        .map(
          (c) =>
            `line ${c.line}: ${c.who}: ${
              c.otherwise
                ? `said ${clipped(JSON.stringify(c.was), 120)} here, and the file says ${clipped(JSON.stringify(c.says), 120)}`
                : `is here already with another ${c.fields}`
            }`,
        )
        .join(
          "; ",
        )}. One person answers a task once, and an import changes no answer: take these rows out, or give another experiment; nothing was imported.`,
    );
  return (await client.query("delete from staged s using here h where h.n = s.n")).rowCount ?? 0;
}
