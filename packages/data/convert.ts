/**
 * Other people's rows as answers of ours, one function a format. What a format has no place for in an answer is kept in
 * the task's input under `source`, so that it goes out again.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { AnswerRow, formats } from "./formats.ts";
import type { Mapped } from "./mapping.ts";
import { BadRow, parsedRow, type SourceRow } from "./read.ts";

/** A kind of work that came from a file: shown as its view says, never given out. */
export interface ImportedType {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly instructions: string;
  readonly view: unknown;
  readonly inputSchema: unknown;
  readonly outputSchema: unknown;
}
const Text = z.looseObject({ text: z.string(), sample: z.string().optional() });
const pairInput = z.looseObject({ passage: z.string(), a: Text, b: Text });

/** Of `comparison`, so that everything that reads comparisons reads these; its version says where they came from. */
export const importedComparison: ImportedType = {
  name: "comparison",
  version: "imported",
  title: "Which is better?",
  instructions: "",
  view: {
    show: [{ kind: "text", from: "passage" }],
    ask: [
      {
        kind: "pair",
        name: "choice",
        label: "Better",
        a: "a.text",
        b: "b.text",
        tie: true,
        confidence: "confidence",
      },
    ],
  },
  inputSchema: z.toJSONSchema(pairInput),
  outputSchema: z.toJSONSchema(z.looseObject({ choice: z.enum(["a", "b", "tie"]) })),
};
const axes = ["overall", "accuracy", "coverage", "coherence"] as const;
const importedAxes: ImportedType = {
  name: "summary-axes",
  version: "imported",
  title: "How good is the summary?",
  instructions: "",
  view: {
    show: [
      { kind: "text", from: "passage" },
      { kind: "text", from: "summary.text", label: "Summary" },
    ],
    ask: axes.map((axis) => ({
      kind: "rating",
      name: axis,
      label: `${axis[0]!.toUpperCase()}${axis.slice(1)}`,
      points: 7,
      low: "bad",
      high: "good",
    })),
  },
  inputSchema: z.toJSONSchema(z.looseObject({ passage: z.string(), summary: Text })),
  outputSchema: z.toJSONSchema(z.looseObject({})),
};

export const digest = (x: unknown): string =>
  createHash("sha256").update(JSON.stringify(x)).digest("hex").slice(0, 24);

export interface Converter {
  readonly title: string;
  readonly type: ImportedType;
  /** a row as it is read; what must be there is checked, further columns are let through */
  readonly convert: (row: unknown, line: number) => Mapped;
}
const converter = <T>(
  title: string,
  type: ImportedType,
  schema: z.ZodType<T>,
  convert: (row: T, line: number) => Mapped,
): Converter => ({
  title,
  type,
  convert: (row, line) => convert(parsedRow(schema, row, line), line),
});

const Messages = z.array(z.looseObject({ role: z.string(), content: z.string() })).min(1);
type Messages = z.infer<typeof Messages>;
const said = (x: string | Messages): string =>
  typeof x === "string"
    ? x
    : x.length === 1
      ? x[0]!.content
      : x.map((m) => `${m.role}: ${m.content}`).join("\n\n");
const TextOrMessages = z.union([z.string(), Messages]);

const TrlRow = z.looseObject({
  prompt: TextOrMessages.optional(),
  chosen: TextOrMessages,
  rejected: TextOrMessages,
});
/** The common beginning of both, as TRL takes it: up to the first difference, without a space before it. */
function implicitPrompt(chosen: string, rejected: string): string {
  let i = 0;
  while (i < Math.min(chosen.length, rejected.length) && chosen[i] === rejected[i]) i++;
  if (i > 0 && chosen[i - 1] === " ") i--;
  return chosen.slice(0, i);
}
function fromTrl(row: z.infer<typeof TrlRow>, line: number): Mapped {
  let { prompt, chosen, rejected } = row;
  if (prompt === undefined && Array.isArray(chosen) && Array.isArray(rejected)) {
    const [c, r] = [chosen, rejected];
    const shared = c.findIndex((m, i) => JSON.stringify(m) !== JSON.stringify(r[i]));
    if (shared < 1)
      throw new BadRow(line, "chosen and rejected share no first messages, so there is no prompt");
    prompt = c.slice(0, shared);
    chosen = c.slice(shared);
    rejected = r.slice(shared);
    if (!chosen.length || !rejected.length)
      throw new BadRow(
        line,
        "chosen and rejected are the same conversation, or one ends in the other",
      );
  }
  let [passage, better, worse] = [
    prompt === undefined ? "" : said(prompt),
    said(chosen),
    said(rejected),
  ];
  if (prompt === undefined) {
    passage = implicitPrompt(better, worse);
    [better, worse] = [better.slice(passage.length), worse.slice(passage.length)];
  }
  if (better === worse) throw new BadRow(line, "chosen and rejected are the same text");
  // the chosen one must not always be the same side: the texts say which
  const [a, b] = better < worse ? [better, worse] : [worse, better];
  return {
    rater: "label", // the format does not say who chose
    input: { passage, a: { text: a }, b: { text: b } },
    value: { choice: a === better ? "a" : "b" },
  };
}

