/** Which columns of a file fill which part of an item: a guess by their names, then by what is left, that a lead corrects. */
import { type Field, type ItemMapping, type ItemSlot, own } from "@tiller/schema";
import { fieldsOf, kindOfField, slotsOf } from "@tiller/task";
import { BadCell, itemOf } from "./items.ts";
import { BadRow, type SourceRow } from "./row.ts";

const plain = (s: string) => s.toLowerCase().replace(/[^a-z0-9]/g, "");

const sided = (letter: string, n: string, more: readonly string[]) => [
  letter,
  ...[
    "response",
    "answer",
    "output",
    "completion",
    "summary",
    "text",
    "option",
    "candidate",
    "model",
    "reply",
    "continuation",
  ].flatMap((x) => [`${x}${letter}`, `${x}${n}`, `${letter}${x}`]),
  n,
  ...more,
];
const asked = ["question", "prompt", "instruction", "query", "request", "input", "task", "problem"];
const read = [
  "passage",
  "text",
  "document",
  "article",
  "context",
  "post",
  "source",
  "story",
  "body",
  "content",
];
const replied = [
  "answer",
  "response",
  "output",
  "completion",
  "reply",
  "draft",
  "generation",
  "prediction",
];
/** What a part of an item is called in files, the likeliest first. */
const called: Readonly<Record<string, readonly string[]>> = {
  a: sided("a", "1", ["chosen", "left", "first"]),
  b: sided("b", "2", ["rejected", "right", "second"]),
  passage: [...read, ...asked],
  question: [...asked, ...read],
  prompt: [...asked, ...read],
  request: [...asked, ...read],
  problem: ["problem", ...asked],
  summary: ["summary", "tldr", ...replied],
  answer: replied,
  draft: ["draft", ...replied],
  claim: ["claim", "statement", "hypothesis", "sentence", "headline"],
  turns: ["turns", "messages", "conversations", "conversation", "dialogue", "dialog", "chat"],
  answers: ["answers", "responses", "completions", "outputs", "candidates"],
  steps: ["steps", "completions", "solution", "reasoning"],
  evidence: ["evidence", "facts", "sources", "context"],
};
const labelNames = [
  "label",
  "choice",
  "winner",
  "preferred",
  "best",
  "correct",
  "preference",
  "gold",
  "expected",
  "verdict",
  "rating",
  "score",
  "class",
  "category",
];

export function guessMapping(
  kind: Parameters<typeof itemOf>[0],
  columns: readonly string[],
  first: readonly SourceRow[],
): ItemMapping {
  const free = new Set(columns);
  const take = (names: readonly string[]): string | undefined => {
    for (const name of names) {
      const found = [...free].find((c) => plain(c) === plain(name));
      if (found !== undefined) {
        free.delete(found);
        return found;
      }
    }
    return undefined;
  };
  const slots = slotsOf(kind);
  const filled = new Map<string, string | string[]>();
  const open = () => slots.filter((s) => !filled.has(s.path));
  const fill = (s: ItemSlot, names: readonly string[]) => {
    const column = take(names);
    if (column !== undefined) filled.set(s.path, column);
  };
  // names that say it before those that only may
  for (const s of open()) fill(s, [s.path, s.path.split(".")[0]!]);
  for (const s of open()) fill(s, own(called, s.path.split(".")[0]!) ?? [s.label]);
  for (const s of open().filter(({ kind: of }) => of === "list")) {
    const several = numbered([...free], own(called, s.path) ?? []);
    if (several.length < 2) continue;
    for (const c of several) free.delete(c);
    filled.set(s.path, several);
  }
  // what is left goes by length: the longest texts to what is shown first
  const byLength = [...free]
    .filter((c) => !labelNames.includes(plain(c)))
    .map((c) => ({ c, size: first.reduce((n, r) => n + sizeOf(own(r.row, c)), 0) }))
    .filter(({ size }) => size > first.length * 8)
    .toSorted((x, y) => y.size - x.size);
  if (byLength.length >= open().length)
    for (const s of open()) filled.set(s.path, byLength.shift()!.c);
  const input = Object.fromEntries(filled);
  if (open().length) return { input, answer: {} };
  const taken = new Set([...filled.values()].flat());
  const left = columns.filter((c) => !taken.has(c));
  return { input, answer: guessAnswers(kind, input, left, first) };
}
const sizeOf = (x: unknown) => (typeof x === "string" ? x.length : 0);
/** answer_1, answer_2, ...: columns that are one list. */
const numbered = (columns: readonly string[], names: readonly string[]): string[] => {
  const stems = names.map((n) => plain(n).replace(/s$/, ""));
  return columns.filter((c) =>
    stems.some((s) => new RegExp(`^${s}s?[0-9]$|^${s}[a-i]$`).test(plain(c))),
  );
};

/** Columns whose every value in the first rows is an answer to a question; the chosen text of a preference set is side a. */
function guessAnswers(
  kind: Parameters<typeof itemOf>[0],
  input: ItemMapping["input"],
  free: readonly string[],
  first: readonly SourceRow[],
): ItemMapping["answer"] {
  const answer = new Map<string, ItemMapping["answer"][string]>();
  const preferred = (f: Field & { kind: "pair" }) =>
    own(input, f.a) === "chosen" && own(input, f.b) === "rejected";
  const said = (x: unknown) => sizeOf(x) > 0 || typeof x === "number";
  for (const f of fieldsOf(kind.view)) {
    if (f.kind === "pair" && preferred(f)) {
      answer.set(f.name, { always: "a" });
      continue;
    }
    // a category is nobody's own words
    const usual = kindOfField(f).prose ? [] : labelNames;
    const names = [f.name, f.label, ...usual].map(plain);
    const column = names
      .flatMap((n) => free.filter((c) => plain(c) === n || plain(c) === `${n}label`))
      .find(
        (c) => first.some((r) => said(own(r.row, c))) && fits({ input, answer: { [f.name]: c } }),
      );
    if (column !== undefined && ![...answer.values()].includes(column)) answer.set(f.name, column);
  }
  return Object.fromEntries(answer);

  function fits(tried: ItemMapping): boolean {
    return first.every((r) => {
      try {
        itemOf(kind, tried, r);
        return true;
      } catch (e) {
        if (!(e instanceof BadRow)) throw e;
        // another column's fault says nothing about this one
        return !(e instanceof BadCell) || !Object.values(tried.answer).includes(e.column ?? "");
      }
    });
  }
}
