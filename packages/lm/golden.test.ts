/**
 * Each architecture against PyTorch and transformers: logits, every gradient, twenty steps of AdamW, and the cached
 * decode. The numbers stand in golden/, made by golden/make.py. Sharded (llama2), BF16 (qwen2) and F16 (qwen3)
 * weights are among them. With TILLER_PYTHON set to a Python that has transformers, what we save is read there too.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { rng } from "@tiller/schema";
import {
  adamw,
  adamwInputs,
  grad,
  Graph,
  mean,
  neg,
  Program,
  reshape,
  State,
  tokenLogprobs,
} from "@tiller/tensor";
import { z } from "zod";
import { ModelConfig, shapeOf } from "./architectures.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import { readSafetensors } from "./safetensors.ts";
import { Sampler } from "./sampler.ts";
import { declare, hiddenStates, logits, paramSpecs } from "./transformer.ts";
import { readWeights } from "./weights.ts";

const root = path.join(import.meta.dirname, "golden");
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-golden-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const names = (await readdir(root)).filter((name) =>
  existsSync(path.join(root, name, "golden.json")),
);
const Golden = z.strictObject({
  ids: z.array(z.array(z.int())),
  logits: z.array(z.array(z.array(z.number()))),
  loss: z.number(),
  adamw: z.array(z.number()),
});
const json = (name: string, file: string): unknown =>
  JSON.parse(readFileSync(path.join(root, name, file), "utf8"));

async function load(name: string) {
  const config = ModelConfig.parse(json(name, "config.json"));
  const shape = shapeOf(config);
  const { tensors } = await readWeights(path.join(root, name), shape);
  const state = new State();
  for (const [n, t] of tensors) state.set(n, t.shape, t.data);
  return { config, shape, tensors, state, golden: Golden.parse(json(name, "golden.json")) };
}
/** Logits (B, T, V) and the mean loss of the next tokens, of ids (B, T). */
function program(m: Awaited<ReturnType<typeof load>>, add: (p: Built) => void = () => {}) {
  const g = new Graph();
  const [B, T, V] = [m.golden.ids.length, m.golden.ids[0].length, m.shape.vocab];
  const params = declare(g, paramSpecs(m.shape));
  const all = logits(
    m.shape,
    params,
    hiddenStates(m.shape, params, g.input("ids", [B, T], "int64")),
  );
  g.output("logits", reshape(all, [B, T, V]));
  const rows = g.constant(
    m.golden.ids.flatMap((row, b) => row.slice(1).map((_, t) => b * T + t)),
    [B * (T - 1)],
    "int64",
  );
  const labels = g.constant(
    m.golden.ids.flatMap((row) => row.slice(1)),
    [B * (T - 1)],
    "int64",
  );
  const [picked] = g.op("Gather", [all, rows], [[B * (T - 1), V]], { axis: 0 });
  const loss = neg(mean(tokenLogprobs(picked, labels)));
  g.output("loss", loss);
  add({ g, params, loss });
  return new Program(g, m.state);
}
interface Built {
  readonly g: Graph;
  readonly params: ReturnType<typeof declare>;
  readonly loss: ReturnType<typeof neg>;
}
const largest = (xs: ArrayLike<number>) =>
  Array.from(xs).reduce((m, x) => Math.max(m, Math.abs(x)), 0);
const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  largest(Array.from(a, (x, i) => x - b[i]));

describe.each(names)("%s", (name) => {
  test("computes the logits and the loss transformers does", async () => {
    const m = await load(name);
    using p = program(m);
    p.run({ ids: m.golden.ids.flat() });
    expect(distance(p.float("logits"), m.golden.logits.flat(2))).toBeLessThan(2e-5);
    expect(p.float("loss")[0]).toBeCloseTo(m.golden.loss, 5);
  });

  test("has PyTorch's gradient for every parameter", async () => {
    const m = await load(name);
    const { tensors: wanted } = await readSafetensors(
      path.join(root, name, "gradients.safetensors"),
    );
    const specs = paramSpecs(m.shape);
    expect([...wanted.keys()].sort()).toEqual(specs.map((s) => s.name).sort());
    using p = program(m, ({ g, params, loss }) => {
      grad(loss, [...params.values()]).forEach((d, i) => g.output(`d:${specs[i].name}`, d!));
    });
    p.run({ ids: m.golden.ids.flat() });
    // a bias of the keys has gradient 0 but for rounding, so errors count against the whole gradient's scale
    const scale = Math.max(...[...wanted.values()].map((d) => largest(d.data)));
    for (const [n, { data }] of wanted)
      expect(distance(p.float(`d:${n}`), data) / scale, `gradient of ${n}`).toBeLessThan(1e-5);
  });

  test("takes the same twenty steps of AdamW", async () => {
    const m = await load(name);
    const o = { beta1: 0.9, beta2: 0.95, weightDecay: 0.1, clip: 1 };
    using p = program(m, ({ params, loss }) => adamw(loss, params, o));
    const losses = m.golden.adamw.map((_, i) => {
      p.run({ ids: m.golden.ids.flat(), ...adamwInputs(i + 1, 1e-2, o) });
      return p.float("loss")[0];
    });
    losses.forEach((loss, i) =>
      expect(Math.abs(loss - m.golden.adamw[i]), `step ${i + 1}`).toBeLessThan(2e-4),
    );
  });

  test("decodes with the cache what the full forward pass gives", async () => {
    const m = await load(name);
    using sampler = new Sampler(m.shape, m.state, 2);
    const prompts = [m.golden.ids[0].slice(0, 9), m.golden.ids[1].slice(0, 4)];
    const { tokens, logprobs } = sampler.sample(prompts, {
      maxTokens: 8,
      temperature: 1,
      rngs: [rng(1, "a"), rng(1, "b")],
    });
    for (const [b, prompt] of prompts.entries()) {
      const ids = [...prompt, ...tokens[b]];
      using p = program({ ...m, golden: { ...m.golden, ids: [ids] } });
      p.run({ ids });
      const V = m.shape.vocab;
      tokens[b].forEach((token, t) => {
        const row = p
          .float("logits")
          .subarray((prompt.length + t - 1) * V)
          .subarray(0, V);
        const z = Math.log(row.reduce((s, x) => s + Math.exp(x), 0));
        expect(logprobs[b][t]).toBeCloseTo(row[token] - z, 4.7); // 1e-5
      });
    }
  });

  const python = process.env["TILLER_PYTHON"];
  test.skipIf(!python)(
    "is read back by transformers as we save it",
    async () => {
      const m = await load(name);
      const dir = path.join(scratch, name);
      await saveCheckpoint(dir, {
        config: m.config,
        tensors: m.tensors,
        tokenizer: { model: { type: "BPE" } },
        meta: { role: "lm" },
      });
      const code = `import json, sys, torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
print(json.dumps(model(torch.tensor(json.loads(sys.argv[2]))).logits.flatten().tolist()))`;
      const out = execFileSync(python!, ["-c", code, dir, JSON.stringify(m.golden.ids)], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      const theirs = z.array(z.number()).parse(JSON.parse(out.trim().split("\n").at(-1)!));
      expect(distance(theirs, m.golden.logits.flat(2))).toBeLessThan(1e-4);
    },
    60_000,
  );
});
