/** How well a model predicts a text: bits a character, the measure that does not depend on the tokenizer. */
import { TillerError } from "@tiller/schema";
import { Graph, Program, type State, tokenLogprobs } from "@tiller/tensor";
import type { ModelShape } from "./architectures.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { declare, hiddenStates, logits, paramSpecs } from "./transformer.ts";

export interface Perplexity {
  readonly tokens: number;
  readonly characters: number;
  readonly natsPerToken: number;
  readonly bitsPerCharacter: number;
}

/**
 * Scores every token of `text` but the first where nothing stands before it. Windows of `context` tokens (at most the
 * model's positions) overlap by half, so that each token past the first window has half a window before it.
 */
export function perplexity(
  m: { readonly shape: ModelShape; readonly state: State; readonly tokenizer: Tokenizer },
  text: string,
  o: { readonly context?: number } = {},
): Perplexity {
  const { shape, state, tokenizer } = m;
  const ids = [...tokenizer.start, ...tokenizer.encode(text)];
  if (ids.length < 2)
    throw new TillerError(
      "empty_text",
      `a text of ${ids.length} tokens cannot be scored. Give a longer one.`,
    );
  const first = Math.max(1, tokenizer.start.length); // the first token that is scored
  const T = Math.min(o.context ?? 512, shape.positions, Math.max(8, ids.length - 1));
  const g = new Graph();
  const p = declare(g, paramSpecs(shape));
  const hidden = hiddenStates(shape, p, g.input("ids", [1, T], "int64"));
  g.output("logprobs", tokenLogprobs(logits(shape, p, hidden), g.input("labels", [T], "int64")));
  using program = new Program(g, state);
  const at = (i: number) => ids[i] ?? 0;
  let nats = 0;
  let scored = first - 1; // index of the last token scored
  for (let from = 0; scored < ids.length - 1; from += Math.floor(T / 2)) {
    program.run({
      ids: Array.from({ length: T }, (_, t) => at(from + t)),
      labels: Array.from({ length: T }, (_, t) => at(from + t + 1)),
    });
    const logprobs = program.float("logprobs");
    const end = Math.min(ids.length - 1, from + T); // the last token this window scores
    for (; scored < end; scored++) nats -= logprobs[scored - from];
  }
  const tokens = ids.length - first;
  const characters = Array.from(text).length; // code points
  return {
    tokens,
    characters,
    natsPerToken: nats / tokens,
    bitsPerCharacter: nats / Math.LN2 / characters,
  };
}
