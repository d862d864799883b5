/**
 * Runs workflows on this process: registers them with DBOS, starts and finds them, wakes what waits, takes over what
 * dead servers left, and ends or forks what people ask it to.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { DBOS } from "@dbos-inc/dbos-sdk";
import { z } from "zod";
import {
  type Agents,
  type Budget,
  Bug,
  ExperimentId,
  KnownWorkflow,
  own,
  type Recording,
  TillerError,
} from "@tiller/schema";
import {
  atOrBelow,
  formerHomes,
  jsonText,
  patient,
  placeRoots,
  readBlob,
  resolveValue,
  sql,
  type Store,
  type StoredValue,
  writeBlob,
} from "@tiller/store";
import { batchDeadline, cancelBatches, openBatches } from "@tiller/work";
import { cancelNodes } from "./nodes.ts";
import {
  createExperiment,
  endExperiment,
  experimentExtras,
  getExperiment,
  type Identify,
  keptResult,
  plainExperiments,
} from "@tiller/lab";
import { holdExperiment, leaveBehind, releaseExperiment } from "./holds.ts";
import type { ModelClient } from "@tiller/model";
import type { Carried, WorkflowDef } from "./define.ts";
import { openClock } from "./clock.ts";
import { isControl, nodeError, revive } from "./failures.ts";
import { doing } from "./fence.ts";
import { fault } from "./fault.ts";
import { type Branch, carryFor, recordedResults } from "./fork.ts";
import { guardLife, type Life } from "./life.ts";
import { compactAtRest, QUEUE_MS, quietDbos } from "./quiet.ts";
import { openRecorder } from "./recorder.ts";
import { type Executor, LocalExecutor } from "./executor.ts";
import type { Host, RunConfig, WorkflowArgs } from "./host.ts";
import { branchId, migratedId, refuseId } from "./experiment-ids.ts";
import { runWorkflow } from "./workflow.ts";
import { beginUnbegun } from "./unbegun.ts";
import { UnderWay } from "./under-way.ts";
import { openWaiter } from "./waiter.ts";

export interface StartOptions {
  /** the experiment's name; the same again goes on with it */
  readonly id?: string;
  readonly seed?: number;
  readonly agents?: Agents;
  readonly budget?: Budget;
  /** its name, else the workflow's; a note and tags */
  readonly title?: string | undefined;
  readonly note?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly carried?: Carried;
  /** people and models answer from this, and nobody else does */
  readonly replay?: Recording;
  /** what started it or what it came from, for the studio */
  readonly origin?: Record<string, unknown>;
  /** any server of the database may run it, in place of this one */
  readonly spread?: boolean;
  /** the experiment that it goes on in place of: it ends once this one is there */
  readonly ends?: WorkflowArgs["ends"];
}
export interface FlowServer {
  workflows(): KnownWorkflow[];
  /** Refuses an input that the workflow of this name would refuse. */
  check(workflow: string, input: unknown): Promise<void>;
  /** How many answers it will ask for by kind of work; null where its workflow does not say. Refuses as `check` does. */
  asks(workflow: string, input: unknown): Promise<Readonly<Record<string, number>> | null>;
  /** Starts an experiment, or goes on with it when this id is known; by its definition or its name. */
  start<S extends z.ZodType>(
    def: WorkflowDef<S> | string,
    input: z.input<S>,
    o?: StartOptions,
  ): Promise<ExperimentId>;
  /** The result once it has ended; throws what it failed with. */
  wait(id: string): Promise<unknown>;
  /** To be called after an answer, for what people see; the waiting workflow hears of it from the database. */
  answered(a: { batch: string; done: number }): void;
  /** Looks for complete batches whose notification was missed. */
  lookForMissed(): Promise<void>;
  /** A new experiment from just before a node, with another input or output there; what does not follow from it is kept. */
  fork(o: {
    node: string;
    input?: unknown;
    output?: unknown;
    by: string;
  }): Promise<{ experiment: string }>;
  /** The same in place of the old experiment, which ends; people go on with the work they have. */
  rewind(o: { node: string; by: string }): Promise<{ experiment: string }>;
  /** A new experiment that asks this question again. */
  reask(o: { node: string; by: string }): Promise<{ experiment: string }>;
  cancel(o: { node: string; by: string; reason?: string }): Promise<void>;
  /** Sets an experiment aside until it is released; what it asked of people stays with them. */
  hold(o: { experiment: string; by: string; reason?: string }): Promise<void>;
  release(o: { experiment: string }): Promise<void>;
  /** What people and models answered in an experiment, and with `jobs` what its jobs made, to run it again without them. */
  record(experiment: string, o?: { jobs?: boolean }): Promise<Recording>;
  /** Takes an experiment over to another version by that version's `migrate`. */
  migrate(o: { experiment: string; to: string; by: string }): Promise<{ experiment: string }>;
  close(): Promise<void>;
}
/** Workflows that run in this very process: for tests, and inside the process that the server gives them. */
export interface LocalFlow extends FlowServer {
  /** Asks that wait for people. */
  waiting(): number;
}
type AnyWorkflow = WorkflowDef<any, any>;

