/** Questions about texts as rows of a file, {text, question, options, answer}: for rooms that a lead opens and for experiments. */
import { z } from "zod";
import type { RoomQuestion } from "./rooms.ts";

const Row = z.looseObject({
  text: z.string().min(1),
  question: z.string().min(1).max(10_000),
  options: z.array(z.string().min(1).max(5000)).min(2).max(8),
  answer: z.union([z.int().min(0), z.string()]).describe("its place among the options, or itself"),
  title: z.string().optional(),
});
export const QUESTION_ROW =
  "A row is {text, question, options, answer}, the answer one of the options or its place from 0.";

/** A row's question, the right answer first; or what is wrong with it. */
export function ofQuestionRow(
  given: unknown,
): { title: string; text: string; question: string; answers: string[] } | string {
  const row = Row.safeParse(given);
  if (!row.success) {
    const { path, message } = row.error.issues[0]!;
    return `${path.join(".") || "it"}: ${message}`;
  }
  const { text, question, options, answer } = row.data;
  const at = typeof answer === "number" ? answer : options.indexOf(answer);
  const right = options[at];
  if (right === undefined) return `${JSON.stringify(answer)} is none of the options`;
  const answers = [right, ...options.filter((_, k) => k !== at)];
  // rows about one text are one group, whatever they are called
  return { title: row.data.title ?? text.slice(0, 60), text, question, answers };
}

/** All questions of a JSONL file (or of a list in JSON); `problem`: the first line that is none. */
export function questionRows(file: string): {
  questions: RoomQuestion[];
  problem: string | undefined;
} {
  const questions: RoomQuestion[] = [];
  const stop = (where: string, why: string) => ({
    questions: [],
    problem: `${where}: ${why}. ${QUESTION_ROW}`,
  });
  const list = file.trimStart().startsWith("[");
  const lines = list ? [file] : file.split("\n");
  for (const [n, line] of lines.entries()) {
    if (line.trim() === "") continue;
    let rows: unknown;
    try {
      rows = JSON.parse(line);
    } catch (e) {
      return stop(list ? "the list" : `line ${n + 1}`, `no JSON (${(e as Error).message})`);
    }
    for (const [i, row] of (list ? (rows as unknown[]) : [rows]).entries()) {
      const made = ofQuestionRow(row);
      if (typeof made === "string") return stop(list ? `row ${i + 1}` : `line ${n + 1}`, made);
      const { title, text, question, answers } = made;
      questions.push({ question, answers, texts: [{ id: "text", title, body: text }] });
    }
  }
  return { questions, problem: undefined };
}
