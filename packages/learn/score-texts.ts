/**
 * Rewards and features of texts of any length: what does not fit into the model's positions is read in windows one after
 * another, each behind the end of its prompt, and a text's figure is the mean over its tokens, as it is of a text that fits.
 * A model that adds its tokens up is added up over the windows; one that is read at its last token is read at that of the
 * last window.
 */
import { declare, encodeAfter, encodePrompt, hiddenStates, type Tokenizer } from "@tiller/lm";
import { Graph, mul, Program, reshape, sum } from "@tiller/tensor";
import { bucket } from "./batch.ts";
import type { Model } from "./model.ts";
import { type Continued, rewardInputs, Scorer, SUMMED } from "./score.ts";

/** A text after its prompt. */
export interface PromptedText {
  readonly prompt: string;
  readonly text: string;
}
interface Window extends Continued {
  /** whose text it is a part of, and what its figure counts there: its tokens over all, or 1 where they are added up */
  readonly of: number;
  readonly share: number;
}
interface Reader extends Disposable {
  /** so many numbers a row */
  read(rows: readonly Continued[]): ArrayLike<number>;
}

/** Rows of a batch. */
const B = 16;
/** Of the positions, what a prompt keeps where both are too long. */
const PROMPT_SHARE = 1 / 4;

/** A text as one window where it fits with its prompt, else as many as it takes. */
export function windowsOf(
  tokenizer: Tokenizer,
  { prompt, text }: PromptedText,
  positions: number,
  pooling: Model["pooling"] = "mean",
): (Continued & { readonly share: number })[] {
  const response = encodeAfter(tokenizer, prompt, text);
  const room = Math.max(
    tokenizer.start.length + 1,
    positions - response.length,
    Math.floor(positions * PROMPT_SHARE),
  );
  const { ids: query } = encodePrompt(tokenizer, prompt, { most: room });
  const size = positions - query.length;
  const parts = Array.from({ length: Math.ceil(response.length / size) }, (_, k) =>
    response.slice(k * size, (k + 1) * size),
  );
  const read = pooling === "last" ? parts.slice(-1) : parts;
  const total = read.reduce((n, r) => n + r.length, 0);
  return read.map((r) => ({
    query,
    response: r,
    share: pooling === "sum" ? 1 : r.length / total,
  }));
}

/** (texts, width): what `open` reads of each window, averaged over a text's tokens. A text without tokens gives 0. */
async function overTexts(
  m: Model,
  texts: readonly PromptedText[],
  o: {
    readonly width: number;
    readonly open: (T: number) => Reader;
    readonly progress?: ((done: number, total: number) => void) | undefined;
  },
): Promise<Float32Array> {
  const { width } = o;
  const { positions } = m.shape;
  const byLength = new Map<number, Window[]>();
  for (const [of, text] of texts.entries())
    for (const w of windowsOf(m.tokenizer, text, positions, m.pooling)) {
      const T = bucket(w.query.length + w.response.length, positions);
      (byLength.get(T) ?? byLength.set(T, []).get(T)!).push({ ...w, of });
    }
  const total = [...byLength.values()].reduce((n, rows) => n + rows.length, 0);
  const out = new Float32Array(texts.length * width);
  let done = 0;
  for (const [T, windows] of byLength) {
    using reader = o.open(T);
    for (let i = 0; i < windows.length; i += B) {
      const rows = windows.slice(i, i + B);
      const read = reader.read(rows);
      rows.forEach((w, b) => {
        for (let d = 0; d < width; d++) out[w.of * width + d] += w.share * read[b * width + d]!;
      });
      o.progress?.((done += rows.length), total);
      await new Promise((r) => setImmediate(r)); // a stop is heard between batches
    }
  }
  return out;
}

interface Reading {
  readonly progress?: (done: number, total: number) => void;
}
/** The reward of each text. */
export const rewardTexts = (
  m: Model,
  texts: readonly PromptedText[],
  o: Reading = {},
): Promise<Float32Array> =>
  overTexts(m, texts, {
    ...o,
    width: 1,
    open(T) {
      const scorer = new Scorer(m, B, T);
      return {
        read: (rows) => scorer.score(rows),
        [Symbol.dispose]: () => scorer[Symbol.dispose](),
      };
    },
  });

/**
 * Features of texts: the last hidden states, averaged over a text's tokens (texts, width), and how many those are (texts).
 * A scalar head over the averages is a reward model that averages, one over averages times lengths one that adds up.
 */
export async function textFeatures(
  m: Model,
  texts: readonly PromptedText[],
  o: Reading = {},
): Promise<{ readonly means: Float32Array; readonly lengths: Float32Array }> {
  const d = m.shape.width;
  const means = await overTexts({ ...m, pooling: "mean" }, texts, {
    ...o,
    width: d,
    open(T) {
      const g = new Graph();
      const hidden = hiddenStates(m.shape, declare(g, m.specs), g.input("ids", [B, T], "int64"));
      const weights = reshape(g.input("weights", [B, T]), [B, T, 1]);
      g.output("features", sum(mul(reshape(hidden, [B, T, d]), weights), [1])); // (B, d)
      const program = new Program(g, m.state);
      return {
        read(rows) {
          const filled = Array.from({ length: B }, (_, b) => rows[Math.min(b, rows.length - 1)]!);
          program.run(rewardInputs(filled, T));
          return program.float("features").slice(0, rows.length * d);
        },
        [Symbol.dispose]: () => program[Symbol.dispose](),
      };
    },
  });
  const lengths = Float32Array.from(
    texts,
    ({ prompt, text }) => encodeAfter(m.tokenizer, prompt, text).length,
  );
  return { means, lengths };
}
/** Features of a model that adds its tokens up. */
export const summedFeatures = (means: Float32Array, lengths: ArrayLike<number>): Float32Array => {
  const width = means.length / lengths.length;
  return means.map((x, i) => (x * lengths[Math.floor(i / width)]!) / SUMMED);
};
