/**
 * Pretraining of a small GPT-2 on public-domain text, from nothing: tokenizer, batches, AdamW with warm-up and
 * cosine decay. Differences from Radford et al. 2019: a byte-level BPE of our own, a few million parameters, and
 * windows sampled anywhere in texts without marks between them. The tokenizer has no begin-of-text token, so windows
 * begin as prompts do when the model is served.
 * Run: npm run tiller -- pretrain --out models/base
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import {
  corpus,
  encodePrompt,
  gpt2Config,
  loadTokenizerJson,
  paramSpecs,
  saveCheckpoint,
  shapeOf,
  splitTrainHeldout,
  trainBpe,
  writeFileSafely,
} from "@tiller/lm";
import { declare, hiddenStates, initParams, logprobs } from "@tiller/lm";
import { defineJob, fromState, type JobContext, rng, TillerError } from "@tiller/schema";
import { adamw, adamwInputs, Graph, mean, neg, Program, sizeOf, State } from "@tiller/tensor";
import { rateAt } from "./schedules.ts";
import { loadSnapshot, saveSnapshot } from "./snapshot.ts";

export const PretrainConfig = z.strictObject({
  seed: z.int().default(1).describe("of the initial weights and the order of batches"),
  layers: z.int().positive().default(4),
  width: z.int().positive().default(192),
  heads: z.int().positive().default(6),
  vocabulary: z.int().min(300).default(4096).describe("byte-level BPE tokens, specials included"),
  context: z
    .int()
    .positive()
    .default(128)
    .describe("tokens a training window, and positions of the model"),
  batch: z.int().positive().default(16).describe("windows a step"),
  steps: z.int().positive().default(4000),
  lr: z.number().positive().default(2e-3).describe("peak learning rate"),
  warmup: z.int().nonnegative().default(100).describe("steps of linear warm-up"),
  weightDecay: z.number().nonnegative().default(0.1),
  books: z
    .number()
    .min(0)
    .max(1)
    .default(0.4)
    .describe("share of windows from the novel; the rest from the speeches"),
  evalEvery: z.int().positive().default(200),
  saveEvery: z.int().positive().default(200),
});
export type PretrainConfig = z.infer<typeof PretrainConfig>;
export const PretrainResult = z.strictObject({
  path: z.string(),
  id: z.string(),
  loss: z.number(),
  bitsPerByte: z.number(),
});

export const pretrainJob = defineJob({
  kind: "pretrain",
  module: import.meta.url,
  entry: "pretrain",
  input: z.strictObject({ config: PretrainConfig, out: z.string() }),
  output: PretrainResult,
});

const ADAM = { beta1: 0.9, beta2: 0.95 };
const Cursor = z.strictObject({ step: z.int(), rng: z.array(z.number()) });

export async function pretrain(
  { config: c, out }: { config: PretrainConfig; out: string },
  job: JobContext,
): Promise<z.infer<typeof PretrainResult>> {
  mkdirSync(job.dir, { recursive: true });
  const { moby, sotu } = corpus();
  const text = { moby: splitTrainHeldout(moby), sotu: splitTrainHeldout(sotu) };

  const tokenizerFile = path.join(job.dir, "tokenizer.json");
  if (!existsSync(tokenizerFile)) {
    job.progress(0, c.steps, "training the tokenizer");
    await writeFileSafely(
      tokenizerFile,
      JSON.stringify(
        trainBpe(`${text.moby.train}\n${text.sotu.train.slice(0, 1_000_000)}`, {
          vocabSize: c.vocabulary,
        }),
      ),
    );
  }
  const tokenizerJson = JSON.parse(readFileSync(tokenizerFile, "utf8"));
  const tokenizer = loadTokenizerJson(tokenizerJson);
  job.progress(0, c.steps, "reading the text");
  const tokens = {
    moby: Int32Array.from(encodePrompt(tokenizer, text.moby.train).ids),
    sotu: Int32Array.from(encodePrompt(tokenizer, text.sotu.train).ids),
    heldout: Int32Array.from(encodePrompt(tokenizer, text.moby.heldout).ids),
  };
  for (const [name, { length }] of Object.entries(tokens))
    if (length < c.context + 2)
      throw new TillerError(
        "too_short",
        `the text "${name}" has ${length} tokens, a window takes ${c.context + 1}. Choose a smaller context.`,
      );
  const heldoutBytesPerToken = Buffer.byteLength(text.moby.heldout) / tokens.heldout.length;

  const config = gpt2Config({ ...c, positions: c.context, vocab: c.vocabulary });
  const shape = shapeOf(config);
  const specs = paramSpecs(shape);
  const [B, T] = [c.batch, c.context];
  const state = new State();
  initParams(state, specs, rng(c.seed, "init"));
  const build = (train: boolean) => {
    const g = new Graph();
    const p = declare(g, specs);
    const ids = g.input("ids", [B, T], "int64");
    const labels = g.input("labels", [B * T], "int64");
    const loss = neg(mean(logprobs(shape, p, hiddenStates(shape, p, ids), labels)));
    g.output("loss", loss);
    if (train) adamw(loss, p, { ...ADAM, weightDecay: c.weightDecay, clip: 1 });
    return new Program(g, state);
  };
  using train = build(true);
  using evaluate = build(false);

  const snapshot = path.join(job.dir, "snapshot.safetensors");
  const saved = await loadSnapshot(snapshot, { model: state }, Cursor);
  let random = saved ? fromState(saved.rng) : rng(c.seed, "batches");
  const window = (from: Int32Array, start: number) => ({
    ids: from.subarray(start, start + T),
    labels: from.subarray(start + 1, start + T + 1),
  });
  const flat = (rows: { ids: Int32Array; labels: Int32Array }[]) => ({
    ids: rows.flatMap((r) => [...r.ids]),
    labels: rows.flatMap((r) => [...r.labels]),
  });
  const count = Math.min(8, Math.floor((tokens.heldout.length - 1) / (B * T))); // batches of held-out text
  if (count < 1)
    throw new TillerError(
      "too_short",
      `the held-out text has ${tokens.heldout.length} tokens, a batch of ${B} windows takes ${B * T + 1}. Lower batch (${B}) or context (${T}).`,
    );
  const heldoutLoss = () => {
    let total = 0;
    for (let k = 0; k < count; k++) {
      evaluate.run(
        flat(Array.from({ length: B }, (_, b) => window(tokens.heldout, (k * B + b) * T))),
      );
      total += evaluate.float("loss")[0];
    }
    return total / count;
  };

  for (let step = (saved?.step ?? 0) + 1; step <= c.steps; step++) {
    if (job.signal.aborted) throw new Error("stopped");
    const rows = Array.from({ length: B }, () => {
      const source = random.next() < c.books ? tokens.moby : tokens.sotu;
      return window(source, random.int(source.length - T - 1));
    });
    const lr = c.lr * rateAt({ shape: "cosine", steps: c.steps, warmup: c.warmup, end: 0.1 }, step);
    train.run({ ...flat(rows), ...adamwInputs(step, lr, ADAM) });
    const values: Record<string, number> = {
      loss: train.float("loss")[0],
      gradNorm: train.float("gradNorm")[0],
      lr,
    };
    if (!Number.isFinite(values["loss"]) || !Number.isFinite(values["gradNorm"]))
      throw new TillerError(
        "not_finite",
        `the loss became ${values["loss"]} (gradient ${values["gradNorm"]}) at step ${step}. Lower lr (${c.lr}).`,
      );
    if (step % c.evalEvery === 0 || step === c.steps) values["heldoutLoss"] = heldoutLoss();
    job.metric(step, values);
    job.progress(
      step,
      c.steps,
      `loss ${values["loss"].toFixed(3)}${values["heldoutLoss"] ? `, held out ${values["heldoutLoss"].toFixed(3)}` : ""}`,
    );
    if (step % c.saveEvery === 0)
      await saveSnapshot(snapshot, { model: state }, { step, rng: random.state() });
    job.fault("pretrain.step");
    await new Promise((r) => setImmediate(r));
  }

  const loss = heldoutLoss();
  const bitsPerByte = loss / Math.LN2 / heldoutBytesPerToken;
  const tensors = new Map(
    specs.map((s) => [s.name, { shape: s.shape, data: state.get(s.name).data }]),
  );
  const { id } = await saveCheckpoint(out, {
    config,
    tensors,
    tokenizer: tokenizerJson,
    meta: {
      kind: "lm",
      parent: null,
      metrics: {
        heldoutLoss: loss,
        bitsPerByte,
        parameters: specs.reduce((n, s) => n + sizeOf(s.shape), 0),
      },
      config: { ...c },
    },
  });
  return { path: out, id, loss, bitsPerByte };
}
