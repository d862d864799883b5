/** What all workflows of a process share, and what one experiment is given. */
import type { ModelClient } from "@tiller/model";
import type { Agents, ExperimentId } from "@tiller/schema";
import type { Identify } from "@tiller/lab";
import type { Store, StoredValue } from "@tiller/store";
import type { BudgetScope } from "./budget.ts";
import type { Carried, WorkflowDef } from "./define.ts";
import type { Executor } from "./executor.ts";
import type { Recorder } from "./recorder.ts";
import type { UnderWay } from "./under-way.ts";
import type { Waiter } from "./waiter.ts";

export interface Host {
  readonly store: Store;
  readonly modelClient: ModelClient | undefined;
  readonly waiter: Waiter;
  readonly recorder: Recorder;
  /** batches known to be posted: a restart posts none of them again */
  readonly posted: Set<string>;
  readonly codeRevision: string;
  /** where this home was before it was restored here */
  readonly formerHomes: readonly string[];
  /** where jobs run */
  readonly executor: Executor;
  /** reads a model's folder; undefined: none is read here */
  readonly identify: Identify | undefined;
  readonly stopping: AbortSignal;
  readonly underWay: UnderWay;
  /** the database's clock, in milliseconds */
  now(): number;
  /** Starts the workflow, or finds it, and waits for its result. */
  runChild(def: WorkflowDef, args: WorkflowArgs, spread: boolean): Promise<StoredValue>;
  /** who answers and what is carried over, by experiment */
  configOf(experiment: string): Promise<RunConfig>;
  /** Ends what runs at or below a node that nobody waits for any more. */
  abandon(node: string, why: string): Promise<void>;
  deadlineOf(batch: string): Promise<number | undefined>;
}
export interface RunConfig {
  readonly agents: Agents;
  readonly carried: Carried;
  /** results of the experiment that `replay` agents answer from, by experiment */
  replay(experiment: string): Promise<Readonly<Record<string, unknown>>>;
}

/** What DBOS keeps as a workflow's input. */
export interface WorkflowArgs {
  readonly experiment: ExperimentId;
  readonly id: string;
  readonly parent: string | null;
  readonly place: number;
  readonly seed: number;
  readonly input: unknown;
  readonly budgets: readonly BudgetScope[];
  /** results come in recorded turns; absent where the experiment began before there were any */
  readonly turns?: boolean;
  /** of an experiment that goes on in place of another: that one, and the batches nobody will read */
  // `run`: the other's id, under the name that earlier versions recorded
  readonly ends?: { readonly run: string; readonly why: string; readonly left: readonly string[] };
  /** workflows above it */
  readonly depth?: number;
}
