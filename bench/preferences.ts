/**
 * Real people's preferences in one shape: texts, who they belong together with, and which of two was called better. Sets
 * whose files are absent are left out and named. The files are not part of the project (docs/results say where they are from).
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import type { Judged } from "@tiller/crowd";
import type { PromptedText } from "@tiller/learn";

export interface PreferenceSet {
  readonly name: string;
  readonly texts: readonly PromptedText[];
  /** of each text: a prompt, a topic, or nothing but the pair that it is in */
  readonly topic: readonly string[];
  /** one judgment of one person each, where the file has them apart */
  readonly judged: readonly Judged[];
  /** people's score of each text, where the file has one */
  readonly gold?: Float64Array;
}
/** TILLER_DATA: where they lie, if not beside the repository. */
const data = process.env["TILLER_DATA"] ?? path.resolve(import.meta.dirname, "../../shared/data");

function rowsOf<T>(file: string, Row: z.ZodType<T>): T[] {
  const text = gunzipSync(readFileSync(path.join(data, file))).toString("utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => Row.parse(JSON.parse(line)));
}

/** An answer; a model's "True" stands as a boolean in one file. */
const Answer = z.union([z.string(), z.boolean(), z.number()]).transform(String);

/** Texts by what they are, numbered as they come. */
class Texts {
  readonly texts: PromptedText[] = [];
  readonly topic: string[] = [];
  readonly #at = new Map<string, number>();
  add(prompt: string, text: string, topic: string): number {
    const key = JSON.stringify([prompt, text, topic]);
    const known = this.#at.get(key);
    if (known !== undefined) return known;
    this.#at.set(key, this.texts.length);
    this.topic.push(topic);
    return this.texts.push({ prompt, text }) - 1;
  }
}

const readers: Readonly<Record<string, () => Omit<PreferenceSet, "name">>> = {
  humour() {
    const texts = rowsOf(
      "preferences/humour/texts.jsonl.gz",
      z.object({ id: z.int(), text: z.string(), score: z.number() }),
    );
    const place = new Map(texts.map((t, i) => [t.id, i]));
    const rows = rowsOf(
      "preferences/humour/comparisons.jsonl.gz",
      z.object({ better: z.int(), worse: z.int() }),
    );
    return {
      texts: texts.map(({ text }) => ({ prompt: "", text })),
      topic: texts.map((t) => `text ${t.id}`),
      judged: rows.map((r) => ({ a: place.get(r.worse)!, b: place.get(r.better)!, pB: 1 })),
      gold: Float64Array.from(texts, (t) => t.score),
    };
  },
  scruples() {
    const all = new Texts();
    const rows = rowsOf(
      "preferences/scruples.jsonl.gz",
      z.object({
        id: z.int(),
        a: z.string(),
        b: z.string(),
        counts: z.tuple([z.int(), z.int()]),
      }),
    );
    const judged = rows.map((r) => {
      const [a, b] = [r.a, r.b].map((t) => all.add("", t, `pair ${r.id}`)) as [number, number];
      return { a, b, pB: r.counts[1] / (r.counts[0] + r.counts[1]) };
    });
    return { texts: all.texts, topic: all.topic, judged };
  },
  pandalm() {
    const all = new Texts();
    const rows = rowsOf(
      "preferences/pandalm.jsonl.gz",
      z.object({
        prompt: z.string(),
        a: Answer,
        b: Answer,
        votes: z.array(z.object({ choice: z.enum(["a", "b", "tie"]) })),
      }),
    );
    const judged = rows.flatMap((r) => {
      if (!r.a.trim() || !r.b.trim()) return []; // an empty text has no features
      const [a, b] = [r.a, r.b].map((t) => all.add(r.prompt, t, r.prompt)) as [number, number];
      return r.votes.map((v) => ({ a, b, pB: v.choice === "b" ? 1 : v.choice === "a" ? 0 : 0.5 }));
    });
    return { texts: all.texts, topic: all.topic, judged };
  },
  "hh-harmless"() {
    const all = new Texts();
    const rows = rowsOf(
      "preferences/hh-harmless.jsonl.gz",
      z.object({ id: z.int(), chosen: z.string(), rejected: z.string() }),
    );
    const judged = rows.flatMap((r) => {
      // the dialogue up to where the two part is their prompt
      let same = 0;
      while (same < r.chosen.length && r.chosen[same] === r.rejected[same]) same++;
      const at =
        Math.max(0, r.chosen.lastIndexOf("\n\nAssistant:", same)) + "\n\nAssistant:".length;
      const [better, worse] = [r.chosen.slice(at), r.rejected.slice(at)];
      if (!better.trim() || !worse.trim()) return [];
      const prompt = r.chosen.slice(0, at);
      const [b, a] = [better, worse].map((t) => all.add(prompt, t, `dialogue ${r.id}`)) as [
        number,
        number,
      ];
      return [{ a, b, pB: 1 }];
    });
    return { texts: all.texts, topic: all.topic, judged };
  },
  "fine-grained-qa"() {
    const all = new Texts();
    const rows = rowsOf(
      "preferences/fine-grained-qa.jsonl.gz",
      z.looseObject({ question: z.string(), preference: z.array(z.int().min(0).max(2)).length(6) }),
    );
    const pairs = [1, 2, 3].flatMap((i) => [1, 2, 3, 4].filter((j) => j > i).map((j) => [i, j]));
    const judged = rows.flatMap((r) =>
      r.preference.flatMap((which, k) => {
        const answers = pairs[k]!.map((i) => z.string().parse(r[`prediction ${i}`]));
        if (answers[0] === answers[1] || answers.some((t) => !t.trim())) return [];
        const [a, b] = answers.map((t) => all.add(r.question, t, r.question)) as [number, number];
        return [{ a, b, pB: which === 2 ? 1 : which === 1 ? 0 : 0.5 }];
      }),
    );
    return { texts: all.texts, topic: all.topic, judged };
  },
  "convincing-arguments"() {
    const texts = rowsOf(
      "convincing-arguments/arguments.jsonl.gz",
      z.object({ id: z.string(), topic: z.string(), text: z.string() }),
    );
    const place = new Map(texts.map((t, i) => [t.id, i]));
    const rows = rowsOf(
      "convincing-arguments/judgments.jsonl.gz",
      z.object({ a: z.string(), b: z.string(), choice: z.enum(["a1", "a2", "equal"]) }),
    );
    return {
      texts: texts.map(({ text }) => ({ prompt: "", text })),
      topic: texts.map((t) => t.topic),
      judged: rows.map((r) => ({
        a: place.get(r.a)!,
        b: place.get(r.b)!,
        pB: r.choice === "a2" ? 1 : r.choice === "a1" ? 0 : 0.5,
      })),
    };
  },
};
export const setNames = Object.keys(readers);

/** A set, or nothing and a line that says so where its files are absent. */
export function preferenceSet(name: string): PreferenceSet | undefined {
  const reader = readers[name];
  if (!reader) throw new RangeError(`there is no set ${name}; there are ${setNames.join(", ")}`);
  if (!existsSync(data)) {
    console.error(`${name}: its files are absent (${data})`);
    return undefined;
  }
  return { name, ...reader() };
}

/** Judgments of the same two texts as one pair: the part of them that chose b, and how many they are. */
export function pairsOf(set: PreferenceSet): { judged: Judged[]; units: [number, number][] } {
  const found = new Map<string, { a: number; b: number; forB: number; n: number }>();
  for (const r of set.judged) {
    const [a, b, pB] = r.a < r.b ? [r.a, r.b, r.pB] : [r.b, r.a, 1 - r.pB];
    const pair = found.get(`${a} ${b}`) ?? { a, b, forB: 0, n: 0 };
    pair.forB += (r.weight ?? 1) * pB;
    pair.n += r.weight ?? 1;
    found.set(`${a} ${b}`, pair);
  }
  const numbers = new Map<string, number>();
  for (const t of set.topic) if (!numbers.has(t)) numbers.set(t, numbers.size);
  const pairs = [...found.values()];
  return {
    judged: pairs.map(({ a, b, forB, n }) => ({ a, b, pB: forB / n, weight: n })),
    units: pairs.map(({ a, b }) => [numbers.get(set.topic[a]!)!, numbers.get(set.topic[b]!)!]),
  };
}
