/**
 * What somebody writes, as text with <quote>...</quote> in it, and the spans it becomes: of two places with the same words the
 * one that was selected. And what is left of the limits.
 */
import { charactersOf, quotesOf } from "@tiller/room/moves.ts";
import { newIn, readSeenQuotes, type Spanned } from "@tiller/room/quotes.ts";
import type { SeatView } from "@tiller/schema";

/** Spans by the characters they hold, as they were selected. */
export type Selected = Readonly<Record<string, Spanned>>;

export function contentOf(view: SeatView, written: string, selected: Selected) {
  const { content, missing } = readSeenQuotes(view.texts, written, selected);
  return { content: written === "" ? [] : content, missing };
}
type Content = ReturnType<typeof contentOf>["content"];

/** Characters, and quoted characters that nobody quoted before, of several items together. */
export function used(view: SeatView, items: readonly Content[]) {
  const all = items.flat();
  const known = view.texts.flatMap((t) =>
    t.passages.map((p) => ({ text: t.id, from: p.from, to: p.to })),
  );
  return { characters: charactersOf(all), fresh: newIn(quotesOf(all), known) };
}
export const wordsOf = (view: SeatView, items: readonly Content[]): number =>
  items
    .flat()
    .map((p) => ("text" in p ? p.text : "quote" in p ? textOf(view, p.quote) : p.unverified))
    .join(" ")
    .split(/\s+/)
    .filter(Boolean).length;

/** The characters of a span, as far as the seat sees them. */
export function textOf(view: SeatView, span: Spanned): string {
  const text = view.texts.find((t) => t.id === span.text);
  if (text?.body !== undefined) return text.body.slice(span.from, span.to);
  const p = text?.passages.find((x) => x.from <= span.from && x.to >= span.to);
  return p ? p.characters.slice(span.from - p.from, span.to - p.from) : "";
}
/** A move's content as it is written, to go on with it. */
export function written(view: SeatView, content: unknown): { text: string; selected: Selected } {
  const selected: Record<string, Spanned> = {};
  const parts = Array.isArray(content) ? (content as Content) : [];
  const text = parts
    .map((p) => {
      if ("text" in p) return p.text;
      if ("unverified" in p) return `<quote>${p.unverified}</quote>`;
      const words = textOf(view, p.quote);
      Object.defineProperty(selected, words, { value: p.quote, enumerable: true });
      return `<quote>${words}</quote>`;
    })
    .join("");
  return { text, selected };
}
export const titled = (label: string): string => label.replace(/-\d+$/, "").replaceAll("-", " ");
export const hue = (side: number | undefined): string =>
  side === undefined ? "none" : `side-${side % 4}`;
export const sideOf = (view: SeatView, seat: string): number | undefined =>
  view.sides.find((s) => s.seat === seat)?.answer;
export const nameOf = (by: string): string =>
  by === "honest" || by === "dishonest" ? `the ${by} side` : by;
