/**
 * What stood where when a task was shown, by question: the sides of a pair left to right, the places of a ranked list top
 * to bottom. Drawn from the lease's id, each question by itself, and stored with the lease, so that answers are in terms
 * of the input while the record says how it came. A task with one pair and no list needs none: `swap` says it all.
 */
import { own, rng, type Shown, type View } from "@tiller/schema";
import { listAt } from "./paths.ts";

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The order of everything in a task that has an order; undefined where `swap` says all. The first pair goes by `swap`. */
export function drawShown(l: {
  lease: string;
  view: View;
  input: unknown;
  swap: boolean;
}): Shown | undefined {
  const ordered = l.view.ask.filter((f) => f.kind === "pair" || f.kind === "ranking");
  const first = ordered.find((f) => f.kind === "pair");
  if (ordered.every((f) => f === first)) return undefined;
  return Object.fromEntries(
    ordered.map((f) => {
      const random = rng(1, "shown", l.lease, f.name);
      if (f.kind === "ranking")
        return [f.name, random.shuffle(range(listAt(l.input, f.items).length))];
      const b = f === first ? l.swap : random.next() < 0.5;
      return [f.name, b ? ["b", "a"] : ["a", "b"]];
    }),
  );
}

/** Whether b stood on the left of this pair. */
export const swapIn = (shown: Shown | null | undefined, name: string, swap: boolean): boolean => {
  const drawn = own(shown, name);
  return drawn ? drawn[0] === "b" : swap;
};

/** The places of n items, top to bottom; without a record of them the input's order, or with `swap` the reverse. */
export function orderIn(
  shown: Shown | null | undefined,
  name: string,
  { n, swap }: { n: number; swap: boolean },
): readonly number[] {
  const drawn = own(shown, name) as readonly number[] | undefined;
  if (drawn?.length === n) return drawn;
  return swap ? range(n).toReversed() : range(n);
}
