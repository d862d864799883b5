/** Tiller's side of the bench: a child process that waits for a line on stdin, works once, and answers its milliseconds. */
import { readFileSync } from "node:fs";
import readline from "node:readline";
import { declare, hiddenStates, logprobs, paramSpecs, Sampler, shapeOf } from "@tiller/lm";
import { rng } from "@tiller/schema";
import {
  clipBy,
  fusedAdamW,
  gradientsInto,
  Graph,
  mean,
  neg,
  Optimiser,
  Program,
  State,
} from "@tiller/tensor";
import { type Case, models } from "./shapes.ts";

const { work, shape: name, batch: B, length: T } = JSON.parse(process.argv[2]) as Case;
const bits = process.argv[3] === "8" ? 8 : undefined; // of the weights while writing
const shape = shapeOf(models[name]);
const specs = paramSpecs(shape);
const state = new State();
let seed = 1;
for (const s of specs) {
  const { data } = state.buffer(s.name, s.shape, "float32");
  if (s.init === "one") data.fill(1);
  else if (s.init !== "zero")
    for (let i = 0; i < data.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0; // uniform with that deviation: quick to fill
      data[i] = (seed / 2 ** 31) * s.init * Math.sqrt(3);
    }
}
const random = rng(1, "tokens");
const tokens = Array.from({ length: B * T }, () => random.int(shape.vocab));

const began = performance.now(); // weights are there; from here: trace, compile, run
/** Runs once; returns milliseconds. */
const once = work === "train" ? training() : sampling();
function training(): () => number {
  const g = new Graph();
  const params = declare(g, specs);
  const labels = g.input("labels", [B * T], "int64");
  const hidden = hiddenStates(shape, params, g.input("ids", [B, T], "int64"));
  const loss = neg(mean(logprobs(shape, params, hidden, labels)));
  g.output("loss", loss);
  const o = Optimiser.parse({ kind: "adamw", beta2: 0.95, weightDecay: 0.1 });
  if (o.kind !== "adamw") throw new Error("not AdamW");
  const learning = gradientsInto(loss, params, o);
  const program = new Program(g, state);
  const next = tokens.map((_, i) => tokens[(i + 1) % tokens.length]);
  let step = 0;
  return () => {
    const start = performance.now();
    program.run({ ids: tokens, labels: next });
    const scale = clipBy(program.float("gradNorm")[0]!, o.clip);
    fusedAdamW(state, learning, o, { t: ++step, lr: 1e-3, scale });
    if (!Number.isFinite(program.float("loss")[0])) throw new Error("the loss is not finite");
    return performance.now() - start;
  };
}
/** 64 greedy steps after a prompt of `length` (milliseconds a step), or the prompt alone. */
function sampling(): () => number {
  const steps = 64;
  const sampler = new Sampler(shape, state, B, { context: T + steps + 8, frozen: true, bits });
  const prompts = Array.from({ length: B }, (_, b) => tokens.slice(b * T, (b + 1) * T));
  const rngs = prompts.map((_, b) => rng(b, "bench"));
  const run = (maxTokens: number) => {
    const start = performance.now();
    let first = 0;
    sampler.sample(prompts, {
      maxTokens,
      temperature: 0,
      rngs,
      onStep: () => {
        first ||= performance.now() - start;
      },
    });
    return { first, rest: performance.now() - start - first };
  };
  return () => (work === "prefill" ? run(1).first : run(steps + 1).rest / steps);
}

once();
console.log(JSON.stringify({ ready: true, coldMs: performance.now() - began }));
for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line === "memory") {
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    console.log(JSON.stringify({ peakMB: Number(peak) / 1024 }));
  } else console.log(JSON.stringify({ ms: once() }));
}
