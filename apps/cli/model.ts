/** tiller model: look at a checkpoint, bring one in from elsewhere, sample from it, score a text with it, serve it. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { totalmem } from "node:os";
import path from "node:path";
import { z } from "zod";
import { estimate, EstimateOptions, loadModel } from "@tiller/learn";
import {
  askedBits,
  dtypes,
  encodePrompt,
  ggufContent,
  importModel,
  loadCheckpoint,
  perplexity,
  pullModel,
  readConfig,
  Sampler,
  saveCheckpoint,
  writeFileSafely,
  type ModelShape,
} from "@tiller/lm";
import { rng, TillerError } from "@tiller/schema";
import { sizeOf } from "@tiller/tensor";
import { bar } from "./bars.ts";
import { command, verb } from "./command.ts";
import { countFlag, flag, numberFlag } from "./flags.ts";
import { servedVerbs } from "./served.ts";
import { table } from "./table.ts";

const out = flag(z.string(), "DIR", "the folder that is made");
const importFlags = {
  out,
  tokenizer: flag(z.string().optional(), "FILE", "the tokenizer, where PATH has none"),
  base: flag(z.string().optional(), "DIR", "the model that an adapter is merged into"),
  dtype: z.enum(dtypes).default("F32").describe("of the weights that are written"),
};
const pullFlags = {
  out,
  revision: flag(z.string().optional(), "NAME", "branch, tag or commit (default: main)"),
};
const exportFlags = {
  gguf: flag(z.string(), "FILE", "the file that is made"),
  type: z.enum(["F32", "F16", "Q8_0"]).default("F16").describe("of the matrices"),
};
const sampleFlags = {
  prompt: flag(z.string().default(""), "TEXT", "what is continued"),
  tokens: countFlag(z.int().positive()).default(200).describe("at most"),
  temperature: numberFlag(z.number().nonnegative()).default(1).describe("0: the likeliest token"),
  topp: numberFlag(z.number().positive().max(1)).default(1).describe("nucleus: probability kept"),
  seed: countFlag(z.int()).default(1).describe("of the draws"),
};
const estimateFlags = {
  batch: countFlag(z.int().positive()).default(8).describe("rows a step"),
  length: countFlag(z.int().positive()).default(256).describe("tokens a row"),
  micro: countFlag(z.int().positive())
    .optional()
    .describe("rows at once, where a batch is divided"),
  recompute: z
    .boolean()
    .default(false)
    .describe("activations are computed again in the backward pass"),
  lora: flag(
    countFlag(z.int().positive()).optional(),
    "RANK",
    "train an adapter of this rank alone",
  ),
};
const scoreFlags = { text: flag(z.string(), "FILE", "the text") };
type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;

const count = (n: number) => n.toLocaleString("en-GB");

/** The windows of the layers, where there are any. */
function windows(c: ModelShape): string[] {
  const narrow = c.windows.filter((w) => w !== null);
  if (!narrow.length) return [];
  const where = narrow.length < c.layers ? ` in ${narrow.length} of ${c.layers} layers` : "";
  return [`window of ${[...new Set(narrow)].join(" or ")}${where}`];
}

