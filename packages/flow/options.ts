/** What may be said to each call of a flow, with its bounds. Anything else is refused by the option's name. */
import { z } from "zod";
import { AgentSpec, Budget, PersonId, Requirement, TillerError } from "@tiller/schema";

const DAY = 86_400; // seconds
const CENTURY = 36_525 * DAY;

export const Name = z.string().min(1).max(1000);
const name = Name.optional();
const retry = {
  attempts: z.int().min(1).max(10_000).optional(),
  waitSeconds: z.number().min(0).max(DAY).optional(),
};
const ask = {
  name,
  people: z.int().min(1).max(10_000).optional(),
  not: z.array(PersonId).readonly().optional(),
  only: z.array(PersonId).readonly().optional(),
  requires: z.array(Requirement).readonly().optional(),
  agent: AgentSpec.optional(),
  hours: z
    .number()
    .positive()
    .max(CENTURY / 3600)
    .optional(),
};

export const SleepSeconds = z.strictObject({ seconds: z.number().min(0).max(CENTURY) });
export const StepOptions = z.strictObject({ ...retry, waits: z.boolean().optional() });
export const AskOptions = z.strictObject(ask);
export const AskAllOptions = z.strictObject({ ...ask, stage: z.string().optional() });
export const ModelOptions = z.strictObject({
  name,
  ...retry,
  output: z.custom<z.ZodType>((x) => x instanceof z.ZodType, "is no zod schema").optional(),
  temperature: z.number().min(0).optional(),
  maxTokens: z.int().min(1).optional(),
  stop: z.array(z.string()).readonly().optional(),
  seed: z.int().optional(),
  sample: z.int().min(0).optional(),
});
export const ChildOptions = z.strictObject({
  name,
  budget: Budget.optional(),
  spread: z.boolean().optional(),
});
export const MapOptions = z.strictObject({ concurrency: z.int().min(1).optional() });
export const JobOptions = z.strictObject({ stage: z.string().optional() });
export const PublishOptions = z.strictObject({
  name: z.string().min(1).max(200),
  metrics: z.record(z.string(), z.number()).optional(),
  compare: z.strictObject({ metric: z.string().min(1), better: z.enum(["up", "down"]) }).optional(),
});
export const Progress = z.strictObject({
  done: z.number().min(0),
  total: z.number().min(0),
  note: z.string().optional(),
});
/** Names of an askAll's items: each once, since the tasks are named by them. */
export const ItemIds = z.array(z.string().min(1).max(100)).superRefine((ids, c) => {
  const seen = new Set<string>();
  for (const [i, id] of ids.entries()) {
    if (seen.has(id))
      c.addIssue({
        code: "custom",
        path: [i],
        message: "is there twice: give each item its own id",
        input: id,
      });
    seen.add(id);
  }
});

function shown(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? `a list of ${value.length}` : "an object";
  return String(value);
}
/** `given`, or an error that names the option and its value. `call`: as the workflow wrote it. */
export function checked<T>(call: string, schema: z.ZodType<T>, given: unknown, what = ""): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  let value = given;
  for (const key of issue!.path)
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined;
  const option = [what, ...issue!.path.map(String)].filter(Boolean).join(".");
  throw new TillerError(
    "bad_option",
    issue!.code === "unrecognized_keys"
      ? `${call} has no option ${issue!.keys.join(", ")}. Leave it out, or correct its name.`
      : `${call}: ${option || "what it is given"} is ${shown(value)} (${issue!.message}). Correct it where the workflow calls.`,
  );
}
