/**
 * Raters held out beside the pairs: dealt into as many parts as there are folds, or as raters where those are fewer. A reward of
 * fold f learns from the fold's training pairs without the votes of one part, and is held to the fold's tested pairs by those votes
 * alone. What it is right about then is new people on new texts.
 */
import { rng } from "@tiller/schema";
import type { Folds } from "./comparison-folds.ts";
import { byPeople, type RatedPair } from "./comparisons.ts";

interface HeldOutRaters {
  readonly raters: number;
  /** of fold f: which pairs are learned from, with the votes that are left of them */
  readonly train: (f: number) => { readonly rows: number[]; readonly pairs: RatedPair[] };
  /** every pair with the votes that its fold's reward is held to: none where the fold does not test it, or nobody of that part judged it */
  readonly held: readonly RatedPair[];
}

/** Undefined where fewer than two raters are named. */
export function heldOutRaters(
  pairs: readonly RatedPair[],
  folds: Folds,
  o: { readonly seed: number },
): HeldOutRaters | undefined {
  const names = new Set(pairs.flatMap((p) => byPeople(p).flatMap((v) => v.rater ?? [])));
  if (names.size < 2) return undefined;
  const parts = Math.min(folds.count, names.size);
  const part = new Map(
    rng(o.seed, "held-out raters")
      .shuffle([...names].toSorted())
      .map((name, i) => [name, i % parts]),
  );
  const partOf = (rater: string | undefined) => (rater === undefined ? undefined : part.get(rater));
  const foldOf = new Map<number, number>();
  for (let f = 0; f < folds.count; f++) for (const i of folds.test(f)) foldOf.set(i, f);
  return {
    raters: names.size,
    train(f) {
      const left = folds.train(f).flatMap((i) => {
        const votes = pairs[i]!.votes.filter((v) => partOf(v.rater) !== f % parts);
        return votes.length ? [{ i, pair: { ...pairs[i]!, votes } }] : [];
      });
      return { rows: left.map((x) => x.i), pairs: left.map((x) => x.pair) };
    },
    held: pairs.map((p, i) => {
      const f = foldOf.get(i);
      const votes = byPeople(p).filter((v) => f !== undefined && partOf(v.rater) === f % parts);
      return { ...p, votes };
    }),
  };
}