async function show(_: object, dir: string): Promise<number> {
  const { config, shape: c, tensors, meta } = await loadCheckpoint(dir);
  const parameters = [...tensors.values()].reduce((sum, t) => sum + sizeOf(t.shape), 0);
  const grouped = c.kvHeads < c.heads ? ` sharing ${c.kvHeads} key-value heads` : "";
  const notes = [
    `${c.norm === "rms" ? "RMS" : "layer"} norm`,
    c.rotary ? `rotary positions on ${c.rotary.dims} of ${c.headDim}` : "learned positions",
    c.activation,
    ...windows(c),
    c.tied ? "tied output" : "own output matrix",
  ];
  console.log(`${config.model_type}, ${meta.role}, id ${meta.id.slice(0, 12)}`);
  console.log(
    `${count(parameters)} parameters (${(parameters * 4e-6).toFixed(1)} MB in F32): ${c.layers} layers, width ${c.width}, ` +
      `${c.heads} heads of ${c.headDim}${grouped}, inner ${c.inner}, vocabulary ${count(c.vocab)}, ${count(c.positions)} positions`,
  );
  console.log(notes.join(", "));
  if (meta.parent) console.log(`made from ${meta.parent.slice(0, 12)}`);
  const numbers = Object.entries(meta.metrics);
  if (numbers.length)
    console.log(numbers.map(([name, x]) => `${name} ${Number(x.toPrecision(4))}`).join(", "));
  const groups = new Map<string, { tensors: number; shape: string; parameters: number }>();
  for (const [name, t] of tensors) {
    const key = name.replace(/\.\d+\./, ".*.");
    const old = groups.get(key) ?? { tensors: 0, shape: t.shape.join(" x "), parameters: 0 };
    groups.set(key, {
      ...old,
      tensors: old.tensors + 1,
      parameters: old.parameters + sizeOf(t.shape),
    });
  }
  console.log(
    `\n${table(
      ["tensor", "times", "shape", "parameters", "fraction"],
      [...groups].map(([name, g]) => [
        name,
        String(g.tensors),
        g.shape,
        count(g.parameters),
        `${((100 * g.parameters) / parameters).toFixed(1)} %`,
      ]),
    )}`,
  );
  return 0;
}

async function importFrom(
  { out, tokenizer, base, dtype }: Flags<typeof importFlags>,
  source: string,
): Promise<number> {
  const model = await importModel(source, {
    ...(tokenizer && { tokenizer }),
    ...(base !== undefined && { base }),
  });
  const { role = "lm", reward } = model.meta ?? {};
  const meta = {
    role,
    ...(reward && { pooling: reward.pooling }),
    parent: model.meta?.id ?? null,
    config: { importedFrom: path.basename(source), ...(base && { base: path.basename(base) }) },
  };
  const { id } = await saveCheckpoint(out, { ...model, meta }, { dtype });
  console.log(
    `${out}: ${model.config.model_type}, ${model.tensors.size} tensors, id ${id.slice(0, 12)}`,
  );
  return 0;
}

async function pull({ out, revision }: Flags<typeof pullFlags>, name: string): Promise<number> {
  let [shown, at] = ["", 0];
  const commit = await pullModel(name, out, {
    ...(revision && { revision }),
    onProgress: ({ file, bytes, of }) => {
      if (!process.stdout.isTTY) {
        if (file !== shown) console.log(`${file} ...`);
        shown = file;
        return;
      }
      if (performance.now() - at < 100 && bytes < of) return;
      at = performance.now();
      process.stdout.write(`\r\x1b[2K${bar(bytes, of)} of ${(of / 1e6).toFixed(1)} MB  ${file}`);
    },
  });
  if (process.stdout.isTTY) process.stdout.write("\n");
  const { config, tensors, meta } = await loadCheckpoint(out);
  console.log(
    `${out}: ${name} at ${commit.slice(0, 12)}, ${config.model_type}, ${tensors.size} tensors, id ${meta.id.slice(0, 12)}`,
  );
  return 0;
}

async function exportTo({ gguf, type }: Flags<typeof exportFlags>, dir: string): Promise<number> {
  const name = path.basename(path.resolve(dir));
  await writeFileSafely(gguf, ggufContent(await loadCheckpoint(dir), { name, matrices: type }));
  console.log(`${gguf}: ${type}, ${(statSync(gguf).size / 1e6).toFixed(1)} MB`);
  return 0;
}

