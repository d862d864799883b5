/** Two responses to one prompt as tokens: nothing is cut or left out without being counted. */
import { z } from "zod";
import { encodeAfter, encodePrompt, type Tokenizer } from "@tiller/lm";
import { type LabelledPair, type PreferenceRow, TillerError } from "@tiller/schema";
import type { Continued } from "./score.ts";

export const Long = z
  .enum(["cut", "cut both", "leave out", "refuse"])
  .default("cut")
  .describe(
    "pairs longer than maxTokens: their passage loses its beginning, both sides alike (cut both: a text that leaves it no room loses its end), or they are left out, or nothing is trained",
  );
export type Long = z.infer<typeof Long>;
/** Of maxTokens, what a text may fill where both are cut. */
const TEXT_SHARE = 3 / 4;
type Pair = Pick<LabelledPair, "passage" | "a" | "b" | "pB" | "weight">;
/** Both kinds of rows as pairs: the chosen response of {prompt, chosen, rejected} is b. */
export const asPair = (row: PreferenceRow): Pair => {
  if (!("chosen" in row)) return row;
  const { prompt, chosen, rejected, weight } = row;
  return {
    passage: prompt,
    a: rejected,
    b: chosen,
    pB: 1,
    ...(weight !== undefined && { weight }),
  };
};
export interface Compared {
  readonly a: Continued;
  readonly b: Continued;
  /** probability that b is better */
  readonly pB: number;
  /** what it counts in the loss */
  readonly weight: number;
}

/**
 * Pairs as tokens. The passage is encoded as a prompt is when it is served, and its continuations as what goes on after
 * it. Counts what had to change: nothing is cut or left out in silence.
 */
export function encodePairs(
  tokenizer: Tokenizer,
  pairs: readonly Pair[],
  /** `end`: tokens of maxTokens that are kept free behind each text */
  o: { readonly maxTokens: number; readonly long: Long; readonly end?: number },
) {
  const size = o.maxTokens - (o.end ?? 0);
  const counts = { shortened: 0, leftOut: 0, same: 0, empty: 0 };
  const rows: Compared[] = [];
  const kept: number[] = []; // which of the pairs they are
  const most = o.long === "cut both" ? Math.ceil(size * TEXT_SHARE) : Infinity;
  for (const [i, p] of pairs.entries()) {
    const whole = [p.a, p.b].map((text) => encodeAfter(tokenizer, p.passage, text));
    const [a, b] = whole.map((ids) => ids.slice(0, most)) as [number[], number[]];
    const ends = whole.some((ids) => ids.length > most);
    if (!a.length || !b.length) counts.empty++;
    else if (a.length === b.length && a.every((id, t) => id === b[t])) counts.same++;
    else {
      const longest = Math.max(a.length, b.length);
      // room for the passage; less than its begin-of-text token and one of its own is none
      const room = size - longest;
      const passage = encodePrompt(tokenizer, p.passage);
      const fits = passage.ids.length <= room;
      if (!fits && o.long === "refuse")
        throw new TillerError(
          "too_long",
          `pair ${i} has a passage of ${passage.ids.length} tokens and a continuation of ${longest}: more than maxTokens, ${o.maxTokens}. Raise it, or let long be "cut" or "leave out".`,
        );
      if (!fits && (o.long === "leave out" || room < tokenizer.start.length + 1)) {
        counts.leftOut++;
        continue;
      }
      const { ids: query, cut } = fits
        ? passage
        : encodePrompt(tokenizer, p.passage, { most: room });
      if (cut || ends) counts.shortened++;
      kept.push(i);
      rows.push({
        a: { query, response: a },
        b: { query, response: b },
        pB: p.pB,
        weight: p.weight ?? 1,
      });
    }
  }
  if (pairs.length && !rows.length)
    throw new TillerError(
      "no_pairs",
      `none of ${pairs.length} pairs is left: ${said(counts)}, with maxTokens ${o.maxTokens}. Raise it, or look at the pairs.`,
    );
  return { rows, counts, kept };
}
export const said = (n: ReturnType<typeof encodePairs>["counts"]): string =>
  `${n.leftOut} too long, ${n.same} with the same text on both sides, ${n.empty} with an empty one`;
