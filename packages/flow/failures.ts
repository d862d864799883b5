/**
 * Errors on their way through the record. DBOS's own signals pass untouched; every other is written as JSON and made
 * again from it, also the first time, so that what a workflow may ask of an error never depends on a crash.
 */
import { Error as Dbos } from "@dbos-inc/dbos-sdk";
import { ModelError } from "@tiller/model";
import { type NodeError, TillerError } from "@tiller/schema";
import { jsonText } from "@tiller/store";
import { z } from "zod";

/** A model is asked for where none are set up. */
export const noModels = (model: string) =>
  new TillerError(
    "no_models",
    `no models are set up, so ${model} cannot be called. Name it in models.json.`,
  );

/** DBOS stops or parks this execution: no outcome of the workflow's own. */
export const isControl = (e: unknown): boolean =>
  e instanceof Dbos.DBOSWorkflowCancelledError || e instanceof Dbos.DBOSWorkflowConflictError;
/** Of this workflow, and not of one below it or of a call that was cancelled by itself. */
export const stops = (e: unknown, workflow: string): boolean =>
  e instanceof Dbos.DBOSWorkflowConflictError ||
  (e instanceof Dbos.DBOSWorkflowCancelledError && e.workflowID === workflow);

/** An error in the record. `kind`: what it is made again as; of any other kind it is an Error with the old name. */
interface ErrorRecord {
  readonly kind: string;
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly props: Readonly<Record<string, unknown>>;
  readonly cause?: Thrown | undefined;
  /** of an AggregateError */
  readonly errors?: readonly Thrown[] | undefined;
}
/** `value`: thrown, and no error. */
export type Thrown = ErrorRecord | { readonly value?: unknown };
const Thrown: z.ZodType<Thrown> = z.lazy(() =>
  z.union([
    z.strictObject({
      kind: z.string(),
      name: z.string(),
      message: z.string(),
      stack: z.string().optional(),
      props: z.record(z.string(), z.unknown()),
      cause: Thrown.optional(),
      errors: z.array(Thrown).optional(),
    }),
    z.strictObject({ value: z.unknown().optional() }),
  ]),
);

const MESSAGE = 20_000; // characters
const STACK = 4_000;
const PROPERTY = 64_000; // of its JSON
const CAUSES = 8;
const PARTS = 100;
const cut = (text: string, most: number) =>
  (text.length > most ? `${text.slice(0, most)}…` : text).toWellFormed();

