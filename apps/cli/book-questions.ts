/**
 * tiller book questions TREE|FOLDER FILE: what a tree still answers at each depth. Without a model, whether the answers stand in the summaries;
 * with one, also how well it answers from them.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { z } from "zod";
import { depthsOf, type Figure, GoldQuestion, scoreDepth } from "@tiller/book";
import { openModelClient, readModels } from "@tiller/model";
import { estimateTokens } from "@tiller/model/endpoint.ts";
import { own, prompt, TillerError } from "@tiller/schema";
import { defaultHome } from "@tiller/store";
import { readBook } from "./book-folder.ts";
import { readJson } from "./debate-files.ts";
import { progressBar } from "./file-job.ts";
import { flag } from "./flags.ts";
import { remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

const text = z.string().min(1).optional();
export const questionFlags = {
  model: flag(text, "NAME", "an endpoint of models.json that answers from each depth's summaries"),
  models: flag(text, "FILE", "models.json in another place than the home"),
  ...remoteFlags,
};
type Flags = z.infer<z.ZodObject<typeof questionFlags>>;
const ANSWER = 64; // tokens that an answer may have

function goldOf(file: string): GoldQuestion[] {
  const read = readJson(file);
  const rows: unknown[] = Array.isArray(read) ? read : [read];
  return rows.map((row, i) => {
    const q = GoldQuestion.safeParse(row);
    if (q.success) return q.data;
    throw new TillerError(
      "bad_question",
      `${file}, row ${i + 1}, is no question: ${z.prettifyError(q.error).replaceAll("\n", " ")}. Write {"question": "...", "answers": ["..."]}.`,
    );
  });
}
async function depthsIn(o: Flags, what: string) {
  if (existsSync(what)) {
    const { book, entries } = readBook(what);
    const outputs = new Map(entries.map((e) => [e.node, e.text])); // the newest of each
    return depthsOf(book.nodes, (id) => outputs.get(id));
  }
  const { nodes } = await remote(o).treeNodes({ id: what });
  const texts = new Map(nodes.map((n) => [n.node, n.standing === "invalid" ? null : n.text]));
  const rows = nodes.map((n) => {
    const [height = 0, index = 0] = n.node.split(".").map(Number);
    return { id: n.node, height, index };
  });
  return depthsOf(rows, (id) => texts.get(id) ?? undefined);
}

export async function bookQuestions(o: Flags, what: string, file = ""): Promise<number> {
  const questions = goldOf(file);
  if (questions.length === 0)
    throw new TillerError("bad_question", `${file} has no questions. Give one a line.`);
  const depths = await depthsIn(o, what);
  const answers = o.model === undefined ? undefined : answerer(o, o.model);
  const progress = progressBar();
  const scores: ReturnType<typeof scoreDepth>[] = [];
  const unfit: number[] = [];
  for (const d of depths) {
    const fits = answers?.fits(d.text, questions) ?? false;
    if (answers && !fits) unfit.push(d.depth);
    const said: string[] = [];
    for (const q of answers && fits ? questions : []) {
      said.push(await answers!.answer(d.text, q.question));
      progress(said.length, questions.length, `answers from depth ${d.depth}`);
    }
    scores.push(scoreDepth(d, questions, fits ? said : undefined));
  }
  if (o.json) {
    console.log(JSON.stringify({ questions: questions.length, unfit, depths: scores }));
    return 0;
  }
  const share = (f: Figure | undefined) =>
    f
      ? `${(100 * f.mean).toFixed(1)}${Number.isNaN(f.low) ? "" : ` (${(100 * f.low).toFixed(1)} to ${(100 * f.high).toFixed(1)})`}`
      : "-";
  console.log(
    table(
      [
        "depth",
        "summaries",
        "words",
        "answer stands there, %",
        ...(answers ? ["exact, %", "F1, %"] : []),
      ],
      scores.map((s) => [
        `${s.depth}${s.depth === 0 ? ", the root" : ""}`,
        `${s.written} of ${s.nodes}`,
        `${s.words}`,
        share(s.retained),
        ...(answers ? [share(s.exact), share(s.f1)] : []),
      ]),
    ),
  );
  console.log(
    `\n${questions.length} questions. In brackets: 95 %, questions drawn with replacement.`,
  );
  if (unfit.length > 0)
    console.log(`The summaries of depth ${unfit.join(", ")} do not fit the model: not answered.`);
  return 0;
}

function answerer(o: Flags, model: string) {
  const home = path.resolve(o.home ?? defaultHome());
  const config = readModels({ home, file: o.models, env: process.env });
  const named = own(config, model);
  if (named?.kind !== "openai")
    throw new TillerError(
      "unknown_model",
      `${model} is no endpoint of models.json. It has: ${Object.keys(config).join(", ") || "none"}. Name one, or give --models FILE.`,
    );
  const client = openModelClient({ config });
  const asks = (summaries: string, question: string) =>
    `${summaries}\n\nQuestion: ${question}\nAnswer from the text above, in as few words as can be.\nAnswer:`;
  const room = (named.contextTokens ?? Number.POSITIVE_INFINITY) - ANSWER;
  return {
    fits: (summaries: string, questions: readonly GoldQuestion[]) =>
      questions.every((q) => estimateTokens(asks(summaries, q.question)) <= room),
    answer: async (summaries: string, question: string): Promise<string> => {
      const words = prompt`${asks(summaries, question)}`;
      const { text: said } = await client.call(model, words, { temperature: 0, maxTokens: ANSWER });
      return said.trim().split("\n")[0]!;
    },
  };
}
