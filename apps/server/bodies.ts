/**
 * Bodies of requests: a bound in bytes for every route, counted as they come and never gathered, and a bound in time.
 * Files may take as long as their bytes flow; everything else has two minutes.
 */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { operations, TillerError } from "@tiller/schema";
import { type Env, routeOf } from "./context.ts";
import { say } from "./problems.ts";

/** Whether a route takes a file as its body, not JSON. */
const streamed = new Set(
  Object.values(operations).flatMap((o) => ("bodyAs" in o ? [`${o.method} ${o.path}`] : [])),
);
export const takesFile = (method: string, path: string): boolean =>
  streamed.has(`${method} ${path}`);

const MB = 2 ** 20;
/** Bytes, by what the path begins with. */
const sizes: readonly (readonly [string, number])[] = [
  ["/api/data/import", 4096 * MB],
  ["/api/projects/files", 4096 * MB],
  ["/api/studio/traces", 512 * MB], // an exported experiment comes back
  ["/api/trees", 64 * MB], // a book comes with it
  ["/", 2 * MB],
];
export const sizeOf = (path: string): number => sizes.find(([start]) => path.startsWith(start))![1];

export interface Pace {
  /** until the whole is there */
  readonly wholeMs: number;
  /** without a byte */
  readonly idleMs: number;
  /** bytes a second on average, after the first minute */
  readonly slowest: number;
}
const JSON_PACE: Pace = { wholeMs: 120_000, idleMs: 60_000, slowest: 0 };
const FILE_PACE: Pace = { wholeMs: 24 * 3600_000, idleMs: 60_000, slowest: 64 };
const GRACE_MS = 60_000;

const tooLarge = (most: number) => `The request is larger than ${most / MB} MB. Send it in parts.`;

const slow = (what: string) =>
  new TillerError(
    "too_slow",
    `The request's body ${what}. Send it again over a better connection.`,
  );
async function within<T>(ms: number, act: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => refuse(slow(what)), ms);
  });
  return Promise.race([act, late]).finally(() => clearTimeout(timer));
}
/** A small body as a whole, in time. */
export const wholeBody = (c: Context): Promise<ArrayBuffer> =>
  within(JSON_PACE.wholeMs, c.req.arrayBuffer(), `took longer than ${JSON_PACE.wholeMs / 1000} s`);

/** The same bytes, one piece at a time as they are wanted; an error once there are too many or they are too slow. */
export function bounded(
  body: ReadableStream<Uint8Array>,
  most: number,
  pace: Pace,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const began = performance.now();
  let size = 0;
  const next = () => {
    const left = Math.max(0, pace.wholeMs - (performance.now() - began));
    return left < pace.idleMs
      ? within(left, reader.read(), `took longer than ${pace.wholeMs / 1000} s`)
      : within(pace.idleMs, reader.read(), `stopped coming for ${pace.idleMs / 1000} s`);
  };
  return new ReadableStream<Uint8Array>(
    {
      pull: async (out) => {
        try {
          const { done, value } = await next();
          if (done) return out.close();
          size += value.byteLength;
          const seconds = (performance.now() - began) / 1000;
          if (size > most) throw new TillerError("too_large", tooLarge(most));
          if (seconds * 1000 > GRACE_MS && size < pace.slowest * seconds)
            throw slow(`comes at fewer than ${pace.slowest} bytes a second`);
          out.enqueue(value);
        } catch (e) {
          out.error(e);
          void reader.cancel(e).catch(() => {});
        }
      },
      cancel: (why) => reader.cancel(why),
    },
    { highWaterMark: 0 },
  );
}

export const boundedBody = createMiddleware<Env>(async (c, next) => {
  const { body } = c.req.raw;
  if (!body) return next();
  const most = sizeOf(c.req.path);
  if (Number(c.req.header("content-length") ?? 0) > most)
    return say(c, 413, "too_large", tooLarge(most));
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (encoding !== "identity")
    return say(
      c,
      415,
      "encoded",
      `The body is encoded as ${encoding.slice(0, 40)}, which is not read here. Send it as it is; a .gz file may be sent as a file.`,
    );
  const { method, path } = routeOf(c);
  const file = takesFile(method, path);
  // Node itself counts what a length was said for
  if (!file && c.req.header("content-length")) return next();
  const init: RequestInit & { duplex: "half" } = {
    body: bounded(body, most, file ? FILE_PACE : JSON_PACE),
    duplex: "half",
  };
  c.req.raw = new Request(c.req.raw, init);
  await next();
});
