/** The least a row can take on this machine: its products at the best measured rate, and the bytes that must move. */
import { type ModelShape, parameterCount, paramSpecs, shapeOf } from "@tiller/lm";
import { add, gemm, Graph, Program, sizeOf, State } from "@tiller/tensor";
import { type Case, models } from "./shapes.ts";

export interface Machine {
  /** floating-point operations a second of the best f32 matrix product */
  readonly flops: number;
  /** bytes a second, read and written */
  readonly bandwidth: number;
}

/** The best of several runs over matrix products of the sizes that training has, and over a pass through memory. */
export function measureMachine(): Machine {
  const best = (g: Graph, work: number) => {
    using program = new Program(g, new State());
    let fastest = Infinity;
    for (let i = 0; i < 12; i++) {
      const start = performance.now();
      program.run();
      fastest = Math.min(fastest, performance.now() - start);
    }
    return (work / fastest) * 1000;
  };
  const rates = [
    [1024, 1024, 1024],
    [1024, 768, 3072],
    [2048, 768, 768],
    [1024, 768, 8192],
  ].map(([m, k, n]) => {
    const g = new Graph();
    g.stateful("y", [m, n]);
    g.update("y", gemm(g.stateful("a", [m, k]), g.stateful("b", [k, n])));
    return best(g, 2 * m * k * n);
  });
  const g = new Graph();
  const n = 48_000_000;
  g.stateful("y", [n]);
  g.update("y", add(g.stateful("a", [n]), g.stateful("b", [n])));
  return { flops: Math.max(...rates), bandwidth: best(g, 3 * 4 * n) };
}

/** Floating-point operations of one pass over `rows` sequences of `length` tokens, logits for `predicted` of them. */
export function forwardFlops(
  shape: ModelShape,
  o: { readonly rows: number; readonly length: number; readonly predicted: number },
): number {
  const inBlocks = blockParameters(shape);
  const heads = shape.heads * shape.headDim;
  // scores and their sums over the values: half of the square, as attention is causal
  const attention = shape.layers * 2 * o.rows * o.length * o.length * heads;
  return 2 * o.rows * o.length * inBlocks + 2 * o.predicted * shape.vocab * shape.width + attention;
}
const blockParameters = (shape: ModelShape): number =>
  paramSpecs(shape)
    .filter((s) => s.shape.length === 2 && /\d/.test(s.name))
    .reduce((sum, s) => sum + sizeOf(s.shape), 0);

/** Milliseconds. */
export function floorMs(c: Case, machine: Machine): number {
  const shape = shapeOf(models[c.shape]);
  const specs = paramSpecs(shape);
  const parameters = parameterCount(specs);
  const embedding = shape.vocab * shape.width;
  const inBlocks = blockParameters(shape);
  const tokens = c.batch * (c.work === "decode" ? 1 : c.length);
  const heads = shape.heads * shape.headDim;
  // scores and their sums over the values: half of the square where attention is causal
  const seen = c.work === "decode" ? c.length + 32 : c.length / 2;
  const attention = shape.layers * 2 * 2 * tokens * seen * heads;
  const predicted = c.work === "train" ? tokens : c.batch; // rows whose logits are needed
  const forward = 2 * tokens * inBlocks + 2 * predicted * embedding + attention;
  // forward and twice back; AdamW reads and writes weight and two moments, and reads the gradient once written
  const flops = c.work === "train" ? 3 * forward : forward;
  const bytes = c.work === "train" ? parameters * 4 * 8 : (inBlocks + embedding) * 4;
  return (flops / machine.flops + bytes / machine.bandwidth) * 1000;
}
