/**
 * Whether a reward's margins mean what they say: s(scale margin) is the probability that the better text is the one of the
 * higher reward. Where a model does not say what a unit of its reward is in log-odds, the scale is the one that predicts the
 * pairs best, each half of them by the other's. Expected calibration error over ten bins of confidence (Guo et al. 2017).
 */
import { clopperPearson } from "./statistics.ts";

/** Of probabilities from 1/2 to 1, since either text may be the one of the higher reward. */
const BINS = 10;
export interface RewardCalibration {
  /** expected calibration error: how far confidence is from accuracy, a mean over pairs */
  readonly ece: number;
  /** log-odds a unit of reward */
  readonly scale: number;
  /** whether the model says so itself, or it was found from these pairs */
  readonly from: "the model" | "these pairs";
  /** the scale that would have predicted these pairs best: below `scale`, the model is too sure */
  readonly best: number;
  readonly bins: readonly {
    readonly from: number;
    readonly to: number;
    readonly n: number;
    readonly confidence: number;
    readonly accuracy: number;
    readonly low: number;
    readonly high: number;
  }[];
}
interface Margin {
  /** of the text that people chose over the other */
  readonly margin: number;
  readonly unit: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** The scale of greatest likelihood, 0 to a thousandfold: the slope falls as it grows, so it is found by halving. */
function bestScale(margins: readonly number[]): number {
  const slope = (k: number) => margins.reduce((sum, m) => sum + m * sigmoid(-k * m), 0);
  if (!(slope(0) > 0)) return 0;
  const size = margins.reduce((sum, m) => sum + Math.abs(m), 0) / margins.length;
  let [low, high] = [0, 1000 / size];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (slope(middle) > 0) low = middle;
    else high = middle;
  }
  return low;
}

export function calibrationOf(
  of: readonly Margin[],
  o: { readonly scale?: number | undefined } = {},
): RewardCalibration {
  const best = of.length ? bestScale(of.map((m) => m.margin)) : 0;
  const halves = [0, 1].map((h) =>
    bestScale(of.flatMap((m) => (m.unit % 2 === h ? m.margin : []))),
  );
  const oneUnit = new Set(of.map((m) => m.unit % 2)).size < 2;
  const scaleFor = (m: Margin) => o.scale ?? (oneUnit ? best : halves[1 - (m.unit % 2)]!);
  const bins = Array.from({ length: BINS }, () => ({ n: 0, confidence: 0, right: 0 }));
  for (const m of of) {
    const confidence = sigmoid(scaleFor(m) * Math.abs(m.margin));
    const bin = bins[Math.min(BINS - 1, Math.floor((confidence - 0.5) * 2 * BINS))]!;
    bin.n++;
    bin.confidence += confidence;
    bin.right += m.margin > 0 ? 1 : m.margin === 0 ? 0.5 : 0;
  }
  const gap = bins.reduce((sum, b) => sum + Math.abs(b.confidence - b.right), 0);
  return {
    ece: of.length ? gap / of.length : Number.NaN,
    scale: o.scale ?? best,
    from: o.scale === undefined ? "these pairs" : "the model",
    best,
    bins: bins.flatMap((b, i) =>
      b.n
        ? [
            {
              from: 0.5 + i / (2 * BINS),
              to: 0.5 + (i + 1) / (2 * BINS),
              n: b.n,
              confidence: b.confidence / b.n,
              accuracy: b.right / b.n,
              ...clopperPearson(b.right, b.n),
            },
          ]
        : [],
    ),
  };
}
