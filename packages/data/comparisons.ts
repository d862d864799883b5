/**
 * Comparisons out of a file, whatever says them: {chosen, rejected} with what else is known, sides with votes or counts,
 * corrections, labelled and graded pairs, and the files that Tiller exports. All of them become texts with votes
 * (`@tiller/crowd`); what a row is, is found by its columns, and by nothing else.
 */
import { z } from "zod";
import { ratedPairs, type Rated, type RatedPair, type Side, type Vote } from "@tiller/crowd";
import {
  ComparisonRow,
  CorrectionRow,
  GradedPair,
  LabelledPair,
  MarkedResponse,
  TillerError,
  voteSources,
} from "@tiller/schema";
import { textAt } from "@tiller/task";
import { shownValue, someOf } from "./json.ts";
import { kindOfFile, readRows } from "./read.ts";
import { BadRow, parsedRow } from "./row.ts";

type Messages = z.infer<typeof ComparisonRow>["chosen"];
/** One message is its text; several say whose each is. */
const textOfAll = (of: Messages): string =>
  typeof of === "string"
    ? of
    : of.length === 1
      ? of[0]!.content
      : of.map((m) => `${m.role}: ${m.content}`).join("\n\n");

/** Dialogues that begin alike: what both say up to the last answer is the prompt. */
const ANSWER = "\n\nAssistant:";
function withoutPrompt(chosen: Messages, rejected: Messages): [string, string, string] {
  if (typeof chosen !== "string" && typeof rejected !== "string") {
    let n = 0;
    const alike = (i: number) =>
      chosen[i]!.role === rejected[i]!.role && chosen[i]!.content === rejected[i]!.content;
    while (n < Math.min(chosen.length, rejected.length) - 1 && alike(n)) n++;
    return [
      n ? textOfAll(chosen.slice(0, n)) : "",
      textOfAll(chosen.slice(n)),
      textOfAll(rejected.slice(n)),
    ];
  }
  const [a, b] = [textOfAll(chosen), textOfAll(rejected)];
  let n = 0;
  while (n < Math.min(a.length, b.length) && a[n] === b[n]) n++;
  const at = a.slice(0, n).lastIndexOf(ANSWER);
  const from = at < 0 ? 0 : at + ANSWER.length;
  return [a.slice(0, from), a.slice(from), b.slice(from)];
}

type About = Pick<ComparisonRow, "rater" | "source" | "group" | "strength" | "weight">;
const vote = (choice: Side, row: About, weight = 1): Vote => ({
  choice,
  weight: weight * (row.weight ?? 1),
  source: row.source ?? "person",
  rater: row.rater,
  group: row.group,
  strength: choice === "tie" ? undefined : row.strength,
});
const placed = (row: {
  readonly topic?: string | undefined;
  readonly axis?: string | undefined;
}) => ({
  topic: row.topic,
  axis: row.axis,
});
const said = (votes: readonly Vote[]): Vote[] => votes.filter((v) => v.weight > 0);

/** Two sides by name with a choice, several people's, or how many chose what. */
const SidesRow = ComparisonRow.omit({ chosen: true, rejected: true, tie: true }).extend({
  a: z.string(),
  b: z.string(),
  choice: z.enum(["a", "b", "tie"]).optional(),
  votes: z
    .array(
      z.looseObject({
        choice: z.enum(["a", "b", "tie"]),
        by: z.string().optional(),
        rater: z.string().optional(),
        group: z.string().optional(),
        source: z.enum(voteSources).optional(),
      }),
    )
    .optional(),
});
const Counts = ComparisonRow.shape.counts.unwrap();
const counted = (
  counts: z.infer<typeof Counts>,
  sides: readonly [Side, Side],
  row: About,
): Vote[] => {
  const [first, tie, second] =
    counts.length === 2 ? [counts[0], 0, counts[1]] : [counts[0], counts[1], counts[2]];
  return said([vote(sides[0], row, first), vote("tie", row, tie), vote(sides[1], row, second)]);
};

/** openai/summarize-from-feedback, comparisons, as we export it. */
const SffRow = z.looseObject({
  info: z.looseObject({ post: z.string() }),
  summaries: z.array(z.looseObject({ text: z.string() })).length(2),
  choice: z.union([z.literal(0), z.literal(1)]),
  worker: z.string().optional(),
});
/** One of our answers, of a kind of work that compares `a` with `b`. */
const AnswerOfPair = z.looseObject({
  input: z.looseObject({}),
  value: z.looseObject({}),
  rater: z.string().optional(),
  weight: z.number().nonnegative().optional(),
  undoneAt: z.unknown().optional(),
});

interface Shape {
  /** a row is this where it has these columns */
  readonly columns: readonly string[];
  readonly read: (row: unknown, line: number) => RatedPair;
}
const shape = <T>(
  columns: readonly string[],
  schema: z.ZodType<T>,
  pair: (row: T, line: number) => RatedPair,
): Shape => ({ columns, read: (row, line) => pair(parsedRow(schema, row, line), line) });

