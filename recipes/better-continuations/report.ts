/** What the first experiment found on held-out passages, against the preference that nothing was trained on. */
import { z } from "zod";
import { bestOfN, distinctN, type evaluateJob, klBestOfN, ppoJob, rewardJob } from "@tiller/learn";
import {
  type MetricPoint,
  type NewReport,
  type RaterRow,
  readInterval,
  readNumber,
  wilson,
} from "@tiller/schema";
import { curvesOf } from "../shared.ts";
import { simulatedPreference } from "./preference.ts";

type Items = z.infer<typeof evaluateJob.output>["items"];
type Written = Pick<Items[number]["base"], "text" | "tokens" | "reward" | "kl">;

/** What the workflow returns, and `npm start -- --once --json` prints last. */
export const Outcome = z.strictObject({
  seconds: z.number(),
  rewardAccuracy: z.number(),
  winRate: z.number(),
  kl: z.number().describe("nats per continuation, policy against base"),
  distinct2Ratio: z.number(),
  judgments: z.number(),
  carelessFound: z.array(z.string()).describe("pseudonyms"),
});
export type Outcome = z.infer<typeof Outcome>;

const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / Math.max(1, xs.length);
const point = (mine: number, theirs: number) => (mine > theirs ? 1 : mine === theirs ? 0.5 : 0);
/** As a cell of a table: with its interval where there is one. */
const cell = (value: number | null, low: number | null, high: number | null) =>
  value === null || low === null || high === null ? value : { value, low, high };

/** One row of the table: what some way of writing reaches; ties count half. */
function arm(name: string, written: readonly Written[], against?: readonly number[], kl?: number) {
  const preferences = written.map((w) => simulatedPreference(w.text));
  const won = against && preferences.reduce((n, x, i) => n + point(x, against[i]!), 0);
  const tokens = written.map((w) => w.tokens);
  return {
    name,
    n: written.length,
    win: won === undefined ? null : won / written.length,
    interval: won === undefined ? null : wilson(won, written.length),
    reward: mean(written.map((w) => w.reward)),
    preference: mean(preferences),
    kl: kl ?? mean(written.map((w) => w.kl)),
    length: mean(tokens.map((t) => t.length)),
    distinct1: distinctN(tokens, 1),
    distinct2: distinctN(tokens, 2),
  };
}

/**
 * How often the reward model agrees with the preference: over all pairs of a passage's samples from the base, but for those
 * that the preference calls equal. Passages are the units of the interval, since their pairs share samples.
 */
function rewardAccuracy(items: Items) {
  const judged = items.map((x) => {
    const pairs = x.bestOf
      .flatMap((a, i) => x.bestOf.slice(i + 1).map((b) => [a, b] as const))
      .filter(([a, b]) => simulatedPreference(a.text) !== simulatedPreference(b.text));
    const right = pairs.filter(
      ([a, b]) => simulatedPreference(a.text) > simulatedPreference(b.text) === a.reward > b.reward,
    );
    return { n: pairs.length, right: right.length };
  });
  const n = judged.reduce((sum, j) => sum + j.n, 0);
  const accuracy = judged.reduce((sum, j) => sum + j.right, 0) / Math.max(1, n);
  const spread = judged.reduce((sum, j) => sum + (j.right - accuracy * j.n) ** 2, 0);
  const half = (1.96 * Math.sqrt(spread)) / Math.max(1, n);
  return { n, accuracy, low: Math.max(0, accuracy - half), high: Math.min(1, accuracy + half) };
}

/** Win rate of the best of 1, 2, 4, ... samples by the reward model, with its KL (Stiennon et al. 2020, G.3). */
function bestOfCurve(items: Items, most: number, base: readonly number[]): [number, number][] {
  return [1, 2, 4, 8, 16, 32]
    .filter((n) => n <= most)
    .map((n) => {
      const wins = items.map((x, i) =>
        bestOfN(
          x.bestOf.map((w) => w.reward),
          x.bestOf.map((w) => point(simulatedPreference(w.text), base[i]!)),
          n,
        ),
      );
      return [klBestOfN(n), mean(wins)];
    });
}

