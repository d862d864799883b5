/**
 * Which pairs to have judged next: those that an ensemble of rewards disagrees about (query by committee, Seung et al. 1992;
 * of its forms, the variance of the margin as in Gleave and Irving 2022), or those whose margin is nearest to 0.
 */
import { type Features, type Judged, rewardEnsemble } from "./feature-reward.ts";

export const choices = ["random", "disagreement", "margin"] as const;
export type Choice = (typeof choices)[number];
/** Rewards in the ensemble. */
const MEMBERS = 5;

/** The most wanted of the pairs, at most `most` of them, by rewards that learned from what is judged already. */
export function wantedPairs<P extends Pick<Judged, "a" | "b">>(
  x: Features,
  judged: readonly Judged[],
  open: readonly P[],
  o: { readonly by: Exclude<Choice, "random">; readonly most: number; readonly seed: number },
): P[] {
  const each = rewardEnsemble(x, judged, { members: MEMBERS, seed: o.seed });
  const wanted = open.map((pair) => {
    const margins = each.map((r) => r[pair.b]! - r[pair.a]!);
    const mean = margins.reduce((s, m) => s + m, 0) / MEMBERS;
    const variance = margins.reduce((s, m) => s + (m - mean) ** 2, 0) / MEMBERS;
    return { pair, by: o.by === "disagreement" ? variance : -Math.abs(mean) };
  });
  return wanted
    .toSorted((p, q) => q.by - p.by)
    .slice(0, o.most)
    .map((w) => w.pair);
}
