/** What people's answers to a project's items come to: a row an item, filtered, sorted, and as a lead's own table again. */
import { z } from "zod";
import { aggregateAnswers } from "@tiller/crowd";
import {
  type ItemPage,
  type ItemLabel,
  type ItemResult,
  own,
  type ProjectItem,
  type ResultsQuery,
  Shown,
  TillerError,
  type View,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { at, fieldsOf, inWords, kindOfField, readBy, type TaskDef, textOf } from "@tiller/task";
import { kindOfProject, type ProjectKind } from "./projects.ts";

const ItemRow = z.object({
  place: z.number(),
  task: z.string().nullable(),
  source: z.record(z.string(), z.unknown()),
  given: z.record(z.string(), z.unknown()).nullable(),
  input: z.unknown(),
  people: z.number(),
});
const SaidRow = z.object({
  task: z.string(),
  rater: z.string(),
  value: z.unknown(),
  swap: z.boolean(),
  shown: Shown.nullable(),
  seconds: z.number(),
  at: z.iso.datetime(),
});
type Said = z.infer<typeof SaidRow>;
export interface ItemWithAnswers extends ItemResult {
  readonly input: unknown;
  readonly source: Readonly<Record<string, unknown>>;
  readonly said: readonly Said[];
}
export interface Results {
  readonly kind: ProjectKind;
  readonly items: readonly ItemWithAnswers[];
}

interface Kept {
  readonly state: string;
  readonly results: Results;
  readonly at: number;
  readonly took: number;
}
/** Kept until the next answer, and for ten times what they took: pages that look again and again never hold up the desk. */
const kept = new Map<string, Kept>();
const KEPT = 8;

export async function resultsOf(
  db: Db,
  project: string,
  { fresh = false }: { fresh?: boolean } = {},
): Promise<Results> {
  const began = performance.now();
  const kind = await kindOfProject(db, project);
  const known = kept.get(project);
  if (known && !fresh && began - known.at < 10 * known.took) return known.results;
  const state = await db.value(
    sql`select concat(count(*), ' ', max(a.at), ' ', (select count(*) from project_item where project = ${project}), ' ', (select sum(wanted) from batch where project = ${project}))
        from answer a join task t on t.id = a.task join batch b on b.id = t.batch where b.project = ${project} and a.undone_at is null`,
    z.string(),
  );
  if (known?.state === state) return known.results;
  const rows = await db.many(
    sql`select i.place, i.task, i.source, i.answer as given, coalesce(t.input, g.input) as input, coalesce(t.people, 0) as people
        from project_item i left join task t on t.id = i.task left join gold g on g.id = i.gold where i.project = ${project} order by i.place`,
    ItemRow,
  );
  const said = await db.many(
    sql`select a.task, p.pseudonym as rater, a.value, a.swap, l.shown, a.active_seconds as seconds, a.at
        from answer a join lease l on l.id = a.lease join task t on t.id = a.task join batch b on b.id = t.batch join person p on p.id = a.person
        where b.project = ${project} and a.undone_at is null order by t.place, a.at, a.id`,
    SaidRow,
  );
  const results = { kind, items: joined(kind, rows, said) };
  kept.delete(project);
  const now = performance.now();
  kept.set(project, { state, results, at: now, took: now - began });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  return results;
}

function joined(
  kind: ProjectKind,
  rows: readonly z.infer<typeof ItemRow>[],
  said: readonly Said[],
): ItemWithAnswers[] {
  const { view } = kind;
  const inputs = new Map(rows.map((r) => [r.task, r.input]));
  const given = said.map((s) => ({ ...s, input: inputs.get(s.task) }));
  const labels = Map.groupBy(aggregateAnswers(kind as TaskDef, given), (x) => x.task);
  const answers = Map.groupBy(said, (s) => s.task);
  return rows.map(({ task, ...row }) => {
    const own = (task === null ? undefined : answers.get(task)) ?? [];
    const found = (task === null ? undefined : labels.get(task)) ?? [];
    return {
      place: row.place,
      people: row.people,
      given: row.given,
      input: row.input,
      source: row.source,
      text: beginning(view, row.input),
      gold: task === null,
      labels: found.map((l): ItemLabel => ({
        field: l.field,
        value: l.value,
        words:
          l.value === undefined ? "" : labelInWords(view, row.input, l.field, l.value, l.method),
        confidence: l.support["fraction"] ?? l.support["concordance"] ?? null,
      })),
      answers: own.length,
      seconds: own.length ? own.reduce((sum, s) => sum + s.seconds, 0) / own.length : null,
      disagreement: disagreementOf(view, own),
      said: own,
    };
  });
}
const labelInWords = (
  view: View,
  input: unknown,
  field: string,
  value: unknown,
  method: string,
): string =>
  method === "none"
    ? (value as unknown[]).map((v) => inWords(view, input, field, v)).join("\n")
    : typeof value === "number"
      ? String(Math.round(value * 1000) / 1000)
      : inWords(view, input, field, value);

/** The first text that the view shows, then what its questions are about. */
function beginning(view: View, input: unknown): string {
  const paths = [
    ...view.show.flatMap((b) => (b.kind === "note" ? [] : [b.from])),
    ...view.ask.flatMap(readBy).map((r) => r.path),
  ];
  for (const path of paths) {
    const found = at(input, path);
    const text = Array.isArray(found) ? found.map(textOf).join(" \u00b7 ") : textOf(found);
    if (text.trim()) return text.trim().slice(0, 300);
  }
  return "";
}

/**
 * Observed disagreement, as in Krippendorff's alpha: the mean difference between two answers to a question, 1 where labels
 * differ, and for numbers their distance as a fraction of the scale. The mean over the questions that can be compared.
 */
function disagreementOf(view: View, said: readonly Said[]): number | null {
  const each = view.ask.flatMap((f) => {
    const { scale } = kindOfField(f);
    const values = said.map((s) => at(s.value, f.name)).filter((v) => v !== undefined);
    if (!scale || values.length < 2) return [];
    const range = "points" in f ? f.points - 1 : "max" in f ? f.max - f.min : 1;
    const differ = (x: unknown, y: unknown) =>
      typeof x === "number" && typeof y === "number"
        ? Math.min(1, Math.abs(x - y) / range)
        : Number(JSON.stringify(x) !== JSON.stringify(y));
    let [sum, pairs] = [0, 0];
    values.forEach((x, i) => {
      for (const y of values.slice(i + 1)) [sum, pairs] = [sum + differ(x, y), pairs + 1];
    });
    return [sum / pairs];
  });
  return each.length ? each.reduce((a, b) => a + b, 0) / each.length : null;
}

const confidenceOf = (item: ItemResult): number | null => {
  const known = item.labels.flatMap((l) => (l.confidence === null ? [] : [l.confidence]));
  return known.length ? Math.min(...known) : null;
};
const shows: Readonly<Record<ResultsQuery["show"], (item: ItemResult) => boolean>> = {
  all: () => true,
  answered: (i) => i.answers > 0,
  done: (i) => !i.gold && i.answers >= i.people,
  open: (i) => !i.gold && i.answers < i.people,
  gold: (i) => i.gold,
};
const sortKeys: Readonly<Record<ResultsQuery["sort"], (item: ItemResult) => number | null>> = {
  place: (i) => i.place,
  answers: (i) => i.answers,
  seconds: (i) => i.seconds,
  disagreement: (i) => i.disagreement,
  confidence: confidenceOf,
};

const asResult = (i: ItemWithAnswers): ItemResult => ({
  place: i.place,
  text: i.text,
  gold: i.gold,
  labels: i.labels,
  answers: i.answers,
  people: i.people,
  seconds: i.seconds,
  disagreement: i.disagreement,
  given: i.given,
});

const comesTo = (value: unknown, label: string): boolean =>
  Array.isArray(value) ? value.includes(label) : String(value as string | number) === label;
const labelOf = (options: readonly { value: string; label: string }[], value: string): string =>
  options.find((o) => o.value === value)?.label || value;

/** A page of the items. Those without a figure come last, whichever way they are sorted. */
export function pageOf({ kind, items }: Results, q: ResultsQuery): ItemPage {
  const words = q.q.toLowerCase().split(/\s+/).filter(Boolean);
  const key = sortKeys[q.sort];
  const sign = q.order === "up" ? 1 : -1;
  const found = items
    .filter(shows[q.show])
    .filter(
      (i) => !q.label || i.labels.some((l) => l.field === q.field && comesTo(l.value, q.label)),
    )
    .filter((i) => {
      if (!words.length) return true;
      const text = JSON.stringify([i.input, i.source]).toLowerCase();
      return words.every((w) => text.includes(w));
    })
    .toSorted((x, y) => {
      const [a, b] = [key(x), key(y)];
      if (a === null || b === null)
        return Number(a === null) - Number(b === null) || x.place - y.place;
      return sign * (a - b) || x.place - y.place;
    });
  return {
    total: found.length,
    fields: fieldsOf(kind.view).map((f) => ({
      name: f.name,
      label: f.label,
      labels: (kindOfField(f).labels(f) ?? []).map((value) => ({
        value,
        label: "options" in f ? labelOf(f.options, value) : value,
      })),
    })),
    items: found.slice(q.offset, q.offset + q.limit).map(asResult),
  };
}

export async function projectItem(db: Db, project: string, place: number): Promise<ProjectItem> {
  const { kind, items } = await resultsOf(db, project);
  const found = items.find((i) => i.place === place);
  if (!found)
    throw new TillerError(
      "not_found",
      `project ${project} has no item ${place}; it has ${items.length}. Look at its results.`,
    );
  return {
    ...asResult(found),
    input: found.input,
    source: { ...found.source },
    title: kind.title,
    view: kind.view,
    said: found.said.map(({ rater, value, swap, shown, seconds, at: when }) => ({
      rater,
      value,
      swap,
      shown,
      seconds,
      at: when,
    })),
  };
}

const cellOf = (value: unknown): string =>
  value === null || value === undefined
    ? ""
    : typeof value === "object"
      ? Array.isArray(value)
        ? value.map(turnOf).join("\n")
        : Object.entries(value)
            .map(([k, v]) => `${k}: ${cellOf(v)}`)
            .join("\n")
      : String(value as string | number | boolean);
const turnOf = (value: unknown): string => {
  const role = at(value, "role") ?? at(value, "from");
  const text = at(value, "content") ?? at(value, "value") ?? at(value, "text");
  return typeof text === "string"
    ? typeof role === "string"
      ? `${role}: ${text}`
      : text
    : cellOf(value);
};

export type TableRow = ReadonlyMap<string, string | number>;
/**
 * An item a row: the columns of the lead's own file, then for each question its label, the label in words where they differ,
 * and the confidence; then answers, seconds and disagreement. No cell holds JSON. A column of ours that the file has too
 * gets `tiller_` in front.
 */
export function tableOf({ kind, items }: Results): { columns: string[]; rows: TableRow[] } {
  const sources = [...new Set(items.flatMap((i) => Object.keys(i.source)))];
  const name = (column: string) => (sources.includes(column) ? `tiller_${column}` : column);
  const fields = fieldsOf(kind.view);
  const worded = new Set(
    fields.filter((f) => items.some((i) => wordsDiffer(i, f.name))).map((f) => f.name),
  );
  const ours = [
    "item",
    ...fields.flatMap((f) => [
      f.name,
      ...(worded.has(f.name) ? [`${f.name}_text`] : []),
      `${f.name}_confidence`,
    ]),
    "answers",
    "people",
    "seconds",
    "disagreement",
    "gold",
  ];
  const rows = items.map((item) => {
    const labels = new Map(item.labels.map((l) => [l.field, l]));
    const row = new Map<string, string | number>(
      sources.map((s) => [s, cellOf(own(item.source, s))]),
    );
    const put = (column: string, value: string | number | null | undefined) =>
      row.set(name(column), value ?? "");
    put("item", item.place);
    for (const { name: field } of fields) {
      const label = labels.get(field);
      const value = label?.value;
      put(field, typeof value === "string" || typeof value === "number" ? value : label?.words);
      if (worded.has(field)) put(`${field}_text`, label?.words);
      put(`${field}_confidence`, label?.confidence);
    }
    put("answers", item.answers);
    put("people", item.people);
    put("seconds", item.seconds);
    put("disagreement", item.disagreement);
    put("gold", item.gold ? "true" : "false");
    return row;
  });
  return { columns: [...sources, ...ours.map(name)], rows };
}
const wordsDiffer = (item: ItemResult, field: string): boolean => {
  const l = item.labels.find((x) => x.field === field);
  return typeof l?.value === "string" && l.words !== l.value;
};
