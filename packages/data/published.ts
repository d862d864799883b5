/** Published sets as answers of ours, one table row a format: what it must have, and how its rows are read. */
import { z } from "zod";
import type { ImportName } from "@tiller/schema";
import { arena, oasst, ranked, sharegpt } from "./conversations.ts";
import { cell, type Converter, converter, without } from "./converter.ts";
import { importedAxes, importedComparison } from "./imported-types.ts";
import { idOf } from "./mapped.ts";
import { Messages, pair, preferred, PreferenceRow, transcript } from "./messages.ts";
import { helpsteerRatings, prm800k, stepwise, ultrafeedback } from "./ratings.ts";
import { BadRow, parsedRow, type SourceRow } from "./row.ts";

const looksListed = (x: unknown) =>
  typeof x === "string" && /^\s*\[\s*\{\s*['"](role|content|from|value)['"]/.test(x);
const preference: Converter = {
  type: importedComparison,
  convert: ({ row, line, cells }) => {
    if (cells && looksListed(row["chosen"]) && looksListed(row["rejected"]))
      throw new BadRow(
        line,
        "chosen and rejected are texts that look like lists of messages. Say --as trl-conversational if they are; if they are texts, write the file as JSONL, where the two differ",
      );
    return preferred(
      parsedRow(PreferenceRow, row, line),
      line,
      without(row, "prompt", "chosen", "rejected"),
    );
  },
};
const conversations: Converter = {
  type: importedComparison,
  cells: cell("json", "prompt", "chosen", "rejected"),
  convert: ({ row, line }) =>
    preferred(
      parsedRow(
        z.looseObject({ prompt: Messages.nullish(), chosen: Messages, rejected: Messages }),
        row,
        line,
      ),
      line,
      without(row, "prompt", "chosen", "rejected"),
    ),
};

const HhRow = z.looseObject({ chosen: z.string(), rejected: z.string() });
const hh = converter(importedComparison, HhRow, (row, line, all) =>
  preferred(
    {
      chosen: transcript(row.chosen, "chosen", line),
      rejected: transcript(row.rejected, "rejected", line),
    },
    line,
    without(all, "chosen", "rejected"),
  ),
);

const label = z.union([z.string(), z.number()]).transform(String);
const Info = z.looseObject({
  id: label,
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
  worker: z.unknown(),
  batch: z.unknown(),
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
const sffSource = (
  row: { info: z.infer<typeof Info>; split?: string | null | undefined },
  all: SourceRow["row"],
) => ({
  ...without(all, "info", "summaries", "summary", "choice", "worker", "batch", "split", "extra"),
  ...without(row.info, "post", "article"),
  ...(row.split === null || row.split === undefined ? {} : { split: row.split }),
});
const sample = ({ text, policy, note }: z.infer<typeof Summary>) => ({
  text,
  sample: policy ?? undefined,
  note: note ?? undefined,
});
const passageOf = (info: z.infer<typeof Info>, line: number): string => {
  const text = info.post ?? info.article;
  if (text === null || text === undefined)
    throw new BadRow(line, "info has neither a post nor an article");
  return text;
};
const who = (row: { worker?: unknown; batch?: unknown }, line: number) => ({
  rater: idOf(row.worker, "worker", line),
  batch: idOf(row.batch, "batch", line),
});
const sff = converter(
  importedComparison,
  SffRow,
  (row, line, all) => ({
    ...who(row, line),
    input: {
      passage: passageOf(row.info, line),
      a: sample(row.summaries[0]!),
      b: sample(row.summaries[1]!),
    },
    source: sffSource(row, all),
    value: {
      choice: row.choice === 0 ? "a" : "b",
      confidence: row.extra?.confidence ?? undefined,
      ...(Object.keys(without(row.extra ?? {}, "confidence")).length
        ? { extra: without(row.extra ?? {}, "confidence") }
        : {}),
    },
  }),
  [...cell("json", "info", "summaries", "extra"), ...cell("number", "choice")],
);
const sffAxes = converter(
  importedAxes,
  AxesRow,
  (row, line, all) => ({
    ...who(row, line),
    input: { passage: passageOf(row.info, line), summary: sample(row.summary) },
    source: sffSource(row, all),
    value: { ...row.summary.axes, note: row.summary.note ?? undefined },
  }),
  cell("json", "info", "summary", "extra"),
);

const strength = z.number().min(-3).max(3);
const HelpsteerRow = z
  .looseObject({
    prompt: z.string().optional(),
    context: Messages.optional(),
    response_1: z.string().optional(),
    response_2: z.string().optional(),
    response1: z.string().optional(),
    response2: z.string().optional(),
    preference_strength: strength.optional(),
    overall_preference: strength.optional(),
  })
  .transform((row, c) => {
    const made = {
      prompt: row.context ?? row.prompt,
      x: row.response_1 ?? row.response1,
      y: row.response_2 ?? row.response2,
      strength: row.preference_strength ?? row.overall_preference,
    };
    for (const [name, value] of Object.entries({
      "prompt or context": made.prompt,
      "response_1 or response1": made.x,
      "response_2 or response2": made.y,
      "preference_strength or overall_preference": made.strength,
    }))
      if (value === undefined) c.addIssue({ code: "custom", message: `it has no ${name}` });
    return made as { [K in keyof typeof made]-?: NonNullable<(typeof made)[K]> };
  });
/** HelpSteer2's preferences and HelpSteer3: -3, the first is much better, to 3. */
const helpsteer = converter(
  importedComparison,
  HelpsteerRow,
  (row, line, all) => {
    const choice = row.strength < 0 ? "a" : row.strength > 0 ? "b" : "tie";
    const made = pair(row.prompt, [{ text: row.x }, { text: row.y }], choice, line);
    return {
      ...made,
      value: { ...made.value, strength: row.strength },
      source: without(
        all,
        "prompt",
        "context",
        "response_1",
        "response_2",
        "response1",
        "response2",
        "preference_strength",
        "overall_preference",
      ),
    };
  },
  [
    ...cell("number", "preference_strength", "overall_preference"),
    ...cell("json", "context", "individual_preference"),
  ],
);
/** Stanford Human Preferences: labels 1, A has the higher score. */
const ShpRow = z.looseObject({
  history: z.string(),
  human_ref_A: z.string(),
  human_ref_B: z.string(),
  labels: z.union([z.literal(0), z.literal(1)]),
});
const shp = converter(
  importedComparison,
  ShpRow,
  (row, line, all) => ({
    ...pair(
      row.history,
      [{ text: row.human_ref_A }, { text: row.human_ref_B }],
      row.labels === 1 ? "a" : "b",
      line,
    ),
    source: without(all, "history", "human_ref_A", "human_ref_B", "labels"),
  }),
  cell("number", "labels"),
);

export const converters: Readonly<Record<Exclude<ImportName, "answers">, Converter>> = {
  trl: preference,
  "trl-implicit": preference,
  "trl-conversational": conversations,
  sff,
  "sff-axes": sffAxes,
  hh,
  helpsteer,
  "helpsteer-ratings": helpsteerRatings,
  shp,
  arena,
  ranked,
  oasst,
  sharegpt,
  ultrafeedback,
  prm800k,
  stepwise,
};
