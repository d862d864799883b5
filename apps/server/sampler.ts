/**
 * Generation in a child process that keeps loaded models. Requests for the same checkpoint and settings that wait
 * together run as one batch; tokens are streamed back as they come.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { TillerError } from "@tiller/schema";

export const GenerateRequest = z.strictObject({
  path: z.string(),
  /** a text to go on from, or messages for the chat template */
  prompt: z.union([
    z.string(),
    z.array(z.strictObject({ role: z.string(), content: z.string() })).min(1),
  ]),
  maxTokens: z.int(),
  temperature: z.number(),
  topP: z.number(),
  seed: z.int(),
  stop: z.array(z.string()),
});
export type GenerateRequest = z.infer<typeof GenerateRequest>;

export const Part = z.strictObject({
  request: z.int(),
  text: z.string(),
  /** of each token behind `text` */
  logprobs: z.array(z.number()).optional(),
  promptTokens: z.int().optional(),
  finish: z.enum(["stop", "length"]).optional(),
  error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
});
export type Part = z.infer<typeof Part>;

export class SamplerPool {
  #child: ChildProcess | undefined;
  #requests = 0;
  readonly #listeners = new Map<number, (p: Part) => void>();

  #start(): ChildProcess {
    if (this.#child?.connected) return this.#child;
    const child = fork(fileURLToPath(new URL("./sampler-child.ts", import.meta.url)), [], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child.on("message", (raw) => {
      const part = Part.parse(raw);
      this.#listeners.get(part.request)?.(part);
    });
    child.on("close", () => {
      for (const [request, listener] of this.#listeners)
        listener({
          request,
          text: "",
          error: {
            code: "sampler_crashed",
            message: "the sampler process ended; send the request again.",
          },
        });
    });
    this.#child = child;
    return child;
  }

  /** Ends early where `signal` aborts; ask the signal whether it did. */
  async *generate(r: GenerateRequest, signal: AbortSignal): AsyncGenerator<Part> {
    const request = ++this.#requests;
    const queue: Part[] = [];
    let wake = () => {};
    this.#listeners.set(request, (p) => {
      queue.push(p);
      wake();
    });
    const child = this.#start();
    const cancel = () => {
      if (child.connected) child.send({ cancel: request });
      wake();
    };
    signal.addEventListener("abort", cancel, { once: true });
    try {
      child.send({ request, ...r });
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
      cancel();
      signal.removeEventListener("abort", cancel);
      this.#listeners.delete(request);
    }
  }

  [Symbol.dispose](): void {
    this.#child?.kill();
  }
}
