/**
 * One seed of one task, in a process of its own: labels by the gold score with noise, a reward model from them, every method
 * at the same labels, each policy's gold and KL on held-out prompts. Prints a JSON line a point.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import {
  bestOfN,
  distinctN,
  dpoJob,
  evaluateJob,
  grpoJob,
  klBestOfN,
  ppoJob,
  rewardJob,
  rlooJob,
  sampleJob,
} from "@tiller/learn";
import { loadTokenizer, samplePassages, splitTrainHeldout } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { corpus } from "../../recipes/corpus.ts";
import { run } from "../jobs.ts";
import { continuation, sizes, tasks } from "./tasks.ts";

const [base, name, seedText, what] = z
  .tuple([z.string(), z.enum(["tone", "plain"]), z.string(), z.enum(["frontier", "plots"])])
  .parse(process.argv.slice(2));
const seed = Number(seedText);
const gold = tasks[name];
const dir = mkdtempSync(path.join(tmpdir(), `tiller-frontier-${name}-${seed}-`));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
const at = (job: string) => path.join(dir, job);
const say = (point: object) => console.log(JSON.stringify({ task: name, seed, ...point }));

const tokenizer = await loadTokenizer(base);
const book = splitTrainHeldout(corpus().moby);
const passages = (text: string, n: number, s: number) =>
  samplePassages(text, { n, minTokens: 6, maxTokens: sizes.maxPrompt, tokenizer, seed: s });
const train = passages(book.train, sizes.labels, seed);
const heldout = passages(book.heldout, sizes.heldout, 1);
const asPrompts = (texts: readonly string[]) => texts.map((prompt) => ({ prompt }));
const datasets = { train: asPrompts(train), heldout: asPrompts(heldout) };

/** Pairs by a model, labelled by the gold score through a logistic of its difference over its spread. */
async function labelled(checkpoint: string, prompts: readonly string[], as: string) {
  const input = { checkpoint, prompts: "p", each: 2, continuation, seed };
  const { output } = await run(sampleJob, at(`pairs-${as}`), input, { p: asPrompts(prompts) });
  const golds = output.texts.map((two) => two.map(gold));
  const all = golds.flat();
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  const spread = Math.sqrt(all.reduce((v, x) => v + (x - mean) ** 2, 0) / all.length);
  const random = rng(seed, "labels", as);
  return output.texts.map(([a, b], i) => {
    const p = 1 / (1 + Math.exp((-3 * (golds[i]![1]! - golds[i]![0]!)) / spread));
    const second = random.next() < p;
    return { prompt: prompts[i]!, chosen: (second ? b : a)!, rejected: (second ? a : b)! };
  });
}
const maxTokens = sizes.maxPrompt + continuation.maxTokens;
async function rewardOf(pairs: readonly object[], as: string): Promise<string> {
  const config = { epochs: 2, batch: 16, lr: 1.5e-3, validation: 0 };
  const input = { config, base, pairs: "pairs", maxTokens, seed };
  return (await run(rewardJob, at(`reward-${as}`), input, { pairs })).out;
}
const first = await labelled(base, train, "base");
const reward = await rewardOf(first, "all");
const evaluation = {
  base,
  reward,
  prompts: "heldout",
  continuation,
  maxPrompt: sizes.maxPrompt,
  seed,
};
/** gold of the base, in whose spread every gold is told */
let scale: { mean: number; spread: number } | undefined;
async function measure(policy: string, as: string) {
  const input = { ...evaluation, policy, bestOf: scale ? 1 : sizes.bestOf };
  const { output } = await run(evaluateJob, at(`evaluate-${as}`), input, datasets);
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
  if (!scale) {
    const golds = output.items.flatMap((x) => x.bestOf.map((w) => gold(w.text)));
    const m = mean(golds);
    scale = { mean: m, spread: Math.sqrt(mean(golds.map((g) => (g - m) ** 2))) };
    // the curve of best-of-n is said once a seed
    for (let n = 1; what === "frontier" && n <= sizes.bestOf; n *= 2) {
      const worth = output.items.map((x) => ({
        proxy: bestOfN(
          x.bestOf.map((w) => w.reward),
          x.bestOf.map((w) => w.reward),
          n,
        ),
        gold: bestOfN(
          x.bestOf.map((w) => w.reward),
          x.bestOf.map((w) => gold(w.text)),
          n,
        ),
      }));
      say({
        method: "best-of-n",
        setting: n,
        kl: klBestOfN(n),
        gold: (mean(worth.map((w) => w.gold)) - scale.mean) / scale.spread,
        proxy: mean(worth.map((w) => w.proxy)),
      });
    }
  }
  const texts = output.items.map((x) => x.policy);
  return {
    kl: mean(texts.map((t) => t.kl)),
    gold: (mean(texts.map((t) => gold(t.text))) - scale.mean) / scale.spread,
    proxy: mean(texts.map((t) => t.reward)),
    distinct2: distinctN(
      texts.map((t) => t.tokens),
      2,
    ),
    length: mean(texts.map((t) => t.tokens.length)),
  };
}
await measure(base, "base");