/** The first that fits. */
const shapes: readonly Shape[] = [
  shape(["chosen", "rejected"], ComparisonRow, (row) => {
    const [prompt, b, a] =
      row.prompt === undefined
        ? withoutPrompt(row.chosen, row.rejected)
        : [textOfAll(row.prompt), textOfAll(row.chosen), textOfAll(row.rejected)];
    const votes = row.counts
      ? counted(row.counts, ["b", "a"], row)
      : said([vote(row.tie ? "tie" : "b", row)]);
    return { prompt, a, b, ...placed(row), votes };
  }),
  shape(["response", "correction"], CorrectionRow, (row) => ({
    prompt: row.prompt === undefined ? "" : textOfAll(row.prompt),
    a: row.response,
    b: row.correction,
    ...placed(row),
    votes: said([vote("b", row)]),
  })),
  shape(["response", "spans"], MarkedResponse, (_, line) => {
    throw new BadRow(
      line,
      "it marks spans of a response and has no correction to compare it with. Give one, or train on its sentences: tiller train step-reward",
    );
  }),
  shape(["passage", "a", "b", "pB"], LabelledPair, (row) => {
    // a posterior stands for the judgments behind it
    const n = Math.max(1, row.judgments.length) * (row.weight ?? 1);
    const votes = said([vote("b", {}, n * row.pB), vote("a", {}, n * (1 - row.pB))]);
    return { prompt: row.passage, a: row.a, b: row.b, votes };
  }),
  shape(["passage", "a", "b", "grades"], GradedPair, (row) => {
    const middle = (row.grades.length - 1) / 2;
    const votes = row.grades.map((share, k): Vote => {
      const side = k < middle ? "a" : k > middle ? "b" : "tie";
      const strength = side === "tie" ? undefined : Math.ceil(Math.abs(k - middle));
      return vote(side, { strength, weight: row.weight }, share);
    });
    return { prompt: row.passage, a: row.a, b: row.b, votes: said(votes) };
  }),
  shape(["info", "summaries", "choice"], SffRow, ({ info, summaries, choice, worker }) => {
    const [a, b] = summaries.map((s) => s.text) as [string, string];
    return { prompt: info.post, a, b, votes: [vote(choice === 1 ? "b" : "a", { rater: worker })] };
  }),
  shape(["input", "value"], AnswerOfPair, ({ input, value, rater, weight, undoneAt }, line) => {
    const choices = Object.values(value).filter((v) => v === "a" || v === "b" || v === "tie");
    const [a, b] = [textAt(input, "a"), textAt(input, "b")];
    if (choices.length !== 1 || !a || !b)
      throw new BadRow(
        line,
        `it is no choice between the texts a and b of its input: it answers ${shownValue(value)}. Export such answers as trl`,
      );
    const prompt = textAt(input, "passage") || textAt(input, "prompt");
    const votes = undoneAt ? [] : said([vote(choices[0]!, { rater, weight })]);
    return { prompt, a, b, votes };
  }),
  shape(["a", "b"], SidesRow, (row, line) => {
    const votes = row.counts
      ? counted(row.counts, ["a", "b"], row)
      : (row.votes?.map((v) => vote(v.choice, { ...row, ...v, rater: v.rater ?? v.by })) ??
        (row.choice ? [vote(row.choice, row)] : undefined));
    if (!votes) throw new BadRow(line, "it has the sides a and b, and no choice, votes or counts");
    const prompt = row.prompt === undefined ? "" : textOfAll(row.prompt);
    return { prompt, a: row.a, b: row.b, ...placed(row), votes: said(votes) };
  }),
];

/** What a row says, its nulls left out as if they were not there. */
export function comparisonOf(given: Readonly<Record<string, unknown>>, line: number): RatedPair {
  const entries = Object.entries(given).filter(([, v]) => v !== null && v !== undefined);
  const row = Object.fromEntries(entries);
  const found = shapes.find((s) => s.columns.every((c) => Object.hasOwn(row, c)));
  if (!found)
    throw new BadRow(
      line,
      `it has ${someOf(Object.keys(row))}. Give chosen and rejected, or a and b with a choice, votes or counts, or response and correction`,
    );
  return found.read(row, line);
}

const cells = [
  ...["strength", "weight", "pB"].map((name) => ({
    name,
    kind: "number" as const,
    nullable: true,
  })),
  { name: "tie", kind: "boolean" as const, nullable: true },
  ...["rater", "source", "group", "topic", "axis"].map((name) => ({
    name,
    kind: "text" as const,
    nullable: true,
  })),
  ...["counts", "votes", "spans", "grades", "judgments", "input", "value", "info", "summaries"].map(
    (name) => ({
      name,
      kind: "json" as const,
      nullable: true,
    }),
  ),
];
export interface Comparisons extends Rated {
  readonly rows: number;
}
/** Every comparison of a JSONL, CSV or Parquet file; a row that says none is an error with its line. */
export async function readComparisons(
  file: string,
  o: { readonly signal?: AbortSignal } = {},
): Promise<Comparisons> {
  const rows: RatedPair[] = [];
  try {
    for await (const { row, line } of readRows(file, {
      kind: kindOfFile(file),
      columns: cells,
      signal: o.signal,
    }))
      rows.push(comparisonOf(row, line));
  } catch (cause) {
    if (!(cause instanceof BadRow)) throw cause;
    throw new TillerError(
      "wrong_rows",
      `row ${cause.line} of ${file} is no comparison: ${cause.message}.`,
      { cause },
    );
  }
  if (!rows.length)
    throw new TillerError("no_rows", `${file} has no rows. Give a file with at least one.`);
  return { ...ratedPairs(rows), rows: rows.length };
}
