/** The bucket over random arrivals on a clock of its own: never more than its rate, and never idle while it may go on. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs, retryAfterMs } from "./errors.ts";
import { Bucket, Limiter } from "./limiter.ts";

test("in no minute more than the rate and one bucket full, and each wait is the shortest", () => {
  const sizes = fc.array(fc.record({ n: fc.integer({ min: 1, max: 40 }), gap: fc.nat(3000) }), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.integer({ min: 6, max: 6000 }), sizes, (perMinute, asked) => {
      const bucket = new Bucket(perMinute, 0);
      const full = Math.max(1, perMinute / 6);
      const taken: { at: number; n: number }[] = [];
      let now = 0;
      for (const { n: wanted, gap } of asked) {
        const n = Math.min(wanted, full);
        now += gap;
        const wait = bucket.wait(n, now);
        if (wait > 1) expect(bucket.wait(n, now + wait - 2)).toBeGreaterThan(0);
        now += wait;
        expect(bucket.wait(n, now)).toBe(0);
        bucket.take(n, now);
        taken.push({ at: now, n });
      }
      for (const { at } of taken) {
        const inMinute = taken.filter((t) => t.at >= at && t.at < at + 60_000);
        const sum = inMinute.reduce((s, t) => s + t.n, 0);
        expect(sum).toBeLessThanOrEqual(perMinute + full + 1e-6);
      }
    }),
  );
});

test("what a reply really used is put right: too much is owed, too little given back", () => {
  const bucket = new Bucket(600, 0); // 100 at once, 10 a second
  bucket.take(100, 0);
  bucket.take(50, 0); // the reply was longer than reserved
  expect(bucket.wait(10, 0)).toBe(6000);
  bucket.take(-50, 0);
  expect(bucket.wait(10, 0)).toBe(1000);
  expect(new Bucket(600, 0).wait(5000, 0)).toBe(0); // larger than the bucket: at a full one
});

test("a 429 halves the places and pauses; good replies bring them back one by one", async () => {
  let now = 0;
  const limiter = new Limiter({ concurrency: 4, now: () => now });
  const signal = new AbortController().signal;
  limiter.slowDown(0);
  expect(limiter.state().places).toBe(2);
  const places: number[] = [];
  for (let i = 0; i < 6; i++) {
    const place = await limiter.acquire({ tokens: 1, signal, again: false });
    place.done(1);
    place.done(1); // once is enough
    places.push(limiter.state().places);
  }
  expect(places).toEqual([2, 3, 3, 3, 4, 4]);
  for (let i = 0; i < 5; i++) limiter.slowDown(1000);
  expect(limiter.state()).toMatchObject({ places: 1, pausedMs: 1000, running: 0 });
  now = 400;
  expect(limiter.state().pausedMs).toBe(600);
});

test("requests and tokens a minute hold calls back in their order; an abort lets the next ones up", async () => {
  let now = 0;
  const limiter = new Limiter({ concurrency: 100, requestsPerMinute: 60, now: () => now });
  const abort = new AbortController();
  const acquire = (signal = new AbortController().signal) =>
    limiter.acquire({ tokens: 1, signal, again: false });
  const first = Array.from({ length: 10 }, () => acquire());
  await Promise.all(first); // ten seconds' worth at once
  const left = acquire(abort.signal);
  const next = acquire();
  expect(limiter.state()).toMatchObject({ running: 10, waiting: 2 });
  abort.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  expect(limiter.state()).toMatchObject({ running: 10, waiting: 1 });
  now = 1000; // the next one falls due
  const last = acquire();
  await next;
  expect(limiter.state()).toMatchObject({ running: 11, waiting: 1 });
  now = 2000;
  (await first[0]).done(1);
  await last;

  const tokens = new Limiter({ concurrency: 9, tokensPerMinute: 600, now: () => now });
  const signal = new AbortController().signal;
  const big = await tokens.acquire({ tokens: 100, signal, again: false });
  const small = tokens.acquire({ tokens: 10, signal, again: false });
  expect(tokens.state()).toMatchObject({ running: 1, waiting: 1 });
  big.done(40); // it used less: the rest comes back at once
  await small;
});

test("Retry-After in its forms; the back-off grows, jittered, and is never below it", () => {
  const at = Date.parse("Tue, 24 Nov 2026 12:00:00 GMT");
  const after = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), at);
  expect(after({ "retry-after": "2" })).toBe(2000);
  expect(after({ "retry-after": "Tue, 24 Nov 2026 12:00:07 GMT" })).toBe(7000);
  expect(after({ "retry-after": "Tue, 24 Nov 2026 11:00:00 GMT" })).toBe(0);
  expect(after({ "retry-after-ms": "30", "retry-after": "9" })).toBe(30);
  expect(after({ "retry-after": "soon" })).toBeUndefined();
  expect(after({})).toBeUndefined();
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.option(fc.nat(1e6), { nil: undefined }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (attempt, asked, random) => {
        const ms = backoffMs(attempt, asked, random);
        expect(ms).toBeGreaterThanOrEqual(asked ?? 0);
        expect(ms).toBeLessThanOrEqual(Math.max(asked ?? 0, 30_000));
      },
    ),
  );
});