/** The outcome in words. The verdict goes by the interval: what may be chance is not called a gain. */
export function learned(o: Outcome, interval: { low: number; high: number } | null): string {
  const wins = `its continuations are the more positive ones in ${readNumber(o.winRate, "fraction")} of held-out passages`;
  const verdict =
    interval && interval.low > 0.5
      ? `The trained model writes more positively than the one it began as: ${wins}, and the interval of ${readInterval(interval, "fraction")} leaves out 50 %.`
      : interval && interval.high < 0.5
        ? `Training made it worse: ${wins}.`
        : `Whether training helped cannot be told: ${wins}, and 50 % lies in the interval. Ask for more comparisons, or train longer.`;
  const found = o.carelessFound.length
    ? `Found careless: ${o.carelessFound.join(", ")}; their answers weighed little.`
    : "No rater was found careless.";
  const poorer =
    o.distinct2Ratio < 0.5
      ? ` Its language has collapsed to ${readNumber(o.distinct2Ratio, "fraction")} of the base's variety: the figure is won by repetition.`
      : "";
  return `${verdict} It has moved ${readNumber(o.kl, "nats")} a continuation from the base.${poorer}

${o.judgments} judgments stand behind it, by simulated raters and whoever took part. The reward model that learned from them is right about ${readNumber(o.rewardAccuracy, "fraction")} of held-out pairs. ${found}

Judged by simulated raters and a list of words: this says whether the method works here, not what people like.`;
}

