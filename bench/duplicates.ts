/**
 * Near-duplicates among a hundred thousand texts: how long they take, and how many of the pairs that an exact search finds
 * are found. Texts: windows of sixty words of a novel and of speeches, half of them edited copies of others (words put in
 * place of others, windows that begin later), so that many pairs lie at the threshold.
 * Exact: every pair that shares one of its rarest shingles (prefix filtering, Bayardo et al. 2007), which all do that are
 * similar enough. npm run bench -- duplicates --texts 100000 --json
 */
import { parseArgs } from "node:util";
import { jaccard, NEAR, nearDuplicates, shinglesOf } from "@tiller/data/duplicates.ts";
import { rng } from "@tiller/schema";
import { corpus } from "../recipes/corpus.ts";

const { values: flags } = parseArgs({
  options: {
    texts: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const WORDS = 60;
const { moby, sotu } = corpus();
const words = `${moby}\n${sotu}`.split(/\s+/);
const drawn = rng(Number(flags.seed), "duplicates");
const windowAt = (at: number) => words.slice(at, at + WORDS);
const texts: string[] = [];
for (
  let at = 0;
  at + 2 * WORDS < words.length && texts.length < Number(flags.texts) / 2;
  at += WORDS
)
  texts.push(windowAt(at).join(" "));
const whole = texts.length;
while (texts.length < Number(flags.texts)) {
  const at = WORDS * drawn.int(whole) + drawn.int(8); // begins up to seven words later
  const copy = windowAt(at);
  for (let edits = drawn.int(5); edits > 0; edits--) copy[drawn.int(WORDS)] = drawn.choose(words);
  texts.push(copy.join(" "));
}

const began = performance.now();
const { first, compared, passedBy } = nearDuplicates(texts);
const seconds = (performance.now() - began) / 1000;

const exactBegan = performance.now();
const sets = texts.map(shinglesOf);
const often = new Map<number, number>();
for (const set of sets) for (const s of set) often.set(s, (often.get(s) ?? 0) + 1);
const order = sets.map((_, i) => i).toSorted((i, j) => sets[i]!.length - sets[j]!.length);
const holding = new Map<number, number[]>(); // of each rare shingle the texts whose prefix has it
let [pairs, found] = [0, 0];
for (const i of order) {
  const set = sets[i]!;
  const rarest = [...set].toSorted((a, b) => often.get(a)! - often.get(b)! || a - b);
  const prefix = rarest.slice(0, set.length - Math.ceil(NEAR * set.length) + 1);
  const candidates = new Set<number>();
  for (const s of prefix) {
    for (const j of holding.get(s) ?? []) candidates.add(j);
    const there = holding.get(s);
    if (there) there.push(i);
    else holding.set(s, [i]);
  }
  for (const j of candidates)
    if (jaccard(set, sets[j]!) >= NEAR) {
      pairs++;
      if (first[i] === first[j]) found++;
    }
}
const result = {
  texts: texts.length,
  threshold: NEAR,
  seconds,
  pairs,
  recall: found / pairs,
  grouped: texts.length - new Set(first).size,
  compared,
  passedBy,
  exactSeconds: (performance.now() - exactBegan) / 1000,
};
if (flags.json) console.log(JSON.stringify(result));
else console.table([result]);
