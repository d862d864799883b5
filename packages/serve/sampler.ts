/**
 * Generation in child processes, one a checkpoint, so that what stops one model stops no other. A process that ends or
 * says nothing is replaced; the requests that were with it are tried once more, one at a time, so that the one that
 * ends processes is found and refused, and the others get their answers. Tokens are streamed back as they come.
 */
import { TillerError } from "@tiller/schema";
import { ModelProcess, type ProcessOptions } from "./sampler-process.ts";
import type { GenerateRequest, Part } from "./sampler-messages.ts";

const MODELS = 4; // kept loaded

export class SamplerPool {
  /** by folder; the last used stands last */
  readonly #held = new Map<string, ModelProcess>();
  readonly #options: ProcessOptions;
  #requests = 0;

  constructor(o: ProcessOptions = {}) {
    this.#options = o;
  }

  /** Process ids by checkpoint folder. */
  get processes(): ReadonlyMap<string, number> {
    return new Map([...this.#held].map(([path, p]) => [path, p.pid]));
  }

  /** The process of that checkpoint. Where there are too many, the one not used for longest ends first. */
  async #admit(path: string, signal: AbortSignal): Promise<ModelProcess> {
    for (;;) {
      signal.throwIfAborted();
      const own = this.#held.get(path);
      if (own && !own.leaving) {
        this.#held.delete(path);
        this.#held.set(path, own);
        return own;
      }
      const others = [...this.#held.values()];
      const full = others.length >= MODELS;
      const oldest = own ?? (full ? (others.find((p) => p.leaving) ?? others[0]) : undefined);
      if (!oldest) {
        const made = new ModelProcess(path, this.#options);
        this.#held.set(path, made);
        void made.gone.then(() => {
          if (this.#held.get(path) === made) this.#held.delete(path);
        });
        return made;
      }
      oldest.leave();
      await Promise.race([oldest.gone, aborted(signal)]);
    }
  }

  /** Ends early where `signal` aborts; ask the signal whether it did. */
  async *generate({ path, ...asked }: GenerateRequest, signal: AbortSignal): AsyncGenerator<Part> {
    if (signal.aborted) return;
    const held = await this.#admit(path, signal).catch((e: unknown) => {
      if (signal.aborted) return undefined;
      throw e;
    });
    if (!held) return;
    const request = ++this.#requests;
    const queue: Part[] = [];
    let wake = () => {};
    const cancel = () => {
      held.cancel(request);
      wake();
    };
    signal.addEventListener("abort", cancel, { once: true });
    try {
      held.add({ ...asked, request }, (part) => {
        queue.push(part);
        wake();
      });
      for (;;) {
        while (!queue.length && !signal.aborted)
          await new Promise<void>((resolve) => (wake = resolve));
        if (signal.aborted) return;
        const part = queue.shift()!;
        if (part.error) throw new TillerError(part.error.code, part.error.message);
        yield part;
        if (part.finish) return;
      }
    } finally {
      held.cancel(request);
      signal.removeEventListener("abort", cancel);
    }
  }

  [Symbol.dispose](): void {
    for (const p of this.#held.values()) p[Symbol.dispose]();
    this.#held.clear();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
