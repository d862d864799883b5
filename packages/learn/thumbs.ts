/** Single responses that somebody liked or not, as tokens and as batches. */
import { encodeAfter, encodePrompt, type Tokenizer } from "@tiller/lm";
import type { ThumbRow } from "@tiller/schema";
import { mul, reshape, sum, type Tensor } from "@tiller/tensor";
import type { Batch } from "./batch.ts";
import { nextTokens } from "./losses.ts";
import type { Logprober } from "./score.ts";
import type { Forward } from "./step.ts";

export interface Thumb {
  readonly query: readonly number[];
  readonly response: readonly number[];
  readonly liked: boolean;
  readonly weight: number;
  reference: number;
}

/** Summed log-probs (B) of the responses. */
export function rowLogprobs({ batch, hidden, logprobs }: Forward): Tensor {
  const { ids, labels, weights } = batch as Record<"ids" | "labels" | "weights", Tensor>;
  const [B, T] = ids.shape as [number, number];
  const each = logprobs(hidden(ids), reshape(labels, [B * T]));
  return sum(mul(reshape(each, [B, T]), weights), [1]);
}

/** Rows as tokens; what lost its prompt's beginning, or is empty or too long, is counted. */
export function encodeThumbs(
  tokenizer: Tokenizer,
  given: readonly ThumbRow[],
  o: { readonly maxTokens: number; readonly endOfText: boolean },
): { rows: Thumb[]; counts: { shortened: number; leftOut: number } } {
  const counts = { shortened: 0, leftOut: 0 };
  const end = o.endOfText ? [tokenizer.eos] : [];
  const rows = given.flatMap((r): Thumb[] => {
    const response = [...encodeAfter(tokenizer, r.prompt, r.completion), ...end];
    const most = o.maxTokens - response.length;
    if (response.length === end.length || most < tokenizer.start.length + 1) {
      counts.leftOut++;
      return [];
    }
    const { ids: query, cut } = encodePrompt(tokenizer, r.prompt, { most });
    if (cut) counts.shortened++;
    return [{ query, response, liked: r.label, weight: r.weight ?? 1, reference: 0 }];
  });
  return { rows, counts };
}

/** A batch as KTO's loss reads it: ids, labels, weights (B, T); reference, liked, lambda, z0, weight (B). */
export function thumbBatch(
  of: readonly Thumb[],
  o: {
    readonly length: number;
    readonly z0: number;
    readonly desirable: number;
    readonly undesirable: number;
  },
): Batch {
  const field = (value: (r: Thumb) => number) => ({ shape: [of.length], data: of.map(value) });
  return {
    ...nextTokens(
      of.map((r) => ({ tokens: [...r.query, ...r.response], from: r.query.length })),
      { length: o.length },
    ),
    reference: field((r) => r.reference),
    liked: field((r) => Number(r.liked)),
    lambda: field((r) => (r.liked ? o.desirable : o.undesirable)),
    z0: field(() => o.z0),
    weight: field((r) => r.weight),
  };
}

/** Each prompt with the next row's response, where that fits: what a policy makes likelier whatever the prompt. */
export const mismatched = (of: readonly Thumb[], maxTokens: number): Thumb[] =>
  of
    .map((r, i) => ({ ...r, response: of[(i + 1) % of.length]!.response }))
    .filter((r) => r.query.length + r.response.length <= maxTokens);

/** Undefined of none. */
export const mean = (xs: readonly number[]): number | undefined =>
  xs.length ? xs.reduce((a, b) => a + b, 0) / xs.length : undefined;

/** Log-probs of the responses, summed over their tokens, by a reader of R places. */
export function summedLogprobs(by: Logprober, of: readonly Thumb[], R: number): number[] {
  if (!of.length) return [];
  const [queries, responses] = [of.map((r) => r.query), of.map((r) => r.response)];
  const each = by.logprobs(queries, responses);
  return of.map((r, b) =>
    each.subarray(b * R, b * R + r.response.length).reduce((n, l) => n + l, 0),
  );
}

/** Gives every row its response's log-prob by the reference, B at a time. */
export function takeReferences(
  by: Logprober,
  rows: readonly Thumb[],
  { B, R }: { readonly B: number; readonly R: number },
): void {
  for (let i = 0; i < rows.length; i += B) {
    const part = rows.slice(i, i + B);
    summedLogprobs(by, part, R).forEach((l, k) => (part[k]!.reference = l));
  }
}
