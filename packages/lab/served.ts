/**
 * What a model's name stands for. A checkpoint has a version under each of its names; the name stands for the one that was
 * promoted last, by a person or by the rule of a workflow's `publish`, and for the newest where none ever was. Roles that
 * score and do not write are never served.
 */
import { z } from "zod";
import {
  Agents,
  isSimulated,
  Checkpoint,
  CheckpointId,
  own,
  type PersonId,
  Promotion,
  readNumber,
  type ServedModel,
  TillerError,
  unstorableText,
} from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";
import { checkpointColumns, listCheckpoints, nameVersion } from "./checkpoints.ts";

const writes = sql`c.kind <> 'reward'`;

/** The id of what was promoted last under a name. */
const promoted = (name: Sql): Sql =>
  sql`(select p.checkpoint from promotion p where p.name = ${name} and p.promoted order by p.seq desc limit 1)`;
/** The id of what a name stands for. */
const standsFor = (name: Sql): Sql =>
  sql`coalesce(${promoted(name)}, (select c.id from checkpoint c where c.name = ${name} and ${writes} order by c.created_at desc limit 1))`;

/** Every name with what it stands for, which bears that name; newest first. */
export const servedCheckpoints = (db: Db): Promise<Checkpoint[]> =>
  db.many(
    sql`select ${checkpointColumns(sql`n.name`)} from (select name from checkpoint c where ${writes} union select name from promotion where promoted) n
        join checkpoint c on c.id = ${standsFor(sql`n.name`)} order by c.created_at desc, n.name`,
    Checkpoint,
  );

/** By a name what it stands for, by name@version, by its id, or by the beginning of that: 8 digits that no other begins with. */
export async function findServed(db: Db, asked: string): Promise<Checkpoint | undefined> {
  if (unstorableText(asked)) return undefined; // no name that is kept can be that
  const begins = /^[0-9a-f]{8,63}$/.test(asked) ? `${asked}%` : null;
  return db.maybe(
    sql`select ${checkpointColumns(sql`coalesce(x.name, c.name)`)} from (
          select ${standsFor(sql`${asked}::text`)} as id, ${asked}::text as name, 1 as place
          union all select checkpoint, ${asked}::text, 2 from checkpoint_version where name || '@' || version = ${asked}
          union all select ${asked}::text, null, 3
          union all select min(id), null, 4 from checkpoint where id like ${begins} having count(*) = 1
        ) x join checkpoint c on c.id = x.id where ${writes} order by x.place limit 1`,
    Checkpoint,
  );
}

const decide = (
  tx: Db,
  p: { name: string; checkpoint: string; promoted: boolean; by: PersonId | null; why: string },
): Promise<number> =>
  tx.run(
    sql`insert into promotion (name, checkpoint, promoted, by, why) values (${p.name}, ${p.checkpoint}, ${p.promoted}, ${p.by}, ${p.why})`,
  );

/** How a published checkpoint is held against the one that is served: by a figure that both have. */
export interface CompareBy {
  readonly metric: string;
  readonly better: "up" | "down";
}
export interface Published {
  readonly version: number;
  readonly promoted: boolean;
  readonly why: string;
}

/**
 * Names a registered checkpoint and adds figures to its own. It is served by that name from now if it is the first of it, or
 * if it is no worse by `compare`; otherwise what was served stays, and the record says why. Undefined: there is none.
 */
export const publishCheckpoint = (
  db: Db,
  id: string,
  o: {
    name: string;
    metrics: Readonly<Record<string, number>>;
    compare?: CompareBy | undefined;
  },
): Promise<Published | undefined> =>
  db.transaction(async (tx) => {
    const mine = await tx.maybe(
      sql`update checkpoint c set name = ${o.name}, metrics = metrics || ${JSON.stringify(o.metrics)}::jsonb where id = ${id}
          returning ${checkpointColumns()}`,
      Checkpoint,
    );
    if (!mine) return undefined;
    const { name } = o;
    const version = await nameVersion(tx, name, id);
    if (mine.role === "reward")
      return { version, promoted: false, why: "it scores, and writes nothing" };
    const theirs = await tx.maybe(
      sql`select ${checkpointColumns()}, v.version from checkpoint c join checkpoint_version v on v.checkpoint = c.id and v.name = ${name}
          where c.id = ${promoted(sql`${name}::text`)}`,
      Checkpoint.extend({ version: z.number() }),
    );
    if (theirs?.id === id) return { version, promoted: true, why: "it is served already" };
    const verdict = theirs
      ? held(mine.metrics, theirs.metrics, `${name}@${theirs.version}`, o.compare)
      : { promoted: true, why: `the first that is published as ${name}` };
    await decide(tx, { name, checkpoint: id, by: null, ...verdict });
    return { version, ...verdict };
  });

