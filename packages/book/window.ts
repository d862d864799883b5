/**
 * The sizes that Wu et al. 2021 chose for a window of 2,048 tokens, in proportion for any window: a leaf of about .3 of it, outputs
 * of at most 1/16, 3/32 and 3/16 of it at heights 0, 1, and 2 and more, and previous context in what is left.
 */
import { TillerError } from "@tiller/schema";

export interface Window {
  /** tokens of prompt and output together */
  readonly tokens: number;
  /** of the book's text in one leaf, at most */
  readonly leaf: number;
  /** of an output at heights 0, 1, and 2 and more */
  readonly caps: readonly [number, number, number];
}

const LEAST = 256;

export function windowOf(tokens: number): Window {
  if (!Number.isSafeInteger(tokens) || tokens < LEAST)
    throw new TillerError(
      "small_window",
      `a window of ${tokens} tokens is too small: a leaf's summary could have ${Math.max(0, Math.floor(tokens / 16) || 0)} tokens, ` +
        `less than a sentence needs. Give ${LEAST} or more, and a model that takes as many.`,
    );
  const part = (numerator: number, denominator: number) =>
    Math.floor((tokens * numerator) / denominator);
  return {
    tokens,
    leaf: part(75, 256), // 600 of 2,048
    caps: [part(1, 16), part(3, 32), part(3, 16)],
  };
}

/** Tokens that an output of this height may have. */
export const capOf = (w: Window, height: number): number => w.caps[Math.min(height, 2)]!;
