/**
 * One call of a flow: a recorded step of DBOS and a node of the trace. What is on record is not run again; what was
 * carried over from another experiment is recorded in place of running. A result is recorded with its turn (turns.ts) and a
 * digest of what was asked, so that a replay by changed code is found out.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DBOS, Error as Dbos } from "@dbos-inc/dbos-sdk";
import {
  type NodeLink,
  own,
  type Prompt,
  type Rng,
  rng as seeded,
  TillerError,
  type TraceNode,
} from "@tiller/schema";
import { isLost, patient, resolveValue, shortPlace, type StoredValue } from "@tiller/store";
import { type NodeWrite } from "./nodes.ts";
import type { Retry } from "./define.ts";
import { isControl, nodeError, recorded, revive, revived, stops, type Thrown } from "./failures.ts";
import { fault } from "./fault.ts";
import type { Host, RunConfig, WorkflowArgs } from "./host.ts";
import { type Place, Places } from "./place.ts";
import { isCancelled, recordedTurns } from "./record.ts";
import { Turns } from "./turns.ts";
import { briefly, digest, isDigestOf, keep } from "./values.ts";

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
  /** below the experiment's root */
  readonly path: string;
  /** order among the workflow's calls */
  readonly place: number;
  readonly attempt: number;
  /** adds to the node; at once where `show` is true, else when the call ends */
  note(n: OpNotes, show?: boolean): void;
}
interface OpOptions extends Retry {
  /** as the trace shows it */
  readonly input?: unknown;
  /** what is asked, where the trace shows less */
  readonly about?: unknown;
  readonly state?: "running" | "waiting";
  /** it has no node of its own: "wake" is the end of a sleep, a child shows itself */
  readonly quiet?: boolean;
}
type Begun = Omit<NodeWrite, "state" | "endedAt" | "replayed">;

/** What DBOS keeps of a call. `turn` first: it is read without the rest (record.ts). */
type CallRecord = { readonly turn: number; readonly of?: string } & (
  | StoredValue
  | { readonly error: Thrown }
);

const LOST_MS = 200;
const LONGEST_MS = 86_400_000; // between two attempts

