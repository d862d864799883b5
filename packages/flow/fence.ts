/**
 * Whose code runs: everything that a workflow does, to its last forgotten promise and timer, carries the workflow's name
 * with it. What would end the process is an error of that workflow alone.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { TillerError } from "@tiller/schema";

/** A workflow as it runs, or what else of a researcher's code does: the loading of a file, an input's check. */
export interface Doer {
  /** the experiment; undefined where it belongs to none */
  readonly experiment: string | undefined;
  /** the workflow's id, or in words what is being done */
  readonly what: string;
  /** ends it with this error; nothing that it still does counts. A workflow puts its own end here, which leaves nothing behind */
  fail: (why: TillerError) => void;
}
const doers = new AsyncLocalStorage<Doer>();
const within = doers.run.bind(doers);
/** Whose code runs now. */
export const doer: () => Doer | undefined = doers.getStore.bind(doers);

/** Runs `act` as this one's doing; rejects with what `fail` was called with, if it was. */
export function doing<T>(
  who: { experiment?: string; what: string },
  act: () => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    within({ experiment: who.experiment, what: who.what, fail: reject }, () => {
      act().then(resolve, reject);
    });
  });
}

export const refuseEnding = (call: string): never => {
  throw new TillerError(
    "ends_process",
    `${doer()?.what} called ${call}, which would end the server for everybody. Return or throw instead.`,
  );
};
