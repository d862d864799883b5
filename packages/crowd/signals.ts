/**
 * Signs that an answer was not thought about: given faster than its text can be read, or text that is somebody else's.
 * They are reasons to look and to talk, never to delete; each is a fraction of a person's answers with an exact interval.
 */
import { type Estimate, exactFraction, median } from "./statistics.ts";

export interface Timed {
  readonly answer: string;
  readonly worker: string;
  /** active seconds */
  readonly seconds: number;
  /** characters to read */
  readonly length: number;
}
export interface Fast {
  /** by answer: the bound that it fell under */
  readonly answers: ReadonlyMap<string, number>;
  readonly workers: ReadonlyMap<string, Estimate>;
  /** the bound by length: answers up to `length` characters take at least `seconds` */
  readonly bounds: readonly { readonly length: number; readonly seconds: number }[];
}

/** Each stretch of lengths has as many answers; fewer than this in all say nothing. */
const STRETCH = 40;
const MOST = 10;
/**
 * Too fast: more than three robust standard deviations under the median of log seconds among texts of like length, people
 * being the units, so that a few prolific fast ones do not set the norm; and never above half the median. The spread is
 * 1.4826 times the median absolute deviations between people and within them together, at least that of a factor 1.5.
 */
export function tooFast(rows: readonly Timed[]): Fast {
  const timed = rows.filter((r) => r.seconds > 0).toSorted((a, b) => a.length - b.length);
  const stretches = Math.max(1, Math.min(MOST, Math.floor(timed.length / STRETCH)));
  const bounds: { length: number; seconds: number }[] = [];
  for (let s = 0; s < stretches && timed.length >= STRETCH; s++) {
    const part = timed.slice(
      Math.floor((s * timed.length) / stretches),
      Math.floor(((s + 1) * timed.length) / stretches),
    );
    const people = [...Map.groupBy(part, (r) => r.worker).values()].map((mine) => {
      const logs = mine.map((r) => Math.log(r.seconds));
      const middle = median(logs);
      return { middle, within: median(logs.map((x) => Math.abs(x - middle))) };
    });
    const middle = median(people.map((p) => p.middle));
    const between = median(people.map((p) => Math.abs(p.middle - middle)));
    const within = median(people.map((p) => p.within));
    const spread = Math.max(Math.log(1.5) / 3, 1.4826 * Math.hypot(between, within));
    const seconds = Math.exp(Math.min(middle - 3 * spread, middle - Math.LN2));
    bounds.push({ length: part.at(-1)!.length, seconds });
  }
  const answers = new Map<string, number>();
  for (const r of rows) {
    const bound = (bounds.find((b) => r.length <= b.length) ?? bounds.at(-1))?.seconds;
    if (bound !== undefined && r.seconds < bound) answers.set(r.answer, bound);
  }
  const workers = new Map(
    [...Map.groupBy(rows, (r) => r.worker)].map(([worker, mine]) => [
      worker,
      exactFraction(mine.filter((r) => answers.has(r.answer)).length, mine.length),
    ]),
  );
  return { answers, workers, bounds };
}

export interface Written {
  readonly answer: string;
  readonly worker: string;
  readonly text: string;
  /** what the person had before their eyes */
  readonly source?: string | undefined;
}
export interface Copied {
  /** pairs of answers that are nearly the same, of two people, or of one on two tasks */
  readonly pairs: readonly {
    readonly first: string;
    readonly second: string;
    readonly workers: readonly [string, string];
    /** Jaccard similarity of their character 5-grams */
    readonly similarity: number;
  }[];
  /** by answer: fraction of its 5-grams that stand in the task's own text */
  readonly fromSource: ReadonlyMap<string, number>;
  /** fraction of a person's texts that are near-copies of another's or of the task */
  readonly workers: ReadonlyMap<string, Estimate>;
}

/** Texts shorter than this are alike by chance. */
const SHORTEST = 40;
const GRAM = 5;
const [HASHES, BAND] = [48, 4];
/** Near: this much of the 5-grams of both together are in both. From the source: this much of the text's. */
const [NEAR, PASTED] = [0.7, 0.9];

/** Near-duplicates by MinHash in bands (Broder 1997), then exactly; so a table of texts is not compared all with all. */
export function copied(rows: readonly Written[]): Copied {
  const long = rows.filter((r) => clean(r.text).length >= SHORTEST);
  const grams = long.map((r) => shingles(r.text));
  const buckets = new Map<string, number[]>();
  grams.forEach((g, i) => {
    const least = new Uint32Array(HASHES).fill(0xffffffff);
    for (const h of g)
      for (let k = 0; k < HASHES; k++) {
        const x = mix(h, k);
        if (x < least[k]) least[k] = x;
      }
    for (let b = 0; b < HASHES; b += BAND) {
      const key = `${b}:${least.subarray(b, b + BAND).join()}`;
      const bucket = buckets.get(key);
      if (bucket) bucket.push(i);
      else buckets.set(key, [i]);
    }
  });
  const seen = new Set<number>();
  const pairs: Copied["pairs"][number][] = [];
  const marked = new Set<string>();
  for (const bucket of buckets.values())
    for (let x = 1; x < bucket.length; x++) {
      // against the bucket's first and the one before: enough to mark every member of a family of copies
      for (const y of new Set([0, x - 1])) {
        const [i, j] = [bucket[y]!, bucket[x]!];
        const pair = i * long.length + j;
        if (seen.has(pair)) continue;
        seen.add(pair);
        const similarity = jaccard(grams[i]!, grams[j]!);
        if (similarity < NEAR) continue;
        const [p, q] = [long[i]!, long[j]!];
        pairs.push({
          first: p.answer,
          second: q.answer,
          workers: [p.worker, q.worker],
          similarity,
        });
        marked.add(p.answer).add(q.answer);
      }
    }
  const fromSource = new Map<string, number>();
  long.forEach((r, i) => {
    if (!r.source) return;
    const source = shingles(r.source);
    let inside = 0;
    for (const g of grams[i]!) if (source.has(g)) inside++;
    const part = inside / grams[i]!.size;
    fromSource.set(r.answer, part);
    if (part >= PASTED) marked.add(r.answer);
  });
  const workers = new Map(
    [...Map.groupBy(long, (r) => r.worker)].map(([worker, mine]) => [
      worker,
      exactFraction(mine.filter((r) => marked.has(r.answer)).length, mine.length),
    ]),
  );
  pairs.sort((a, b) => b.similarity - a.similarity);
  return { pairs, fromSource, workers };
}

const clean = (text: string) => text.toLowerCase().replace(/\s+/g, " ").trim();
function shingles(text: string): Set<number> {
  const s = clean(text);
  const out = new Set<number>();
  for (let i = 0; i + GRAM <= s.length; i++) {
    let h = 2166136261;
    for (let k = i; k < i + GRAM; k++) h = Math.imul(h ^ s.charCodeAt(k), 16777619);
    out.add(h >>> 0);
  }
  return out;
}
const mix = (h: number, k: number) => {
  let x = Math.imul(h ^ Math.imul(k + 1, 0x9e3779b1), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 15), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
};
function jaccard(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  let both = 0;
  for (const x of a) if (b.has(x)) both++;
  return both / (a.size + b.size - both);
}
