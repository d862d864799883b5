/** What a researcher writes: a workflow is a named, versioned async function over typed input, and `Flow` is what it may do. */
import type { z } from "zod";
import {
  type AgentSpec,
  type Answerer,
  type AnswerId,
  type Budget,
  type DatasetId,
  type ExperimentId,
  type JobDef,
  type MetricPoint,
  type PersonId,
  type Prompt,
  type NewReport,
  type Requirement,
  type Rng,
  type RowSchema,
  type RunId,
  type TaskId,
  TillerError,
} from "@tiller/schema";
import type { CompareBy } from "@tiller/lab";
import type { Store } from "@tiller/store";
import type { TaskDef } from "@tiller/task";

/** One answer to an ask, by a person or by who stands in for one. */
export interface Answered<O> extends Answerer {
  readonly value: O;
  /** the stored answer; null when no person gave it */
  readonly answer: AnswerId | null;
  readonly swap: boolean;
  readonly activeSeconds: number;
  readonly idleSeconds: number;
  readonly at: string;
}
export interface Asked<O> {
  /** the first answer's value: all there is when one person was asked */
  readonly value: O;
  readonly values: readonly O[];
  readonly answers: readonly Answered<O>[];
  /** who answered, for `not` of a later ask */
  readonly people: readonly PersonId[];
}
export interface AskedItem<I, O> {
  readonly id: string;
  readonly task: TaskId;
  readonly input: I;
  readonly answers: readonly Answered<O>[];
}

export interface Named {
  /** its place in the trace; by default what is asked, called or started. Stable: it keys what is recorded */
  readonly name?: string;
}
export interface Retry {
  /** attempts in all, 1 by default */
  readonly attempts?: number;
  /** seconds before the second attempt; doubles */
  readonly waitSeconds?: number;
}
export interface AskOptions extends Named {
  /** different people; 1 by default */
  readonly people?: number;
  /** who may not answer: those who saw or wrote something upstream */
  readonly not?: readonly PersonId[];
  /** nobody else may answer: to ask the same people again. Empty: anyone */
  readonly only?: readonly PersonId[];
  /** what whoever answers must be qualified for */
  readonly requires?: readonly Requirement[];
  /** who answers, where the experiment's configuration does not say otherwise */
  readonly agent?: AgentSpec;
  /** hours until it ends unanswered */
  readonly hours?: number;
}
export interface ModelOptions<T> extends Named, Retry {
  /** the reply is parsed by it */
  readonly output?: z.ZodType<T>;
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  /** which of several draws for one question this is, from 0: it moves a seed that the model's defaults name */
  readonly sample?: number;
}
/** A reply with the log-prob of each token that it is made of. */
export interface ScoredReply {
  readonly text: string;
  readonly logprobs: readonly { readonly token: string; readonly logprob: number }[];
}
export interface ChildOptions extends Named {
  readonly budget?: Budget;
  /** put it on the queue that all servers share, in place of this server */
  readonly spread?: boolean;
}
export interface StepContext {
  /** the same at every attempt and after every crash: for effects outside, as an idempotency key */
  readonly key: string;
  readonly attempt: number;
  readonly rng: Rng;
  /** aborted when the server stops or the call is cancelled: what waits gives up */
  readonly signal: AbortSignal;
  /** what answers by a model's name now: a checkpoint's id, or an endpoint's own name for its model */
  readonly standsFor: (model: string) => Promise<string>;
  /** for a package with tables of its own; what is written there must bear being written again */
  readonly store: Pick<Store, "db" | "holder">;
}
export interface StepOptions extends Retry {
  /** its node says that it waits for somebody, and not that it computes */
  readonly waits?: boolean;
}
export interface StageHandle {
  progress(done: number, total: number, note?: string): Promise<void>;
}

