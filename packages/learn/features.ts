/**
 * What a language model makes of texts, as numbers: its last hidden states, averaged over the text's own tokens. A linear reward over them needs no training of the model. Texts longer than the model's positions are read in windows, each after the end of the prompt.
 */
import { declare, encodeAfter, encodePrompt, hiddenStates } from "@tiller/lm";
import { TillerError } from "@tiller/schema";
import { Graph, mul, Program, reshape, sum } from "@tiller/tensor";
import { type Model, pad } from "./model.ts";

export interface Written {
  readonly prompt: string;
  readonly text: string;
}
interface Window {
  readonly row: number;
  readonly ids: readonly number[];
  /** where the text's own tokens begin */
  readonly from: number;
}
/** Rows a program run. */
const B = 16;

/** (texts, width) */
export function streamFeatures(
  m: Model,
  texts: readonly Written[],
  o: { readonly progress?: (done: number, total: number) => void } = {},
): Float32Array {
  const d = m.shape.width;
  const data = new Float32Array(texts.length * d);
  const counts = new Float64Array(texts.length);
  const windows = texts.flatMap(({ prompt, text }, row): Window[] => {
    const tokens = encodeAfter(m.tokenizer, prompt, text);
    if (!tokens.length)
      throw new TillerError(
        "empty_text",
        `text ${row} is empty: there is nothing to read. Leave its rows out.`,
      );
    counts[row] = tokens.length;
    const most = Math.max(2, Math.floor(m.shape.positions / 4));
    const before = encodePrompt(m.tokenizer, prompt, { most }).ids;
    const room = m.shape.positions - before.length;
    return Array.from({ length: Math.ceil(tokens.length / room) }, (_, w) => ({
      row,
      ids: [...before, ...tokens.slice(w * room, (w + 1) * room)],
      from: before.length,
    }));
  });
  windows.sort((a, b) => a.ids.length - b.ids.length);
  const programs = new Map<number, Program>();
  try {
    for (let at = 0; at < windows.length; at += B) {
      const some = windows.slice(at, at + B);
      const T = Math.min(m.shape.positions, 16 * Math.ceil(some.at(-1)!.ids.length / 16));
      const program = programs.get(T) ?? new Program(pooled(m, T), m.state);
      programs.set(T, program);
      const all = Array.from({ length: B }, (_, b) => some[Math.min(b, some.length - 1)]!);
      program.run({
        ids: pad(
          all.map((w) => w.ids),
          T,
        ),
        own: all.flatMap((w) =>
          Array.from({ length: T }, (_, t) => (t >= w.from && t < w.ids.length ? 1 : 0)),
        ),
      });
      const sums = program.float("sums"); // (B, d)
      for (const [b, { row }] of some.entries())
        for (let k = 0; k < d; k++) data[row * d + k] += sums[b * d + k]! / counts[row]!;
      o.progress?.(Math.min(windows.length, at + B), windows.length);
    }
  } finally {
    for (const program of programs.values()) program[Symbol.dispose]();
  }
  return data;
}

/** Sums of hidden states over each row's own tokens. */
function pooled(m: Model, T: number): Graph {
  const [g, d] = [new Graph(), m.shape.width];
  const own = reshape(g.input("own", [B, T]), [B, T, 1]);
  const hidden = hiddenStates(m.shape, declare(g, m.specs), g.input("ids", [B, T], "int64"));
  g.output("sums", sum(mul(reshape(hidden, [B, T, d]), own), [1]));
  return g;
}
