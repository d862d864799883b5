/**
 * Texts that are nearly the same: Jaccard similarity of their sets of three-word shingles, found by MinHash (Broder 1997) with
 * banding (Leskovec, Rajaraman, Ullman, ch. 3) as in Lee et al. 2022.
 * Differences: every candidate is checked by its exact similarity, so no pair is found that is none; texts with the same
 * shingles are put together before anything is hashed; pairs that are in one group already are not compared again. Measured
 * by npm run bench -- duplicates.
 */
import { rng } from "@tiller/schema";

const SHINGLE = 3; // words
const HASHES = 120;
/** Of a pair at the threshold: at least so likely to meet in a band. */
const SURE = 0.99;
/** Texts that one text is compared with in one bucket: ten thousand that share a form and no more would take an hour, else. */
const MOST = 200;
export const NEAR = 0.8; // as in Lee et al. 2022

/** Words, small and without marks between them; in scripts without spaces a character is a word. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}\p{Script=Myanmar}]|[\p{L}\p{M}\p{N}]+/gu;
const mix = (x: number): number => {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
};
function hashOf(word: string): number {
  let h = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < word.length; i++) h = Math.imul(h ^ word.charCodeAt(i), 0x01000193);
  return h;
}
/** The hashes of a text's shingles, in order, each once; of a text of fewer words all of it is one. */
export function shinglesOf(text: string): Int32Array {
  const words = (text.normalize("NFKC").toLowerCase().match(WORD) ?? []).map(hashOf);
  if (!words.length) return new Int32Array(0);
  const size = Math.min(SHINGLE, words.length);
  const all = new Int32Array(words.length - size + 1);
  for (let i = 0; i < all.length; i++) {
    let h = size;
    for (let k = 0; k < size; k++) h = mix(Math.imul(h, 31) + words[i + k]!);
    all[i] = h;
  }
  all.sort();
  let kept = 0;
  for (let i = 0; i < all.length; i++) if (i === 0 || all[i] !== all[i - 1]) all[kept++] = all[i]!;
  return all.slice(0, kept);
}
export function jaccard(a: Int32Array, b: Int32Array): number {
  let both = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [x, y] = [a[i]!, b[j]!];
    if (x === y) both++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  const either = a.length + b.length - both;
  return either ? both / either : 0;
}

/** The most rows a band for which a pair at the threshold is found almost surely: fewer pairs below it are then compared. */
export function bandsFor(threshold: number): { bands: number; rows: number } {
  for (let rows = HASHES; rows > 1; rows--) {
    const bands = Math.floor(HASHES / rows);
    if (1 - (1 - threshold ** rows) ** bands >= SURE) return { bands, rows };
  }
  return { bands: HASHES, rows: 1 };
}

export interface NearDuplicates {
  /** of each text the first of its group, itself where it is alone */
  readonly first: Int32Array;
  /** of each text the first with the same shingles, itself where there is none; a text without a word is like no other */
  readonly same: Int32Array;
  /** pairs whose similarity was worked out */
  readonly compared: number;
  /** pairs that were not, since their bucket had too many; 0 but where a great many texts share a form */
  readonly passedBy: number;
}

/** Groups of texts: each is near one of its group at least (single linkage). */
export function nearDuplicates(texts: readonly string[], threshold = NEAR): NearDuplicates {
  const sets = texts.map(shinglesOf);
  const first = Int32Array.from(texts, (_, i) => i);
  const same = first.slice();
  const root = (i: number): number => {
    while (first[i] !== i) {
      first[i] = first[first[i]!]!;
      i = first[i]!;
    }
    return i;
  };
  const join = (i: number, j: number) => {
    const [a, b] = [root(i), root(j)];
    first[Math.max(a, b)] = Math.min(a, b);
  };

  const known = new Map<number, number[]>(); // of each hash of a whole set, the texts with a set of their own
  const alone: number[] = [];
  for (const [i, set] of sets.entries()) {
    if (!set.length) continue;
    const key = set.reduce((h, x) => mix(Math.imul(h, 31) + x), set.length);
    const others = known.get(key) ?? [];
    const before = others.find((j) => equal(sets[j]!, set));
    if (before !== undefined) {
      same[i] = before;
      join(before, i);
    } else {
      known.set(key, [...others, i]);
      alone.push(i);
    }
  }

  const { bands, rows } = bandsFor(threshold);
  const signatures = signaturesOf(alone.map((i) => sets[i]!));
  let [compared, passedBy] = [0, 0];
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<number, number[]>();
    for (const [n, i] of alone.entries()) {
      let key = band;
      for (let r = 0; r < rows; r++)
        key = mix(Math.imul(key, 31) + signatures[n * HASHES + band * rows + r]!);
      const bucket = buckets.get(key);
      if (!bucket) {
        buckets.set(key, [i]);
        continue;
      }
      let checked = 0;
      for (const [at, j] of bucket.entries()) {
        if (checked === MOST) {
          passedBy += bucket.length - at;
          break;
        }
        if (root(i) === root(j)) continue;
        const [a, b] = [sets[i]!.length, sets[j]!.length];
        if (Math.min(a, b) < threshold * Math.max(a, b)) continue; // their sizes alone tell
        checked++;
        if (jaccard(sets[i]!, sets[j]!) >= threshold) join(i, j);
      }
      compared += checked;
      bucket.push(i);
    }
  }
  for (let i = 0; i < first.length; i++) first[i] = root(i);
  return { first, same, compared, passedBy };
}

const equal = (a: Int32Array, b: Int32Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

/** Of each set the smallest of its members under every one of the hash functions. */
function signaturesOf(sets: readonly Int32Array[]): Int32Array {
  const drawn = rng(1, "minhash");
  const seeds = Int32Array.from({ length: HASHES }, () => drawn.int(2 ** 32) | 0);
  const all = new Int32Array(sets.length * HASHES).fill(2 ** 31 - 1);
  for (const [n, set] of sets.entries())
    for (let k = 0; k < HASHES; k++) {
      const seed = seeds[k]!;
      let least = 2 ** 31 - 1;
      for (let i = 0; i < set.length; i++) {
        let h = Math.imul(set[i]! ^ seed, 0x85ebca6b);
        h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
        h ^= h >>> 16;
        if (h < least) least = h;
      }
      all[n * HASHES + k] = least;
    }
  return all;
}
