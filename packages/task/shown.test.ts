import fc from "fast-check";
import { expect, test } from "vitest";
import { Shown, type View } from "@tiller/schema";
import { outputOf } from "./answer.ts";
import { drawShown, orderIn, swapIn } from "./shown.ts";

const pair = (name: string) =>
  ({ kind: "pair", name, label: name, a: "a", b: "b", tie: true }) as const;
const ranking = { kind: "ranking", name: "order", label: "Order", items: "items" } as const;
const draw = (ask: View["ask"], o: { lease: string; n?: number; swap?: boolean }) =>
  drawShown({
    lease: o.lease,
    view: { show: [], ask },
    input: { items: Array.from({ length: o.n ?? 0 }, (_, i) => `${i}`) },
    swap: o.swap ?? false,
  });
const leases = (n: number) => Array.from({ length: n }, (_, i) => `lease-${i}`);

test("one pair and no list: its lease's swap says it all", () => {
  expect(draw([pair("choice")], { lease: "l" })).toBeUndefined();
  expect(draw([{ kind: "choice", name: "c", label: "c", options: [] }], { lease: "l" })).toBe(
    undefined,
  );
  expect(swapIn(undefined, "choice", true)).toBe(true);
  expect(orderIn(null, "order", { n: 3, swap: false })).toEqual([0, 1, 2]);
  expect(orderIn(null, "order", { n: 3, swap: true })).toEqual([2, 1, 0]);
});

test("three pairs: the first goes by swap, all eight arrangements come equally often", () => {
  const ask = [pair("first"), pair("second"), pair("third")];
  const seen = new Map<string, number>();
  for (const lease of leases(4000)) {
    const swap = Number(lease.slice(6)) % 2 === 0;
    const shown = Shown.parse(draw(ask, { lease, swap }));
    expect(swapIn(shown, "first", !swap)).toBe(swap);
    const key = ask.map((f) => shown[f.name]![0]).join("");
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  expect(seen.size).toBe(8);
  // chi-square with 7 degrees of freedom stays under its 99.9 % point
  const chi = [...seen.values()].reduce((sum, n) => sum + (n - 500) ** 2 / 500, 0);
  expect(chi).toBeLessThan(24.3);
});

test.each([
  [2, 2],
  [3, 6],
  [4, 24],
  [5, 120],
  [6, 720],
])("a list of %i: each of %i orders is reached", (n, orders) => {
  const seen = new Set(
    leases(orders * 12).map((lease) => String(draw([ranking], { lease, n })!["order"])),
  );
  expect(seen.size).toBe(orders);
});

test("lists of 7 to 9: every item comes to every place equally often", () => {
  for (const n of [7, 8, 9]) {
    const at = Array.from({ length: n }, () => new Float64Array(n));
    for (const lease of leases(3000))
      draw([ranking], { lease, n })!["order"]!.forEach(
        (item, place) => at[place]![Number(item)]!++,
      );
    const mean = 3000 / n;
    const chi = at.flatMap((row) => [...row]).reduce((s, x) => s + (x - mean) ** 2 / mean, 0);
    expect(chi).toBeLessThan((n - 1) ** 2 + 5 * Math.sqrt(2 * (n - 1) ** 2));
  }
});

test("whatever order is shown, what is pressed maps back to the same answer in terms of the input", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 9 }).chain((n) =>
        fc.record({
          best: fc.shuffledSubarray(
            Array.from({ length: n }, (_, i) => i),
            { minLength: n },
          ),
          lease: fc.uuid(),
        }),
      ),
      ({ best, lease }) => {
        const shown = draw([ranking], { lease, n: best.length });
        const order = orderIn(shown, "order", { n: best.length, swap: false });
        expect(order.toSorted((a, b) => a - b)).toEqual(best.map((_, i) => i));
        const presses = best.map((item) => order.indexOf(item)); // the keys of who ranks by `best`
        const stored = presses.map((place) => order[place]!);
        expect(stored).toEqual(best);
        expect(outputOf({ show: [], ask: [ranking] }).parse({ order: stored })).toBeTruthy();
        expect(draw([ranking], { lease, n: best.length })).toEqual(shown); // the lease alone says it
      },
    ),
  );
});
