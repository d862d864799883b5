/**
 * What another experiment may keep of this one. A fork at a node keeps every result that cannot follow from it: what began
 * before the node ended, but for the node itself, what is below it and the workflows around it, which run again and
 * find their calls recorded. So answers that people gave beside it are not asked again.
 */
import { setOwn, TillerError } from "@tiller/schema";
import { type OpRow, opsOf } from "./nodes.ts";
import { placeRoots, resolveValue, sql, type Store } from "@tiller/store";
import { settledBatches } from "@tiller/work";
import { z } from "zod";
import type { Carried } from "./define.ts";

export interface Branch {
  readonly kind: "fork" | "rewind" | "reask";
  readonly node: string;
  readonly input?: unknown;
  readonly output?: unknown;
}

/** Kinds whose results stand for themselves; a stage or a map is made of others. */
const kept = new Set(["workflow", "step", "ask", "model", "job", "sleep", "save"]);
const pathOf = (experiment: string, id: string) => id.slice(experiment.length + 1);
const startsIn = (id: string, roots: readonly string[]) =>
  roots.some((r) => id === r || id.startsWith(`${r}/`));

/** `left`: batches that nobody will read any more once the old experiment has ended. */
export async function carryFor(
  store: Store,
  b: Branch,
  old: { input: unknown; carried: Carried; adopt: boolean },
): Promise<{ input: unknown; carried: Carried; left: readonly string[] }> {
  const experiment = b.node.split("/")[0]!;
  const ops = await opsOf(store.db, experiment);
  const at = ops.find((o) => o.id === b.node);
  if (!at)
    throw new TillerError(
      "not_found",
      `there is no node ${b.node} in the trace. Look it up there.`,
    );
  if (!kept.has(at.kind))
    throw new TillerError(
      "no_fork",
      `a ${at.kind} is made of the calls below it. Choose one of them.`,
    );
  if (b.kind === "reask" && at.kind !== "ask")
    throw new TillerError(
      "no_reask",
      `${b.node} is a ${at.kind}, not an ask. Choose a question to people.`,
    );
  if (b.input !== undefined && at.kind !== "ask" && at.kind !== "workflow")
    throw new TillerError(
      "no_input",
      `the input of a ${at.kind} is in the workflow's code and cannot be changed here. Change its output.`,
    );
  const openOf = async (which: (o: OpRow) => boolean) =>
    Object.values(await openBatchesOf(store, experiment, ops, which));
  const path = pathOf(experiment, b.node);
  const inputs = { ...old.carried.inputs };
  if (b.node === experiment)
    return {
      input: b.input ?? old.input,
      carried: { results: {} },
      left: await openOf(() => true),
    };
  if (b.input !== undefined) setOwn(inputs, path, b.input);

  const results: Record<string, unknown> = {};
  const below = await placeRoots(store.db, b.node); // a deep place says where it is only by a hash
  const around = await workflowsAround(store, b.node);
  const stands = (o: OpRow) =>
    !startsIn(o.id, below) && (at.endedAt === null || o.startedAt < at.endedAt);
  for (const o of ops)
    if (kept.has(o.kind) && o.state === "done" && !around.has(o.id) && stands(o))
      setOwn(results, pathOf(experiment, o.id), await resolveValue(store.home, o.output));
  if (b.output !== undefined) setOwn(results, path, b.output);
  const open = old.adopt ? await openBatchesOf(store, experiment, ops, stands) : {};
  const left = await openOf((o) => !stands(o));
  return { input: old.input, carried: { results, inputs, batches: open }, left };
}

/** The node and what it lies in. */
const workflowsAround = async (store: Store, node: string): Promise<Set<string>> =>
  new Set(
    (
      await store.db.many(
        sql`with recursive up as (select id, parent from node where id = ${node} union select n.id, n.parent from up join node n on n.id = up.parent) select id from up`,
        z.object({ id: z.string() }),
      )
    ).map((n) => n.id),
  );

/** All that an experiment recorded, by path: for replays and migrations. */
export async function recordedResults(
  store: Store,
  experiment: string,
  o: { kinds?: readonly OpRow["kind"][]; batches?: boolean } = {},
): Promise<Carried> {
  const wanted = new Set(o.kinds ?? kept);
  const ops = await opsOf(store.db, experiment);
  if (!ops.length)
    throw new TillerError(
      "not_found",
      `there is no recorded experiment ${experiment}. Look it up in the studio.`,
    );
  const results: Record<string, unknown> = {};
  for (const op of ops)
    if (wanted.has(op.kind) && op.state === "done" && op.id !== experiment)
      setOwn(results, pathOf(experiment, op.id), await resolveValue(store.home, op.output));
  return o.batches
    ? { results, batches: await openBatchesOf(store, experiment, ops, () => true) }
    : { results };
}

/** The batches that people still work on, by the path of their ask; one may be taken over from an earlier experiment already. */
async function openBatchesOf(
  store: Store,
  experiment: string,
  ops: readonly OpRow[],
  which: (o: OpRow) => boolean,
): Promise<Record<string, string>> {
  const waiting = ops.filter((o) => o.kind === "ask" && o.state === "waiting" && which(o));
  const asked = await store.db.many(
    sql`select n.id, coalesce((select l->>'id' from jsonb_array_elements(n.links) l where l->>'kind' = 'batch' limit 1), n.id) as batch
        from node n where n.id = any(${waiting.map((o) => o.id)})`,
    z.object({ id: z.string(), batch: z.string() }),
  );
  const batches = asked.map((a) => a.batch);
  const settled = new Set(await settledBatches(store.db, batches));
  return Object.fromEntries(
    asked.filter((a) => !settled.has(a.batch)).map((a) => [pathOf(experiment, a.id), a.batch]),
  );
}
