/**
 * Weights in 8 bits for writing tokens: a step reads every weight once, so a quarter of the bytes is a quarter of the time.
 * Neighbours of an output's row share a scale, as in GGUF's Q8_0. The runtime's kernel (MatMulNBits) rounds what it
 * multiplies them with in the same way and sums in integers.
 */
import { TillerError } from "@tiller/schema";
import { type Graph, type State, type Tensor } from "@tiller/tensor";
import { layoutOf, type ModelShape, type ParamSpec } from "./architectures.ts";

/** Neighbours that share a scale: the more, the less is read; the largest that the rows are whole blocks of. */
const blockSizes = [128, 64, 32];
const blockOf = (inputs: number) => blockSizes.find((b) => inputs % b === 0);

/** What TILLER_BITS or --bits asks for; default: the weights as they are. */
export function askedBits(): 8 | undefined {
  const asked = process.env["TILLER_BITS"];
  if (asked === undefined || asked === "32") return undefined;
  if (asked !== "8")
    throw new TillerError(
      "bad_bits",
      `weights cannot be rounded to ${asked || "no"} bits while sampling. Set TILLER_BITS or --bits to 8, or leave it out.`,
    );
  return 8;
}

/** A matrix y = x W: `inputs` of it to `outputs`. */
interface Matrix {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** stored (inputs, outputs), as GPT-2 has it, not (outputs, inputs) */
  readonly inOut: boolean;
  readonly block: number;
}

/** The model's matrices whose rows are whole blocks: those of the blocks and the head. Others stay as they are. */
export function matricesOf(c: ModelShape, specs: readonly ParamSpec[]): Matrix[] {
  const names = layoutOf(c);
  const head = c.tied ? names.embed : names.head;
  return specs
    .filter(({ name, shape }) => shape.length === 2 && (name === head || /\.\d+\./.test(name)))
    .flatMap(({ name, shape }) => {
      const inOut = names.inOut && name !== head;
      const [outputs, inputs] = (inOut ? shape.toReversed() : shape) as [number, number];
      const block = blockOf(inputs);
      return block ? [{ name, inputs, outputs, inOut, block }] : [];
    });
}

const q8 = (name: string) => `${name}:q8`;
const scale = (name: string) => `${name}:scale`;
/** What `quantise` adds to the state. */
export const eightBitNames = (matrices: readonly Matrix[]): string[] =>
  matrices.flatMap(({ name }) => [q8(name), scale(name)]);

/** Rounds the matrices into the state, beside them. */
export function quantise(state: State, matrices: readonly Matrix[]): void {
  for (const { name, inputs, outputs, inOut, block } of matrices) {
    const w = state.get(name).data;
    const blocks = inputs / block;
    const rounded = state.buffer(q8(name), [outputs, blocks, block], "uint8").data;
    const scales = state.buffer(scale(name), [outputs, blocks], "float32").data;
    const [row, column] = inOut ? [1, outputs] : [inputs, 1]; // steps through w, which is read as it lies
    for (let n = 0; n < outputs * blocks; n++) {
      const o = inOut ? n % outputs : Math.floor(n / blocks);
      const b = inOut ? Math.floor(n / outputs) : n % blocks;
      const [from, to] = [o * row + b * block * column, o * blocks + b];
      let most = 0;
      for (let i = 0; i < block; i++) most = Math.max(most, Math.abs(w[from + i * column]!));
      const s = (scales[to] = most / 127);
      if (s === 0) rounded.fill(128, to * block, (to + 1) * block);
      else
        for (let i = 0; i < block; i++)
          rounded[to * block + i] = 128 + Math.round(w[from + i * column]! / s);
    }
  }
}

/** The rounded matrices as graph state, by their names. */
export function declareEightBits(g: Graph, matrices: readonly Matrix[]): Map<string, Tensor> {
  return new Map(
    matrices.flatMap(({ name, inputs, outputs, block }) => {
      const blocks = inputs / block;
      return [
        [q8(name), g.stateful(q8(name), [outputs, blocks, block], "uint8")],
        [scale(name), g.stateful(scale(name), [outputs, blocks])],
      ] as const;
    }),
  );
}

/** x (N, inputs) times the rounded matrix of that name, plus bias -> (N, outputs); undefined where there is none. */
export function eightBitProduct(
  p: ReadonlyMap<string, Tensor>,
  x: Tensor,
  name: string,
  bias: Tensor | null,
): Tensor | undefined {
  const [rounded, scales] = [p.get(q8(name)), p.get(scale(name))];
  if (!rounded || !scales) return undefined;
  const [outputs, blocks, block] = rounded.shape as [number, number, number];
  return x.graph.op(
    "MatMulNBits",
    [x, rounded, scales, null, null, bias],
    [[x.shape[0]!, outputs]],
    { K: blocks * block, N: outputs, bits: 8, block_size: block, accuracy_level: 4 },
    { domain: "com.microsoft" },
  )[0];
}