/** What the comparison says of the new one, in words. */
function held(
  mine: Checkpoint["metrics"],
  theirs: Checkpoint["metrics"],
  served: string,
  compare: CompareBy | undefined,
): { promoted: boolean; why: string } {
  if (!compare)
    return { promoted: false, why: `${served} stays: no rule compares them. Promote it by hand.` };
  const { metric, better } = compare;
  const [a, b] = [own(mine, metric), own(theirs, metric)];
  if (a === undefined || b === undefined)
    return {
      promoted: false,
      why: `${served} stays: ${a === undefined ? "this one" : served} has no ${metric} to compare. Promote it by hand.`,
    };
  const no = better === "up" ? a < b : a > b;
  const figures = `${metric} ${readNumber(a)} against ${readNumber(b)} of ${served}`;
  return no
    ? { promoted: false, why: `${served} stays: ${figures}` }
    : { promoted: true, why: figures };
}

/** Serves a checkpoint by a name from now, whatever was served before: by hand. */
export async function promote(
  db: Db,
  o: { model: string; name?: string | undefined; by: PersonId | null; why: string },
): Promise<ServedModel> {
  const found = await findServed(db, o.model);
  if (!found)
    throw new TillerError(
      "not_found",
      `there is no model ${o.model.slice(0, 200)} that writes. Name it as name@version or by its id; GET /api/studio/served has them all.`,
    );
  const own = found.name === o.model ? o.model.replace(/@\d+$/, "") : found.name;
  const name = o.name ?? own;
  await db.transaction(async (tx) => {
    await nameVersion(tx, name, found.id);
    const now = await tx.value(sql`select ${promoted(sql`${name}::text`)}`, z.string().nullable());
    if (now !== found.id)
      await decide(tx, { name, checkpoint: found.id, promoted: true, by: o.by, why: o.why });
  });
  return (await listServed(db)).find((s) => s.name === name)!;
}

/** Every name with all of its versions and what was decided about them; the name of the newest checkpoint first. */
export async function listServed(db: Db): Promise<ServedModel[]> {
  const byId = new Map((await listCheckpoints(db)).map((c) => [c.id, c]));
  const versions = await db.many(
    sql`select v.name, v.version, v.checkpoint, coalesce(e.agents, '{}') as agents
        from checkpoint_version v join checkpoint c on c.id = v.checkpoint
        left join run r on r.id = c.run left join experiment e on e.id = r.experiment
        order by v.at desc, v.version desc`,
    z.object({ name: z.string(), version: z.number(), checkpoint: CheckpointId, agents: Agents }),
  );
  const decisions = await db.many(
    sql`select p.name, p.at, p.checkpoint, v.version, p.promoted, w.pseudonym as by, p.why
        from promotion p join checkpoint_version v on v.name = p.name and v.checkpoint = p.checkpoint left join person w on w.id = p.by
        order by p.seq desc`,
    Promotion.extend({ name: z.string() }),
  );
  const served = new Map((await servedCheckpoints(db)).map((c) => [c.name, c.id]));
  return [...Map.groupBy(versions, (v) => v.name)].map(([name, all]) => ({
    name,
    served: served.get(name) ?? null,
    versions: all.map((v) => ({
      version: v.version,
      checkpoint: byId.get(v.checkpoint)!,
      simulated: isSimulated(v.agents),
    })),
    history: decisions.flatMap(({ name: of, ...p }) => (of === name ? [p] : [])),
  }));
}
