/**
 * Who can be relied on, also where people never judge the same pair: the reward is one more voice. Each person has a coin, the
 * probability of naming the better side; which side that is, is hidden, and as likely as the reward and everybody's votes make it
 * (Raykar et al. 2010, section 2, with Bradley-Terry in place of their classifier and one coin a person, the prior of one-coin.ts).
 * The reward that speaks of a pair must be one that did not learn from it: it would agree with whatever it was taught.
 */
import { byPeople, type RatedPair } from "./comparisons.ts";
import { PRIOR } from "./one-coin.ts";

interface RaterEffects {
  /** probability that b is better; undefined where no named person chose a side */
  readonly pB: readonly (number | undefined)[];
  /** of naming the better side, by person */
  readonly reliability: ReadonlyMap<string, number>;
}
const LOOKS = 50;

/** `margins`: rewards of b less those of a, in log-odds; NaN where no reward speaks, which is none for either side. */
export function raterEffects(
  pairs: readonly RatedPair[],
  margins: readonly number[],
): RaterEffects {
  const votes = pairs.map((p) =>
    byPeople(p).flatMap(({ rater, choice }) =>
      rater === undefined || choice === "tie" ? [] : [{ rater, b: choice === "b" }],
    ),
  );
  const said = Map.groupBy(
    votes.flatMap((of, i) => of.map((v) => ({ ...v, i }))),
    (v) => v.rater,
  );
  const coins = new Map(
    [...said.keys()].map((r) => [r, PRIOR.right / (PRIOR.right + PRIOR.wrong)]),
  );
  const pB = new Float64Array(pairs.length);
  for (let look = 0; look < LOOKS; look++) {
    votes.forEach((of, i) => {
      let odds = Number.isNaN(margins[i]) ? 0 : margins[i]!;
      for (const { rater, b } of of) {
        const coin = coins.get(rater)!;
        odds += (b ? 1 : -1) * Math.log(coin / (1 - coin));
      }
      pB[i] = 1 / (1 + Math.exp(-odds));
    });
    let change = 0;
    for (const [rater, of] of said) {
      const right = of.reduce((n, { i, b }) => n + (b ? pB[i] : 1 - pB[i]), 0);
      // the mode under the prior
      const coin = (right + PRIOR.right - 1) / (of.length + PRIOR.right + PRIOR.wrong - 2);
      change = Math.max(change, Math.abs(coin - coins.get(rater)!));
      coins.set(rater, coin);
    }
    if (change < 1e-4) break;
  }
  return { pB: votes.map((of, i) => (of.length ? pB[i] : undefined)), reliability: coins };
}
