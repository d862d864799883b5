/** Which model of comparisons predicts judgments that it has not seen: majority, Bradley-Terry, or with people in it. */
import { rng } from "@tiller/schema";
import { bradleyTerry, type BradleyTerryOptions, type Compared } from "./bradley-terry.ts";

type Predict = (c: Omit<Compared, "choice">) => { a: number; b: number; tie: number };
export const pairModels: Record<
  string,
  { title: string; fit: (rows: readonly Compared[]) => { predict: Predict; converged: boolean } }
> = {
  majority: {
    title: "Majority of the pair's other judgments",
    fit: (rows) => ({ predict: votesOfPair(rows), converged: true }),
  },
  "bradley-terry": { title: "Bradley-Terry", fit: fitted({ raters: false }) },
  noisy: { title: "Noisy Bradley-Terry", fit: fitted({ raters: true }) },
  full: {
    title: "Noisy Bradley-Terry, side and length",
    fit: fitted({ raters: true, side: true, length: true }),
  },
};

function fitted(o: BradleyTerryOptions) {
  return (rows: readonly Compared[]) => bradleyTerry(rows, o);
}

/** Votes on the same pair, with one vote's worth of everyone's shares added. */
function votesOfPair(rows: readonly Compared[]): Predict {
  const decided = rows.filter((r) => r.choice !== "tie").length;
  const prior = { side: decided / rows.length / 2, tie: 1 - decided / rows.length };
  const votes = new Map<string, { first: number; second: number; tie: number }>();
  const key = (c: { a: string; b: string }) => [c.a, c.b].toSorted().join("\n");
  for (const r of rows) {
    const v = votes.get(key(r)) ?? { first: 0, second: 0, tie: 0 };
    votes.set(key(r), v);
    if (r.choice === "tie") v.tie++;
    else if ((r.choice === "a") === r.a < r.b) v.first++;
    else v.second++;
  }
  return (c) => {
    const v = votes.get(key(c)) ?? { first: 0, second: 0, tie: 0 };
    const n = v.first + v.second + v.tie + 1;
    const [first, second] = [(v.first + prior.side) / n, (v.second + prior.side) / n];
    const [a, b] = c.a < c.b ? [first, second] : [second, first];
    return { a, b, tie: (v.tie + prior.tie) / n };
  };
}

export interface PairModelScore {
  readonly name: string;
  readonly title: string;
  /** mean of -log p(judgment) over judgments held out, nats */
  readonly loss: number;
  /** this loss less the first model's, and its 95 % interval; pairs are the units */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** fraction of decided judgments whose side was predicted */
  readonly right: number;
  /** whether every fit came to its maximum */
  readonly converged: boolean;
}

/** Judgments in an order of their own, so that neither folds nor sums depend on how a file is sorted. */
const inOrder = (rows: readonly Compared[]): Compared[] =>
  rows
    .map(
      (r) =>
        [
          JSON.stringify([r.a, r.b, r.rater, r.choice, r.swap ?? null, r.longer ?? null]),
          r,
        ] as const,
    )
    .toSorted(([x], [y]) => (x < y ? -1 : Number(x > y)))
    .map(([, r]) => r);

/** Every judgment is held out once; `names` says which models, the first being the one to beat. */
export function comparePairModels(
  given: readonly Compared[],
  o: { names?: readonly string[]; folds?: number; seed?: number } = {},
): PairModelScore[] {
  const rows = inOrder(given);
  const { names = Object.keys(pairModels), folds = 5, seed = 1 } = o;
  const random = rng(seed, "pair folds");
  const fold = rows.map(() => Math.floor(random.next() * folds));
  const losses = names.map((name) => {
    const loss = new Float64Array(rows.length);
    let [right, decided, converged] = [0, 0, true];
    for (let f = 0; f < folds; f++) {
      const kept = rows.filter((_, i) => fold[i] !== f);
      if (!kept.length || kept.length === rows.length) continue; // nothing to learn from, or to predict
      const { predict, converged: there } = pairModels[name]!.fit(kept);
      converged &&= there;
      rows.forEach((r, i) => {
        if (fold[i] !== f) return;
        const p = predict(r);
        loss[i] = -Math.log(Math.max(1e-6, p[r.choice]));
        if (r.choice === "tie") return;
        decided++;
        right += p.a === p.b ? 0.5 : p.b > p.a === (r.choice === "b") ? 1 : 0;
      });
    }
    return { name, loss, converged, right: right / Math.max(1, decided) };
  });
  const mean = (xs: Float64Array) => xs.reduce((a, b) => a + b, 0) / xs.length;
  const pairOf = rows.map((r) => [r.a, r.b].toSorted().join("\n"));
  return losses.map(({ name, loss, right, converged }) => {
    const difference = mean(loss) - mean(losses[0]!.loss);
    const byPair = new Map<string, number>();
    pairOf.forEach((pair, i) =>
      byPair.set(pair, (byPair.get(pair) ?? 0) + loss[i] - losses[0]!.loss[i] - difference),
    );
    const spread = [...byPair.values()].reduce((a, d) => a + d * d, 0);
    const half = (1.96 * Math.sqrt(spread)) / rows.length;
    return {
      name,
      title: pairModels[name]!.title,
      loss: mean(loss),
      difference,
      low: difference - half,
      high: difference + half,
      right,
      converged,
    };
  });
}
