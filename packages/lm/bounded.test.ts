/** Work that never ends is ended by the processor time it took; time the thread did not have does not count. */
import { TillerError } from "@tiller/schema";
import { expect, test } from "vitest";
import { bounded } from "./bounded.ts";

const late = () => new TillerError("late", "it takes too long. Mend it.");
/** Waits without computing, as a thread does while others have the processor. */
const waits = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test("work that has to wait for the processor is begun again with more time, and ends", () => {
  let begun = 0;
  const value = bounded(
    40,
    () => {
      begun++;
      waits(300);
      return 7;
    },
    late,
  );
  expect(value).toBe(7);
  expect(begun).toBeGreaterThan(1);
});

test.each([
  [
    "a loop",
    () => {
      for (;;);
    },
  ],
  ["a pattern", () => /^(a+)+$/.test(`${"a".repeat(60)}!`)],
] as const)("%s without an end is ended", (_, work) => {
  expect(() => bounded(50, work, late)).toThrow("it takes too long");
});

test("a wait without an end is ended too, and other errors pass", () => {
  expect(() => bounded(2, () => waits(Infinity), late)).toThrow("it takes too long");
  const broken = () => {
    throw new RangeError("other");
  };
  expect(() => bounded(50, broken, late)).toThrow(RangeError);
  expect(bounded(50, () => 3, late)).toBe(3);
});
