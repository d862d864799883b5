/**
 * People for trial runs, by a stated rule that no model here shares: a good summary holds rare words of what it was made from, invents no
 * words and repeats none. A writer copies the run of words that holds most of them; whoever judges prefers by the rule, with noise. They take
 * work from the desk as people do, so that who may not judge is the server's to say.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { rarity, wordsOf } from "@tiller/book/support.ts";
import { type Lease, PersonId, type Rng, rng, TillerError } from "@tiller/schema";
import { ensurePerson } from "@tiller/store";
import type { Db } from "@tiller/store";
import { measure } from "@tiller/task";
import { submitAnswer, takeLease } from "@tiller/work";

type Rare = (word: string) => number;
const tokensOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
const weight = (words: Iterable<string>, rare: Rare) => {
  let sum = 0;
  for (const w of words) sum += Math.max(0, rare(w));
  return sum;
};

/** Three times the share of the text's rare words, less the shares of words that are not in it and that are repeated; empty: -1. */
export function quality(summary: string, text: string, rare: Rare): number {
  const said = tokensOf(summary);
  if (said.length === 0) return -1;
  const [own, of] = [wordsOf(summary), wordsOf(text)];
  const covered =
    weight(
      [...own].filter((w) => of.has(w)),
      rare,
    ) / Math.max(1e-9, weight(of, rare));
  const invented = said.filter((w) => !of.has(w)).length / said.length;
  return 3 * covered - invented - (1 - own.size / said.length);
}

const NOISE = 0.15; // standard deviation of what somebody makes of a summary
const TIE = 0.03;

/** The run of the text's words, of at most so many tokens, that holds most rare words; not everybody finds it. */
export function writtenBy(text: string, cap: number, rare: Rare, draw: Rng): string {
  const words = text.split(/\s+/).filter((w) => w !== "");
  let [best, most] = ["", -Infinity];
  for (let from = 0; from < words.length; from++) {
    let to = from;
    while (to < words.length && measure.tokens(words.slice(from, to + 1).join(" ")) <= cap) to++;
    const run = words.slice(from, to).join(" ");
    const value = weight(wordsOf(run), rare) * (1 + NOISE * draw.normal());
    if (run !== "" && value > most) [best, most] = [run, value];
  }
  return best;
}

const Writes = z.object({ text: z.string(), cap: z.int() });
const Judges = z.object({ text: z.string(), summaries: z.array(z.string()) });

/** What one of them says of a task of a tree. */
export function answerOf(lease: Pick<Lease, "type" | "input">, rare: Rare, draw: Rng): object {
  if (lease.type === "tree-summary") {
    const { text, cap } = Writes.parse(lease.input);
    const summary = writtenBy(text, cap, rare, draw);
    return summary === "" ? { flags: ["empty"] } : { summary };
  }
  if (lease.type !== "tree-compare")
    throw new TillerError("no_such_work", `they know no ${lease.type}. Ask them of trees alone.`);
  const { text, summaries } = Judges.parse(lease.input);
  const felt = summaries.map((s) => quality(s, text, rare) + NOISE * draw.normal());
  const better = (i: number, k: number) =>
    Math.abs(felt[i]! - felt[k]!) < TIE ? "tie" : felt[i]! > felt[k]! ? "a" : "b";
  const rated = ["first", "second", "third"].flatMap((of, i) => {
    const points = Math.min(7, Math.max(1, Math.round(4 + 3 * Math.tanh(felt[i]!))));
    return ["Overall", "Coverage", "Accuracy", "Coherence"].map((what) => [of + what, points]);
  });
  return {
    firstSecond: better(0, 1),
    secondThird: better(1, 2),
    firstThird: better(0, 2),
    ...Object.fromEntries(rated),
    revealed: [20], // seconds until the ratings are shown
  };
}

/** So many people who work at the desk until the signal. `texts`: by which words are rare. */
export async function simulatedPeople(
  db: Db,
  o: {
    readonly people: number;
    readonly texts: readonly string[];
    readonly seed: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const rare = rarity(o.texts);
  const ids = Array.from({ length: o.people }, (_, i) => PersonId.parse(`reader-${i + 1}`));
  for (const id of ids)
    await ensurePerson(db, { id, name: id, pseudonym: `r-${id}`, role: "rater" });
  while (!o.signal.aborted) {
    let worked = false;
    for (const id of ids) {
      const lease = await takeLease(db, id, { swap: false });
      if (!lease) continue;
      const value = answerOf(lease, rare, rng(o.seed, id, lease.task));
      await submitAnswer(db, id, { lease: lease.lease, value, activeSeconds: 60, idleSeconds: 0 });
      worked = true;
    }
    if (!worked) await sleep(100);
  }
}
