/** What training reads of a project's results: preferences and demonstrations as TRL takes them, and pairs with their votes. */
import { type Field, own, type ProjectExport, TillerError, type View } from "@tiller/schema";
import { at, fieldsOf, keyOf, listAt, readBy, textAt, textOf } from "@tiller/task";
import type { ItemWithAnswers, Results } from "@tiller/work";
import type { Table, TableRow } from "./table.ts";

type Message = { role: string; content: string };
type Trl = { prompt: unknown; chosen?: unknown; rejected?: unknown; completion?: unknown };
/** Preferences of comparisons and orders, {prompt, chosen, rejected}; of written answers {prompt, completion}. */
export function trl({ kinds, items: all }: Results, as: ProjectExport["as"]): Table {
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
  const conversational = showsTurns(kind!.view);
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

/**
 * Two texts and who chose which, {prompt, a, b, votes}: what a reward learns from where raters are to be weighed. What the
 * lead fixed is one vote of the lead's.
 */
export function votes({ kinds, items: all }: Results, as: ProjectExport["as"]): Table {
  const [kind] = kinds;
  const asked = fieldsOf(kind!.view);
  const pairs = asked.filter((f) => f.kind === "pair");
  if (!pairs.length)
    throw new TillerError(
      "not_sayable",
      `votes are those of comparisons, and ${keyOf(kind!)} asks ${asked.map((f) => `${f.name} (${f.kind})`).join(", ")}. Export every answer.`,
    );
  if (as !== "jsonl")
    throw new TillerError(
      "not_sayable",
      `the votes of a pair are a list, which ${as} cannot say. Export votes as jsonl.`,
    );
  const table: TableRow[] = [];
  const out = new Map<string, number>();
  const leave = (why: string) => out.set(why, (out.get(why) ?? 0) + 1);
  for (const item of all) {
    const now = new Map(fieldsOf(item.kind.view).map((f) => [f.name, f]));
    for (const { name } of pairs) {
      const f = now.get(name);
      if (f?.kind !== "pair") leave(`${name} was not asked under ${keyOf(item.kind)}`);
      else {
        const cast = votesOn(item, name);
        if (typeof cast === "string") leave(cast);
        else {
          const [a, b] = readBy(f).map((r) => textAt(item.input, r.path));
          const prompt = promptOf(item);
          const axis = pairs.length > 1 ? { axis: name } : {};
          table.push(new Map(Object.entries({ prompt, a, b, ...axis, votes: cast })));
        }
      }
    }
  }
  const columns = ["prompt", "a", "b", ...(pairs.length > 1 ? ["axis"] : []), "votes"];
  const leftOut = [...out].map(([why, n]) => ({ why, items: n }));
  return { columns, table, rows: table.length, leftOut };
}
type CastVote = { choice: "a" | "b" | "tie"; rater: string };
const isSide = (v: unknown): v is CastVote["choice"] => v === "a" || v === "b" || v === "tie";
function votesOn(item: ItemWithAnswers, field: string): CastVote[] | string {
  if (item.gold) return "hidden gold";
  const label = item.labels.find((l) => l.field === field);
  if (item.review && item.state === "fixed" && isSide(label?.value))
    return [{ choice: label.value, rater: item.review.by }];
  const cast = item.said.flatMap((s): CastVote[] => {
    const choice = at(s.value, field);
    return !s.returned && isSide(choice) ? [{ choice, rater: s.rater }] : [];
  });
  return cast.length ? cast : "no answer";
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
const showsTurns = (view: View) => view.show.some((b) => b.kind === "turns");
const promptOf = (item: ItemWithAnswers) =>
  showsTurns(item.kind.view) ? messagesShown(item) : textShown(item.kind.view, item.input);
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
