/** Model calls under way in this process: a cancel breaks off those at or below its node. */
import { Error as Dbos } from "@dbos-inc/dbos-sdk";

export class UnderWay {
  readonly #calls = new Set<{ readonly node: string; readonly abort: AbortController }>();
  readonly #stopping: AbortSignal;
  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
  }
  /** Runs `act` with a signal that a cancel of `node`, or the server's stop, aborts. */
  async run<T>(node: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const call = { node, abort };
    const stop = () => abort.abort(this.#stopping.reason);
    if (this.#stopping.aborted) stop();
    this.#stopping.addEventListener("abort", stop);
    this.#calls.add(call);
    try {
      return await act(abort.signal);
    } finally {
      this.#calls.delete(call);
      this.#stopping.removeEventListener("abort", stop);
    }
  }
  /** `roots`: where the ids of what is cancelled begin. */
  breakOff(roots: readonly string[]): void {
    for (const call of this.#calls)
      if (roots.some((r) => call.node === r || call.node.startsWith(`${r}/`)))
        call.abort.abort(new Dbos.DBOSWorkflowCancelledError(call.node));
  }
}
