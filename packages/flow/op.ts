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
import { isLost, type NodeWrite, resolveValue, type StoredValue } from "@tiller/store";
import type { Retry } from "./define.ts";
import { isControl, nodeError, revive } from "./failures.ts";
import { fault } from "./fault.ts";
import type { Host, RunConfig, WorkflowArgs } from "./host.ts";
import { type Place, Places } from "./place.ts";
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

const LOST_MS = 200;

/** The call whose body runs now: its own random numbers come from its place. */
const bodies = new AsyncLocalStorage<{ readonly rng: Rng }>();
const headings = new AsyncLocalStorage<string>();

/**
 * The calls of one workflow. Classes, not closures: ten thousand parked workflows keep one call each, and what a call
 * keeps alive is what it weighs.
 */
export class Ops {
  readonly places: Places;
  readonly host: Host;
  readonly args: WorkflowArgs;
  readonly config: RunConfig;
  #rng: Rng | undefined;
  constructor(host: Host, args: WorkflowArgs, config: RunConfig) {
    this.host = host;
    this.args = args;
    this.config = config;
    this.places = new Places(args.id);
  }
  /** In a call's body that call's own, else the workflow's; by the place below the root, so a fork or a replay draws the same. */
  get rng(): Rng {
    return (
      bodies.getStore()?.rng ?? (this.#rng ??= seeded(this.args.seed, this.pathOf(this.args.id)))
    );
  }
  /** below the run's root */
  pathOf(id: string): string {
    return id.slice(this.args.experiment.length + 1);
  }
  now(): string {
    return new Date(this.host.now()).toISOString();
  }
  /** the heading that calls made here stand under */
  parent(): string {
    return headings.getStore() ?? this.args.id;
  }
  /** Runs `act` unless its result is on record. */
  op<T>(
    kind: TraceNode["kind"],
    name: string,
    act: (c: OpContext) => Promise<T> | T,
    o: OpOptions = {},
  ): Promise<T> {
    return new Call<T>(this, kind, name, act, o).run();
  }
  /** Calls made in `act` stand under this node. It records nothing itself. */
  async section<T>(
    node: Pick<Begun, "id" | "kind" | "name" | "place" | "wanted">,
    act: () => Promise<T>,
    o: { readonly brief?: string } = {},
  ): Promise<T> {
    const { recorder } = this.host;
    const { experiment } = this.args;
    const begun = {
      ...node,
      experiment,
      parent: this.parent(),
      startedAt: this.now(),
      replayed: true,
    };
    recorder.write({ ...begun, state: "running", endedAt: null });
    try {
      const result = await headings.run(node.id, act);
      recorder.write({ ...begun, state: "done", endedAt: this.now(), ...o });
      return result;
    } catch (e) {
      if (!isControl(e)) {
        const error = nodeError(e);
        const end = { state: "failed", endedAt: this.now(), error, brief: error.message } as const;
        recorder.write({ ...begun, ...end });
      }
      throw e;
    }
  }
}

class Call<T> implements OpContext {
  readonly #ops: Ops;
  readonly #act: (c: OpContext) => Promise<T> | T;
  readonly #o: OpOptions;
  readonly #place: Place;
  readonly #begun: Begun;
  readonly #notes: OpNotes = {};
  /** the body was entered in this process: its result is not from the record */
  #entered = false;
  #ran: { readonly value: unknown } | undefined;
  attempt = 0;

  constructor(
    ops: Ops,
    kind: TraceNode["kind"],
    name: string,
    act: (c: OpContext) => Promise<T> | T,
    o: OpOptions,
  ) {
    this.#ops = ops;
    this.#act = act;
    this.#o = o;
    this.#place = ops.places.enter(name);
    this.#begun = {
      id: this.#place.id,
      experiment: ops.args.experiment,
      parent: ops.parent(),
      kind,
      name,
      place: this.#place.place,
      startedAt: ops.now(),
    };
  }
  get id(): string {
    return this.#place.id;
  }
  get path(): string {
    return this.#ops.pathOf(this.id);
  }
  get rng(): Rng {
    return seeded(this.#ops.args.seed, this.path);
  }
  note(n: OpNotes, show = false): void {
    Object.assign(this.#notes, n);
    if (show) this.#showRunning();
  }
  #show(n: Pick<NodeWrite, "state" | "endedAt" | "replayed"> & Partial<NodeWrite>): void {
    this.#ops.host.recorder.write({ ...this.#begun, ...this.#notes, ...n });
  }
  #showRunning(n: Partial<NodeWrite> = {}): void {
    this.#show({ state: this.#o.state ?? "running", endedAt: null, replayed: false, ...n });
  }

  async run(): Promise<T> {
    const { home } = this.#ops.host.store;
    try {
      if (this.#o.input !== undefined)
        this.#begun.input = (await keep(home, this.#o.input, this.#ops.host.stopping)).stored;
      const name = this.id.slice(this.#ops.args.id.length + 1);
      const output = await DBOS.runStep(() => this.#body(), { name });
      fault("op.recorded");
      const value = this.#ran ? this.#ran.value : await resolveValue(home, output);
      this.#show({
        state: "done",
        endedAt: this.#ops.now(),
        output,
        replayed: !this.#ran,
        brief: this.#notes.brief ?? briefly(value),
        attempts: Math.max(1, this.attempt),
      });
      return value as T;
    } catch (e) {
      if (this.#ops.host.stopping.aborted) return new Promise<never>(() => {}); // unfinished, it goes on at the next start
      if (isControl(e)) throw e;
      const error = nodeError(e);
      const state = error.code === "cancelled" ? "cancelled" : "failed";
      const end = { state, endedAt: this.#ops.now(), error, brief: error.message } as const;
      this.#show({ ...end, replayed: !this.#entered });
      throw revive(e);
    } finally {
      this.#place.leave();
    }
  }

  async #body(): Promise<StoredValue> {
    this.#entered = true;
    fault("op.begin");
    this.#showRunning();
    const { carried } = this.#ops.config;
    const known = carried.results[this.path];
    if (known !== undefined) {
      this.#notes.cached = true;
      return this.#keep(known);
    }
    const { kind } = this.#begun;
    if (carried.closed && (kind === "ask" || kind === "model"))
      throw new TillerError(
        "not_recorded",
        `the recording has nothing at ${this.path}. Record the run again with today's workflow and input.`,
      );
    for (;;)
      try {
        this.attempt++;
        const made = await (kind === "step"
          ? bodies.run(this, () => this.#act(this))
          : this.#act(this));
        fault("op.ran");
        return await this.#keep(made);
      } catch (e) {
        if (this.#ops.host.stopping.aborted) return new Promise<never>(() => {});
        if (isLost(e)) {
          this.attempt--; // the database's fault, not the call's: again as soon as it is back. Not `patient`, whose
          // frames every parked ask would keep
          await sleep(LOST_MS * (1 + Math.random()));
          continue;
        }
        if (this.attempt >= (this.#o.attempts ?? 1) || isControl(e)) throw e;
        const brief = `again after: ${nodeError(e).message}`;
        this.#showRunning({ state: "running", attempts: this.attempt + 1, brief });
        await sleep(1000 * (this.#o.waitSeconds ?? 1) * 2 ** (this.attempt - 1));
      }
  }
  async #keep(made: unknown): Promise<StoredValue> {
    const { stored, value } = await keep(this.#ops.host.store.home, made, this.#ops.host.stopping);
    this.#ran = { value };
    return stored;
  }
}
