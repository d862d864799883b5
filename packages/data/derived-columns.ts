/**
 * Columns that published sets have inside of others: conversations have their prompt and their last answer, a preference of
 * two conversations the prompt that both begin with, an instruction set's instruction the input that belongs to it.
 */
import { at, put, type Draft } from "@tiller/task";
import { messagesOf, preferred, transcript } from "./messages.ts";
import type { SourceRow } from "./row.ts";

type Row = SourceRow["row"];
const talks = ["messages", "conversations", "conversation"] as const;

/** Those that a file with these columns has beside them. */
export function derivedColumns(columns: ReadonlySet<string>): string[] {
  const has = (...names: string[]) => names.every((n) => columns.has(n));
  const talk = talks.some((t) => columns.has(t));
  const prompt =
    talk ||
    has("chosen", "rejected") ||
    has("instruction", "input") ||
    has("instruction", "context");
  return [
    ...(prompt && !has("prompt") ? ["prompt"] : []),
    ...(talk && !has("completion") ? ["completion"] : []),
  ];
}

/** The row with them. */
export const withDerived = (row: Row, line: number): Row =>
  withInput(withTalk(withPreference(row, line), line));

const conversation = (value: unknown, name: string, line: number) =>
  Array.isArray(value)
    ? messagesOf(value, name, line)
    : typeof value === "string" && value.startsWith("\n\nHuman:")
      ? transcript(value, name, line)
      : undefined;

/** Conversations chosen and rejected, as preference sets have them: the prompt that both begin with, and two texts. */
function withPreference(row: Row, line: number): Row {
  const [chosen, rejected] = (["chosen", "rejected"] as const).map((n) =>
    conversation(row[n], n, line),
  );
  if (!chosen || !rejected) return row;
  const given = row["prompt"];
  const prompt =
    conversation(given, "prompt", line) ?? (typeof given === "string" ? given : undefined);
  const { input, value } = preferred({ prompt, chosen, rejected }, line, {});
  const [better, worse] = value["choice"] === "a" ? ["a", "b"] : ["b", "a"];
  return {
    ...row,
    prompt: input["passage"],
    chosen: at(input, `${better}.text`),
    rejected: at(input, `${worse}.text`),
  };
}

/** A conversation that an assistant ends: what was said before it, and its last turn. */
function withTalk(row: Row, line: number): Row {
  const name = talks.find((t) => Array.isArray(row[t]));
  if (name === undefined) return row;
  const turns = messagesOf(row[name], name, line);
  const last = turns.at(-1)!;
  const ended = last.role === "assistant";
  const before = ended ? turns.slice(0, -1) : turns;
  let more: Draft = row;
  if (row["prompt"] === undefined && before.length) more = put(more, "prompt", before);
  if (row["completion"] === undefined && ended) more = put(more, "completion", last.content);
  return more;
}

function withInput(row: Row): Row {
  const { instruction, prompt } = row;
  const more = row["input"] ?? row["context"];
  if (typeof instruction !== "string" || typeof more !== "string" || prompt !== undefined)
    return row;
  return { ...row, prompt: more.trim() ? `${instruction}\n\n${more}` : instruction };
}
