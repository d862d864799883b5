/**
 * Known faults of published sets, found and dealt with in the table `staged`. `report` keeps what can be kept: where a
 * format does not say who judged, further answers to one task are those of further people. `skip` leaves out repeats,
 * and every answer of somebody who chose both ways. What is done is counted either way; `fail` refuses.
 */
import { z } from "zod";
import {
  type DirtKind,
  dirtKinds,
  type DirtPolicy,
  type Imported,
  TillerError,
} from "@tiller/schema";
import type pg from "pg";

type Found = { found: number; leftOut: number; lines: number[] };
const LINES = 10;

export class Dirt {
  readonly #found = new Map<DirtKind, Found>();
  readonly policy: DirtPolicy;
  constructor(policy: DirtPolicy) {
    this.policy = policy;
  }
  add(kind: DirtKind, lines: readonly number[], leftOut: number): void {
    if (!lines.length) return;
    const old = this.#found.get(kind) ?? { found: 0, leftOut: 0, lines: [] };
    this.#found.set(kind, {
      found: old.found + lines.length,
      leftOut: old.leftOut + leftOut,
      lines: [...old.lines, ...lines].slice(0, LINES),
    });
  }
  report(): Imported["dirt"] {
    return dirtKinds.flatMap((kind) => {
      const found = this.#found.get(kind);
      return found ? [{ kind, ...found }] : [];
    });
  }
}

/** The same answer of the same person to the same task, after the first; and tasks that one person answered in two ways. */
const marks = `create temp table marked on commit drop as
  select n, line, row ? 'unnamed' as unnamed,
    row_number() over (partition by row->>'task', row->>'rater' order by n) as nth,
    row_number() over (partition by row->>'task', row->>'rater', row->'value' order by n) > 1 as repeat,
    row->'value' is distinct from first_value(row->'value') over (partition by row->>'task', row->>'rater' order by n) as other,
    row->>'task' as task, row->>'rater' as rater
  from staged`;

export async function dealWith(client: pg.ClientBase, dirt: Dirt, name: string): Promise<void> {
  const lines = async (sql: string): Promise<number[]> =>
    z
      .array(z.object({ line: z.number() }))
      .parse((await client.query<object>(sql)).rows)
      .map((r) => r.line);
  await client.query(marks);
  const repeats = await lines("select line from marked where repeat order by n");
  const others = await lines("select line from marked where other and not repeat order by n");
  if (dirt.policy === "fail" && repeats.length + others.length)
    throw new TillerError(
      "bad_rows",
      `${name}: ${[
        ...(repeats.length
          ? [`${repeats.length} rows repeat an answer (line ${repeats.slice(0, LINES).join(", ")})`]
          : []),
        ...(others.length
          ? [
              `${others.length} rows choose otherwise than a row before (line ${others.slice(0, LINES).join(", ")})`,
            ]
          : []),
      ].join("; ")}. Take them out, or say --dirt skip or --dirt report; nothing was imported.`,
    );
  const remove = async (where: string): Promise<number> =>
    (await client.query(`delete from staged s using marked m where m.n = s.n and ${where}`))
      .rowCount ?? 0;
  if (dirt.policy === "skip") {
    dirt.add("repeat", repeats, await remove("m.repeat"));
    dirt.add(
      "both-ways",
      others,
      await remove("(m.task, m.rater) in (select task, rater from marked where other)"),
    );
  } else {
    const clash = await lines(
      "select line from marked where other and not repeat and not unnamed order by n",
    );
    if (clash.length)
      throw new TillerError(
        "bad_rows",
        `${name}: ${clash.length} rows answer a task that the same person answered otherwise before (line ${clash.slice(0, LINES).join(", ")}): one person answers a task once. Take them out, or say --dirt skip; nothing was imported.`,
      );
    dirt.add("repeat", repeats, await remove("m.repeat and not m.unnamed"));
    dirt.add("both-ways", others, 0);
    await client.query(
      `update staged s set row = s.row || jsonb_build_object('rater', concat(s.row->>'rater', '-', m.nth), 'answer', concat(s.row->>'answer', '-', m.nth))
       from marked m where m.n = s.n and m.unnamed and m.nth > 1`,
    );
  }
  // what the rows of one task say differently of it belongs to the answers
  await client.query(
    `update staged set row = jsonb_set(row #- '{input,source}', '{value,source}', row #> '{input,source}')
     where row #> '{input,source}' is not null and (row->>'task' in
       (select row->>'task' from staged group by 1 having count(distinct coalesce(row #> '{input,source}', 'null')) > 1)
       or exists (select from task t where t.id = row->>'task' and t.input->'source' is distinct from row #> '{input,source}'))`,
  );
}
