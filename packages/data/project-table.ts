/**
 * A project's results as tables: an item a row, an answer a row, or the rows that TRL trains on. A cell is a JSON value; in
 * CSV and Parquet it is text, a number or a truth value, and never JSON.
 */
import {
  type Field,
  type ItemResult,
  own,
  type ProjectExport,
  type ProjectExportCounts,
  TillerError,
  type View,
} from "@tiller/schema";
import { at, fieldsOf, inWords, keyOf, listAt, readBy, textAt, textOf } from "@tiller/task";
import { fieldsOfAll, type ItemWithAnswers, type Results } from "@tiller/work";

type TableRow = ReadonlyMap<string, unknown>;
export interface Table extends ProjectExportCounts {
  readonly columns: readonly string[];
  readonly table: readonly TableRow[];
}

export const tableOf = (results: Results, { rows, as }: ProjectExport): Table =>
  ({ items, answers, trl })[rows](results, as);

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

type Message = { role: string; content: string };
type Trl = { prompt: unknown; chosen?: unknown; rejected?: unknown; completion?: unknown };
/** Preferences of comparisons and orders, {prompt, chosen, rejected}; of written answers {prompt, completion}. */
function trl({ kinds, items: all }: Results, as: ProjectExport["as"]): Table {
  const [kind] = kinds;
  const asked = fieldsOf(kind!.view);
  const compared = asked.filter((f) => own(preferring, f.kind) !== undefined);
  // beside a closed question a text is its reason, unless it is a text made better
  const closed = asked.some((f) => f.kind !== "text" && !f.optional);
  const written = asked.filter((f) => f.kind === "text" && !f.optional && (f.edits || !closed));
  const fields = compared.length ? compared : written;
  if (!fields.length)
    throw new TillerError(
      "not_sayable",
      `TRL trains on comparisons, orders and written answers, and ${keyOf(kind!)} asks ${asked.map((f) => `${f.name} (${f.kind})`).join(", ")}. Export an item a row.`,
    );
  const conversational = kind!.view.show.some((b) => b.kind === "turns");
  if (conversational && as !== "jsonl")
    throw new TillerError(
      "not_sayable",
      `${keyOf(kind!)} shows conversations, whose prompts are lists of messages: ${as} cannot say them. Export TRL as jsonl.`,
    );
  const table: TableRow[] = [];
  const out = new Map<string, number>();
  const leave = (why: string) => out.set(why, (out.get(why) ?? 0) + 1);
  const said = (text: string) =>
    conversational ? [{ role: "assistant", content: text } satisfies Message] : text;
  for (const item of all) {
    const names = fieldsOf(item.kind.view).map((f) => f.name);
    const prompt = conversational ? messagesShown(item) : textShown(item.kind.view, item.input);
    for (const f of fields) {
      if (!names.includes(f.name)) {
        leave(`${f.name} was not asked under ${keyOf(item.kind)}`);
        continue;
      }
      const rows = f.kind === "text" ? completions(item, f.name) : preferences(item, f);
      if (typeof rows === "string") leave(rows);
      else
        for (const r of rows)
          table.push(
            new Map(
              Object.entries({
                prompt,
                ...Object.fromEntries(Object.entries(r).map(([k, v]) => [k, said(v)])),
              } satisfies Trl),
            ),
          );
    }
  }
  const columns = ["prompt", ...(compared.length ? ["chosen", "rejected"] : ["completion"])];
  const leftOut = [...out].map(([why, n]) => ({ why, items: n }));
  return { columns, table, rows: table.length, leftOut };
}

type Preference = { chosen: string; rejected: string };
/** What an item's label says of two texts, by the kinds of field that say such a thing. */
const preferring: Readonly<
  Partial<
    Record<Field["kind"], (f: Field, input: unknown, value: unknown) => Preference[] | string>
  >
> = {
  pair(f, input, side) {
    if (side !== "a" && side !== "b") return "a tie";
    const [a, b] = readBy(f).map((r) => textAt(input, r.path));
    return side === "a" ? [{ chosen: a!, rejected: b! }] : [{ chosen: b!, rejected: a! }];
  },
  ranking(f, input, places) {
    const [list] = readBy(f);
    const texts = listAt(input, list!.path).map(textOf);
    const order = (places as readonly number[]).map((place) => texts[place] ?? "");
    return order.flatMap((chosen, i) =>
      order.slice(i + 1).map((rejected) => ({ chosen, rejected })),
    );
  },
};
/** Rows that a comparison or an order comes to, or why there are none. */
function preferences(item: ItemWithAnswers, f: Field): readonly Preference[] | string {
  const label = item.labels.find((l) => l.field === f.name);
  if (item.gold) return "hidden gold";
  if (label?.undecided) return "undecided";
  if (label?.value === undefined) return "no answer";
  return own(preferring, f.kind)!(f, item.input, label.value);
}
function completions(
  item: ItemWithAnswers,
  field: string,
): readonly { completion: string }[] | string {
  if (item.gold) return "hidden gold";
  const label = item.labels.find((l) => l.field === field);
  const texts = (Array.isArray(label?.value) ? label.value : [label?.value]).filter(
    (t) => typeof t === "string" && t !== "",
  );
  return texts.length ? texts.map((completion: string) => ({ completion })) : "no answer";
}

/** What the view shows before its questions, as one text. */
const textShown = (view: View, input: unknown): string =>
  view.show
    .flatMap((b) => {
      if (b.kind === "note") return [];
      const found = at(input, b.from);
      return Array.isArray(found) ? found.map(textOf) : [textOf(found)];
    })
    .join("\n\n");
const messagesShown = ({ kind, input }: ItemWithAnswers): Message[] =>
  kind.view.show.flatMap((b): Message[] => {
    if (b.kind === "note") return [];
    const found = at(input, b.from);
    if (b.kind !== "turns") return [{ role: "user", content: textOf(found) }];
    return (Array.isArray(found) ? found : []).map((t: unknown) => ({
      role: String(at(t, "role")),
      content: textOf(t),
    }));
  });
