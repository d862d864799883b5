/**
 * The same curves as TRL: reward model, DPO and GRPO from the same initial weights on the same rows in the same order and
 * batches, at the same rates. What is compared is the mean of a curve's last fifth, seed by seed; the curves are called
 * equivalent where the 90 % interval of the mean difference lies within half of TRL's standard deviation over seeds (two
 * one-sided t-tests at 5 %). Of GRPO the samples differ, as each side draws its own; rewards, prompts and models do not.
 * Run: npm run bench -- curves [--only reward|dpo|grpo] [--seeds 8] [--curves] [--json], with TILLER_PYTHON as for learn.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { z } from "zod";
import { dpoJob, grpoJob, rewardJob } from "@tiller/learn";
import { gpt2Config, headSpecs, initParams, paramSpecs, saveCheckpoint, shapeOf } from "@tiller/lm";
import { type JobContext, rng } from "@tiller/schema";
import { State } from "@tiller/tensor";
import { deviation, mean, overSeeds } from "../over-seeds.ts";

const methods = ["reward", "dpo", "grpo"] as const;
type Method = (typeof methods)[number];
const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "8" },
    curves: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const python = process.env["TILLER_PYTHON"];
const folder = mkdtempSync(path.join(tmpdir(), "tiller-bench-curves-"));

const [VOCABULARY, PROMPT, RESPONSE, BATCH, PAIRS, EPOCHS] = [64, 8, 16, 16, 160, 6];
const [GROUP, EPISODES, ITERATIONS, BETA] = [8, 64, 40, 0.1];
const config = gpt2Config({ layers: 2, width: 64, heads: 2, vocab: VOCABULARY, positions: 32 });
const shape = shapeOf(config);
// every word ends a sentence, so that a response of any length has ended and its score counts
const words = Array.from({ length: VOCABULARY - 2 }, (_, i) => `w${i}.`);
const special = ["<|endoftext|>", "<|pad|>"];
const tokenizer = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: special.map((content, i) => ({
    id: VOCABULARY - 2 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: "WhitespaceSplit" },
  post_processor: null,
  decoder: null,
  model: {
    type: "WordLevel",
    vocab: Object.fromEntries([...words, ...special].map((w, i) => [w, i])),
    unk_token: special[1],
  },
};
async function save(name: string, seed: number, role: "lm" | "reward"): Promise<string> {
  const state = new State();
  initParams(state, paramSpecs(shape), rng(seed, "model"));
  const heads = role === "reward" ? headSpecs(shape) : [];
  initParams(state, heads, rng(seed, "heads")); // as a trainer draws them
  const specs = [...paramSpecs(shape), ...heads];
  const tensors = new Map(
    specs.map((s) => [s.name, { shape: s.shape, data: state.get(s.name).data }]),
  );
  const dir = path.join(folder, `${name}-${seed}`);
  await saveCheckpoint(dir, { config, tensors, tokenizer, meta: { role } });
  return dir;
}

/** A job's values of `key` by step, and the rates it took. */
async function curveOf(
  run: (job: JobContext) => Promise<unknown>,
  rows: readonly unknown[],
  key: string,
) {
  const [curve, rates]: number[][] = [[], []];
  const dir = mkdtempSync(path.join(folder, "job-"));
  await run({
    dir,
    out: path.join(dir, "out"),
    checkpoint: (id) => id,
    rows: async (_, Row) => rows.map((r) => Row.parse(r)),
    metric: (_, values) => {
      curve!.push(values[key]!);
      rates!.push(values["lr"]!);
    },
    progress: () => {},
    sample: () => {},
    distribution: () => {},
    fault: () => {},
    signal: new AbortController().signal,
  });
  return { curve: curve!, rates: rates! };
}