/** What a workflow may do. Everything with an effect goes through here; names are stable, they key what is recorded. */
export interface Flow {
  /** the experiment's id */
  readonly experiment: ExperimentId;
  /** this workflow's place in the trace */
  readonly id: string;
  readonly seed: number;
  /** Seeded by the experiment's seed and the place: in a step's body by the step, else by the workflow. */
  readonly rng: Rng;
  /** Runs at least once; its JSON result is recorded once. */
  step<T>(name: string, body: (c: StepContext) => Promise<T> | T, o?: StepOptions): Promise<T>;
  /** The time, recorded: milliseconds since 1970. */
  now(): Promise<number>;
  sleep(name: string, seconds: number): Promise<void>;
  /** Asks different people (or who the experiment's configuration names) the same question, and waits, days if need be. */
  ask<I, O>(def: TaskDef<I, O>, input: NoInfer<I>, o?: AskOptions): Promise<Asked<O>>;
  /** Many questions of one kind as one batch: thousands cost one wait. `complete` once every one has its answers. */
  askAll<I, O>(
    name: string,
    def: TaskDef<I, O>,
    items: readonly { readonly id: string; readonly input: NoInfer<I> }[],
    o?: AskOptions & { readonly stage?: string },
  ): Promise<AskedItem<I, O>[]>;
  /** Calls a model by its name; the text of the reply, or what `output` makes of it. */
  model<T = string>(model: string, prompt: Prompt, o?: ModelOptions<T>): Promise<T>;
  /** The same with log-probs; refused where the model's endpoint gives none. */
  scoredReply(model: string, prompt: Prompt, o?: ModelOptions<string>): Promise<ScoredReply>;
  /** Runs another workflow below this one and waits for its result. */
  child<S extends z.ZodType, R>(
    def: WorkflowDef<S, R>,
    input: z.input<S>,
    o?: ChildOptions,
  ): Promise<R>;
  /** `body` for every item, `concurrency` at a time. A body makes one call of the flow; more go into a child. */
  map<T, R>(
    name: string,
    items: readonly T[],
    body: (item: T, index: number) => Promise<R>,
    o?: { readonly concurrency?: number },
  ): Promise<R[]>;
  /** Shows progress under one heading. Not recorded itself: what it calls is. */
  stage<T>(name: string, body: (s: StageHandle) => Promise<T>): Promise<T>;
  /**
   * A long computation in a process of its own; goes on from its snapshot after a crash. Its input names datasets by the id
   * that `save` or `dataset` gave, checkpoints by the id of a job's output, or a model's folder, which is registered first.
   * What it reads and what it makes is recorded as lineage.
   */
  job<I extends z.ZodType, O extends z.ZodType>(
    name: string,
    def: JobDef<I, O>,
    input: z.input<I>,
    o?: { stage?: string },
  ): Promise<{ run: RunId; output: z.output<O> }>;
  /** Keeps a value (a list: its items as rows) under a name for the studio and for others; returns its content hash. */
  save(name: string, value: unknown, as?: RowSchema): Promise<DatasetId>;
  /**
   * Saves a dataset version, its rows checked against a named schema (`labelledPairs`, or `rowSchema("essay@1", ...)`). Rows that
   * list answers under `judgments` carry them into lineage. Returns its content hash.
   */
  dataset<T>(name: string, rows: readonly T[], as?: RowSchema<T>): Promise<DatasetId>;
  /**
   * Names a checkpoint for those who choose a model, and adds figures to its own. It is registered since its job ended. The
   * first of a name is served by it; a later one if it is no worse by the figure that `compare` names, else when a person
   * promotes it.
   */
  publish(
    checkpoint: string,
    o: {
      readonly name: string;
      readonly metrics?: Readonly<Record<string, number>>;
      readonly compare?: CompareBy;
    },
  ): Promise<void>;
  /** The rows of a dataset version, each parsed by its schema: what a person uploaded, what an experiment saved. */
  rows<T>(dataset: DatasetId, as: RowSchema<T>): Promise<T[]>;
  metrics(run: RunId): Promise<MetricPoint[]>;
  report(r: NewReport): Promise<void>;
}

/** Results of an earlier experiment by their path below its root, and the batches people still work on. */
export interface Carried {
  readonly results: Readonly<Record<string, unknown>>;
  readonly batches?: Readonly<Record<string, string>>;
  /** other inputs for asks and children, by path */
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** nobody is asked and no model called that is not in `results` */
  readonly closed?: boolean;
}
export { Recording } from "@tiller/schema";
/** Takes an experiment of an older version over: its input and what it recorded, by path, become the new version's. */
export type Migrate<I> = (old: { input: unknown; carried: Carried }) => {
  input: I;
  carried: Carried;
};

/** For `migrate`, where the old version's input and results fit the new one: all that is known goes on. */
export const asItWas =
  <S extends z.ZodType>(input: S): Migrate<z.input<S>> =>
  ({ input: given, carried }) => ({ input: input.parse(given) as z.input<S>, carried });

export interface WorkflowDef<S extends z.ZodType = z.ZodType, R = unknown> {
  readonly name: string;
  readonly title: string;
  /** in Markdown, at the top of its experiments: what is asked, who judges, how to read what comes out, what next */
  readonly about: string;
  readonly input: S;
  readonly stages: readonly { readonly name: string; readonly title: string }[];
  /** how many answers it will ask for, by kind of work, where its input tells: for a forecast of its cost */
  readonly asks: ((input: z.output<S>) => Readonly<Record<string, number>>) | null;
  /** it asks people, and models at most, and trains nothing: work leads may start it and ask again */
  readonly labelling: boolean;
  readonly migrate: Readonly<Record<string, Migrate<z.input<S>>>>;
  readonly run: (flow: Flow, input: z.output<S>) => Promise<R>;
}

/**
 * Declares a workflow: `workflow("study@1", Input, async (flow, input) => ...)`. A changed one gets a new version in its
 * name, beside the old; `migrate: {"study@1": ...}` says how an experiment of the old one goes on as the new.
 */
export function workflow<S extends z.ZodType, R>(
  name: string,
  input: S,
  run: (flow: Flow, input: z.output<S>) => Promise<R>,
  o: Partial<
    Pick<WorkflowDef<S, R>, "title" | "about" | "stages" | "asks" | "labelling" | "migrate">
  > = {},
): WorkflowDef<S, R> {
  if (!/^[a-z][a-z0-9-]*@\d+$/.test(name))
    throw new TillerError(
      "bad_name",
      `a workflow is named like "study@1", not "${name}". Add the version.`,
    );
  const words = name.split("@")[0]!.replaceAll("-", " ");
  return {
    name,
    input,
    run,
    title: o.title ?? words[0]!.toUpperCase() + words.slice(1),
    about: o.about ?? "",
    stages: o.stages ?? [],
    asks: o.asks ?? null,
    labelling: o.labelling ?? false,
    migrate: o.migrate ?? {},
  };
}
