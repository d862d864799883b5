/**
 * What the server and the process that runs workflows say to each other: calls of the flow and their results, live
 * events, and what the process wants of the server (a model's text, from the one sampler there is).
 */
import { z } from "zod";
import { KnownWorkflow, type LiveEvent, TillerError } from "@tiller/schema";

/** What goes over: everything of a flow that gives a promise. */
export const methods = [
  "check",
  "asks",
  "start",
  "wait",
  "lookForMissed",
  "fork",
  "rewind",
  "reask",
  "cancel",
  "hold",
  "release",
  "record",
  "migrate",
] as const;
export type Method = (typeof methods)[number];

const ErrorOver = z.strictObject({
  name: z.string(),
  message: z.string(),
  code: z.string().optional(),
  stack: z.string().optional(),
});
type ErrorOver = z.infer<typeof ErrorOver>;
export function packError(e: unknown): ErrorOver {
  const { name, message, code, stack } = e as { [K in keyof ErrorOver]?: unknown };
  const text = (x: unknown) => (typeof x === "string" ? x : undefined);
  const optional = {
    ...(text(code) ? { code: text(code) } : {}),
    ...(text(stack) ? { stack: text(stack) } : {}),
  };
  return { name: text(name) ?? "Error", message: text(message) ?? String(e), ...optional };
}
export function unpackError(e: ErrorOver): Error {
  if (e.name === "TillerError") return new TillerError(e.code ?? "failed", e.message);
  const error = new Error(e.message);
  error.name = e.name;
  if (e.stack) error.stack = e.stack;
  return Object.assign(error, e.code ? { code: e.code } : {});
}

/** Arguments of a call, one an object: JSON has no word for one that is left out, and makes null of it. */
const Args = z.array(z.strictObject({ value: z.unknown().optional() }));
export const packArgs = (args: readonly unknown[]): z.infer<typeof Args> =>
  args.map((value) => ({ value }));
export const unpackArgs = (args: z.infer<typeof Args>): unknown[] => args.map((a) => a.value);

export const ToChild = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("call"),
    id: z.int(),
    method: z.enum(methods),
    args: Args,
  }),
  z.strictObject({ type: z.literal("answered"), batch: z.string(), done: z.int() }),
  /** a part of what the process wanted; `end` after the last one */
  z.strictObject({ type: z.literal("part"), id: z.int(), part: z.unknown().optional() }),
  z.strictObject({ type: z.literal("end"), id: z.int(), error: ErrorOver.optional() }),
  z.strictObject({ type: z.literal("stop") }),
]);
export type ToChild = z.infer<typeof ToChild>;

export const FromChild = z.discriminatedUnion("type", [
  /** said first: its name among the servers of the database */
  z.strictObject({ type: z.literal("hello"), executor: z.string() }),
  z.strictObject({ type: z.literal("ready"), workflows: z.array(KnownWorkflow) }),
  z.strictObject({ type: z.literal("beat") }),
  z.strictObject({ type: z.literal("result"), id: z.int(), value: z.unknown().optional() }),
  z.strictObject({ type: z.literal("error"), id: z.int(), error: ErrorOver }),
  z.strictObject({
    type: z.literal("event"),
    event: z.custom<LiveEvent>((e) => typeof e === "object"),
  }),
  z.strictObject({ type: z.literal("want"), id: z.int(), what: z.unknown().optional() }),
  z.strictObject({ type: z.literal("unwant"), id: z.int() }),
  /** it wants to be started again: what it lacked is there */
  z.strictObject({ type: z.literal("again") }),
  z.strictObject({ type: z.literal("say"), lines: z.array(z.string()) }),
  /** it cannot start or go on: the server ends with this */
  z.strictObject({ type: z.literal("failed"), error: ErrorOver }),
]);
export type FromChild = z.infer<typeof FromChild>;
