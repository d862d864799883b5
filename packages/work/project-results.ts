/** What people's answers to a project's items come to, and what the lead decided of them: read, joined, filtered, sorted. */
import { z } from "zod";
import { aggregateAnswers } from "@tiller/crowd";
import {
  type Field,
  type ItemFilter,
  type ItemLabel,
  type ItemPage,
  type ItemResult,
  ItemReview,
  type ItemState,
  itemStates,
  own,
  type ProjectItem,
  type ResultsQuery,
  Shown,
  TillerError,
  type View,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import {
  at,
  fieldsOf,
  inWords,
  kindOfField,
  keyOf,
  readBy,
  shownBy,
  type TaskDef,
  textOf,
} from "@tiller/task";
import { kindsOfProject, type KnownTask } from "./kinds.ts";

const ItemRow = z.object({
  place: z.number(),
  task: z.string().nullable(),
  kind: z.string().nullable(),
  source: z.record(z.string(), z.unknown()),
  given: z.record(z.string(), z.unknown()).nullable(),
  input: z.unknown(),
  people: z.number(),
});
type Row = z.infer<typeof ItemRow>;
const SaidRow = z.object({
  answer: z.string(),
  task: z.string(),
  rater: z.string(),
  simulated: z.boolean(),
  value: z.unknown(),
  swap: z.boolean(),
  shown: Shown.nullable(),
  seconds: z.number(),
  at: z.iso.datetime(),
  returned: z.boolean(),
});
type Said = z.infer<typeof SaidRow>;
const ReviewRow = ItemReview.extend({
  place: z.number(),
  value: z.record(z.string(), z.unknown()).nullable(),
});
type Review = z.infer<typeof ReviewRow>;

export interface ItemWithAnswers extends ItemResult {
  readonly task: string | null;
  readonly kind: KnownTask;
  readonly input: unknown;
  readonly source: Readonly<Record<string, unknown>>;
  /** also those that were sent back and count no longer */
  readonly said: readonly Said[];
  readonly review: Review | undefined;
}
export interface Results {
  /** the one that its next items are asked under first */
  readonly kinds: readonly KnownTask[];
  readonly items: readonly ItemWithAnswers[];
}

interface Kept {
  readonly state: string;
  readonly results: Results;
  readonly at: number;
  readonly took: number;
}
/** Kept until the next answer, and for ten times what they took: pages that look again and again cost little. */
const kept = new Map<string, Kept>();
const KEPT = 8;
export function keptResults(project: string): Results | undefined {
  const known = kept.get(project);
  return known && performance.now() - known.at < 10 * known.took ? known.results : undefined;
}

export async function resultsOf(db: Db, project: string): Promise<Results> {
  const began = performance.now();
  const state = await db.value(
    sql`select concat(count(*), ' ', max(a.at), ' ', (select count(*) from project_item where project = ${project}), ' ', (select sum(wanted) from batch where project = ${project}),
          ' ', (select concat(max(seq), ' ', count(undone_at)) from review where project = ${project}), ' ', (select type_version || type from project where id = ${project}))
        from answer a join task t on t.id = a.task join batch b on b.id = t.batch where b.project = ${project} and a.undone_at is null`,
    z.string(),
  );
  const known = kept.get(project);
  if (known?.state === state) return known.results;
  const kinds = await kindsOfProject(db, project);
  const rows = await db.many(
    sql`select i.place, i.task, t.type || '@' || t.type_version as kind, i.source, i.answer as given, coalesce(t.input, g.input) as input, coalesce(t.people, 0) as people
        from project_item i left join task t on t.id = i.task left join gold g on g.id = i.gold where i.project = ${project} order by i.place`,
    ItemRow,
  );
  const said = await db.many(
    sql`select a.id as answer, a.task, p.pseudonym as rater, p.simulated, a.value, a.swap, l.shown, a.active_seconds as seconds, a.at, a.returned_at is not null as returned
        from answer a join lease l on l.id = a.lease join task t on t.id = a.task join batch b on b.id = t.batch join person p on p.id = a.person
        where b.project = ${project} and a.undone_at is null order by t.place, a.at, a.id`,
    SaidRow,
  );
  const reviews = await db.many(
    sql`select distinct on (r.place) r.place, r.id as review, r.act, r.value, r.note, r.at, p.pseudonym as by
        from review r join person p on p.id = r.person where r.project = ${project} and r.undone_at is null order by r.place, r.seq desc`,
    ReviewRow,
  );
  const results = { kinds, items: joined(kinds, rows, said, reviews) };
  kept.delete(project);
  const now = performance.now();
  kept.set(project, { state, results, at: now, took: now - began });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  return results;
}

function joined(
  kinds: readonly KnownTask[],
  rows: readonly Row[],
  said: readonly Said[],
  reviews: readonly Review[],
): ItemWithAnswers[] {
  const byKey = new Map(kinds.map((k) => [keyOf(k), k]));
  const kindOf = (r: Row) => (r.kind === null ? undefined : byKey.get(r.kind)) ?? kinds[0]!;
  const answers = Map.groupBy(said, (s) => s.task);
  const reviewed = new Map(reviews.map((r) => [r.place, r]));
  // answers to different versions are answers to different questions
  const labels = new Map<string, ReturnType<typeof aggregateAnswers>>();
  for (const [kind, some] of Map.groupBy(rows, kindOf)) {
    const given = some.flatMap((r) =>
      (answers.get(r.task ?? "") ?? []).flatMap((s) =>
        s.returned ? [] : [{ ...s, input: r.input }],
      ),
    );
    for (const l of aggregateAnswers(kind as TaskDef, given))
      labels.set(l.task, [...(labels.get(l.task) ?? []), l]);
  }
  return rows.map((row) => {
    const kind = kindOf(row);
    const all = answers.get(row.task ?? "") ?? [];
    const counted = all.filter((s) => !s.returned);
    const review = reviewed.get(row.place);
    const found = (labels.get(row.task ?? "") ?? []).map((l) =>
      labelOf(kind.view, row.input, l, counted),
    );
    return {
      place: row.place,
      task: row.task,
      kind,
      people: row.people,
      given: row.given,
      input: row.input,
      source: row.source,
      text: beginning(kind.view, row.input),
      state: stateOf(row, counted.length, review),
      gold: row.task === null,
      labels: decided(kind.view, row.input, found, review),
      answers: counted.length,
      seconds: counted.length
        ? counted.reduce((sum, s) => sum + s.seconds, 0) / counted.length
        : null,
      disagreement: disagreementOf(kind.view, counted),
      said: all,
      review,
    };
  });
}

function stateOf(row: Row, answers: number, review: Review | undefined): ItemState {
  if (row.task === null) return "gold";
  if (review?.act === "accept") return "accepted";
  if (review?.act === "fix") return "fixed";
  if (answers >= row.people) return "review";
  return review ? "returned" : "open";
}

/** Below this an even split stays one: one side would have to be three times as likely as all else. */
const DECIDES = 0.75;
/** Whether people are evenly divided and what is known of them makes nothing clearly likelier: any label would be arbitrary. */
function isUndecided(
  field: View["ask"][number],
  l: Pick<ReturnType<typeof aggregateAnswers>[number], "value" | "support" | "method">,
  said: readonly unknown[],
): boolean {
  const { fraction } = l.support;
  if (fraction === undefined || l.value === undefined) return false;
  const { each, scale } = kindOfField(field);
  if (l.method === "steps-majority") return fraction <= 0.5;
  if (!scale || typeof fraction !== "number" || fraction >= DECIDES) return false;
  const tally = (votes: readonly unknown[]) =>
    [...Map.groupBy(votes, String).values()].map((v) => v.length).toSorted((x, y) => y - x);
  const split = (votes: readonly unknown[]) => {
    const [first = 0, second = 0] = tally(votes);
    return first === second;
  };
  if (!each) return split(said);
  const options = kindOfField(field).labels(field) ?? [];
  return options.some((o) => split(said.map((s) => (s as readonly unknown[]).includes(o))));
}

function labelOf(
  view: View,
  input: unknown,
  l: ReturnType<typeof aggregateAnswers>[number],
  counted: readonly Said[],
): ItemLabel {
  const field = fieldsOf(view).find((f) => f.name === l.field)!;
  const said = counted.flatMap((s) => at(s.value, l.field) ?? []);
  const undecided = isUndecided(
    field,
    l,
    kindOfField(field).each
      ? counted.map((s) => at(s.value, l.field)).filter((v) => v !== undefined)
      : said,
  );
  const value = undecided ? undefined : l.value;
  return {
    field: l.field,
    value,
    undecided,
    words: undecided
      ? "undecided"
      : value === undefined
        ? ""
        : labelInWords(view, input, l.field, { value, several: l.method === "none" }),
    confidence: l.support["fraction"] ?? l.support["concordance"] ?? null,
  };
}
const labelInWords = (
  view: View,
  input: unknown,
  field: string,
  { value, several }: { value: unknown; several: boolean },
): string =>
  several && Array.isArray(value)
    ? value.map((v) => inWords(view, input, field, v)).join("\n")
    : typeof value === "number"
      ? String(Math.round(value * 1000) / 1000)
      : inWords(view, input, field, value);

/** Labels with the lead's decision in their place: what was accepted stands however the others' figures move. */
function decided(
  view: View,
  input: unknown,
  labels: readonly ItemLabel[],
  review: Review | undefined,
): ItemLabel[] {
  if (!review?.value || review.act === "return") return [...labels];
  const stands = review.value;
  return fieldsOf(view).map(({ name: field, kind }) => {
    const before = labels.find((l) => l.field === field);
    const value = review.act === "fix" ? at(stands, field) : own(stands, field);
    const same = before && JSON.stringify(before.value) === JSON.stringify(value);
    return {
      field,
      value,
      undecided: false,
      words:
        value === undefined
          ? ""
          : labelInWords(view, input, field, { value, several: kind === "text" }),
      confidence: same ? before.confidence : null,
    };
  });
}

/** The first text that the view shows, then what its questions are about. */
export function beginning(view: View, input: unknown): string {
  const paths = [
    ...view.show.flatMap((b) => shownBy(b).map((r) => r.path)),
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
const inState = (state: ItemState) => (i: ItemResult) => i.state === state;
const shows: Readonly<Record<ItemFilter["show"], (item: ItemResult) => boolean>> = {
  all: () => true,
  answered: (i) => i.answers > 0,
  done: (i) => !i.gold && i.answers >= i.people,
  undecided: (i) => i.labels.some((l) => l.undecided),
  open: (i) => !i.gold && i.answers < i.people,
  review: inState("review"),
  accepted: inState("accepted"),
  fixed: inState("fixed"),
  returned: inState("returned"),
  gold: inState("gold"),
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
  state: i.state,
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
const labelName = (options: readonly { value: string; label: string }[], value: string): string =>
  options.find((o) => o.value === value)?.label || value;

/** The items that a filter shows, in their order. */
export function itemsShown({ items }: Results, f: ItemFilter): ItemWithAnswers[] {
  const words = f.q.toLowerCase().split(/\s+/).filter(Boolean);
  return items
    .filter(shows[f.show])
    .filter((i) => !f.person || i.said.some((s) => s.rater === f.person))
    .filter(
      (i) => !f.label || i.labels.some((l) => l.field === f.field && comesTo(l.value, f.label)),
    )
    .filter((i) => {
      if (!words.length) return true;
      const text = JSON.stringify([i.input, i.source]).toLowerCase();
      return words.every((w) => text.includes(w));
    });
}

/** Questions of all versions, those of the newest first. */
export function fieldsOfAll(kinds: readonly KnownTask[]): Field[] {
  const found = new Map<string, Field>();
  for (const f of kinds.flatMap((k) => fieldsOf(k.view)))
    if (!found.has(f.name)) found.set(f.name, f);
  return [...found.values()];
}

/** A page of the items. Those without a figure come last, whichever way they are sorted. */
export function pageOf(results: Results, q: ResultsQuery): ItemPage {
  const key = sortKeys[q.sort];
  const sign = q.order === "up" ? 1 : -1;
  const found = itemsShown(results, q).toSorted((x, y) => {
    const [a, b] = [key(x), key(y)];
    if (a === null || b === null)
      return Number(a === null) - Number(b === null) || x.place - y.place;
    return sign * (a - b) || x.place - y.place;
  });
  const states = Object.fromEntries(itemStates.map((s) => [s, 0])) as ItemPage["states"];
  for (const { state } of results.items) states[state]++;
  return {
    total: found.length,
    states,
    fields: fieldsOfAll(results.kinds).map((f) => ({
      name: f.name,
      label: f.label,
      labels: (kindOfField(f).labels(f) ?? []).map((value) => ({
        value,
        label: "options" in f ? labelName(f.options, value) : value,
      })),
    })),
    items: found.slice(q.offset, q.offset + q.limit).map(asResult),
  };
}

export function itemAt({ items }: Results, project: string, place: number): ItemWithAnswers {
  const found = items.find((i) => i.place === place);
  if (found) return found;
  throw new TillerError(
    "not_found",
    `project ${project} has no item ${place}; it has ${items.length}. Look at its results.`,
  );
}
export function projectItem(results: Results, project: string, place: number): ProjectItem {
  const found = itemAt(results, project, place);
  const { review } = found;
  return {
    ...asResult(found),
    input: found.input,
    source: { ...found.source },
    title: found.kind.title,
    version: keyOf(found.kind),
    view: found.kind.view,
    reviewed: review
      ? { review: review.review, act: review.act, by: review.by, note: review.note, at: review.at }
      : null,
    said: found.said.map((s) => ({
      answer: s.answer,
      rater: s.rater,
      value: s.value,
      swap: s.swap,
      shown: s.shown,
      seconds: s.seconds,
      at: s.at,
      returned: s.returned,
    })),
  };
}
