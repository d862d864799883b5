/**
 * Extracts of a share of a story's words: at once, or by a tree whose every node keeps the best sentences of what its children kept
 * (the tree is `planOf`'s, by Wu et al.'s windows). A policy gives each sentence of what a node reads a score; the order of scores is the
 * order in which sentences are taken, and one that does not fit is passed over, or (`stop`) ends it.
 */
import { type CountTokens, planOf } from "@tiller/book";
import { rarity, wordsOf } from "@tiller/book/support.ts";
import { type Rng } from "@tiller/schema";
import type { Story } from "./stories.ts";

/** Scores of the sentences `among` (indices into the story), as seen by whoever reads just these. */
export type Policy = (story: Story, among: readonly number[]) => readonly number[];

/** Four bytes a token, as for endpoints. */
const tokens: CountTokens = (text) => Math.ceil(Buffer.byteLength(text) / 4);

export const rules = ["pass", "stop"] as const;
type Rule = (typeof rules)[number];

/** Sentences in the order of their scores, as many as fit into so many words. */
export function take(
  story: Story,
  among: readonly number[],
  scores: readonly number[],
  budget: number,
  rule: Rule = "pass",
): number[] {
  const order = among.map((_, k) => k).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  let left = budget;
  for (const k of order) {
    const { words } = story.sentences[among[k]!]!;
    if (words > left) {
      if (rule === "stop") break;
      continue;
    }
    kept.push(among[k]!);
    left -= words;
  }
  return kept.sort((a, b) => a - b);
}
export const atOnce = (story: Story, policy: Policy, share: number, rule?: Rule): number[] => {
  const all = story.sentences.map((_, i) => i);
  return take(story, all, policy(story, all), share * story.words, rule);
};

/** Nodes by height: the sentences that begin in each leaf, then the children of each node above. */
export interface Levels {
  readonly leaves: readonly (readonly number[])[];
  readonly above: readonly (readonly (readonly number[])[])[];
}
export function levelsOf(story: Story, window: number): Levels {
  const plan = planOf(story.text, { window, seed: 1, count: tokens, order: "none" });
  const leaves = plan.levels[0]!.map(({ span }) =>
    story.sentences.flatMap((s, i) => (s.from >= span!.from && s.from < span!.to ? [i] : [])),
  );
  const above = plan.levels
    .slice(1)
    .map((level) => level.map((n) => n.children.map((id) => Number(id.split(".")[1]))));
  return { leaves, above };
}

/** Every height keeps the same part of what it reads, so that the root has the whole share. */
export function byTree(story: Story, levels: Levels, policy: Policy, share: number): number[] {
  const heights = levels.above.length + 1;
  const wordsOfAll = (at: readonly number[]) =>
    at.reduce((n, i) => n + story.sentences[i]!.words, 0);
  let under = levels.leaves.map(wordsOfAll); // words of the story under each node
  const keep = (among: readonly number[], words: number, height: number) =>
    take(story, among, policy(story, among), share ** ((height + 1) / heights) * words);
  let kept = levels.leaves.map((among, i) => keep(among, under[i]!, 0));
  levels.above.forEach((level, h) => {
    const words = level.map((children) => children.reduce((n, c) => n + under[c]!, 0));
    kept = level.map((children, i) =>
      keep(
        children.flatMap((c) => kept[c]!),
        words[i]!,
        h + 1,
      ),
    );
    under = words;
  });
  return kept[0]!;
}

export const randomPolicy =
  (draw: Rng): Policy =>
  (_, among) =>
    among.map(() => draw.next());
/** The first sentences. */
export const lead: Policy = (_, among) => among.map((_, k) => -k);

/** Words by tf-idf, a sentence's likeness to all that is read (Radev et al. 2004). */
export const centroid: Policy = (story, among) => {
  const texts = among.map((i) => story.sentences[i]!.text);
  const rare = rarity(texts);
  const vectors = texts.map((t) => new Map([...wordsOf(t)].map((w) => [w, rare(w)])));
  const sum = new Map<string, number>();
  for (const v of vectors) for (const [w, x] of v) sum.set(w, (sum.get(w) ?? 0) + x);
  const norm = (v: ReadonlyMap<string, number>) =>
    Math.sqrt([...v.values()].reduce((s, x) => s + x * x, 0)) || 1;
  const whole = norm(sum);
  return vectors.map((v) => [...v].reduce((s, [w, x]) => s + x * sum.get(w)!, 0) / norm(v) / whole);
};

/** What shares most of a question's rare words: one tree a question. Words of a story's sentences are found once. */
export function aboutQuestions(story: Story): (question: string) => Policy {
  const passages = story.sentences.map((s) => wordsOf(s.text));
  const rare = rarity(story.sentences.map((s) => s.text));
  return (question) => {
    const asked = [...wordsOf(question)];
    return (_, among) =>
      among.map((i) => {
        const p = passages[i]!;
        return asked.reduce((s, w) => s + (p.has(w) ? rare(w) : 0), 0) / Math.sqrt(p.size + 8);
      });
  };
}

/** The best that is known: by answers kept a word, none twice; greedy, so a lower bound of what is possible. */
export function oracle(
  story: Story,
  holders: readonly (readonly number[])[],
  share: number,
): number[] {
  const by = new Map<number, number[]>();
  holders.forEach((at, answer) => {
    for (const i of at) by.set(i, [...(by.get(i) ?? []), answer]);
  });
  const done = new Set<number>();
  const kept: number[] = [];
  let left = share * story.words;
  for (;;) {
    let [best, most] = [-1, 0];
    for (const [i, answers] of by) {
      const { words } = story.sentences[i]!;
      const gain = answers.filter((a) => !done.has(a)).length / words;
      if (words <= left && gain > most) [best, most] = [i, gain];
    }
    if (best < 0) return kept.sort((a, b) => a - b);
    kept.push(best);
    left -= story.sentences[best]!.words;
    for (const a of by.get(best)!) done.add(a);
    by.delete(best);
  }
}
