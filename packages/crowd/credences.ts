/**
 * What judges' credences are worth, each judge's and all together, always beside a coin's, and beside the same credences with
 * their log-odds stretched or shrunk to fit (temperature scaling, Guo et al. 2017): the scale comes from the questions of other
 * folds, so that the gain is one that would have been had. Scores are log2 of the credence in the right answer.
 */
import { rng, TillerError } from "@tiller/schema";
import { bootstrapMean, type Estimate, exactFraction } from "./statistics.ts";

export interface Verdict {
  readonly question: string;
  /** one debate, consultancy or text; several judges may have judged it */
  readonly transcript: string;
  readonly judge: string;
  /** one an answer, summing to 1 */
  readonly credence: readonly number[];
  readonly truth: number;
}
export interface CredenceScore {
  readonly n: number;
  /** a tie is not right */
  readonly accuracy: Estimate;
  readonly ties: number;
  /** a tie is half right, as a coin would have it */
  readonly tiesHalf: number;
  readonly score: number;
  /** what even credences earn */
  readonly coin: number;
  /** by a scale of all judges from other questions, and by the judge's own, drawn to it */
  readonly rescaled: number;
  readonly rescaledByJudge: number;
  /** score less coin, and rescaled less coin, over questions */
  readonly gain: Estimate;
  readonly rescaledGain: Estimate;
  /** what log-odds would best be multiplied by, of all rows: below 1, too sure */
  readonly scale: number;
  readonly brier: number;
  /** expected calibration error: 10 bins of the credence in the likelier answer */
  readonly ece: number;
}
export interface JudgesReport {
  readonly judges: readonly (CredenceScore & { readonly judge: string })[];
  readonly all: CredenceScore;
  /** the mean log-odds of a transcript's judges as one; null where none has two */
  readonly pooled: (CredenceScore & { readonly judgesEach: number }) | null;
  readonly folds: number;
}

const FOLDS = 10;
/** How far a judge's own scale usually is from everybody's; a prior's standard deviation. */
const APART = 0.5;
const TIE = 1e-9;
const LEAST = 1e-6;

/** The credences with all log-odds times `scale`. */
export function rescale(credence: readonly number[], scale: number): number[] {
  const powers = credence.map((p) => Math.max(LEAST, p) ** scale);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
/**
 * The scale of greatest likelihood, from 0 (a coin) to 10; `prior` draws it to another one. The slope falls as it grows, so it
 * is found by halving.
 */
export function bestScale(
  rows: readonly Verdict[],
  prior?: { readonly at: number; readonly sd: number },
): number {
  const logs = rows.map((r) => r.credence.map((p) => Math.log(Math.max(LEAST, p))));
  const slope = (k: number) => {
    let sum = prior ? (prior.at - k) / prior.sd ** 2 : 0;
    for (const [i, r] of rows.entries()) {
      const p = rescale(r.credence, k);
      sum += logs[i]![r.truth]! - logs[i]!.reduce((s, l, a) => s + l * p[a]!, 0);
    }
    return sum;
  };
  if (rows.length === 0) return prior?.at ?? 1;
  let [low, high] = [0, 10];
  if (!(slope(0) > 0)) return 0;
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (slope(middle) > 0) low = middle;
    else high = middle;
  }
  return low;
}

/** Whether the likeliest answer is the right one; undefined for a tie. */
export function isRight(credence: readonly number[], truth: number): boolean | undefined {
  const most = Math.max(...credence);
  if (credence.filter((p) => most - p < TIE).length > 1) return undefined;
  return most - credence[truth]! < TIE;
}

/** A fold for each question, of about one size, whatever the order of the rows. */
function foldsOf(rows: readonly Verdict[], seed: number) {
  const questions = [...new Set(rows.map((r) => r.question))].toSorted();
  const count = Math.min(FOLDS, questions.length);
  const order = rng(seed, "folds of questions").shuffle(questions);
  return { count, of: new Map(order.map((q, i) => [q, i % count])) };
}

interface Row extends Verdict {
  readonly byAll: number;
  readonly byJudge: number;
}
/** Each row with the scales that questions of other folds give. */
function outOfSample(rows: readonly Verdict[], seed: number): { rows: Row[]; folds: number } {
  const { count, of } = foldsOf(rows, seed);
  const scales = Array.from({ length: count }, (_, f) => {
    const train = rows.filter((r) => of.get(r.question) !== f);
    const all = bestScale(train);
    const prior = { at: all, sd: APART };
    const own = new Map(
      [...Map.groupBy(train, (r) => r.judge)].map(([j, mine]) => [j, bestScale(mine, prior)]),
    );
    return { all, own };
  });
  return {
    folds: count,
    rows: rows.map((r) => {
      const { all, own } = scales[of.get(r.question)!]!;
      return { ...r, byAll: all, byJudge: own.get(r.judge) ?? all };
    }),
  };
}

