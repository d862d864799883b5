/**
 * How a text becomes what a model reads: one encoder for sampling, reward models, PPO, evaluation and serving, so that a
 * model sees in training what it sees when it is served. A prompt begins with the tokenizer's begin-of-text token where it
 * has one; an empty prompt is one end-of-text token.
 */
import type { Tokenizer } from "./tokenizer.ts";

export interface Prompt {
  readonly ids: number[];
  /** tokens that were left out at the beginning of the text */
  readonly cut: number;
}

/** `most`: tokens that there is room for, at least 2; a longer text loses its beginning, the begin-of-text token stays. */
export function encodePrompt(
  tokenizer: Pick<Tokenizer, "start" | "eos" | "encode">,
  text: string,
  o: { readonly most?: number } = {},
): Prompt {
  const { start } = tokenizer;
  const ids = tokenizer.encode(text);
  const room = Math.max(1, (o.most ?? Infinity) - start.length);
  const cut = Math.max(0, ids.length - room);
  const all = [...start, ...(cut ? ids.slice(cut) : ids)];
  return { ids: all.length ? all : [tokenizer.eos], cut };
}

/**
 * The tokens by which `text` goes on after `before`: what is behind those of `before` when both are read together, so that
 * no token that begins texts stands in the middle; where they would grow together, those of `text` alone.
 */
export function encodeAfter(
  tokenizer: Pick<Tokenizer, "encode">,
  before: string,
  text: string,
): number[] {
  const [head, all] = [tokenizer.encode(before), tokenizer.encode(before + text)];
  return head.every((id, i) => all[i] === id) ? all.slice(head.length) : tokenizer.encode(text);
}

/** The text of tokens that go on after `before`; a space at their beginning is kept. */
export function decodeAfter(
  tokenizer: Pick<Tokenizer, "decode">,
  before: readonly number[],
  tokens: readonly number[],
): string {
  const [head, all] = [tokenizer.decode(before), tokenizer.decode([...before, ...tokens])];
  return all.startsWith(head) ? all.slice(head.length) : tokenizer.decode(tokens);
}
