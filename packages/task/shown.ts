/**
 * What stands where when a task is shown. Drawn from the lease's id, each question by itself, and stored with the lease, so
 * that answers are in terms of the input while the record says how it came. A task with one pair and no list needs none:
 * `swap` says it all.
 */
import { own, rng, type Shown, type View } from "@tiller/schema";
import { fieldKinds, kindNamed, kindOfField } from "./kinds/index.ts";

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The kinds of field that have an order, and those of them whose order a lease's swap does not say. */
export const orderedKinds = fieldKinds.filter((k) => kindNamed(k).order);
export const listedKinds = orderedKinds.filter((k) => !kindNamed(k).order!.swapped);

/** The order of everything in a task that has an order; undefined where `swap` says all. The first pair goes by `swap`. */
export function drawShown(l: {
  lease: string;
  view: View;
  input: unknown;
  swap: boolean;
}): Shown | undefined {
  const ordered = l.view.ask.filter((f) => orderedKinds.includes(f.kind));
  const first = ordered.find((f) => !listedKinds.includes(f.kind));
  if (ordered.every((f) => f === first)) return undefined;
  return Object.fromEntries(
    ordered.map((f) => {
      const order = kindOfField(f).order!;
      const random = rng(1, "shown", l.lease, f.name);
      return [f.name, f === first ? order.swapped!(l.swap) : order.draw(f, l.input, random)];
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
