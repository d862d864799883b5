/** Sleeps by a clock that somebody sets. */
import { expect, test } from "vitest";
import { restUntil } from "./clock.ts";

const since = async (act: () => Promise<void>) => {
  const began = performance.now();
  await act();
  return performance.now() - began;
};
const HOUR = 3_600_000;

test("a sleep lasts no longer because the clock is set back, and ends at once where it is over", async () => {
  let set = 0;
  const now = () => 1e12 + set + performance.now();
  const slept = await since(() => {
    const rest = restUntil(now() + 200, now);
    set = -HOUR;
    return rest;
  });
  expect(slept).toBeGreaterThan(190);
  expect(slept).toBeLessThan(HOUR / 100);
  expect(await since(() => restUntil(now() - 1, now))).toBeLessThan(1000);
});

test("it ends by its signal", async () => {
  const stop = new AbortController();
  const rest = restUntil(Date.now() + HOUR, Date.now, stop.signal);
  stop.abort();
  await expect(rest).rejects.toMatchObject({ name: "AbortError" });
});