async function sample(o: Flags<typeof sampleFlags>, dir: string): Promise<number> {
  const { shape, state, tokenizer } = await loadModel(dir);
  const prompt = encodePrompt(tokenizer, o.prompt).ids;
  using sampler = new Sampler(shape, state, 1, { frozen: true, bits: askedBits() });
  let shown = tokenizer.decode(prompt);
  process.stdout.write(shown);
  const ends = new Set([tokenizer.eos, ...tokenizer.start]); // a new beginning ends the old text as well
  sampler.sample([prompt], {
    // at least one, so that a prompt past the context is told and not cut
    maxTokens: Math.max(1, Math.min(o.tokens, sampler.context - prompt.length)),
    temperature: o.temperature,
    topP: o.topp,
    rngs: [rng(o.seed, "sample")],
    onStep: ([tokens]) => {
      if (ends.has(tokens.at(-1)!)) return false;
      const text = tokenizer.decode([...prompt, ...tokens]);
      if (!text.endsWith("\ufffd")) {
        process.stdout.write(text.slice(shown.length)); // a character may need several tokens
        shown = text;
      }
      return true;
    },
  });
  process.stdout.write("\n");
  return 0;
}

async function estimateStep(o: Flags<typeof estimateFlags>, target: string): Promise<number> {
  const file = target.endsWith(".json") ? target : path.join(target, "config.json");
  if (!existsSync(file))
    throw new TillerError(
      "not_found",
      `there is no ${file}. Give a model's folder or its config.json.`,
    );
  const { lora, ...more } = o;
  const said = await estimate(
    await readConfig(file),
    EstimateOptions.parse({ ...more, ...(lora && { rank: lora }) }),
    (layers) =>
      console.error(`running the step with ${layers} block${layers === 1 ? "" : "s"} ...`),
  );
  const rate = (o.batch * o.length) / said.seconds;
  console.log(
    `${count(said.parameters)} parameters; ${o.batch} x ${o.length} tokens a step\n` +
      `${said.seconds.toPrecision(3)} s a step (${count(Math.round(rate))} tokens a second), the first after ${said.firstSeconds.toFixed(1)} s\n` +
      `${count(Math.round(said.megabytes))} MB of memory at its peak; this machine has ${count(Math.round(totalmem() / 2 ** 20))} MB`,
  );
  if (said.megabytes > totalmem() / 2 ** 20)
    console.log(
      "That is more than there is. Give a smaller --batch, --micro, --recompute or --lora.",
    );
  return 0;
}

async function score({ text: file }: Flags<typeof scoreFlags>, dir: string): Promise<number> {
  if (!existsSync(file))
    throw new TillerError("not_found", `there is no text ${file}. Check the path.`);
  const r = perplexity(await loadModel(dir), readFileSync(file, "utf8"));
  console.log(
    `${r.bitsPerCharacter.toFixed(3)} bits a character, ${r.natsPerToken.toFixed(3)} nats a token ` +
      `(perplexity ${Math.exp(r.natsPerToken).toFixed(1)}) over ${count(r.tokens)} tokens, ${count(r.characters)} characters`,
  );
  return 0;
}

export const modelCommand = command("model", {
  show: verb({ what: "what a model is", takes: ["DIR"], flags: {}, run: show }),
  import: verb({
    what: "a file or folder from elsewhere as a checkpoint",
    takes: ["PATH"],
    flags: importFlags,
    run: importFrom,
  }),
  pull: verb({
    what: "a model from Hugging Face",
    takes: ["OWNER/NAME"],
    flags: pullFlags,
    run: pull,
  }),
  sample: verb({ what: "let it write", takes: ["DIR"], flags: sampleFlags, run: sample }),
  export: verb({ what: "a checkpoint as GGUF", takes: ["DIR"], flags: exportFlags, run: exportTo }),
  estimate: verb({
    what: "time and memory of a training step",
    takes: ["DIR|config.json"],
    flags: estimateFlags,
    run: estimateStep,
  }),
  score: verb({
    what: "how well it predicts a text",
    takes: ["DIR"],
    flags: scoreFlags,
    run: score,
  }),
  ...servedVerbs,
});
