/**
 * A selector that learns from judgments of extracts by simulated readers, who know which answers stand in what they read and nothing else.
 * `section`: one leaf and two extracts of it. `passage`: two extracts of the whole story after one leaf's worth of it, drawn at random:
 * a direct judgment by somebody without time. `whole`: the same after all of it, so that fewer can be had in the same minutes.
 * The reward is linear in a sentence's features, a word counting once, learned by Bradley and Terry.
 */
import { logisticWeights } from "@tiller/crowd/logistic.ts";
import { type Rng } from "@tiller/schema";
import { centroid, type Levels, type Policy, randomPolicy, take } from "./select.ts";
import type { Story } from "./stories.ts";

export const readings = ["section", "passage", "whole"] as const;
export type Reading = (typeof readings)[number];
export interface Known {
  readonly story: Story;
  readonly levels: Levels;
  /** by answer, the sentences that hold it */
  readonly holders: readonly (readonly number[])[];
}
const WORDS_A_MINUTE = 180; // Wu et al. 2021: a leaf of 600 tokens in 2.5 minutes
const NOISE = 0.1;
const RIDGE = 3;

type Features = readonly number[];
const share = (text: string, pattern: RegExp) => (text.match(pattern)?.length ?? 0) / 4;

/** A leaf, or a story, is judged again and again: its features are the same. */
const known = new WeakMap<readonly number[], Features[]>();
function remembered(story: Story, among: readonly number[]): Features[] {
  let features = known.get(among);
  if (!features) known.set(among, (features = featuresOf(story, among)));
  return features;
}
const wholes = new WeakMap<Story, number[]>();
function wholeOf(story: Story): number[] {
  let all = wholes.get(story);
  if (!all) wholes.set(story, (all = story.sentences.map((_, i) => i)));
  return all;
}

/** Features of each sentence among what is read, about 0 and 1. */
function featuresOf(story: Story, among: readonly number[]): Features[] {
  const like = centroid(story, among);
  return among.map((i, k) => {
    const { text, words, firstOfSection } = story.sentences[i]!;
    return [
      k / Math.max(1, among.length - 1) - 0.5,
      Number(k === 0),
      Number(firstOfSection),
      Math.log(words) - 2.7,
      like[k]!,
      share(text, /["“”]/g),
      share(text, /(?<=\s)[A-Z][a-z]+/g),
      share(text, /\b(?:because|so|therefore|for|since)\b/gi),
      share(text, /\b(?:was|were|is|are|had)\b/gi),
      share(text, /\b(?:to|that|which|who)\b/gi),
      Number(/^["“]?(?:he|she|it|they|this|that)\b/i.test(text)),
      Number(/[?]/.test(text)),
      Number(/\b(?:said|cried|asked|answered|replied)\b/i.test(text)),
      Number(/\b(?:king|queen|prince|princess|once|day|wife|son|daughter)\b/i.test(text)),
    ];
  });
}

interface Judged {
  /** summed features of the second extract less those of the first */
  readonly difference: Features;
  readonly second: boolean;
  readonly minutes: number;
}
/** One judgment of two random extracts of a share of what they are of. */
function judge(from: Known, reading: Reading, part: number, draw: Rng): Judged {
  const { story, levels, holders } = from;
  const wordsAt = (at: Iterable<number>) =>
    [...at].reduce((n, i) => n + story.sentences[i]!.words, 0);
  const leaf = draw.choose(levels.leaves);
  const all = wholeOf(story);
  const among = reading === "section" ? leaf : all;
  const read = new Set(reading === "whole" ? all : leaf);
  const features = remembered(story, among);
  const extract = () => take(story, among, randomPolicy(draw)(story, among), part * wordsAt(among));
  const [a, b] = [extract(), extract()];
  const keptOf = (at: readonly number[]) =>
    holders.filter((h) => h.some((i) => read.has(i) && at.includes(i))).length;
  const by = keptOf(b) - keptOf(a);
  const right = by === 0 ? draw.next() < 0.5 : by > 0;
  const place = new Map(among.map((i, k) => [i, k]));
  const sum = (at: readonly number[], d: number) =>
    at.reduce((s, i) => s + features[place.get(i)!]![d]! * story.sentences[i]!.words, 0) / 100;
  return {
    difference: features[0]?.map((_, d) => sum(b, d) - sum(a, d)) ?? [],
    second: draw.next() < NOISE ? !right : right,
    minutes: (wordsAt(read) + wordsAt(a) + wordsAt(b)) / WORDS_A_MINUTE,
  };
}

/** Judgments of stories drawn at random until the minutes are spent: none is begun that would not end in time. */
export function judgments(
  stories: readonly Known[],
  o: { readonly reading: Reading; readonly minutes: number; readonly part: number },
  draw: Rng,
): Judged[] {
  const out: Judged[] = [];
  for (let left = o.minutes; ;) {
    const one = judge(draw.choose(stories), o.reading, o.part, draw);
    if (one.minutes > left) return out;
    left -= one.minutes;
    if (one.difference.length > 0) out.push(one);
  }
}

export function learnedPolicy(judged: readonly Judged[]): Policy {
  const dims = judged[0]?.difference.length ?? 0;
  const weights = logisticWeights(
    {
      n: judged.length,
      dims,
      dot: (i, w) => judged[i]!.difference.reduce((s, x, d) => s + x * w[d]!, 0),
      add: (i, by, out) => judged[i]!.difference.forEach((x, d) => (out[d]! += by * x)),
      p: (i) => Number(judged[i]!.second),
    },
    { ridge: RIDGE },
  );
  return (story, among) =>
    featuresOf(story, among).map((f) => f.reduce((s, x, d) => s + x * (weights[d] ?? 0), 0));
}
