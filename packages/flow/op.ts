/**
 * One call of a flow: a recorded step of DBOS and a node of the trace. What is on record is not run again; what was
 * carried over from another run is recorded in place of running.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DBOS } from "@dbos-inc/dbos-sdk";
import {
  type NodeLink,
  type Prompt,
  type Rng,
  rng as seeded,
  TillerError,
  type TraceNode,
} from "@tiller/schema";
import { type NodeWrite, resolveValue, type StoredValue } from "@tiller/store";
import type { Retry } from "./define.ts";
import { isControl, nodeError, revive } from "./failures.ts";
import { fault } from "./fault.ts";
import type { Host, RunConfig, WorkflowArgs } from "./host.ts";
import { Places } from "./place.ts";
import { briefly, keep } from "./values.ts";

/** What a call tells of itself while it runs. */
export interface OpNotes {
  agent?: string;
  cached?: boolean;
  cost?: number;
  tokens?: number;
  answers?: number;
  wanted?: number;
  prompt?: Prompt;
  links?: NodeLink[];
  brief?: string;
}
export interface OpContext {
  readonly id: string;
  /** below the run's root */
  readonly path: string;
  readonly attempt: number;
  /** adds to the node; at once where `show` is true, else when the call ends */
  note(n: OpNotes, show?: boolean): void;
}
interface OpOptions extends Retry {
  readonly input?: unknown;
  readonly state?: "running" | "waiting";
}
type Begun = Omit<NodeWrite, "state" | "endedAt" | "replayed">;

export interface Ops {
  readonly places: Places;
  /** in a call's body that call's own, else the workflow's */
  rng(): Rng;
  pathOf(id: string): string;
  now(): string;
  /** the heading that calls made here stand under */
  parent(): string;
  /** Runs `act` unless its result is on record. */
  readonly op: <T>(
    kind: TraceNode["kind"],
    name: string,
    act: (c: OpContext) => Promise<T> | T,
    o?: OpOptions,
  ) => Promise<T>;
  /** Calls made in `act` stand under this node. It records nothing itself. */
  readonly section: <T>(
    node: Pick<Begun, "id" | "kind" | "name" | "place" | "wanted">,
    act: () => Promise<T>,
    o?: { readonly brief?: string },
  ) => Promise<T>;
}

const bodies = new AsyncLocalStorage<Rng>();
const headings = new AsyncLocalStorage<string>();

export function openOps(host: Host, args: WorkflowArgs, config: RunConfig): Ops {
  const { recorder } = host;
  const { home } = host.store;
  const { experiment, seed } = args;
  const own = seeded(seed, args.id);
  const places = new Places(args.id);
  const pathOf = (id: string) => id.slice(experiment.length + 1);
  const now = () => new Date(host.now()).toISOString();
  const parent = () => headings.getStore() ?? args.id;

  const op: Ops["op"] = async <T>(
    kind: TraceNode["kind"],
    name: string,
    act: (c: OpContext) => Promise<T> | T,
    o: OpOptions = {},
  ): Promise<T> => {
    const at = places.enter(name);
    const path = pathOf(at.id);
    const notes: OpNotes = {};
    const begun: Begun = {
      id: at.id,
      experiment,
      parent: parent(),
      kind,
      name,
      place: at.place,
      startedAt: now(),
    };
    const under = { state: o.state ?? "running", endedAt: null, replayed: false } as const;
    const show = (n: Pick<NodeWrite, "state" | "endedAt" | "replayed"> & Partial<NodeWrite>) =>
      recorder.write({ ...begun, ...notes, ...n });
    let ran: { value: unknown; attempts: number } | undefined;
    let entered = false;

    const once = async (attempt: number): Promise<StoredValue> => {
      const note: OpContext["note"] = (n, shown) => {
        Object.assign(notes, n);
        if (shown) show(under);
      };
      const made = await bodies.run(seeded(seed, at.id), () =>
        act({ id: at.id, path, attempt, note }),
      );
      fault("op.ran");
      const kept = await keep(home, made);
      ran = { value: kept.value, attempts: attempt };
      return kept.stored;
    };
    const body = async (): Promise<StoredValue> => {
      entered = true;
      show(under);
      const carried = config.carried.results[path];
      if (carried !== undefined) {
        notes.cached = true;
        const kept = await keep(home, carried);
        ran = { value: kept.value, attempts: 1 };
        return kept.stored;
      }
      if (config.carried.closed && (kind === "ask" || kind === "model"))
        throw new TillerError(
          "not_recorded",
          `the recording has nothing at ${path}. Record the run again with today's workflow and input.`,
        );
      for (let attempt = 1; ; attempt++)
        try {
          return await once(attempt);
        } catch (e) {
          if (host.stopping.aborted) return new Promise<never>(() => {}); // unfinished, it goes on at the next start
          if (attempt >= (o.attempts ?? 1) || isControl(e)) throw e;
          show({ ...under, attempts: attempt + 1, brief: `again after: ${nodeError(e).message}` });
          await sleep(1000 * (o.waitSeconds ?? 1) * 2 ** (attempt - 1));
        }
    };

    try {
      if (o.input !== undefined) begun.input = (await keep(home, o.input)).stored;
      const output = await DBOS.runStep(body, { name: at.id.slice(args.id.length + 1) });
      fault("op.recorded");
      const value = ran ? ran.value : await resolveValue(home, output);
      show({
        state: "done",
        endedAt: now(),
        output,
        replayed: !ran,
        brief: notes.brief ?? briefly(value),
        ...(ran ? { attempts: ran.attempts } : {}),
      });
      return value as T;
    } catch (e) {
      if (host.stopping.aborted) return new Promise<never>(() => {});
      if (isControl(e)) throw e;
      const error = nodeError(e);
      const state = error.code === "cancelled" ? "cancelled" : "failed";
      show({ state, endedAt: now(), error, brief: error.message, replayed: !entered });
      throw revive(e);
    } finally {
      at.leave();
    }
  };

  const section: Ops["section"] = async (node, act, o = {}) => {
    const begun = { ...node, experiment, parent: parent(), startedAt: now(), replayed: true };
    recorder.write({ ...begun, state: "running", endedAt: null });
    try {
      const result = await headings.run(node.id, act);
      recorder.write({ ...begun, state: "done", endedAt: now(), ...o });
      return result;
    } catch (e) {
      if (!isControl(e)) {
        const error = nodeError(e);
        recorder.write({ ...begun, state: "failed", endedAt: now(), error, brief: error.message });
      }
      throw e;
    }
  };
  return { places, pathOf, now, parent, op, section, rng: () => bodies.getStore() ?? own };
}