/** What JSON makes of a value; undefined where it makes nothing of it, or too much. */
function asJson(value: unknown): unknown {
  try {
    const text = jsonText(value);
    return text.length > PROPERTY ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
const elsewhere = new Set(["name", "message", "stack", "cause", "errors"]);
function propsOf(e: Error): Record<string, unknown> {
  const props = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(e)) {
    if (elsewhere.has(key)) continue;
    try {
      const value = asJson((e as unknown as Record<string, unknown>)[key]);
      if (value !== undefined) props[key] = value;
    } catch {
      // a getter that throws says nothing
    }
  }
  return props;
}

export function recorded(thrown: unknown, depth = 0): Thrown {
  const e = thrown instanceof Error ? unwrapped(thrown) : thrown;
  if (!(e instanceof Error)) return e === undefined ? {} : { value: asJson(e) };
  const kind = Object.entries(kinds).find(([, { is }]) => is(e))?.[0] ?? "Error";
  const own = e.constructor?.name;
  const errors =
    e instanceof AggregateError
      ? e.errors.slice(0, PARTS).map((x) => recorded(x, depth + 1))
      : undefined;
  return {
    kind,
    name: e.name === "Error" && own ? own : String(e.name),
    message: cut(String(e.message), MESSAGE),
    ...(typeof e.stack === "string" ? { stack: cut(e.stack, STACK) } : {}),
    props: e instanceof z.ZodError ? { issues: asJson(e.issues) ?? [] } : propsOf(e),
    ...("cause" in e && depth < CAUSES ? { cause: recorded(e.cause, depth + 1) } : {}),
    ...(errors && depth < CAUSES ? { errors } : {}),
  };
}

const builtIn = (make: new (message: string) => Error) => ({
  is: (e: Error) => e.constructor === make,
  make: (r: ErrorRecord): Error => new make(r.message),
});
type ModelErrorOptions = ConstructorParameters<typeof ModelError>[2];
/** Errors that are made again as what they were. */
const kinds: Record<
  string,
  { readonly is: (e: Error) => boolean; readonly make: (r: ErrorRecord) => Error }
> = {
  ModelError: {
    is: (e) => e instanceof ModelError,
    make: (r) => {
      const { code, ...props } = r.props;
      return new ModelError(String(code), r.message, props as unknown as ModelErrorOptions);
    },
  },
  TillerError: {
    is: (e) => e instanceof TillerError,
    make: (r) => new TillerError(String(r.props["code"]), r.message),
  },
  ZodError: {
    is: (e) => e instanceof z.ZodError,
    make: (r) => new z.ZodRealError(r.props["issues"] as z.core.$ZodIssue[]),
  },
  AggregateError: {
    is: (e) => e instanceof AggregateError,
    make: (r) =>
      new AggregateError(
        (r.errors ?? []).map((x) => revived(x)),
        r.message,
      ),
  },
  DOMException: {
    is: (e) => e instanceof DOMException,
    make: (r) => new DOMException(r.message, r.name),
  },
  TypeError: builtIn(TypeError),
  RangeError: builtIn(RangeError),
  SyntaxError: builtIn(SyntaxError),
  ReferenceError: builtIn(ReferenceError),
  EvalError: builtIn(EvalError),
  URIError: builtIn(URIError),
};

const hidden = (value: unknown) => ({ value, configurable: true, writable: true });
/** What was thrown, out of the record. */
export function revived(r: Thrown): unknown {
  if (!("kind" in r)) return r.value;
  const made = Object.hasOwn(kinds, r.kind) ? kinds[r.kind]! : undefined;
  const e = made ? made.make(r) : new Error(r.message);
  if (e.name !== r.name) Object.defineProperty(e, "name", hidden(r.name));
  Object.defineProperty(e, "stack", hidden(r.stack));
  if (r.cause) Object.defineProperty(e, "cause", hidden(revived(r.cause)));
  if (!(e instanceof z.ZodError) && !(e instanceof DOMException))
    for (const [key, value] of Object.entries(r.props))
      Object.defineProperty(e, key, { ...hidden(value), enumerable: true });
  return e;
}

/** The outcome of a workflow that failed, as DBOS keeps it: the error is in it as the record has it. */
class Failed extends Error {
  readonly thrown: string;
  constructor(e: unknown) {
    const record = recorded(e);
    super("kind" in record ? record.message : cut(String(record.value), MESSAGE));
    this.name = "kind" in record ? record.name : "Thrown";
    this.thrown = JSON.stringify(record);
  }
}
export const failed = (e: unknown): Error => new Failed(e);

/** Of a child, as DBOS gives it: by reference or out of its record. */
function unwrapped(e: Error): unknown {
  if (e instanceof Dbos.DBOSAwaitedWorkflowCancelledError || isControl(e))
    return new TillerError("cancelled", "it was cancelled. Start it again if need be.");
  const { thrown, name, code } = e as { thrown?: unknown; name?: unknown; code?: unknown };
  if (typeof thrown === "string") return revived(Thrown.parse(JSON.parse(thrown)));
  // of an experiment that an earlier version recorded: a plain error with the old name
  if (name === "TillerError" && !(e instanceof TillerError) && typeof code === "string")
    return new TillerError(code, e.message);
  return e;
}

/** An error as what it was. */
export function revive(e: unknown): Error {
  const plain = e instanceof Error && !isControl(e) ? unwrapped(e) : e;
  if (plain instanceof Error) return plain;
  const { message } = (plain ?? {}) as { message?: unknown };
  return new Error(String(message ?? plain));
}

const SHOWN = 2000; // characters of a message in the tree
export function nodeError(e: unknown): NodeError {
  const error = revive(e);
  const message = cut(error.message, SHOWN);
  if (error instanceof TillerError) return { code: error.code, message };
  if (error instanceof Dbos.DBOSUnexpectedStepError)
    return {
      code: "changed_workflow",
      message: `${message} The workflow's code changed while this experiment was under way: give the changed one a new version beside the old.`,
    };
  return { code: error instanceof z.ZodError ? "bad_value" : "failed", message };
}
