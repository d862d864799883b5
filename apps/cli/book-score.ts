/** tiller book score FILE|TREE: what people said of summaries, by system, with intervals over books; of a tree on the server, by height. */
import { existsSync } from "node:fs";
import { z } from "zod";
import {
  ClaimRow,
  coherence,
  faithfulness,
  type Figure,
  SentenceRow,
  squality,
  SqualityStory,
} from "@tiller/book";
import { claimVerdicts, ErrorType, TillerError } from "@tiller/schema";
import { toldScore } from "./book-tree-score.ts";
import { readJson } from "./debate-files.ts";
import { remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

export const scoreFlags = remoteFlags;
type Flags = z.infer<z.ZodObject<typeof scoreFlags>>;

const kinds = {
  "a story of SQuALITY": SqualityStory,
  "a claim": ClaimRow,
  "a sentence": SentenceRow,
} as const;
const kindOf = (row: unknown): keyof typeof kinds | undefined =>
  typeof row !== "object" || row === null
    ? undefined
    : "passage-id" in row
      ? "a story of SQuALITY"
      : "claim" in row
        ? "a claim"
        : "errors" in row
          ? "a sentence"
          : undefined;

/** A file that is there, else a tree. */
export async function score(o: Flags, what: string): Promise<number> {
  if (existsSync(what)) return scoreFile(o, what);
  const found = await remote(o).getTreeScore({ id: what });
  console.log(o.json ? JSON.stringify(found) : toldScore(what, found));
  return 0;
}

async function scoreFile(o: { json: boolean }, file: string): Promise<number> {
  const read = readJson(file);
  const rows: unknown[] = Array.isArray(read) ? read : [read];
  const stories: z.infer<typeof SqualityStory>[] = [];
  const claims: z.infer<typeof ClaimRow>[] = [];
  const sentences: z.infer<typeof SentenceRow>[] = [];
  for (const [i, row] of rows.entries()) {
    const kind = kindOf(row);
    const parsed = kind && kinds[kind].safeParse(row);
    if (!parsed?.success)
      throw new TillerError(
        "bad_annotation",
        `${file}, row ${i + 1}, is ${kind === undefined ? "neither a story of SQuALITY (passage-id), a claim (claim, spans, verdict) nor a sentence (sentence, errors)" : `not ${kind} as it should be: ${z.prettifyError(parsed!.error!).replaceAll("\n", " ")}`}. Mend that row.`,
      );
    if (kind === "a story of SQuALITY") stories.push(SqualityStory.parse(row));
    else if (kind === "a claim") claims.push(ClaimRow.parse(row));
    else sentences.push(SentenceRow.parse(row));
  }
  if (rows.length === 0)
    throw new TillerError("bad_annotation", `${file} has no rows. Give one annotation a line.`);
  const found = {
    ratings: squality(stories),
    faithfulness: faithfulness(claims),
    coherence: coherence(sentences),
  };
  if (o.json) {
    console.log(JSON.stringify(found));
    return 0;
  }
  const rated = ({ mean, low, high }: Figure) =>
    `${mean.toFixed(1)}${Number.isNaN(low) ? "" : ` (${low.toFixed(1)} to ${high.toFixed(1)})`}`;
  const share = (f: Figure) =>
    rated({ ...f, mean: 100 * f.mean, low: 100 * f.low, high: 100 * f.high });
  const tables: string[] = [];
  if (found.ratings.length > 0)
    tables.push(
      table(
        ["system", "correctness", "coverage", "overall", "reviews", "books"],
        found.ratings.map((r) => [
          r.system,
          ...[r.correctness, r.coverage, r.overall].map(rated),
          `${r.overall.n}`,
          `${r.overall.books}`,
        ]),
      ),
    );
  if (found.faithfulness.length > 0)
    tables.push(
      table(
        [
          "system",
          "true, % of decided",
          ...claimVerdicts.map((v) => `${v}, %`),
          "shown, %",
          "claims",
          "books",
        ],
        found.faithfulness.map((f) => [
          f.system,
          share(f.so),
          ...claimVerdicts.map((v) => share(f.verdicts[v])),
          share(f.shown),
          `${f.verdicts.yes.n}`,
          `${f.verdicts.yes.books}`,
        ]),
      ),
    );
  if (found.coherence.length > 0)
    tables.push(
      table(
        ["system", "without error, %", ...ErrorType.options, "sentences", "books"],
        found.coherence.map((c) => [
          c.system,
          share(c.free),
          ...ErrorType.options.map((t) => (100 * c.errors[t].mean).toFixed(1)),
          `${c.free.n}`,
          `${c.free.books}`,
        ]),
      ),
    );
  console.log(tables.join("\n\n"));
  console.log("\nIn brackets: 95 %, books drawn with replacement.");
  return 0;
}
