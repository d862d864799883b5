/**
 * Times one training step (forward, backward, clipping, AdamW) of a small GPT-2 on this machine.
 * GFLOPS counts 6 floating-point operations a parameter and token, and attention's products; embeddings'
 * look-ups count nothing, their output product does. Run: node bench/engine.ts [tiny|base] [steps]
 */
import { cpus } from "node:os";
import process from "node:process";
import {
  declare,
  gpt2Config,
  hiddenStates,
  initParams,
  logits,
  paramSpecs,
  shapeOf,
} from "@tiller/lm";
import { rng } from "@tiller/schema";
import {
  adamw,
  adamwInputs,
  Graph,
  mean,
  neg,
  Program,
  sizeOf,
  State,
  tokenLogprobs,
} from "@tiller/tensor";

const sizes = {
  tiny: { layers: 4, heads: 4, width: 128, positions: 128, vocab: 2048, batch: 16 },
  base: { layers: 4, heads: 6, width: 192, positions: 128, vocab: 4096, batch: 16 },
} as const;

const name = process.argv[2] === "base" ? "base" : "tiny";
const steps = Math.max(1, Number(process.argv[3] ?? 30));
const B = sizes[name].batch;
const shape = shapeOf(gpt2Config(sizes[name]));
const T = shape.positions;

const specs = paramSpecs(shape);
const state = new State();
initParams(state, specs, rng(1, "init"));
const g = new Graph();
const params = declare(g, specs);
const labels = g.input("labels", [B * T], "int64");
const predicted = logits(
  shape,
  params,
  hiddenStates(shape, params, g.input("ids", [B, T], "int64")),
);
const loss = neg(mean(tokenLogprobs(predicted, labels)));
g.output("loss", loss);
adamw(loss, params, { weightDecay: 0.1 });
using program = new Program(g, state);

const random = rng(1, "tokens");
const tokens = Array.from({ length: B * T }, () => random.int(shape.vocab));
const times: number[] = [];
for (let step = 1; step <= steps + 3; step++) {
  const started = performance.now();
  program.run({ ids: tokens, labels: tokens, ...adamwInputs(step, 1e-3) });
  if (step > 3) times.push(performance.now() - started); // the first three warm the arena up
}
times.sort((a, b) => a - b);
const ms = times[Math.floor(times.length / 2)];

const matrices = specs.filter((s) => s.shape.length === 2 && s.name !== "wpe.weight");
const products = 6 * B * T * matrices.reduce((n, s) => n + sizeOf(s.shape), 0);
const attention = 3 * shape.layers * 2 * 2 * B * T * T * shape.width; // scores and sums, forward and twice back
console.log(`${name}: ${shape.layers} layers, width ${shape.width}, ${B} x ${T} tokens`);
console.log(`${cpus().length} x ${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}`);
console.log(
  `median ${ms.toFixed(1)} ms a step of ${steps} (fastest ${times[0].toFixed(1)}), ` +
    `${((B * T) / ms).toFixed(1)} k tokens/s, ${((products + attention) / ms / 1e6).toFixed(0)} GFLOPS, ` +
    `loss ${program.float("loss")[0].toFixed(3)}`,
);