const rolling = {
  batch: 64,
  minibatch: 64,
  saveEvery: 1000,
  samplesEvery: 1000,
  stopKl: 1e6,
  lr: 1e-3,
};
const sampled = { base, prompts: "train", maxPrompt: sizes.maxPrompt, seed, continuation };
const policy = async (job: typeof ppoJob, config: object, as: string, by = reward) => {
  const input = { ...sampled, reward: by, config: { ...rolling, ...config } };
  return run(job, at(as), input, datasets);
};
const jobs = {
  ppo: ppoJob,
  rloo: rlooJob as never as typeof ppoJob,
  grpo: grpoJob as never as typeof ppoJob,
};
if (what === "frontier") {
  for (const beta of [0.1, 0.4, 1.6])
    for (const [method, job] of Object.entries(jobs)) {
      const config = { iterations: 30, beta, ...(method === "ppo" && { klTarget: 0 }) };
      const made = await policy(job, config, `${method}-${beta}`);
      say({ method, setting: beta, ...(await measure(made.out, `${method}-${beta}`)) });
    }
  for (const beta of [0.05, 0.2, 0.8]) {
    const config = { beta, epochs: 2, batch: 16, lr: 5e-4, endOfText: false, validation: 0 };
    const input = { config, base, pairs: "pairs", maxTokens, seed };
    const made = await run(dpoJob, at(`dpo-${beta}`), input, { pairs: first });
    say({ method: "dpo", setting: beta, ...(await measure(made.out, `dpo-${beta}`)) });
  }
  // iterated: half of the labels on the base's pairs, half on those of a policy learned from the first half
  const half = first.slice(0, sizes.labels / 2);
  const early = await rewardOf(half, "half");
  const between = await policy(
    ppoJob,
    { iterations: 15, beta: 0.2, klTarget: 0 },
    "between",
    early,
  );
  const fresh = await labelled(between.out, train.slice(sizes.labels / 2), "fresh");
  const later = await rewardOf([...half, ...fresh], "later");
  for (const beta of [0.1, 0.4, 1.6]) {
    const made = await policy(
      ppoJob,
      { iterations: 30, beta, klTarget: 0 },
      `iterated-${beta}`,
      later,
    );
    say({
      method: "iterated ppo",
      setting: beta,
      ...(await measure(made.out, `iterated-${beta}`)),
    });
  }
} else {
  const curve = (made: Awaited<ReturnType<typeof policy>>) =>
    made.metrics.map(({ kl, score, length, ended }) => ({ kl, score, length, ended }));
  const none = await policy(ppoJob, { iterations: 80, beta: 0, klTarget: 0 }, "no-kl");
  say({ plot: "collapse", setting: 0, ...(await measure(none.out, "no-kl")), curve: curve(none) });
  const kept = await policy(ppoJob, { iterations: 80, beta: 0.2, klTarget: 0 }, "kl");
  say({ plot: "collapse", setting: 0.2, ...(await measure(kept.out, "kl")), curve: curve(kept) });
  for (const klTarget of [1, 2, 4]) {
    const config = { iterations: 200, beta: 0.2, klTarget, klHorizon: 300, lr: 5e-4 };
    const made = await policy(ppoJob, config, `target-${klTarget}`);
    say({ plot: "target", setting: klTarget, curve: curve(made) });
  }
  for (const missingEosPenalty of [-1, 1, 3]) {
    const config = { iterations: 60, beta: 0.1, klTarget: 0, missingEosPenalty };
    const made = await policy(ppoJob, config, `eos-${missingEosPenalty}`);
    say({ plot: "eos", setting: missingEosPenalty, curve: curve(made) });
  }
}
process.exit(0);
