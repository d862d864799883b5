/** A thread that answers questions one after the other, with a database connection of its own: both of its ends. */
import { parentPort, type Transferable, Worker, workerData } from "node:worker_threads";
import pg from "pg";
import { TillerError } from "@tiller/schema";
import { Db } from "@tiller/store";

type Told =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { code?: string | undefined; message: string } };

/** Asks the thread of this file; it starts with the first question and again after it ended. */
export function askThread<Question extends object>(
  file: URL,
  config: pg.ClientConfig,
  failed: { code: string; what: string },
): <T>(question: Question) => Promise<T> {
  let worker: Worker | undefined;
  let next = 1;
  const waiting = new Map<number, { done: (value: never) => void; failed: (e: Error) => void }>();
  const end = (why: string) => {
    worker = undefined;
    for (const asked of waiting.values())
      asked.failed(new TillerError(failed.code, `${failed.what} (${why}). Try again.`));
    waiting.clear();
  };
  const started = (): Worker => {
    if (worker) return worker;
    const made = new Worker(file, { workerData: { config } });
    made.unref(); // it never keeps the server alive
    made.on("message", (told: Told) => {
      const asked = waiting.get(told.id);
      waiting.delete(told.id);
      if ("value" in told) asked?.done(told.value as never);
      else asked?.failed(new TillerError(told.error.code ?? failed.code, told.error.message));
    });
    made.on("error", (e: Error) => end(e.message));
    made.on("exit", () => worker === made && end("its thread ended"));
    worker = made;
    return made;
  };
  return (question) =>
    new Promise((done, refused) => {
      const id = next++;
      waiting.set(id, { done, failed: refused });
      started().postMessage({ id, question });
    });
}

/** The thread's own end. What is a buffer is handed over, not copied. */
export function answerThread<Question extends object>(
  answer: (question: Question) => Promise<unknown>,
): void {
  let queue = Promise.resolve();
  parentPort!.on("message", (asked: { id: number; question: Question }) => {
    queue = queue.then(async () => {
      const told: Told = await answer(asked.question).then(
        (value) => ({ id: asked.id, value }),
        (e: unknown) => ({
          id: asked.id,
          error: { code: (e as { code?: string }).code, message: (e as Error).message },
        }),
      );
      const given: Transferable[] =
        "value" in told && ownsMemory(told.value) ? [told.value.buffer as ArrayBuffer] : [];
      parentPort!.postMessage(told, given);
    });
  });
}

/** Of a small Buffer the memory is shared with others, and cannot be handed over. */
const ownsMemory = (x: unknown): x is Uint8Array =>
  x instanceof Uint8Array && x.byteLength === x.buffer.byteLength;

/** Uses the thread's database for one question. */
export async function withThreadDb<T>(use: (db: Db) => Promise<T>): Promise<T> {
  const { config } = workerData as { config: pg.ClientConfig };
  const client = new pg.Client(config);
  client.on("error", () => {}); // a lost database shows in the query
  await client.connect();
  try {
    return await use(new Db(client as unknown as pg.Pool));
  } finally {
    await client.end();
  }
}
