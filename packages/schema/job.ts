/**
 * A job: a long computation in a process of its own, here or on another machine. `learn` defines jobs, `flow` runs them.
 * A job keeps its state under `context.dir` and, started again with the same input and folder, goes on from there: it
 * must be safe to run twice to the end. Its input names checkpoints and datasets by id, never by value or path.
 */
import { z } from "zod";
import { CheckpointId, DatasetId } from "./ids.ts";
import type { Distribution, JobSample } from "./samples.ts";

/** A field of a job's input that names a checkpoint. A workflow may give a model's folder instead: it is registered first. */
export const CheckpointRef = CheckpointId.meta({ artefact: "checkpoint" });
/** A field of a job's input that names a dataset version. */
export const DatasetRef = DatasetId.meta({ artefact: "dataset" });
/** And one that something is held to: the version becomes an evaluation set, whose rows nothing should learn from. */
export const EvaluationRef = DatasetId.meta({ artefact: "dataset", role: "evaluation" });
export const artefactKinds = ["checkpoint", "dataset"] as const;
export interface Artefact {
  readonly kind: (typeof artefactKinds)[number];
  readonly id: string;
  /** what a dataset is read for, where the input says so */
  readonly role?: "evaluation";
}

/**
 * What `value` names by the fields of `schema` that are references, in objects, lists and optional fields, each passed
 * through `resolve`: the value with what that gives in their places, and all of them without repeats.
 */
export async function withArtefacts(
  schema: z.ZodType,
  value: unknown,
  resolve: (a: Artefact) => Promise<string>,
): Promise<{ value: unknown; artefacts: Artefact[] }> {
  const found = new Map<string, Artefact>();
  const walk = async (s: z.ZodType, v: unknown): Promise<unknown> => {
    const kind = z.enum(artefactKinds).safeParse(s.meta()?.["artefact"]).data;
    if (kind && typeof v === "string") {
      const id = await resolve({ kind, id: v });
      const { role } = z.looseObject({ role: z.literal("evaluation").optional() }).parse(s.meta());
      const known = found.get(`${kind} ${id}`);
      found.set(`${kind} ${id}`, { ...known, kind, id, ...(role && { role }) });
      return id;
    }
    if (s instanceof z.ZodArray && Array.isArray(v))
      return Promise.all(v.map((x) => walk(s.element as z.ZodType, x)));
    if (s instanceof z.ZodObject && typeof v === "object" && v !== null) {
      const shape = new Map(Object.entries(s.shape as Record<string, z.ZodType>));
      const fields = Object.entries(v).map(async ([k, x]) => {
        const field = shape.get(k);
        return [k, field ? await walk(field, x) : x] as const;
      });
      return Object.fromEntries(await Promise.all(fields));
    }
    const { innerType } = s.def as { innerType?: z.ZodType }; // optional, nullable, with a default
    return innerType ? walk(innerType, v) : v;
  };
  return { value: await walk(schema, value), artefacts: [...found.values()] };
}

/** How one metric of a job reads: charts, tables and comparisons of runs follow from it. */
export const MetricDef = z.strictObject({
  label: z.string().describe("of its line in the chart"),
  unit: z.string().describe('"nats a token", "tokens"; empty for a plain number'),
  group: z.string().describe("the chart that it is drawn in, by its title"),
  better: z.enum(["up", "down"]).nullable().describe("null: neither"),
});
export type MetricDef = z.infer<typeof MetricDef>;
export type MetricDefs = Readonly<Record<string, MetricDef>>;
/** One line of a job's table of metrics. */
export const metric = (
  label: string,
  group: string,
  o: { readonly unit?: string; readonly better?: MetricDef["better"] } = {},
): MetricDef => ({ label, group, unit: o.unit ?? "", better: o.better ?? null });

export interface JobContext {
  /** A folder of the job's own that survives a crash. */
  readonly dir: string;
  /** Where a checkpoint that it makes is saved; the layer registers what stands there at the end, with its lineage. */
  readonly out: string;
  /** The folder of a checkpoint that the input names. */
  checkpoint(id: string): string;
  /** The rows of a dataset that the input names, each parsed; one that does not fit is an error with its number. */
  rows<T>(id: string, Row: z.ZodType<T>): Promise<T[]>;
  progress(done: number, total: number, note?: string): void;
  metric(step: number, values: Record<string, number>): void;
  sample(sample: z.input<typeof JobSample>): void;
  /** How a figure was spread over a step's batch. */
  distribution(d: Distribution): void;
  /** Named fault point for crash tests: exits with SIGKILL when TILLER_FAULT names it. */
  fault(name: string): void;
  readonly signal: AbortSignal;
  /** only where recorded steps are taken again: the last of them */
  readonly verifies?: { readonly to: number };
}

/** Steps of a run whose weights are known, so that they can be taken again and compared bit by bit. */
export const VerifiedSteps = {
  /** in the job's folder: the spans, and the state that the later one begins from */
  file: "verify.json",
  state: "verify.safetensors",
  Record: z
    .array(
      z.strictObject({
        from: z.int().nonnegative().describe("the step before the first; 0: the very beginning"),
        to: z.int().positive(),
        sha256: z.string().optional().describe("of the weights after it; absent: not reached yet"),
      }),
    )
    .min(1),
};

export interface JobDef<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: string;
  /** file URL of the module that exports this definition: the process that runs it finds it there by its kind */
  readonly module: string;
  /** parsed where the job is called and again where it runs */
  readonly input: I;
  readonly output: O;
  /** what it logs, by name */
  readonly metrics: MetricDefs;
  run(input: z.output<I>, job: JobContext): Promise<z.input<O>>;
}

/** Declares a job; export it from `module`. */
export const defineJob = <I extends z.ZodType, O extends z.ZodType>(
  def: Omit<JobDef<I, O>, "metrics"> & { readonly metrics?: MetricDefs },
): JobDef<I, O> => ({ metrics: {}, ...def });

/** What a job that makes a checkpoint returns about it. */
export const NewCheckpoint = z.strictObject({
  checkpoint: CheckpointId,
  metrics: z.record(z.string(), z.number()),
});
export type NewCheckpoint = z.infer<typeof NewCheckpoint>;
