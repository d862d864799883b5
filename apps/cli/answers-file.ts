/** The columns of a file of answers that say task, worker and label: a plain file's, or those of a project's own export. */
import { questionsBetween, readRows } from "@tiller/data";
import { TillerError } from "@tiller/schema";
import { type CsvFlags, separatorOf } from "./csv.ts";

interface AnswerColumns {
  readonly task: string;
  readonly worker: string;
  readonly label: string;
  /** true in it: the lead sent the answer back */
  readonly sentBack: string | undefined;
}

/** `field`: the question that is meant, where there are several. */
export async function answerColumns(
  file: string,
  o: CsvFlags & { field?: string | undefined },
): Promise<AnswerColumns> {
  const header = await headerOf(file, o);
  // a column of ours that the lead's own file had too
  const ours = (name: string) => (header.includes(`tiller_${name}`) ? `tiller_${name}` : name);
  const label = o.field ?? "label";
  if (!header.includes(ours("sent_back")))
    return { task: "task", worker: "worker", label, sentBack: undefined };
  const [first, last] = questionsBetween.map((name) => header.lastIndexOf(ours(name)));
  const questions = header.slice(first! + 1, last);
  const [only] = o.field === undefined ? questions : [ours(o.field)];
  if (!questions.includes(only!) || (o.field === undefined && questions.length !== 1))
    throw new TillerError(
      "bad_flag",
      `${file} has the answers to ${questions.join(", ")}. Say which is meant: --field ${questions[0]}.`,
    );
  return {
    task: ours("task"),
    worker: ours("worker"),
    label: only!,
    sentBack: ours("sent_back"),
  };
}

async function headerOf(file: string, o: CsvFlags): Promise<string[]> {
  for await (const { row } of readRows(file, {
    kind: "csv",
    encoding: o.encoding,
    separator: separatorOf(o.separator),
  }))
    return Object.keys(row);
  return []; // readCsv says what is wrong with it
}
