/**
 * Quotes are spans of a text, rendered by us. What a model wrote is aligned to a span: exactly, else with case and punctuation
 * aside, else piece by piece where it left something out; what is in no text stays an unverified quote. A budget counts the
 * union of what is new (Michael et al. 2023 count the same; Khan et al. 2024 only check substrings).
 */
import { z } from "zod";
import { own } from "@tiller/schema";

export const Spanned = z.strictObject({
  text: z.string().describe("id of the text"),
  from: z.int().min(0),
  to: z.int().min(1).describe("exclusive, in UTF-16 units as JavaScript counts"),
});
export type Spanned = z.infer<typeof Spanned>;

/** Spans that overlap or touch are one; by text, in order. */
export function union(spans: readonly Spanned[]): Spanned[] {
  const out: Spanned[] = [];
  for (const s of spans.toSorted((a, b) =>
    a.text < b.text ? -1 : a.text > b.text ? 1 : a.from - b.from,
  )) {
    const last = out.at(-1);
    if (last && last.text === s.text && s.from <= last.to)
      out[out.length - 1] = { ...last, to: Math.max(last.to, s.to) };
    else out.push(s);
  }
  return out;
}
export const lengthOf = (spans: readonly Spanned[]): number =>
  union(spans).reduce((sum, s) => sum + s.to - s.from, 0);

/** Characters of `spans` that are not in `covered`, none counted twice. */
export const newIn = (spans: readonly Spanned[], covered: readonly Spanned[]): number =>
  lengthOf([...covered, ...spans]) - lengthOf(covered);

/** Whether every character of `span` is in `seen`. */
export const within = (span: Spanned, seen: readonly Spanned[]): boolean =>
  union(seen).some((s) => s.text === span.text && s.from <= span.from && s.to >= span.to);

/** Letters and digits in small letters, words one space apart, with the place of each character. */
function normalised(text: string): { plain: string; at: number[] } {
  let plain = " ";
  const at = [0];
  let place = 0;
  for (const letter of text) {
    for (const small of /[\p{L}\p{N}]/u.test(letter) ? letter.toLowerCase() : "") {
      plain += small;
      for (let i = 0; i < small.length; i++) at.push(place);
    }
    // an apostrophe joins (don't, dont); anything else divides
    if (!/[\p{L}\p{N}'’]/u.test(letter) && !plain.endsWith(" ")) {
      plain += " ";
      at.push(place);
    }
    place += letter.length;
  }
  if (!plain.endsWith(" ")) {
    plain += " ";
    at.push(place);
  }
  return { plain, at };
}

interface Source {
  readonly id: string;
  readonly body: string;
}
export interface Aligned {
  readonly kind: "exact" | "normalised" | "ellipsis";
  readonly spans: readonly Spanned[];
}

/** One piece in one text, from a place on. */
function find(
  source: Source,
  piece: string,
  after: number,
): (Spanned & { exact: boolean }) | undefined {
  const exact = source.body.indexOf(piece, after);
  if (exact >= 0 && piece.trim() !== "")
    return { text: source.id, from: exact, to: exact + piece.length, exact: true };
  const wanted = normalised(piece).plain;
  if (wanted.trim() === "") return undefined;
  const { plain, at } = normalised(source.body);
  for (let i = plain.indexOf(wanted); i >= 0; i = plain.indexOf(wanted, i + 1)) {
    const from = at[i + 1]!;
    if (from < after) continue;
    const last = at[i + wanted.length - 2]!;
    const to = last + String.fromCodePoint(source.body.codePointAt(last)!).length;
    return { text: source.id, from, to, exact: false };
  }
  return undefined;
}

/** Where `claimed` stands in one of the texts; undefined: nowhere. */
export function align(texts: readonly Source[], claimed: string): Aligned | undefined {
  for (const source of texts) {
    const whole = find(source, claimed, 0);
    if (whole) {
      const { exact, ...span } = whole;
      return { kind: exact ? "exact" : "normalised", spans: [span] };
    }
  }
  const pieces = claimed.split(/\s*(?:\[\s*)?(?:\.{3,}|…)(?:\s*\])?\s*/).filter((p) => p !== "");
  if (pieces.length < 2) return undefined;
  for (const source of texts) {
    const spans: Spanned[] = [];
    for (const piece of pieces) {
      const found = find(source, piece, spans.at(-1)?.to ?? 0);
      if (!found) break;
      spans.push({ text: found.text, from: found.from, to: found.to });
    }
    if (spans.length === pieces.length) return { kind: "ellipsis", spans };
  }
  return undefined;
}

type Written =
  | { text: string }
  | { quote: Spanned; claimed?: string; match: Aligned["kind"] }
  | { unverified: string };

/**
 * A model's text with its <quote>...</quote> as spans. `missing` is what it quoted and no text has: send it back with that, at
 * most twice; after that it is shown as unverified.
 */
export function readQuotes(texts: readonly Source[], written: string) {
  const parts: Written[] = [];
  const missing: string[] = [];
  let end = 0;
  for (const m of written.matchAll(/<quote>([\s\S]*?)<\/quote>/gi)) {
    if (m.index > end) parts.push({ text: written.slice(end, m.index) });
    end = m.index + m[0].length;
    const claimed = m[1]!;
    const found = align(texts, claimed);
    if (!found) {
      missing.push(claimed);
      parts.push({ unverified: claimed });
      continue;
    }
    for (const [i, quote] of found.spans.entries()) {
      if (i > 0) parts.push({ text: " … " });
      parts.push({
        quote,
        ...(i === 0 && found.kind !== "exact" ? { claimed } : {}),
        match: found.kind,
      });
    }
  }
  if (end < written.length) parts.push({ text: written.slice(end) });
  return { parts, missing };
}

/** What a seat has of a text: the whole, or the passages that everybody has. */
interface SeenText {
  readonly id: string;
  readonly body?: string | undefined;
  readonly passages: readonly { readonly from: number; readonly characters: string }[];
}
/** `readQuotes` of what a seat may quote, its spans in the texts. `selected`: of two places with the same words the one that was chosen. */
export function readSeenQuotes(
  texts: readonly SeenText[],
  written: string,
  selected: Readonly<Record<string, Spanned>> = {},
) {
  const places = texts.flatMap((t) =>
    (t.body === undefined ? t.passages : [{ from: 0, characters: t.body }]).map((p) => ({
      ...p,
      text: t.id,
    })),
  );
  const sources = places.map((p, i) => ({ id: `${i}`, body: p.characters }));
  const { parts, missing } = readQuotes(sources, written);
  const content = parts.map((p) => {
    if (!("quote" in p)) return p;
    const { text, from, characters } = places[Number(p.quote.text)]!;
    const found = { text, from: p.quote.from + from, to: p.quote.to + from };
    const words = characters.slice(p.quote.from, p.quote.to);
    return { ...p, quote: own(selected, words) ?? found };
  });
  return { content, missing };
}