const Info = z.looseObject({
  id: z.coerce.string(),
  post: z.string().nullish(),
  article: z.string().nullish(),
});
const Summary = z.looseObject({
  text: z.string(),
  policy: z.string().nullish(),
  note: z.string().nullish(),
});
const sffRow = {
  info: Info,
  worker: z.string(),
  batch: z.string(),
  split: z.string().nullish(),
  extra: z.looseObject({ confidence: z.number().nullish() }).nullish(),
};
const SffRow = z.looseObject({
  ...sffRow,
  summaries: z.array(Summary).length(2),
  choice: z.union([z.literal(0), z.literal(1)]),
});
const AxesRow = z.looseObject({
  ...sffRow,
  summary: Summary.extend({ axes: z.record(z.string(), z.unknown()) }),
});
const source = (row: { info: z.infer<typeof Info>; split?: string | null | undefined }) => ({
  ...row.info,
  post: undefined,
  article: undefined,
  split: row.split ?? undefined,
});
const sample = ({ text, policy, note }: z.infer<typeof Summary>) => ({
  text,
  sample: policy ?? undefined,
  note: note ?? undefined,
});
const read = (info: z.infer<typeof Info>, line: number): string => {
  const text = info.post ?? info.article;
  if (text === null || text === undefined)
    throw new BadRow(line, "info has neither a post nor an article");
  return text;
};

export const converters = {
  trl: converter(formats.trl.title, importedComparison, TrlRow, fromTrl),
  sff: converter(formats.sff.title, importedComparison, SffRow, (row, line) => ({
    rater: row.worker,
    batch: row.batch,
    input: {
      passage: read(row.info, line),
      a: sample(row.summaries[0]!),
      b: sample(row.summaries[1]!),
      source: source(row),
    },
    value: {
      choice: row.choice === 0 ? "a" : "b",
      confidence: row.extra?.confidence ?? undefined,
    },
  })),
  "sff-axes": converter(
    "summarize-from-feedback, ratings on axes",
    importedAxes,
    AxesRow,
    (row, line) => ({
      rater: row.worker,
      batch: row.batch,
      input: {
        passage: read(row.info, line),
        summary: sample(row.summary),
        source: source(row),
      },
      value: { ...row.summary.axes, note: row.summary.note ?? undefined },
    }),
  ),
} as const;
export type ConverterName = keyof typeof converters;

/** The order of the file, a microsecond a line. */
const later = (at: Date, line: number): string =>
  new Date(at.getTime() + Math.floor(line / 1000))
    .toISOString()
    .replace("Z", `${String(line % 1000).padStart(3, "0")}Z`);

/** Turns rows of a converter or a mapping into rows of our own format, for one experiment. */
export function answersIn(o: { experiment: string; type: ImportedType; at: Date }) {
  const seen = new Map<string, number>();
  return ({ line }: SourceRow, m: Mapped): SourceRow => {
    const batch = `${o.experiment}/${typeof m.batch === "string" ? m.batch : "rows"}`;
    const input = JSON.parse(JSON.stringify(m.input)) as unknown; // what is undefined is gone
    const value = JSON.parse(JSON.stringify(m.value)) as unknown;
    const task = `${batch}/${typeof m.task === "string" ? digest(m.task) : digest(input)}`;
    const rater = typeof m.rater === "string" && m.rater ? m.rater : "label";
    // the same row in the same file again has the same id: a second import changes nothing
    const key = digest([task, rater, value]);
    const nth = seen.get(key) ?? 0;
    seen.set(key, nth + 1);
    if (nth > 0)
      throw new BadRow(
        line,
        `${rater} gave the same answer to the same task before. Take the row out.`,
      );
    const row = {
      answer: `${o.experiment}/${key}`,
      task,
      type: o.type.name,
      typeVersion: o.type.version,
      instructionsVersion: "",
      experiment: o.experiment,
      batch,
      rater: `${o.experiment}:${rater}`, // two imports' w1 are two people
      simulated: false,
      swap: m.swap ?? false,
      activeSeconds: m.activeSeconds ?? 0,
      idleSeconds: m.idleSeconds ?? 0,
      weight: m.weight ?? 1,
      at: m.at ?? later(o.at, line),
      undoneAt: null,
      input,
      draft: null,
      value,
    };
    parsedRow(AnswerRow, row, line);
    // a time that the file does not say must not make the same row differ tomorrow
    const text = JSON.stringify(m.at === undefined ? { ...row, timeUnknown: true } : row);
    return { line, row, text };
  };
}
