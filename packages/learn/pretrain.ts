/**
 * Pretraining of a small GPT-2 on texts, from nothing: tokenizer, batches, AdamW with warm-up and
 * cosine decay. Differences from Radford et al. 2019: a byte-level BPE of our own, a few million parameters, and
 * windows sampled anywhere in texts without marks between them. The tokenizer has no begin-of-text token, so windows
 * begin as prompts do when the model is served.
 * Run: npm run tiller -- pretrain --out models/base
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import {
  encodePrompt,
  gpt2Config,
  initParams,
  loadTokenizerJson,
  paramSpecs,
  shapeOf,
  trainBpe,
  writeFileSafely,
} from "@tiller/lm";
import {
  DatasetRef,
  defineJob,
  fromState,
  type JobContext,
  metric,
  NewCheckpoint,
  rng,
  TextSource,
  TillerError,
} from "@tiller/schema";
import { sizeOf, State } from "@tiller/tensor";
import { train } from "./job.ts";
import { nextTokenLoss, nextTokens } from "./losses.ts";
import { rateAt } from "./schedules.ts";
import { Trainer } from "./trainer.ts";

export const PretrainConfig = z.strictObject({
  seed: z.int().default(1).describe("of the initial weights and the order of batches"),
  layers: z.int().positive().default(4).describe("blocks of attention and MLP"),
  width: z.int().positive().default(192).describe("numbers a position; the heads divide it"),
  heads: z.int().positive().default(6).describe("of attention, a block"),
  vocabulary: z.int().min(300).default(4096).describe("byte-level BPE tokens, specials included"),
  context: z
    .int()
    .positive()
    .default(128)
    .describe("tokens a training window, and positions of the model"),
  batch: z.int().positive().default(16).describe("windows a step"),
  steps: z.int().positive().default(4000).describe("updates"),
  lr: z.number().positive().default(2e-3).describe("peak learning rate"),
  warmup: z.int().nonnegative().default(100).describe("steps of linear warm-up"),
  weightDecay: z.number().nonnegative().default(0.1).describe("AdamW's, on matrices"),
  evalEvery: z.int().positive().default(200).describe("steps between looks at held-out text"),
  saveEvery: z.int().positive().default(200).describe("steps between snapshots"),
});
export type PretrainConfig = z.infer<typeof PretrainConfig>;
const Input = z.strictObject({
  config: PretrainConfig,
  texts: DatasetRef.describe("sources of text, a row each, with the fraction of windows from it"),
});
export const pretrainJob = defineJob({
  kind: "pretrain",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: pretrain,
  metrics: {
    loss: metric("training", "Loss", { unit: "nats a token", better: "down" }),
    heldoutLoss: metric("held out", "Loss", { unit: "nats a token", better: "down" }),
    gradNorm: metric("norm", "Gradient norm"),
    lr: metric("rate", "Learning rate"),
  },
});

const Loop = z.strictObject({ rng: z.array(z.number()), heldoutLoss: z.number().nullable() });

export async function pretrain(
  { config: c, texts }: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  mkdirSync(job.dir, { recursive: true });
  const sources = await job.rows(texts, TextSource);
  checkFractions(sources);

  const tokenizerFile = path.join(job.dir, "tokenizer.json");
  if (!existsSync(tokenizerFile)) {
    job.progress(0, c.steps, "training the tokenizer");
    const read = sources.map((s) => s.train.slice(0, s.vocabularyCharacters)).join("\n");
    await writeFileSafely(
      tokenizerFile,
      JSON.stringify(trainBpe(read, { vocabSize: c.vocabulary })),
    );
  }
  const tokenizerJson = JSON.parse(readFileSync(tokenizerFile, "utf8"));
  const tokenizer = loadTokenizerJson(tokenizerJson);
  job.progress(0, c.steps, "reading the text");
  const tokensOf = (text: string) => Int32Array.from(encodePrompt(tokenizer, text).ids);
  const training = sources
    .filter((s) => s.fraction > 0)
    .map((s) => ({ name: s.name, fraction: s.fraction, tokens: tokensOf(s.train) }));
  const heldoutText = sources.flatMap((s) => s.heldout || []).join("\n\n");
  const heldout = tokensOf(heldoutText);
  for (const { name, tokens } of [...training, { name: "held out", tokens: heldout }])
    if (tokens.length < c.context + 2)
      throw new TillerError(
        "too_short",
        `the text "${name}" has ${tokens.length} tokens, a window takes ${c.context + 1}. Choose a smaller context.`,
      );
  const heldoutBytesPerToken = Buffer.byteLength(heldoutText) / heldout.length;

  const config = gpt2Config({ ...c, positions: c.context, vocab: c.vocabulary });
  const shape = shapeOf(config);
  const specs = paramSpecs(shape);
  const state = new State();
  initParams(state, specs, rng(c.seed, "init"));
  const model = {
    id: "",
    shape,
    config,
    specs,
    state,
    tokenizer,
    tokenizerJson,
    chatFiles: {},
    pooling: "mean" as const,
    pad: undefined,
  };
  using trainer = new Trainer(model, {
    seed: c.seed,
    optimiser: { kind: "adamw", beta2: 0.95, weightDecay: c.weightDecay },
  });

  const [B, T] = [c.batch, c.context];
  const windows = (rows: readonly (readonly [from: Int32Array, start: number])[]) =>
    nextTokens(
      rows.map(([from, start]) => ({ tokens: [...from.subarray(start, start + T + 1)] })),
      { length: T },
    );
  const count = Math.min(8, Math.floor((heldout.length - 1) / (B * T))); // batches of held-out text
  if (count < 1)
    throw new TillerError(
      "too_short",
      `the held-out text has ${heldout.length} tokens, a batch of ${B} windows takes ${B * T + 1}. Lower batch (${B}) or context (${T}).`,
    );
  const heldoutLoss = () => {
    let total = 0;
    for (let k = 0; k < count; k++) {
      const rows = Array.from({ length: B }, (_, b) => [heldout, (k * B + b) * T] as const);
      total += trainer.forward(windows(rows), nextTokenLoss).loss;
    }
    return total / count;
  };

  const { heldoutLoss: last } = await train(job, trainer, {
    name: "pretrain",
    step: "step",
    steps: c.steps,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop,
    start: { rng: [...rng(c.seed, "batches").state()], heldoutLoss: null },
    run: (step, at) => {
      const random = fromState(at.rng);
      const rows = Array.from({ length: B }, () => {
        const source = sourceAt(training, random.next()).tokens;
        return [source, random.int(source.length - T - 1)] as const;
      });
      const rate = { shape: "cosine", steps: c.steps, warmup: c.warmup, end: 0.1 } as const;
      const lr = c.lr * rateAt(rate, step);
      const { loss } = trainer.forwardBackward(windows(rows), nextTokenLoss);
      const { gradNorm } = trainer.optimStep({ lr });
      const heldout = step % c.evalEvery === 0 || step === c.steps ? heldoutLoss() : undefined;
      return {
        metrics: { loss, gradNorm, lr, ...(heldout !== undefined && { heldoutLoss: heldout }) },
        note: `loss ${loss.toFixed(3)}${heldout === undefined ? "" : `, held out ${heldout.toFixed(3)}`}`,
        loop: { rng: [...random.state()], heldoutLoss: heldout ?? at.heldoutLoss },
      };
    },
  });

  const loss = last ?? heldoutLoss();
  const metrics = {
    heldoutLoss: loss,
    bitsPerByte: loss / Math.LN2 / heldoutBytesPerToken,
    parameters: specs.reduce((n, s) => n + sizeOf(s.shape), 0),
  };
  return trainer.saveModel(job.out, { metrics, config: { ...c } });
}

function checkFractions(sources: readonly TextSource[]): void {
  const sum = sources.reduce((n, s) => n + s.fraction, 0);
  if (Math.abs(sum - 1) > 1e-6)
    throw new TillerError(
      "bad_fractions",
      `the fractions of ${sources.map((s) => `${s.name} (${s.fraction})`).join(", ") || "no source"} make ${sum}. Let them make 1.`,
    );
}
/** The source whose part of [0, 1] a number falls into. */
function sourceAt<T extends { readonly fraction: number }>(sources: readonly T[], at: number): T {
  let upTo = 0;
  return sources.find((s) => at < (upTo += s.fraction)) ?? sources.at(-1)!;
}