const QUEUE = "tiller";
const POLL_MS = 1000;

export async function launchFlow(o: {
  store: Store;
  workflows: readonly AnyWorkflow[];
  codeRevision: string;
  modelClient?: ModelClient | undefined;
  /** where jobs run; default: child processes of this one */
  executor?: Executor;
  /** reads a model's folder, so that jobs can be given and can make one */
  identify?: Identify;
  /** workflows of the shared queue that run here at once */
  workerConcurrency?: number;
  /** experiments that wait for code which is not here, or no longer do */
  onAside?: ((lines: readonly string[]) => void) | undefined;
  /** this server was declared dead: nothing it does counts any more */
  onFenced?: (why: TillerError) => void;
}): Promise<LocalFlow> {
  const { store } = o;
  const { db, home } = store;
  const stopping = new AbortController();
  let life: Life | undefined;
  /** Runs outside any workflow: what is started there is no step of the caller's. */
  const outside = AsyncLocalStorage.snapshot();
  const defs = new Map(o.workflows.map((w) => [w.name, w]));
  await store.enlist();

  DBOS.setConfig({
    name: "tiller",
    systemDatabasePool: store.pool,
    applicationVersion: "1", // workflows carry their version in their name
    executorID: store.executor,
    runAdminServer: false,
    schedulerPollingIntervalMs: 60_000,
    useListenNotify: false, // waiting for people goes through the store's own connection
    // failures reach people through the trace, not through DBOS's log
    logger: {
      info() {},
      debug() {},
      // it claimed a workflow that is not here, and would keep it
      warn: (e) => (/Could not execute workflow/.test(String(e)) ? life?.unknown() : undefined),
      error: (e) => (process.env["TILLER_DEBUG"] ? console.error(e) : undefined),
    },
  });
  const clock = await openClock(db);
  const recorder = openRecorder(store);
  const waiter = openWaiter(store, clock);
  const here = new Map<string, Promise<StoredValue>>(); // what this process runs, by workflow
  const configs = new Map<string, Promise<RunConfig>>();
  const plain = Promise.resolve<RunConfig>(new Config(store, NOBODY, NOTHING));
  for (const id of await plainExperiments(db)) configs.set(id, plain); // what a restart finds parked

  const host: Host = {
    store,
    modelClient: o.modelClient,
    waiter,
    recorder,
    posted: await openBatches(db),
    codeRevision: o.codeRevision,
    formerHomes: await formerHomes(db),
    identify: o.identify,
    executor: o.executor ?? new LocalExecutor(store, o.identify),
    stopping: stopping.signal,
    underWay: new UnderWay(stopping.signal),
    now: () => clock.now(),
    deadlineOf: (batch) => batchDeadline(db, batch),
    abandon: (node, why) => end(node, why, { batches: true }),
    configOf: (experiment) => {
      let known = configs.get(experiment);
      if (!known) {
        known = patient(() => loadConfig(store, experiment), stopping.signal).then((own) => {
          if (own) return own;
          configs.set(experiment, plain); // thousands of experiments have nothing of their own: they share one
          return plain;
        });
        configs.set(experiment, known);
      }
      return known;
    },
    runChild: async (def, args, spread) => {
      const start = registered.get(def.name);
      if (!start)
        throw new TillerError(
          "unknown_workflow",
          `${def.name} is not among the server's workflows. Add it where the server is started.`,
        );
      return outside(async () => {
        if (here.has(args.id)) return resultOf(args.id);
        const handle = await DBOS.startWorkflow(start, {
          workflowID: args.id,
          ...(spread ? { queueName: QUEUE } : {}),
        })(args);
        fault("child.started");
        return resultOf(handle.workflowID);
      });
    },
  };
  /** Of a workflow that may run on another server. */
  const resultOf = async (id: string): Promise<StoredValue> => {
    for (;;) {
      const local = here.get(id); // taken over in the meantime
      if (local)
        try {
          return await local;
        } catch (e) {
          if (!isControl(e)) throw revive(e); // it ended elsewhere or was cancelled: the record says how
        }
      const ended = await patient(() =>
        db.maybe(
          sql`select status from dbos.workflow_status where workflow_uuid = ${id} and status not in ('PENDING', 'ENQUEUED', 'DELAYED')`,
          z.object({ status: z.string() }),
        ),
      );
      if (ended)
        return await DBOS.retrieveWorkflow<StoredValue>(id)
          .getResult()
          .catch((e: unknown) => {
            throw revive(e);
          });
      await new Promise((r) => setTimeout(r, POLL_MS));
    }
  };

  const running = new WeakMap<WorkflowArgs, Promise<StoredValue>>();
  const registered = new Map<string, (args: WorkflowArgs) => Promise<StoredValue>>();
  for (const def of o.workflows) {
    const whole = async (args: WorkflowArgs): Promise<StoredValue> => {
      const root = args.id === args.experiment;
      // no recorded step: a workflow that changed finds its places taken, and must end all the same
      const end = (how: Parameters<typeof endExperiment>[2]) =>
        outside(() => patient(() => endExperiment(db, args.experiment, how), stopping.signal));
      const leave = () =>
        outside(() => patient(() => leaveBehind(db, args.experiment), stopping.signal));
      try {
        const { ends } = args;
        if (root && ends) await outside(() => patient(() => replaced(ends), stopping.signal));
        const stored = await doing({ experiment: args.experiment, what: args.id }, () =>
          runWorkflow(host, def, args),
        );
        fault("workflow.ended");
        await recorder.flush(); // a workflow that has ended is not run again: its trace must be whole
        if (root) {
          await end({ state: "done", ...(await keptResult(home, stored)) });
          await leave();
        }
        return stored;
      } catch (e) {
        if (stopping.signal.aborted) return new Promise<never>(() => {}); // unfinished, it goes on at the next start
        await recorder.flush();
        if (root && !isControl(e)) {
          await end({ state: "failed", error: nodeError(e).message });
          await leave();
        }
        throw e;
      } finally {
        if (here.get(args.id) === running.get(args)) here.delete(args.id); // not one that was released since
        if (root) {
          configs.delete(args.experiment);
          store.emit({ type: "experiment", id: args.experiment });
        }
      }
    };
    const body = (args: WorkflowArgs): Promise<StoredValue> => {
      const execution = whole(args);
      running.set(args, execution);
      here.set(args.id, execution);
      return execution;
    };
    registered.set(
      def.name,
      DBOS.registerWorkflow(body, { name: def.name, maxRecoveryAttempts: 10_000 }),
    );
  }
  await alone(store, () => DBOS.launch()); // two servers that set up its tables at once block each other
  await DBOS.registerQueue(QUEUE, {
    workerConcurrency: o.workerConcurrency ?? 200,
    minPollingIntervalMs: QUEUE_MS,
  });
  const rest = compactAtRest();
  const quiet = setTimeout(quietDbos, 2 * QUEUE_MS).unref(); // by then it has found the queue
  life = await guardLife(store, {
    known: [...defs.keys()],
    onAside: o.onAside,
    onFenced: (why) => {
      stopping.abort();
      (o.onFenced ?? defaultFenced)(why);
    },
  });

  const defOf = (name: string): AnyWorkflow => {
    const def = defs.get(name);
    if (!def)
      throw new TillerError(
        "unknown_workflow",
        `there is no workflow ${name}. There are: ${[...defs.keys()].join(", ") || "none"}.`,
      );
    return def;
  };
  const checkInput = (def: AnyWorkflow, input: unknown): void => {
    const parsed = def.input.safeParse(input);
    if (!parsed.success)
      throw new TillerError(
        "bad_input",
        `the input does not fit ${def.name}: ${z.prettifyError(parsed.error)}. Correct it and start again.`,
      );
  };
  const start: FlowServer["start"] = async (given, input, s = {}) => {
    const def = typeof given === "string" ? defOf(given) : (given as AnyWorkflow);
    if (!registered.has(def.name)) throw new Bug(`workflow ${def.name} is not registered`);
    checkInput(def, input);
    const id = ExperimentId.parse(s.id ?? `${def.name.split("@")[0]}-${randomUUID().slice(0, 8)}`);
    refuseId(id);
    const known: Carried | undefined = s.replay
      ? { results: s.replay.results, closed: true }
      : s.carried;
    const carried = known ? await writeBlob(home, Buffer.from(jsonText(known))) : null;
    await createExperiment(db, {
      id,
      recipe: def.name,
      title: s.title ?? def.title,
      note: s.note ?? "",
      tags: s.tags ?? [],
      seed: s.seed ?? 1,
      config: input,
      stages: def.stages,
      agents: s.agents ?? {},
      budget: s.budget ?? {},
      carried,
      origin: s.origin ?? null,
      codeRevision: o.codeRevision,
    });
    const kept = await getExperiment(db, id);
    const args: WorkflowArgs = {
      experiment: id,
      id,
      parent: null,
      place: 0,
      seed: kept.seed,
      input: kept.config,
      turns: true,
      ...(s.ends ? { ends: s.ends } : {}),
      budgets: Object.keys(kept.budget).length
        ? [{ node: id, since: Date.parse(kept.startedAt), budget: kept.budget }]
        : [],
    };
    await outside(() =>
      DBOS.startWorkflow(registered.get(defOf(kept.recipe).name)!, {
        workflowID: id,
        ...(s.spread ? { queueName: QUEUE } : {}),
      })(args),
    );
    store.emit({ type: "experiment", id });
    return id;
  };

  const unbegun = beginUnbegun(db, [...defs.keys()], ({ id, recipe, config }) =>
    start(recipe, config, { id }),
  );

  /** Ends what runs at or below a node; without `batches` people go on with the work they hold, for whoever takes it over. */
  const end = async (node: string, why: string, o: { batches: boolean }) => {
    const workflows = await db.many(
      sql`select workflow_uuid as id from dbos.workflow_status where ${atOrBelow(sql`workflow_uuid`, node)} and status in ('PENDING', 'ENQUEUED', 'DELAYED')`,
      z.object({ id: z.string() }),
    );
    if (workflows.length) await outside(() => DBOS.cancelWorkflows(workflows.map((w) => w.id)));
    if (o.batches) await cancelBatches(db, node);
    await recorder.flush();
    await cancelNodes(db, node, why);
    host.underWay.breakOff(await placeRoots(db, node));
    if (!node.includes("/"))
      // the whole experiment
      await endExperiment(db, node, { state: "cancelled", error: why });
  };
  /** The experiment that a new one goes on in place of ends; what was made of what is taken back leaves the desks. */
  const replaced = async ({ run: experiment, why, left }: NonNullable<WorkflowArgs["ends"]>) => {
    await end(experiment, why, { batches: false });
    for (const batch of left) await cancelBatches(db, batch);
  };
  const cancel: FlowServer["cancel"] = async ({ node, by, reason }) => {
    await end(node, `cancelled by ${by}${reason ? `: ${reason}` : ""}`, { batches: true });
    const experiment = node.split("/")[0]!;
    store.emit({ type: "experiment", id: ExperimentId.parse(experiment) });
  };
  const hold: FlowServer["hold"] = async ({ experiment, by, reason }) => {
    await recorder.flush();
    await holdExperiment(db, experiment, `held by ${by}${reason ? `: ${reason}` : ""}`);
    host.underWay.breakOff([experiment]);
    // what still waits here records nothing any more; released, it runs anew
    for (const id of here.keys())
      if (id === experiment || id.startsWith(`${experiment}/`)) here.delete(id);
    store.emit({ type: "experiment", id: ExperimentId.parse(experiment) });
  };
  const release: FlowServer["release"] = async ({ experiment }) => {
    await releaseExperiment(db, experiment);
    store.emit({ type: "experiment", id: ExperimentId.parse(experiment) });
  };
  /** Starts a branch of an experiment; `inPlace` ends the old one. */
  const branch = async (
    b: Branch,
    by: string,
    inPlace: boolean,
  ): Promise<{ experiment: string }> => {
    await recorder.flush();
    const experiment = b.node.split("/")[0]!;
    const old = await getExperiment(db, experiment);
    const extras = await experimentExtras(db, experiment);
    const before = (await host.configOf(experiment)).carried;
    const { carried, input, left } = await carryFor(store, b, {
      input: old.config,
      carried: before,
      adopt: inPlace,
    });
    const ends =
      inPlace && old.endedAt === null
        ? { run: experiment, why: `taken back by ${by}`, left }
        : undefined;
    const id = await start(defOf(old.recipe), input, {
      id: branchId(experiment, b.kind),
      seed: old.seed,
      agents: extras.agents,
      budget: extras.budget,
      title: old.title,
      note: old.note,
      tags: old.tags,
      carried,
      origin: { kind: b.kind, experiment, node: b.node, by },
      ...(ends ? { ends } : {}),
    });
    if (ends) await outside(() => replaced(ends)); // and the new experiment does so itself, should this process die now
    return { experiment: id };
  };

  return {
    workflows: () =>
      o.workflows.map((w) =>
        KnownWorkflow.parse({
          name: w.name,
          title: w.title,
          about: w.about,
          labelling: w.labelling,
          input: z.toJSONSchema(w.input as z.ZodType, { unrepresentable: "any", io: "input" }),
        }),
      ),
    check: async (name, input) => checkInput(defOf(name), input),
    asks: async (name, input) => {
      const def = defOf(name);
      checkInput(def, input);
      return def.asks?.(def.input.parse(input)) ?? null;
    },
    start,
    wait: async (id) => resolveValue(home, await outside(() => resultOf(id))),
    answered: ({ batch, done }) => recorder.answers(batch, done),
    waiting: () => waiter.size(),
    lookForMissed: () => waiter.look(),
    fork: (f) => branch({ kind: "fork", ...f }, f.by, false),
    rewind: (f) => branch({ kind: "rewind", ...f }, f.by, true),
    reask: (f) => branch({ kind: "reask", ...f }, f.by, false),
    cancel,
    hold,
    release,
    record: async (experiment, r = {}) => {
      await recorder.flush();
      const { recipe, seed, config } = await getExperiment(db, experiment);
      const kinds = ["ask", "model", ...(r.jobs ? (["job"] as const) : [])] as const;
      const { results } = await recordedResults(store, experiment, { kinds });
      return { workflow: recipe, seed, input: config, results: { ...results } };
    },
    migrate: async ({ experiment, to, by }) => {
      const old = await getExperiment(db, experiment);
      const def = defOf(to);
      const over = own(def.migrate, old.recipe);
      if (!over)
        throw new TillerError(
          "no_migration",
          `${to} does not say how an experiment of ${old.recipe} goes on. Add it to its \`migrate\`.`,
        );
      await recorder.flush();
      const recorded = await recordedResults(store, experiment, { batches: true });
      const extras = await experimentExtras(db, experiment);
      const { input, carried } = over({ input: old.config, carried: recorded }) as {
        input: unknown;
        carried: Carried;
      };
      const ends =
        old.endedAt === null
          ? { run: experiment, why: `goes on as ${to}, by ${by}`, left: [] }
          : undefined;
      const id = await start(def, input, {
        id: migratedId(experiment, to),
        seed: old.seed,
        agents: extras.agents,
        budget: extras.budget,
        title: old.title,
        note: old.note,
        tags: old.tags,
        carried,
        origin: { kind: "migrate", experiment, by },
        ...(ends ? { ends } : {}),
      });
      if (ends) await outside(() => replaced(ends));
      return { experiment: id };
    },
    close: async () => {
      stopping.abort(); // running steps stay pending, for the next start
      clearTimeout(quiet);
      rest.close();
      life?.close();
      unbegun.close();
      waiter.close();
      await recorder.close();
      await Promise.race([DBOS.shutdown(), new Promise((r) => setTimeout(r, 2000))]);
    },
  };
}

