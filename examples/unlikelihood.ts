/**
 * A loss of your own: unlikelihood training (Welleck et al. 2020) on the base model. Beside the usual likelihood,
 * every token that stood before in the window, and is not the next one, is pushed down: less repetition.
 * Run: node examples/unlikelihood.ts [steps]
 */
import { type Loss, rateAt, tokens, Trainer } from "@tiller/learn";
import * as t from "@tiller/tensor";
import { corpus } from "../recipes/corpus.ts";

const loss: Loss = ({ g, batch, hidden, logits }) => {
  const { ids, labels, repeats } = batch; // (B, T), (B, T), and (B, T, V): 1 where a token stood before
  const z = logits(hidden(ids!)); // (B T, V)
  const likelihood = t.neg(t.mean(t.tokenLogprobs(z, t.reshape(labels!, [z.shape[0]!]))));
  const others = t.log(t.clamp(t.sub(g.scalar(1), t.softmax(z)), 1e-5, 1)); // log(1 - p)
  const unlikelihood = t.neg(t.mean(t.sum(t.mul(others, t.reshape(repeats!, z.shape)), [1])));
  return { loss: t.add(likelihood, unlikelihood), metrics: { likelihood, unlikelihood } };
};

using trainer = await Trainer.open("models/base", { optimiser: { kind: "adamw", clip: 1 } });
const { shape, tokenizer } = trainer.model;
const [B, T, V, steps] = [4, 64, shape.vocab, Number(process.argv[2] ?? 30)];
const text = tokenizer.encode(corpus().moby.slice(0, 400_000));
for (let step = 1; step <= steps; step++) {
  const starts = Array.from({ length: B }, () => trainer.rng.int(text.length - T - 1));
  const windows = starts.map((s) => text.slice(s, s + T + 1));
  const mask = new Float32Array(B * T * V);
  windows.forEach((w, b) => {
    for (let i = 0; i < T; i++)
      for (const old of w.slice(0, i + 1)) if (old !== w[i + 1]) mask[(b * T + i) * V + old] = 1;
  });
  const [from, to] = [0, 1].map((k) => windows.map((w) => w.slice(k, k + T)));
  const repeats = { shape: [B, T, V], data: mask };
  const batch = { ids: tokens(from!, T), labels: tokens(to!, T), repeats };
  const { metrics } = trainer.forwardBackward(batch, loss);
  trainer.optimStep({ lr: 3e-4 * rateAt({ shape: "cosine", steps, warmup: 3, end: 0.1 }, step) });
  const told = Object.entries(metrics).map(([name, [value]]) => `${name} ${value!.toFixed(3)}`);
  if (step === 1 || step % 10 === 0 || step === steps) console.log(`step ${step}:`, ...told);
}
const start = tokenizer.encode("The whale");
const [said] = trainer.sample([start], { maxTokens: 24, temperature: 0.7 }).tokens;
console.log(`The whale${tokenizer.decode(said!)}`);