function scoreOf(rows: readonly Row[], clustered: boolean): CredenceScore {
  const mean = (f: (r: Row) => number) => rows.reduce((s, r) => s + f(r), 0) / rows.length;
  const log2 = (r: Row, scale: number) =>
    Math.log2(Math.max(LEAST, rescale(r.credence, scale)[r.truth]!));
  const own = (r: Row) => Math.log2(Math.max(LEAST, r.credence[r.truth]!));
  const coin = (r: Row) => -Math.log2(r.credence.length);
  const right = (r: Row) => Number(isRight(r.credence, r.truth) ?? false);
  const byQuestion = [...Map.groupBy(rows, (r) => r.question).values()];
  const over = (f: (r: Row) => number) =>
    bootstrapMean(
      byQuestion.map((of) => ({ sum: of.reduce((s, r) => s + f(r), 0), n: of.length })),
    );
  const hits = rows.reduce((s, r) => s + right(r), 0);
  const ties = rows.filter((r) => isRight(r.credence, r.truth) === undefined).length;
  return {
    n: rows.length,
    // a judge's own verdicts are few: exact; all of them hang together by question
    accuracy: clustered ? over(right) : exactFraction(hits, rows.length),
    ties,
    tiesHalf: (hits + ties / 2) / rows.length,
    score: mean(own),
    coin: mean(coin),
    rescaled: mean((r) => log2(r, r.byAll)),
    rescaledByJudge: mean((r) => log2(r, r.byJudge)),
    gain: over((r) => own(r) - coin(r)),
    rescaledGain: over((r) => log2(r, r.byAll) - coin(r)),
    scale: bestScale(rows),
    brier: mean((r) => r.credence.reduce((s, p, a) => s + (p - Number(a === r.truth)) ** 2, 0)),
    ece: calibrationError(rows),
  };
}
function calibrationError(rows: readonly Verdict[]): number {
  const bins = new Float64Array(10);
  for (const { credence, truth } of rows) {
    const confidence = Math.max(...credence);
    bins[Math.min(9, Math.floor(confidence * 10 + TIE))]! +=
      confidence - Number(isRight(credence, truth) ?? 0.5);
  }
  return bins.reduce((sum, b) => sum + Math.abs(b), 0) / rows.length;
}

export function judgesReport(
  given: readonly Verdict[],
  o: { readonly seed?: number } = {},
): JudgesReport {
  const { seed = 1 } = o;
  if (given.length === 0)
    throw new TillerError("too_few", "there are no verdicts. Give rooms that a judge has judged.");
  const { rows, folds } = outOfSample(given, seed);
  const byJudge = [...Map.groupBy(rows, (r) => r.judge)].toSorted(
    ([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1),
  );
  const groups = [...Map.groupBy(given, (r) => `${r.question}\n${r.transcript}`).values()];
  const several = groups.filter((g) => g.length > 1);
  return {
    judges: byJudge.map(([judge, of]) => ({ judge, ...scoreOf(of, false) })),
    all: scoreOf(rows, true),
    pooled:
      several.length === 0
        ? null
        : {
            ...scoreOf(outOfSample(several.map(pool), seed).rows, true),
            judgesEach: several.reduce((s, g) => s + g.length, 0) / several.length,
          },
    folds,
  };
}
/** The mean log-odds of several verdicts on one transcript: a logarithmic opinion pool. */
function pool(of: readonly Verdict[]): Verdict {
  const first = of[0]!;
  if (of.some((r) => r.credence.length !== first.credence.length || r.truth !== first.truth))
    throw new TillerError(
      "bad_verdicts",
      `verdicts on ${first.transcript} (${first.question}) differ in how many answers there are, or in which is right. A transcript has one truth.`,
    );
  const logs = first.credence.map(
    (_, a) => of.reduce((s, r) => s + Math.log(Math.max(LEAST, r.credence[a]!)), 0) / of.length,
  );
  const most = Math.max(...logs);
  const powers = logs.map((l) => Math.exp(l - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return { ...first, judge: "all", credence: powers.map((p) => p / sum) };
}
