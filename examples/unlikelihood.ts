/**
 * A loss of your own: unlikelihood training (Welleck et al. 2020) on the base model. Beside the usual likelihood,
 * every token that stood before in the window, and is not the next one, is pushed down: less repetition.
 * Run: node examples/unlikelihood.ts [steps]
 */
import { loadModel } from "@tiller/learn";
import { corpus, declare, hiddenStates, logits } from "@tiller/lm";
import { rng } from "@tiller/schema";
import {
  adamw,
  adamwInputs,
  add,
  clamp,
  Graph,
  log,
  mean,
  mul,
  neg,
  Program,
  softmax,
  sub,
  sum,
  tokenLogprobs,
} from "@tiller/tensor";

const model = await loadModel("models/base");
const [B, T, V] = [4, 64, model.shape.vocab];
const steps = Number(process.argv[2] ?? 30);

const g = new Graph();
const params = declare(g, model.specs);
const labels = g.input("labels", [B * T], "int64");
const repeats = g.input("repeats", [B * T, V]); // 1 where a token stood before and is not the label
const z = logits(
  model.shape,
  params,
  hiddenStates(model.shape, params, g.input("ids", [B, T], "int64")),
);
const likelihood = neg(mean(tokenLogprobs(z, labels)));
const others = log(clamp(sub(g.scalar(1), softmax(z)), 1e-5, 1)); // log(1 - p), (B T, V)
const unlikelihood = neg(mean(sum(mul(others, repeats), [1])));
g.output("likelihood", likelihood);
g.output("unlikelihood", unlikelihood);
adamw(add(likelihood, unlikelihood), params);
using program = new Program(g, model.state);

const tokens = model.tokenizer.encode(corpus().moby.slice(0, 400_000));
const random = rng(1, "windows");
for (let step = 1; step <= steps; step++) {
  const starts = Array.from({ length: B }, () => random.int(tokens.length - T - 1));
  const mask = new Float32Array(B * T * V);
  starts.forEach((s, b) => {
    for (let t = 0; t < T; t++)
      for (const seen of tokens.slice(s, s + t + 1))
        if (seen !== tokens[s + t + 1]) mask[(b * T + t) * V + seen] = 1;
  });
  program.run({
    ids: starts.flatMap((s) => tokens.slice(s, s + T)),
    labels: starts.flatMap((s) => tokens.slice(s + 1, s + T + 1)),
    repeats: mask,
    ...adamwInputs(step, 3e-4),
  });
  if (step === 1 || step % 10 === 0 || step === steps)
    console.log(
      `step ${step}: likelihood ${program.float("likelihood")[0].toFixed(3)}, unlikelihood ${program.float("unlikelihood")[0].toFixed(3)}`,
    );
}