/** The call whose body runs now: its own random numbers come from its place. */
const bodies = new AsyncLocalStorage<{ readonly id: string; readonly rng: Rng }>();
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
  /** undefined: the experiment began before results had turns */
  readonly turns: Turns | undefined;
  /** calls whose result the workflow has not got: at its end nobody waits for them any more */
  readonly underWay = new Set<{ readonly id: string }>();
  /** the workflow has ended: what is still under way asks nobody */
  ended = false;
  /** recorded steps begun so far, and whether one of them was on record */
  begun = 0;
  replayed = false;
  /** failed calls that the workflow has not asked for so far */
  readonly #unheard: {
    readonly result: Result<unknown>;
    readonly call: string;
    readonly why: unknown;
  }[] = [];
  #rng: Rng | undefined;
  #broken: { readonly why: unknown } | undefined;
  #onBroken: ((why: unknown) => void) | undefined;
  #behind: Promise<void> = Promise.resolve();
  #behindFailed: { readonly why: unknown } | undefined;
  constructor(host: Host, args: WorkflowArgs, config: RunConfig) {
    this.host = host;
    this.args = args;
    this.config = config;
    const old = args.turns !== true;
    this.places = new Places(args.id, args.experiment, { old });
    this.turns = old ? undefined : new Turns(() => recordedTurns(host, args.id));
  }
  /** In a call's body that call's own, else the workflow's; by the place below the root, so a fork or a replay draws the same. */
  get rng(): Rng {
    return (
      bodies.getStore()?.rng ?? (this.#rng ??= seeded(this.args.seed, this.pathOf(this.args.id)))
    );
  }
  /** below the experiment's root */
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
  /** The experiment cannot go on, whatever the workflow makes of it: a replay would not be the same. */
  break(why: unknown): unknown {
    this.#broken ??= { why };
    this.#onBroken?.(why);
    return why;
  }
  /** Runs the workflow's own code, until it ends or breaks. What comes after its end counts no more. */
  async code<T>(run: () => Promise<T>): Promise<T> {
    const broken = new Promise<never>((_, fail) => (this.#onBroken = fail));
    this.turns?.open();
    try {
      const made = await Promise.race([run(), broken]);
      this.turns?.close();
      const forgotten = this.#unheard.find((f) => !f.result.asked);
      await new Promise((r) => setImmediate(r)); // by then a rejected promise that nobody has is reported
      if (this.#broken) throw this.#broken.why;
      if (forgotten && this.turns) throw leftBehind(forgotten.call, forgotten.why);
      return made;
    } finally {
      this.turns?.close();
    }
  }
  /** Begins a call and gives its result to the workflow; a refusal before it begins comes as any other failure of it. */
  given<T>(call: string, name: unknown, begin: () => Promise<T>): Promise<T> {
    let made: Promise<T>;
    try {
      made = begin();
    } catch (e) {
      made = Promise.reject(e as Error);
    }
    if (!this.turns) {
      made.catch(() => {}); // of an experiment with the old rules: in the trace alone
      return made;
    }
    const result = new Result(made);
    made.catch((why: unknown) => {
      if (!result.asked && !isControl(why))
        this.#unheard.push({
          result,
          call: `${call} ${JSON.stringify(String(name).slice(0, 60))}`,
          why,
        });
    });
    return result;
  }
  /** Does something for the trace that the workflow does not wait for; in order, and before it ends. */
  behind(act: () => Promise<void>): void {
    this.#behind = this.#behind.then(act).catch((e: unknown) => {
      this.#behindFailed ??= { why: e };
    });
  }
  async caughtUp(): Promise<void> {
    await this.#behind;
    if (this.#behindFailed && !this.host.stopping.aborted) throw this.#behindFailed.why;
  }
  /** Where a call begins; refused where a replay could not repeat that it begins here. */
  enter(name: string): Place {
    if (this.#broken) throw this.#broken.why;
    const inside = bodies.getStore();
    if (inside && this.turns)
      throw new TillerError(
        "nested_call",
        `${name} is called in the body of ${inside.id}, whose result is recorded as a whole. Make the call before or after it, or give both to a child workflow.`,
      );
    if (this.turns && !this.turns.mayBegin())
      throw this.break(
        new TillerError(
          "concurrent_calls",
          `${name} begins while ${this.turns.underWay} other call${this.turns.underWay > 1 ? "s are" : " is"} under way in ${this.args.id}, after the workflow waited for something that is no call of the flow: a replay could not repeat it. Put that into a flow.step or a flow.sleep.`,
        ),
      );
    return this.places.enter(name);
  }
  /** Runs `act` unless its result is on record. */
  op<T>(
    kind: TraceNode["kind"],
    name: string,
    act: (c: OpContext) => Promise<T> | T,
    o: OpOptions = {},
  ): Promise<T> {
    let place: Place;
    try {
      place = this.enter(name);
    } catch (e) {
      return Promise.reject(e as Error);
    }
    return this.at(place, kind, name, act, o);
  }
  /** The same at a place that was entered. */
  at<T>(
    place: Place,
    kind: TraceNode["kind"],
    name: string,
    act: (c: OpContext) => Promise<T> | T,
    o: OpOptions = {},
  ): Promise<T> {
    return new Call<T>(this, place, kind, name, act, o).run();
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

/** What a workflow has of a call: it knows whether anybody ever asked for it. */
class Result<T> extends Promise<T> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  asked = false;
  constructor(made: Promise<T>) {
    super((resolve, reject) => void made.then(resolve, reject));
    super.then(undefined, () => {}); // one that nobody asks for fails the workflow at its end, not the process now
  }
  // oxlint-disable-next-line unicorn/no-thenable -- a promise has one: this one takes note of being asked
  override then<A = T, B = never>(
    onResult?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((why: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.asked = true;
    return super.then(onResult, onError);
  }
}
/** A failure must not vanish: it ends the workflow, the first time and on a replay. */
const leftBehind = (call: string, why: unknown) =>
  new TillerError(
    "left_behind",
    `${call} failed, and the workflow ended without ever awaiting it: ${nodeError(why).message.replace(/\.$/, "")}. Await every call and promise, and catch what may fail.`,
    { cause: why },
  );

class Call<T> implements OpContext {
  readonly #ops: Ops;
  readonly #act: (c: OpContext) => Promise<T> | T;
  readonly #o: OpOptions;
  readonly #place: Place;
  readonly #begun: Begun;
  readonly #notes: OpNotes = {};
  /** the body was entered in this process: its result is not from the record */
  #entered = false;
  /** whether it is on record is not known yet */
  #asking = true;
  #turn: number | undefined;
  /** what is asked, in few digits: a map's item and the input */
  readonly #of: string | undefined;
  attempt = 0;

  constructor(
    ops: Ops,
    place: Place,
    kind: TraceNode["kind"],
    name: string,
    act: (c: OpContext) => Promise<T> | T,
    o: OpOptions,
  ) {
    this.#ops = ops;
    this.#act = act;
    this.#o = o;
    this.#place = place;
    this.#begun = {
      id: place.id,
      experiment: ops.args.experiment,
      parent: ops.parent(),
      kind,
      name,
      place: place.place,
      startedAt: ops.now(),
    };
    if (ops.turns && this.#asked !== undefined) this.#of = digest(this.#asked);
  }
  get #asked(): unknown {
    const about = this.#o.about ?? this.#o.input;
    const { about: item } = this.#place;
    return item === undefined && about === undefined ? undefined : [item ?? null, about ?? null];
  }
  #isAsked(of: string): boolean {
    const { formerHomes, store } = this.#ops.host;
    return this.#of === undefined || isDigestOf(of, this.#asked, { home: store.home, formerHomes });
  }
  get id(): string {
    return this.#place.id;
  }
  get path(): string {
    return this.#ops.pathOf(this.id);
  }
  get place(): number {
    return this.#place.place;
  }
  get rng(): Rng {
    return seeded(this.#ops.args.seed, this.path);
  }
  /** as DBOS knows it, and messages say it */
  get #name(): string {
    const own = this.id.slice(this.#ops.args.id.length + 1) || this.id;
    if (!this.#ops.turns) return own;
    return `${this.#o.quiet && this.#begun.kind === "sleep" ? "wake" : this.#begun.kind} ${own}`;
  }
  note(n: OpNotes, show = false): void {
    Object.assign(this.#notes, n);
    if (show) this.#showRunning();
  }
  #show(n: Pick<NodeWrite, "state" | "endedAt" | "replayed"> & Partial<NodeWrite>): void {
    if (this.#o.quiet) return;
    this.#ops.host.recorder.write({ ...this.#begun, ...this.#notes, ...n });
  }
  #showRunning(n: Partial<NodeWrite> = {}): void {
    this.#show({ state: this.#o.state ?? "running", endedAt: null, replayed: false, ...n });
  }

  run(): Promise<T> {
    return this.#ops.turns ? this.#runInTurn(this.#ops.turns) : this.#runAsBefore();
  }
  async #runInTurn(turns: Turns): Promise<T> {
    const { host } = this.#ops;
    turns.begin();
    this.#ops.begun++;
    this.#ops.underWay.add(this);
    let taken = false;
    try {
      // begins without waiting for anything: DBOS numbers its steps by the order they begin in
      const record = (await DBOS.runStep(() => this.#recorded(turns), {
        name: this.#name,
      })) as CallRecord;
      fault("op.recorded");
      if (!this.#entered) this.#ops.replayed = true;
      const { of, turn } = record;
      if (of !== undefined && of !== this.#of && !this.#isAsked(of)) throw changed(this.#name);
      const value = "error" in record ? undefined : await resolveValue(host.store.home, record);
      if (!this.#entered) await this.#keepInput(); // a crash may have lost the node
      this.#turn = turn;
      this.#asking = false;
      await turns.take({ turn, name: this.#name }, { replayed: !this.#entered });
      taken = true;
      if ("error" in record) throw revived(record.error);
      this.#showDone(value, "blob" in record ? record : { value });
      return value as T;
    } catch (e) {
      if (host.stopping.aborted) return new Promise<never>(() => {}); // unfinished, it goes on at the next start
      if (isControl(e)) throw e;
      this.#showFailed(e);
      if (taken) throw e;
      throw this.#ops.break(said(e)); // not on record: what the workflow makes of it could not be repeated
    } finally {
      if (!taken) turns.left({ asking: this.#asking, turn: this.#turn });
      this.#ops.underWay.delete(this);
      this.#place.leave();
    }
  }
  /** The body, and what becomes of it as a record. */
  async #recorded(turns: Turns): Promise<CallRecord> {
    this.#entered = true;
    this.#asking = false;
    turns.entered();
    let made: StoredValue | { readonly error: Thrown };
    try {
      const { short } = this.#place;
      if (short) await patient(() => shortPlace(this.#ops.host.store.db, short));
      await this.#keepInput();
      made = await this.#body();
    } catch (e) {
      if (this.#ops.host.stopping.aborted) return new Promise<never>(() => {});
      const { args, host } = this.#ops;
      if (stops(e, args.id)) throw e;
      // what is below was cancelled: with all of this experiment, or by itself
      if (isControl(e) && (await isCancelled(host, args.id)))
        throw new Dbos.DBOSWorkflowCancelledError(args.id);
      made = { error: recorded(e) };
    }
    this.#turn = await turns.number(this.#name);
    return { turn: this.#turn, ...(this.#of === undefined ? {} : { of: this.#of }), ...made };
  }
  /** Of an experiment that began before results had turns. */
  async #runAsBefore(): Promise<T> {
    try {
      await this.#keepInput();
      const output = await DBOS.runStep(() => this.#bodyAsBefore(), { name: this.#name });
      fault("op.recorded");
      const value = await resolveValue(this.#ops.host.store.home, output);
      this.#showDone(value, "text" in output ? { value } : output);
      return value as T;
    } catch (e) {
      if (this.#ops.host.stopping.aborted) return new Promise<never>(() => {});
      if (isControl(e)) throw e;
      this.#showFailed(e);
      throw revive(e);
    } finally {
      this.#place.leave();
    }
  }
  #bodyAsBefore(): Promise<StoredValue> {
    this.#entered = true;
    return this.#body();
  }
  async #keepInput(): Promise<void> {
    const { host } = this.#ops;
    if (this.#o.input === undefined || this.#begun.input) return;
    const o = { lenient: true, signal: host.stopping };
    this.#begun.input = (await keep(host.store.home, this.#o.input, o)).shown;
  }
  #showDone(value: unknown, output: NonNullable<NodeWrite["output"]>): void {
    this.#show({
      state: "done",
      endedAt: this.#ops.now(),
      output,
      replayed: !this.#entered,
      brief: this.#notes.brief ?? briefly(value),
      attempts: Math.max(1, this.attempt),
    });
  }
  #showFailed(e: unknown): void {
    const error = nodeError(e);
    const state = error.code === "cancelled" ? "cancelled" : "failed";
    const end = { state, endedAt: this.#ops.now(), error, brief: error.message } as const;
    this.#show({ ...end, replayed: !this.#entered });
  }

  async #body(): Promise<StoredValue> {
    fault("op.begin");
    this.#showRunning();
    const { carried } = this.#ops.config;
    const known = own(carried.results, this.path);
    if (known !== undefined && !this.#o.quiet) {
      this.#notes.cached = true;
      return this.#keep(known);
    }
    const { kind } = this.#begun;
    if (carried.closed && (kind === "ask" || kind === "model"))
      throw new TillerError(
        "not_recorded",
        `the recording has nothing at ${this.path}. Record the experiment again with today's workflow and input.`,
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
        const wait = 1000 * (this.#o.waitSeconds ?? 1) * 2 ** (this.attempt - 1);
        await sleep(Math.min(wait, LONGEST_MS));
      }
  }
  async #keep(made: unknown): Promise<StoredValue> {
    const { host, turns } = this.#ops;
    const o = { lenient: !turns, signal: host.stopping };
    const { stored, shown } = await keep(host.store.home, made, o);
    return turns ? stored : shown;
  }
}

const changed = (name: string) =>
  new TillerError(
    "changed_workflow",
    `${name} was recorded for another input than it is given now. Give the changed workflow a new version beside the old; where its code did not change, put what differs (the time, chance) into a flow.step.`,
  );
/** An error of DBOS about the record, in our words. */
function said(e: unknown): unknown {
  if (!(e instanceof Dbos.DBOSUnexpectedStepError)) return e;
  const [, was, now] =
    /function (.*) was recorded when (.*) was expected/s.exec(e.message) ?? ([] as string[]);
  return new TillerError(
    "changed_workflow",
    `the record has ${was} where the workflow now makes ${now}. Give the changed workflow a new version beside the old.`,
    { cause: e },
  );
}