const SETUP_LOCK = 7_070_711;
/** One server at a time. Tries and sleeps: a session that waits in the database would hold up what it waits for. */
async function alone(store: Store, act: () => Promise<void>): Promise<void> {
  const client = store.holder.client();
  for (;;) {
    const { rows } = await client.query<{ got: boolean }>(
      "select pg_try_advisory_lock($1) as got",
      [SETUP_LOCK],
    );
    if (rows[0]?.got) break;
    await new Promise((r) => setTimeout(r, 100));
  }
  try {
    await act();
  } finally {
    await client.query("select pg_advisory_unlock($1)", [SETUP_LOCK]);
  }
}

const defaultFenced = (why: TillerError) => {
  console.error(`tiller: ${why.message}`);
  process.exit(1);
};
const NOTHING: Carried = { results: {} };
const NOBODY: Agents = {};
async function loadConfig(store: Store, experiment: string): Promise<RunConfig | undefined> {
  const { agents, carried } = await experimentExtras(store.db, experiment);
  if (!carried && !Object.keys(agents).length) return undefined;
  return new Config(store, agents, carried ? await readCarried(store, carried) : NOTHING);
}
const readCarried = async (store: Store, blob: string): Promise<Carried> =>
  JSON.parse((await readBlob(store.home, blob)).toString("utf8")) as Carried;

class Config implements RunConfig {
  readonly agents: Agents;
  readonly carried: Carried;
  readonly #store: Store;
  #replays: Map<string, Promise<Readonly<Record<string, unknown>>>> | undefined;
  constructor(store: Store, agents: Agents, carried: Carried) {
    this.#store = store;
    this.agents = agents;
    this.carried = carried;
  }
  replay(from: string): Promise<Readonly<Record<string, unknown>>> {
    const known = (this.#replays ??= new Map()).get(from);
    if (known) return known;
    const read = recordedResults(this.#store, from).then((r) => r.results);
    this.#replays.set(from, read);
    return read;
  }
}