export function reportOf(
  items: Items,
  o: {
    readonly bestOf: number;
    readonly seconds: number;
    readonly judgments: number;
    readonly careless: readonly string[];
    readonly raters: readonly Omit<RaterRow, "simulated">[];
    readonly curves: {
      readonly reward: readonly MetricPoint[];
      readonly policy: readonly MetricPoint[];
    };
  },
): NewReport & { outcome: Outcome } {
  const preferences = items.map((x) => simulatedPreference(x.base.text));
  const best = (n: number) =>
    items.map((x) => x.bestOf.slice(0, n).reduce((top, w) => (w.reward > top.reward ? w : top)));
  const written = (by: "base" | "policy") => items.map((x) => x[by]);
  const base = arm("base", written("base"));
  const policy = arm("policy", written("policy"), preferences);
  const chosen = arm(`best of ${o.bestOf}`, best(o.bestOf), preferences, klBestOfN(o.bestOf));
  const reward = rewardAccuracy(items);
  const distinct = policy.distinct2 / base.distinct2;

  const outcome: Outcome = {
    seconds: o.seconds,
    rewardAccuracy: reward.accuracy,
    winRate: policy.win ?? 0,
    kl: policy.kl,
    distinct2Ratio: distinct,
    judgments: o.judgments,
    carelessFound: [...o.careless],
  };
  return {
    outcome,
    summary: [
      {
        name: "winRate",
        label: "Wins against the base",
        value: policy.win,
        unit: "fraction",
        low: policy.interval?.low ?? null,
        high: policy.interval?.high ?? null,
        better: "up",
        note: "held-out passages, ties half; a list of words judges, not people",
        help: "How often the trained model's continuation is more positive than the untrained model's, of passages that neither saw. 50 % is no change. The list of words that the simulated raters go by decides it; ties count half.",
      },
      {
        name: "kl",
        label: "KL to the base",
        value: policy.kl,
        unit: "nats",
        note: "a continuation",
        help: "How far the trained model's writing has moved from the untrained model's: the Kullback-Leibler divergence, summed over a continuation, in nats. 0 is no difference. Much won at a small KL is good; at a large one it may be a trick that the score likes.",
      },
      {
        name: "rewardAccuracy",
        label: "Reward model right",
        value: reward.accuracy,
        unit: "fraction",
        low: reward.low,
        high: reward.high,
        better: "up",
        note: `${reward.n} held-out pairs`,
        help: "Of two texts that the raters never saw, how often the reward model prefers the one that the list of words calls more positive. 50 % is guessing.",
      },
      {
        name: "distinct2Ratio",
        label: "Distinct bigrams",
        value: Number.isFinite(distinct) ? distinct : null,
        unit: "fraction",
        note: "of the base's",
        help: "How varied the trained model writes: different pairs of neighbouring words among all, against the untrained model's. Far below 100 % it repeats itself, which often means that it found one trick.",
      },
      {
        name: "judgments",
        label: "Judgments",
        value: o.judgments,
        note: "by simulated raters, and whoever took part",
        help: "Answers to the question which of two continuations is more positive, several to each pair.",
      },
      {
        name: "carelessFound",
        label: "Careless raters found",
        value: o.careless.length,
        note: o.careless.join(", "),
        help: "Raters whose answers agree with the others' no better than chance. Two of the simulated ones choose blindly; who answers few pairs cannot be told from them.",
      },
      { name: "seconds", label: "Time", value: o.seconds, unit: "s", note: "from start to report" },
    ],
    blocks: [
      { kind: "prose", title: "What was learned", text: learned(outcome, policy.interval) },
      {
        kind: "table",
        title: "Held-out passages",
        note: "Wins against the base's continuation of the same passage, ties half. Tone is the hidden preference.",
        columns: [
          { label: "Arm" },
          { label: "Passages" },
          { label: "Wins against base", unit: "fraction", better: "up" },
          { label: "Reward", better: "up" },
          { label: "Tone", better: "up" },
          { label: "KL", unit: "nats" },
          { label: "Tokens" },
          { label: "Distinct-1" },
          { label: "Distinct-2" },
        ],
        rows: [base, policy, chosen].map((a) => [
          a.name,
          a.n,
          cell(a.win, a.interval?.low ?? null, a.interval?.high ?? null),
          a.reward,
          a.preference,
          a.kl,
          a.length,
          a.distinct1,
          a.distinct2,
        ]),
      },
      {
        kind: "curve",
        title: "Win rate against KL",
        x: { label: "KL to the base", unit: "nats" },
        y: { label: "win rate", unit: "fraction" },
        lines: [
          { label: "best of n", points: bestOfCurve(items, o.bestOf, preferences), dots: true },
          {
            label: "PPO",
            points: policy.win === null ? [] : [[policy.kl, policy.win]],
            dots: true,
          },
        ],
      },
      ...curvesOf(ppoJob, o.curves.policy, ["score", "kl", "entropy", "clipFraction"]),
      ...curvesOf(rewardJob, o.curves.reward, ["loss", "validationLoss"]),
      {
        kind: "table",
        title: "Raters",
        columns: [
          { label: "Rater" },
          { label: "Answers" },
          { label: "Reliability here", unit: "fraction", better: "up" },
          { label: "Agreement", unit: "fraction", better: "up" },
          { label: "Flag" },
        ],
        rows: o.raters.map((r) => [
          r.pseudonym,
          r.answers,
          cell(r.reliability, r.reliabilityLow, r.reliabilityHigh),
          r.agreement,
          r.flag,
        ]),
      },
      {
        kind: "samples",
        title: "Side by side",
        note: "Each with its hidden tone score.",
        columns: ["Base", "Policy"],
        rows: items.slice(0, 40).map((x, i) => {
          const score = simulatedPreference(x.policy.text);
          const than = preferences[i]!;
          return {
            prompt: x.prompt,
            texts: [
              { text: x.base.text, score: than },
              { text: x.policy.text, score, better: score === than ? null : score > than },
            ],
          };
        }),
      },
    ],
  };
}
