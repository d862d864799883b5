/** Model calls under way in this process: a cancel breaks off those at or below its node. */
import { Error as Dbos } from "@dbos-inc/dbos-sdk";

export class UnderWay {
  readonly #calls = new Map<string, AbortController>();
  readonly #stopping: AbortSignal;
  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
  }
  /** Runs `act` with a signal that a cancel of `node`, or the server's stop, aborts. */
  async run<T>(node: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const call = new AbortController();
    const stop = () => call.abort(this.#stopping.reason);
    if (this.#stopping.aborted) stop();
    this.#stopping.addEventListener("abort", stop);
    this.#calls.set(node, call);
    try {
      return await act(call.signal);
    } finally {
      this.#calls.delete(node);
      this.#stopping.removeEventListener("abort", stop);
    }
  }
  breakOff(node: string): void {
    for (const [id, call] of this.#calls)
      if (id === node || id.startsWith(`${node}/`))
        call.abort(new Dbos.DBOSWorkflowCancelledError(id));
  }
}
