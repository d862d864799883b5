/**
 * A project's results as tables: an item a row, an answer a row, the rows that TRL trains on, or pairs with their votes. A
 * cell is a JSON value; in CSV and Parquet it is text, a number or a truth value, and never JSON.
 */
import { type ItemResult, own, type ProjectExport } from "@tiller/schema";
import { at, inWords, keyOf } from "@tiller/task";

import { fieldsOfAll, type ItemWithAnswers, type Results } from "@tiller/work";
import { trl, votes } from "./project-pairs.ts";
import type { Table, TableRow } from "./table.ts";

export const tableOf = (results: Results, { rows, as }: ProjectExport): Table =>
  ({ items, answers, trl, votes })[rows](results, as);

/** A cell without JSON in it. */
export function flat(value: unknown): string | number | boolean {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value !== "object") return String(value as string);
  return Array.isArray(value)
    ? value.map(turnText).join("\n")
    : Object.entries(value)
        .map(([k, v]) => `${k}: ${flat(v)}`)
        .join("\n");
}
const turnText = (value: unknown): string => {
  const role = at(value, "role") ?? at(value, "from");
  const text = at(value, "content") ?? at(value, "value") ?? at(value, "text");
  return typeof text === "string"
    ? typeof role === "string"
      ? `${role}: ${text}`
      : text
    : String(flat(value));
};

/** The lead's own columns come first and keep their names: one of ours that is called the same gets `tiller_` in front. */
function withSource(items: readonly ItemWithAnswers[]) {
  const sources = [...new Set(items.flatMap((i) => Object.keys(i.source)))];
  const taken = new Set(sources);
  const name = (column: string) => (taken.has(column) ? `tiller_${column}` : column);
  return {
    columns: (ours: readonly string[]) => [...sources, ...ours.map(name)],
    row: (item: ItemWithAnswers, ours: readonly (readonly [string, unknown])[]): TableRow =>
      new Map<string, unknown>([
        ...sources.map((s) => [s, own(item.source, s) ?? null] as const),
        ...ours.map(([column, value]) => [name(column), value ?? null] as const),
      ]),
  };
}

/**
 * The columns of the file as they were, then for each question its label, the label in words where they say more, and the
 * confidence; then answers, seconds, disagreement and what the lead decided.
 */
function items({ kinds, items: all }: Results): Table {
  const fields = fieldsOfAll(kinds).map((f) => f.name);
  const worded = new Set(fields.filter((f) => all.some((i) => wordsDiffer(i, f))));
  const of = fields.flatMap((f) => [f, ...(worded.has(f) ? [`${f}_text`] : []), `${f}_confidence`]);
  const ours = [
    "item",
    ...of,
    "answers",
    "people",
    "seconds",
    "disagreement",
    "state",
    "reviewed_by",
    "gold",
  ];
  const { columns, row } = withSource(all);
  const table = all.map((item) => {
    const labels = new Map(item.labels.map((l) => [l.field, l]));
    const judged = fields.flatMap((f): [string, unknown][] => {
      const label = labels.get(f);
      const value = label?.undecided ? "undecided" : label?.value;
      const simple = typeof value === "string" || typeof value === "number";
      return [
        [f, simple ? value : label?.value === undefined ? null : new Worded(value, label.words)],
        ...(worded.has(f) ? [[`${f}_text`, label?.words] as [string, unknown]] : []),
        [`${f}_confidence`, label?.confidence],
      ];
    });
    return row(item, [
      ["item", item.place],
      ...judged,
      ["answers", item.answers],
      ["people", item.people],
      ["seconds", item.seconds],
      ["disagreement", item.disagreement],
      ["state", item.state],
      ["reviewed_by", item.review?.by],
      ["gold", item.gold],
    ]);
  });
  return { columns: columns(ours), table, rows: table.length, leftOut: [] };
}
const wordsDiffer = (item: ItemResult, field: string): boolean => {
  const l = item.labels.find((x) => x.field === field);
  return typeof l?.value === "string" && l.words !== l.value;
};
/** A value that is more than a label: JSON where JSON belongs, else its words. */
export class Worded {
  readonly value: unknown;
  readonly words: string;
  constructor(value: unknown, words: string) {
    this.value = value;
    this.words = words;
  }
  toJSON(): unknown {
    return this.value;
  }
}

/** Between these two columns of an answer a row stand its questions: `tiller quality aggregate` reads them. */
export const questionsBetween = ["worker", "seconds"] as const;
/** Every answer, those that were sent back too. */
function answers({ kinds, items: all }: Results): Table {
  const fields = fieldsOfAll(kinds).map((f) => f.name);
  const [first, last] = questionsBetween;
  const ours = ["item", "task", first, ...fields, last, "at", "version", "simulated", "sent_back"];
  const { columns, row } = withSource(all);
  const table = all.flatMap((item) =>
    item.said.map((s) =>
      row(item, [
        ["item", item.place],
        ["task", s.task],
        [first, s.rater],
        ...fields.map((f): [string, unknown] => {
          const value = at(s.value, f);
          const simple =
            value === undefined || typeof value === "string" || typeof value === "number";
          return [
            f,
            simple ? value : new Worded(value, inWords(item.kind.view, item.input, f, value)),
          ];
        }),
        [last, s.seconds],
        ["at", s.at],
        ["version", keyOf(item.kind)],
        ["simulated", s.simulated],
        ["sent_back", s.returned],
      ]),
    ),
  );
  return { columns: columns(ours), table, rows: table.length, leftOut: [] };
}
