/**
 * The thread that makes token ids of prompts: one prompt at a time, each with a limit of the thread's own processor time,
 * so that a busy machine refuses nothing that an idle one takes.
 */
import { Worker } from "node:worker_threads";
import { TillerError } from "@tiller/schema";

export type Prompt = string | readonly { readonly role: string; readonly content: string }[];
export interface EncoderData {
  readonly path: string;
  readonly tokenizerJson: unknown;
  readonly eos: number;
  /** a longer prompt is refused before it is cut into tokens, where its bytes say so */
  readonly context: number;
}
export interface Encoded {
  readonly ids: number[];
  /** messages for a model that has no chat template: roles in words */
  readonly plain: boolean;
}
type Reply =
  | { readonly ready: true }
  | { readonly encoded: Encoded }
  | { readonly error: { readonly code: string; readonly message: string } };

const ENCODE_MS = 20_000;
const LOAD_MS = 60_000;
const CANCELLED_MS = 500; // what a prompt whose client has gone may still take
const HEAP_MB = 2048;
const CLOCK = 60; // limits by the clock, for a thread that neither computes nor ends

interface Job {
  readonly prompt: Prompt;
  readonly done: (e: Encoded) => void;
  readonly failed: (e: Error) => void;
  readonly key: number;
}

/** What a thread has taken of the processor; one that has ended takes no more. */
const processorMs = (worker: Worker): Promise<number> =>
  worker.cpuUsage().then(
    ({ user, system }) => (user + system) / 1000,
    () => 0,
  );

export class Encoder {
  readonly #data: EncoderData;
  readonly #limitMs: number;
  #worker: Worker | undefined;
  #ready = false;
  #current: Job | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiting: Job[] = [];

  constructor(data: EncoderData, o: { readonly limitMs?: number } = {}) {
    this.#data = data;
    this.#limitMs = o.limitMs ?? ENCODE_MS;
  }

  encode(prompt: Prompt, key: number): Promise<Encoded> {
    return new Promise((done, failed) => {
      this.#waiting.push({ prompt, done, failed, key });
      this.#next();
    });
  }

  /** What is not begun is forgotten; what is under way is given up soon. */
  cancel(key: number): void {
    const at = this.#waiting.findIndex((job) => job.key === key);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (this.#current?.key === key && this.#ready) this.#limit(CANCELLED_MS);
  }

  /** Ends the thread; what waits is never answered. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#worker?.terminate();
  }

  #next(): void {
    if (this.#current || !this.#waiting.length) return;
    this.#current = this.#waiting.shift()!;
    this.#worker ??= this.#start();
    this.#limit(this.#ready ? this.#limitMs : LOAD_MS);
    this.#worker.postMessage(this.#current.prompt);
  }

  #start(): Worker {
    this.#ready = false;
    const worker = new Worker(new URL("./encoder-thread.ts", import.meta.url), {
      workerData: this.#data,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    worker.on("message", (reply: Reply) => {
      if (worker !== this.#worker) return;
      if ("ready" in reply) {
        this.#ready = true;
        if (this.#current) this.#limit(this.#limitMs);
      } else if ("encoded" in reply) this.#end((job) => job.done(reply.encoded));
      else this.#end((job) => job.failed(new TillerError(reply.error.code, reply.error.message)));
    });
    worker.on("error", (e) => {
      if (worker === this.#worker) this.#giveUp(`failed (${e.message})`);
    });
    return worker;
  }

  /** From now on the current prompt may take `ms` of processor time. */
  #limit(ms: number): void {
    clearTimeout(this.#timer);
    const [worker, began] = [this.#worker!, performance.now()];
    const before = processorMs(worker);
    const look = async () => {
      const used = (await processorMs(worker)) - (await before);
      if (timer !== this.#timer) return; // the prompt has ended, or has another limit
      if (used >= ms || performance.now() - began >= CLOCK * ms)
        return this.#giveUp(`did not end within ${ms / 1000} s`);
      timer = this.#timer = setTimeout(() => void look(), Math.max(20, ms - used));
    };
    let timer = (this.#timer = setTimeout(() => void look(), ms));
  }

  /** A new thread for the prompts that wait. */
  #giveUp(how: string): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
    this.#end((job) =>
      job.failed(
        new TillerError(
          "prompt_failed",
          `the model's tokenizer or chat template ${how} on this prompt. Shorten the prompt; if every prompt fails, mend the checkpoint's tokenizer.json or chat template.`,
        ),
      ),
    );
  }

  #end(tell: (job: Job) => void): void {
    clearTimeout(this.#timer);
    const job = this.#current;
    this.#current = undefined;
    if (job) tell(job);
    this.#next();
  }
}
