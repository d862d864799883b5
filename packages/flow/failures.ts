/** Errors on their way through the record: DBOS's own signals pass untouched, ours come back as what they were. */
import { Error as Dbos } from "@dbos-inc/dbos-sdk";
import { type NodeError, TillerError } from "@tiller/schema";

/** A model is asked for where none are set up. */
export const noModels = (model: string) =>
  new TillerError(
    "no_models",
    `no models are set up, so ${model} cannot be called. Name it in models.json.`,
  );

/** DBOS stops or parks this execution: no outcome of the workflow's own. */
export const isControl = (e: unknown): boolean =>
  e instanceof Dbos.DBOSWorkflowCancelledError || e instanceof Dbos.DBOSWorkflowConflictError;

/** Out of the record an error is a plain one with the old name: what was ours is ours again. */
export function revive(e: unknown): Error {
  if (e instanceof TillerError) return e;
  if (e instanceof Dbos.DBOSAwaitedWorkflowCancelledError)
    return new TillerError("cancelled", "it was cancelled. Start it again if need be.", {
      cause: e,
    });
  const { name, code, message } = e as { name?: unknown; code?: unknown; message?: unknown };
  if (name === "TillerError" && typeof code === "string")
    return new TillerError(code, String(message), { cause: e });
  return e instanceof Error ? e : new Error(String(message ?? e));
}

export function nodeError(e: unknown): NodeError {
  const error = revive(e);
  if (error instanceof TillerError) return { code: error.code, message: error.message };
  if (error instanceof Dbos.DBOSUnexpectedStepError)
    return {
      code: "changed_workflow",
      message: `${error.message} The workflow's code changed while this run was under way: give the changed one a new version beside the old.`,
    };
  return { code: error.name === "ZodError" ? "bad_value" : "failed", message: error.message };
}
