/**
 * A loss of your own: unlikelihood training (Welleck et al. 2020) on the base model. Beside the usual likelihood,
 * every token that stood before in the window, and is not the next one, is pushed down: less repetition.
 * Run: node examples/unlikelihood.ts [steps]
 */
import { type Loss, rateAt, tokens, Trainer } from "@tiller/learn";
import { corpus } from "@tiller/lm";
import {
  add,
  clamp,
  log,
  mean,
  mul,
  neg,
  reshape,
  softmax,
  sub,
  sum,
  tokenLogprobs,
} from "@tiller/tensor";

const loss: Loss = ({ g, batch, hidden, logits }) => {
  const { ids, labels, repeats } = batch; // (B, T), (B, T), and (B, T, V): 1 where a token stood before
  const z = logits(hidden(ids!)); // (B T, V)
  const likelihood = neg(mean(tokenLogprobs(z, reshape(labels!, [z.shape[0]!]))));
  const others = log(clamp(sub(g.scalar(1), softmax(z)), 1e-5, 1)); // log(1 - p)
  const unlikelihood = neg(mean(sum(mul(others, reshape(repeats!, z.shape)), [1])));
  return { loss: add(likelihood, unlikelihood), seen: { likelihood, unlikelihood } };
};

using trainer = await Trainer.open("models/base", { optimiser: { kind: "adamw", clip: 1 } });
const { shape, tokenizer } = trainer.model;
const [B, T, V] = [4, 64, shape.vocab];
const steps = Number(process.argv[2] ?? 30);
const text = tokenizer.encode(corpus().moby.slice(0, 400_000));
for (let step = 1; step <= steps; step++) {
  const starts = Array.from({ length: B }, () => trainer.rng.int(text.length - T - 1));
  const mask = new Float32Array(B * T * V);
  starts.forEach((s, b) => {
    for (let t = 0; t < T; t++)
      for (const seen of text.slice(s, s + t + 1))
        if (seen !== text[s + t + 1]) mask[(b * T + t) * V + seen] = 1;
  });
  const rows = (from: number) =>
    tokens(
      starts.map((s) => text.slice(s + from, s + from + T)),
      T,
    );
  const repeats = { shape: [B, T, V], data: mask };
  const { seen } = trainer.forwardBackward({ ids: rows(0), labels: rows(1), repeats }, loss);
  trainer.optimStep({ lr: 3e-4 * rateAt({ shape: "cosine", steps, warmup: 3, end: 0.1 }, step) });
  const [likelihood, unlikelihood] = [seen["likelihood"]![0]!, seen["unlikelihood"]![0]!];
  if (step === 1 || step % 10 === 0 || step === steps)
    console.log(
      `step ${step}: likelihood ${likelihood.toFixed(3)}, unlikelihood ${unlikelihood.toFixed(3)}`,
    );
}
const [said] = trainer.sample([tokenizer.encode("The whale")], {
  maxTokens: 24,
  temperature: 0.7,
}).tokens;
console.log(`The whale${tokenizer.decode(said!)}`);
