/**
 * Public sets of people's comparisons as rows that `tiller reward` reads. Each says what its file calls things; what cannot be
 * read as a comparison is counted. A set whose file is not there is absent, and said to be.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { own, TillerError } from "@tiller/schema";

export type Row = Readonly<Record<string, unknown>>;
interface Source {
  readonly files: readonly string[];
  readonly read: (files: readonly (readonly unknown[])[]) => Row[];
}

const lines = (file: string): unknown[] =>
  gunzipSync(readFileSync(file))
    .toString()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
const parsed = <T>(rows: readonly unknown[], Row: z.ZodType<T>): T[] =>
  rows.map((r) => Row.parse(r));

/** A published answer "True" is a truth value in one row of PandaLM. */
const Cell = z.union([z.string(), z.boolean(), z.number()]).transform(String);
const Text = z.looseObject({ id: z.int(), text: z.string() });
const ScoredText = Text.extend({ score: z.number() });
const Vote = z.looseObject({ by: z.string(), choice: z.enum(["a", "b", "tie"]) });
const Answers = z.looseObject({
  id: z.int(),
  question: z.string(),
  preference: z.array(z.int().min(0).max(2)).length(6),
  "prediction 1": z.string(),
  "prediction 2": z.string(),
  "prediction 3": z.string(),
  "prediction 4": z.string(),
  feedback: z.looseObject({
    "corrected-prediction": z.string(),
    errors: z.array(z.looseObject({ "error type": z.string(), start: z.int(), end: z.int() })),
  }),
});
/** Which two of four answers each preference is about. */
const sixPairs = [
  [1, 2],
  [1, 3],
  [1, 4],
  [2, 3],
  [2, 4],
  [3, 4],
] as const;

export const sources: Readonly<Record<string, Source>> = {
  humour: {
    files: ["preferences/humour/texts.jsonl.gz", "preferences/humour/comparisons.jsonl.gz"],
    read([texts, comparisons]) {
      const text = new Map(parsed(texts!, Text).map((t) => [t.id, t.text]));
      return parsed(comparisons!, z.looseObject({ better: z.int(), worse: z.int() })).map((c) => ({
        chosen: text.get(c.better)!,
        rejected: text.get(c.worse)!,
      }));
    },
  },
  scruples: {
    files: ["preferences/scruples.jsonl.gz"],
    read: ([rows]) =>
      parsed(
        rows!,
        z.looseObject({
          prompt: z.string(),
          a: z.string(),
          b: z.string(),
          counts: z.tuple([z.int(), z.int()]),
        }),
      ).map(({ prompt, a, b, counts }) => ({ prompt, a, b, counts })),
  },
  pandalm: {
    files: ["preferences/pandalm.jsonl.gz"],
    read: ([rows]) =>
      parsed(
        rows!,
        z.looseObject({ prompt: z.string(), a: Cell, b: Cell, votes: z.array(Vote) }),
      ).map(({ prompt, a, b, votes }) => ({ prompt, a, b, votes })),
  },
  "hh-harmless": {
    files: ["preferences/hh-harmless.jsonl.gz"],
    read: ([rows]) =>
      parsed(rows!, z.looseObject({ chosen: z.string(), rejected: z.string() })).map(
        ({ chosen, rejected }) => ({ chosen, rejected }),
      ),
  },
  "fine-grained-qa": {
    files: ["preferences/fine-grained-qa.jsonl.gz"],
    read: ([rows]) =>
      parsed(rows!, Answers).flatMap((r) => {
        const answers = [1, 2, 3, 4].map((k) => z.string().parse(own(r, `prediction ${k}`)));
        return sixPairs.map(([i, j], k) => ({
          prompt: r.question,
          a: answers[i - 1]!,
          b: answers[j - 1]!,
          topic: `question ${r.id}`,
          choice: (["tie", "a", "b"] as const)[r.preference[k]!]!,
        }));
      }),
  },
  "writers-continuations": {
    files: ["preferences/writers-continuations.jsonl.gz"],
    read: ([rows]) =>
      parsed(
        rows!,
        z.looseObject({
          by: z.string(),
          prompt: z.string(),
          first: z.string(),
          second: z.string(),
          answer: z.string(),
        }),
      ).flatMap((r) => {
        // the choice is what their reason begins with
        const named = /^\W*text\s*([12])\b/i.exec(r.answer)?.[1];
        if (!named) return [];
        const choice = named === "1" ? "a" : "b";
        return [{ prompt: r.prompt, a: r.first, b: r.second, rater: r.by, choice }];
      }),
  },
  "convincing-arguments": {
    files: ["convincing-arguments/arguments.jsonl.gz", "convincing-arguments/judgments.jsonl.gz"],
    read([texts, judgments]) {
      const Argument = z.looseObject({ id: z.string(), text: z.string() });
      const text = new Map(parsed(texts!, Argument).map((t) => [t.id, t.text]));
      const Judged = z.looseObject({
        topic: z.string(),
        a: z.string(),
        b: z.string(),
        worker: z.string(),
        choice: z.enum(["a1", "a2", "equal"]),
      });
      return parsed(judgments!, Judged).map((j) => ({
        a: text.get(j.a)!,
        b: text.get(j.b)!,
        // the two stances on one question are one topic: their arguments share words
        topic: j.topic.split("_")[0]!,
        rater: j.worker,
        choice: { a1: "a", a2: "b", equal: "tie" }[j.choice],
      }));
    },
  },
};
export const setNames = Object.keys(sources);

/** Rows of a set; undefined where its files are not there. */
export function rowsOf(data: string, name: string): Row[] | undefined {
  const source = own(sources, name);
  if (!source)
    throw new TillerError("no_set", `there is no set ${name}. There are ${setNames.join(", ")}.`);
  const files = source.files.map((f) => path.join(data, f));
  return files.every((f) => existsSync(f)) ? source.read(files.map(lines)) : undefined;
}

/** People's score of each text by the text, where a set has one. */
export function scoresOf(data: string, name: string): ReadonlyMap<string, number> | undefined {
  if (name !== "humour") return undefined;
  const rows = parsed(lines(path.join(data, sources["humour"]!.files[0]!)), ScoredText);
  return new Map(rows.map((t) => [t.text, t.score]));
}

/** First answers with what somebody marked in them and made of them; undefined where the file is not there. */
export function correctionsOf(data: string): Row[] | undefined {
  const file = path.join(data, sources["fine-grained-qa"]!.files[0]!);
  if (!existsSync(file)) return undefined;
  return parsed(lines(file), Answers).map(
    ({ id, question, feedback, "prediction 1": response }) => ({
      prompt: question,
      topic: `question ${id}`,
      response,
      correction: feedback["corrected-prediction"],
      spans: feedback.errors.map((e) => ({ start: e.start, end: e.end, label: e["error type"] })),
    }),
  );
}