/** One seed of a method by our job, and the same case for TRL. */
async function ours(method: Method, seed: number) {
  const random = rng(seed, "texts");
  const text = (n: number) => Array.from({ length: n }, () => random.choose(words)).join(" ");
  const base = await save("base", seed, method === "reward" ? "reward" : "lm");
  const never = 1_000_000_000;
  const common = { seed, base, prompt: PROMPT };
  if (method === "grpo") {
    const reward = await save("reward", seed + 1000, "reward");
    const prompts = Array.from({ length: 32 }, () => text(PROMPT));
    const input = grpoJob.input.parse({
      config: {
        iterations: ITERATIONS,
        batch: EPISODES,
        minibatch: EPISODES,
        group: GROUP,
        lr: 1e-3,
        beta: BETA,
        stopKl: never,
        saveEvery: never,
        samplesEvery: never,
      },
      continuation: { maxTokens: RESPONSE, minTokens: RESPONSE, temperature: 1 },
      base,
      reward,
      prompts: "rows",
      maxPrompt: PROMPT,
      seed,
    });
    const rows = prompts.map((prompt) => ({ prompt }));
    const made = await curveOf((job) => grpoJob.run(input, job), rows, "score");
    const asked = made.rates.flatMap((_, i) => {
      const at = rng(seed, "grpo", i + 1); // the job's own draws of an iteration begin with its prompts
      return Array.from({ length: EPISODES / GROUP }, () => at.choose(rows));
    });
    const adamw = { beta2: 0.999, epsilon: 1e-5, weightDecay: 0 };
    const more = { reward, group: GROUP, response: RESPONSE, beta: BETA };
    return { ...made, case: { ...common, ...more, adamw, batch: EPISODES, rows: asked } };
  }
  // what is liked differs from seed to seed: more of a third of the words
  const liked = new Set(random.shuffle(words).slice(0, VOCABULARY / 3));
  const count = (s: string) => s.split(" ").filter((w) => liked.has(w)).length;
  const pairs = Array.from({ length: PAIRS }, () => {
    const [x, y] = [text(RESPONSE - 1), text(RESPONSE - 1)];
    const [chosen, rejected] = count(x) >= count(y) ? [x, y] : [y, x];
    return { prompt: text(PROMPT), chosen: ` ${chosen}`, rejected: ` ${rejected}` };
  });
  const shuffled = rng(seed, "split").shuffle(pairs); // as the jobs order them
  const ordered = Array.from({ length: EPOCHS }, (_, epoch) =>
    rng(seed, "epoch", epoch).shuffle(shuffled),
  ).flat();
  const training = { epochs: EPOCHS, batch: BATCH, lr: 1e-3, validation: 0, saveEvery: never };
  if (method === "dpo") {
    const input = dpoJob.input.parse({
      config: { ...training, beta: BETA },
      base,
      pairs: "rows",
      maxTokens: 32,
      seed,
    });
    const made = await curveOf((job) => dpoJob.run(input, job), pairs, "loss");
    const adamw = { beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
    return { ...made, case: { ...common, beta: BETA, adamw, batch: BATCH, rows: ordered } };
  }
  const input = rewardJob.input.parse({
    config: { ...training, embeddingRate: 1 },
    base,
    pairs: "rows",
    maxTokens: 32,
    seed,
  });
  const labelled = pairs.map((p) => ({
    task: "",
    passage: p.prompt,
    a: p.rejected,
    b: p.chosen,
    pB: 1,
    judgments: [],
  }));
  const made = await curveOf((job) => rewardJob.run(input, job), labelled, "loss");
  const id = new Map(words.map((w, i) => [w, i]));
  const ids = (s: string) => s.split(" ").map((w) => id.get(w)!);
  const rows = ordered.map((p) => ({
    chosen_ids: ids(p.prompt + p.chosen), // as tokens: its texts would get an end-of-text that ours do not have
    rejected_ids: ids(p.prompt + p.rejected),
  }));
  const adamw = { beta2: 0.95, epsilon: 1e-5, weightDecay: 0.01 };
  return { ...made, case: { ...common, adamw, batch: BATCH, rows } };
}

const last = (curve: readonly number[]) => mean(curve.slice(-Math.ceil(curve.length / 5)));
const seeds = Array.from({ length: Number(o.seeds) }, (_, i) => i + 1);
if (seeds.length < 1)
  throw new Error(`--seeds ${o.seeds}: give 1 or more; 1 only tries the commands`);
const Line = z.strictObject({ curve: z.array(z.number()) });
const rows = [];
for (const method of methods.filter((m) => !o.only || m === o.only)) {
  const mine: number[][] = [];
  const files: string[] = [];
  for (const seed of seeds) {
    const made = await ours(method, seed);
    const file = path.join(folder, `${method}-${seed}.json`);
    writeFileSync(file, JSON.stringify({ ...made.case, rates: made.rates }));
    mine.push(made.curve);
    files.push(file);
  }
  const work = `same curve: ${method}`;
  if (!python) {
    rows.push({ work, seeds: seeds.length, peerName: "TRL 1.13 (absent)", equivalent: null });
    continue;
  }
  const args = [path.join(import.meta.dirname, "curves.py"), method, ...files];
  const said = execFileSync(python, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const theirs = said
    .trim()
    .split("\n")
    .map((line) => Line.parse(JSON.parse(line)).curve);
  const uneven = theirs.findIndex((c, i) => c.length !== mine[i]!.length);
  if (uneven >= 0)
    throw new Error(
      `${work}: seed ${seeds[uneven]} has ${mine[uneven]!.length} steps of ours and ${theirs[uneven]!.length} of TRL's`,
    );
  const [a, b] = [mine.map(last), theirs.map(last)];
  const differences = a.map((x, i) => x - b[i]!);
  const margin = deviation(b) / 2;
  const several = seeds.length > 1;
  const { low, high } = overSeeds(differences, 0.9);
  const interval = [low, high] as const;
  rows.push({
    work,
    seeds: seeds.length,
    ours: mean(a),
    peer: mean(b),
    peerName: "TRL 1.13",
    difference: mean(differences),
    interval: several ? interval : null,
    margin: several ? margin : null,
    equivalent: several ? interval[0] > -margin && interval[1] < margin : null,
    // rewards of the first rollout batch differ by their samples; first losses do not
    furthest: Math.max(...mine.flatMap((c, i) => c.map((x, k) => Math.abs(x - theirs[i]![k]!)))),
    first: Math.max(...mine.map((c, i) => Math.abs(c[0]! - theirs[i]![0]!))),
    ...(o.curves && { curves: { ours: mine, peer: theirs } }),
  });
}
rmSync(folder, { recursive: true, force: true });
if (o.json) console.log(JSON.stringify({ rows }));
else for (const row of rows) console.log(row);
