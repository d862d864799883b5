/**
 * PEFT's adapters: those it saved (golden/adapters, by adapters.py) merge to the logits it computes with them; ours load in PEFT
 * (TILLER_PYTHON) to the logits we compute; whatever would change a sum and is not computed is refused by its name.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { rng, TillerError } from "@tiller/schema";
import { Graph, Program, State } from "@tiller/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ModelConfig, shapeOf } from "./architectures.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { value } from "./golden/formula.ts";
import { importModel } from "./import.ts";
import { addLora, type LoraOptions, mergeLora } from "./lora.ts";
import { saveAdapter } from "./peft.ts";
import { readSafetensors, type TensorMap, writeSafetensors } from "./safetensors.ts";
import { declare, headSpecs, hiddenStates, logits, paramSpecs, scores } from "./transformer.ts";

const golden = path.join(import.meta.dirname, "golden", "adapters");
const Expected = z.strictObject({
  ids: z.array(z.int()),
  models: z.record(z.string(), z.strictObject({ base: ModelConfig, logits: z.array(z.number()) })),
});
const { ids, models } = Expected.parse(
  JSON.parse(readFileSync(path.join(golden, "expected.json"), "utf8")),
);
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-peft-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const tokenizer = { model: { type: "BPE", vocab: {}, merges: [] } };

async function saveBase(name: string): Promise<string> {
  const config = models[name]!.base;
  const specs = paramSpecs(shapeOf(config));
  const tensors = new Map(
    specs.map(({ name: n, shape }) => [n, { shape, data: value(n, shape) }] as const),
  );
  const dir = path.join(scratch, `base-${name}`);
  await saveCheckpoint(dir, { config, tensors, tokenizer, meta: { role: "lm" } });
  return dir;
}
/** The last 40 logits, or the score of the last token. */
function computed(config: ModelConfig, tensors: TensorMap): number[] {
  const shape = shapeOf(config);
  const state = new State();
  for (const [n, t] of tensors) state.set(n, t.shape, t.data);
  const g = new Graph();
  const specs = paramSpecs(shape);
  const reward = tensors.has("score.weight");
  if (!state.has("score.bias")) state.set("score.bias", [1], [0]);
  const p = declare(g, reward ? [...specs, ...headSpecs(shape)] : specs);
  const hidden = hiddenStates(shape, p, g.input("ids", [1, ids.length], "int64"));
  g.output("z", reward ? scores(p, hidden) : logits(shape, p, hidden));
  using program = new Program(g, state);
  program.run({ ids });
  return Array.from(program.float("z").subarray(reward ? -1 : -40));
}
const near = (got: readonly number[], wanted: readonly number[]) => {
  expect(got).toHaveLength(wanted.length);
  wanted.forEach((x, i) => expect(Math.abs(x - got[i]!), `logit ${i}`).toBeLessThan(1e-4));
};

describe.each(Object.keys(models))("%s", (name) => {
  test("as PEFT saved it, merges to what PEFT computes", async () => {
    const base = await saveBase(name);
    const merged = await importModel(path.join(golden, name), { base });
    const before = computed(models[name]!.base, (await loadCheckpoint(base)).tensors);
    near(computed(merged.config, merged.tensors), models[name]!.logits);
    const differ = models[name]!.logits.some((x, i) => Math.abs(x - (before[i] ?? 0)) > 1e-2);
    expect(differ).toBe(true);
    expect(merged.meta?.role).toBe(name === "reward" ? "reward" : "lm");
    if (name === "reward") expect(merged.meta?.reward).toEqual({ pooling: "last", bias: 0 });
  });
});

/** A copy of an adapter with other keys in its config, or other tensors. */
async function changed(
  name: string,
  config: object,
  tensors?: (t: Map<string, { shape: readonly number[]; data: Float32Array }>) => void,
): Promise<string> {
  const dir = mkdtempSync(path.join(scratch, "changed-"));
  cpSync(path.join(golden, name), dir, { recursive: true });
  const file = path.join(dir, "adapter_config.json");
  const old = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...old, ...config }));
  if (tensors) {
    const weights = path.join(dir, "adapter_model.safetensors");
    const all = new Map((await readSafetensors(weights)).tensors);
    tensors(all);
    await writeSafetensors(weights, all);
  }
  return dir;
}

test.each([
  [{ peft_type: "IA3" }, /peft_type "IA3"/],
  [{ task_type: "TOKEN_CLS" }, /task_type "TOKEN_CLS"/],
  [{ init_lora_weights: "pissa" }, /init_lora_weights "pissa"/],
  [{ init_lora_weights: "loftq" }, /init_lora_weights "loftq"/],
  [{ layer_replication: [[0, 2]] }, /layer_replication \[\[0,2\]\]/],
  [{ lora_bias: true }, /lora_bias true/],
  [{ trainable_token_indices: [1] }, /trainable_token_indices \[1\]/],
  [{ target_parameters: ["mlp.experts"] }, /target_parameters/],
  [{ alora_invocation_tokens: [5] }, /alora_invocation_tokens \[5\]/],
  [{ use_qalora: true }, /use_qalora true/],
  [{ megatron_config: { a: 1 } }, /megatron_config/],
  [{ key_of_tomorrow: 2 }, /key_of_tomorrow 2/],
  [{ use_dora: true }, /lacks DoRA's magnitude/],
  [{ r: 3 }, /says rank 3 for model\.layers\.0\.self_attn\.[qv]_proj, its tensors have 2/],
  [{ r: 0 }, /r: /],
  [{ r: 1e9 }, /r: /],
  [{ lora_alpha: "16" }, /lora_alpha/],
  [{ bias: "some" }, /bias/],
  [{ alpha_pattern: { "(": 1 } }, /"\(" is no regular expression/],
  [{ alpha_pattern: { "([a-z_.0-9]+)+$!": 1 } }, /takes too long/],
])("an adapter with %o is refused by name", async (config, message) => {
  const base = await saveBase("plain");
  const dir = await changed("plain", config);
  await expect(importModel(dir, { base })).rejects.toThrow(message);
  await expect(importModel(dir, { base })).rejects.toThrow(TillerError);
});

const first = "base_model.model.model.layers.0.self_attn.q_proj";
test("tensors that fit no base, or are not whole, are refused by name", async () => {
  const base = await saveBase("plain");
  const tries = [
    [(t) => t.delete(`${first}.lora_B.weight`), /q_proj has no lora_B/],
    [(t) => t.set("x", { shape: [1], data: new Float32Array(1) }), /tensor x, whose name/],
    [
      (t) => t.set(`${first}.lora_A.weight`, { shape: [2, 8], data: new Float32Array(16) }),
      /16 inputs and 32 outputs/,
    ],
    [
      (t) =>
        t.set("base_model.model.model.layers.9.mlp.up_proj.lora_A.weight", {
          shape: [1, 1],
          data: new Float32Array(1),
        }),
      /for which the base has no layer/,
    ],
    [
      (t) => t.set("base_model.model.lm_head.weight", { shape: [2, 1], data: new Float32Array(2) }),
      /of shape \(2,1\) where the base has \(40,16\)/,
    ],
  ] as const satisfies [Parameters<typeof changed>[2] & {}, RegExp][];
  for (const [change, message] of tries)
    await expect(importModel(await changed("plain", {}, change), { base })).rejects.toThrow(
      message,
    );
  const tied = await saveBase("gpt2");
  const own = await changed("gpt2", {}, (t) =>
    t.set("base_model.model.transformer.wte.weight", {
      shape: [40, 16],
      data: new Float32Array(640),
    }),
  );
  await expect(importModel(own, { base: tied })).rejects.toThrow(/its own wte\.weight.*Untie/);
  await expect(importModel(path.join(golden, "neox"), { base })).rejects.toThrow(/no layer/);
});

test("adapters that others merged wrongly, of public reports, are refused or right", async () => {
  const [tied, zeros] = [
    await saveBase("gpt2"),
    (shape: number[]) => ({ shape, data: new Float32Array(shape[0]! * shape[1]!) }),
  ];
  // peft#2018: LoRA on the head of a tied model went into the embedding
  const head = await changed("gpt2", {}, (t) => {
    t.set("base_model.model.lm_head.lora_A.weight", zeros([2, 16]));
    t.set("base_model.model.lm_head.lora_B.weight", zeros([40, 2]));
  });
  await expect(importModel(head, { base: tied })).rejects.toThrow(/lm_head\.lora_A.*no layer/);
  // unsloth#9331: both of a tied model's matrices saved, and one of them lost
  const both = await changed("gpt2", {}, (t) => {
    const wte = value("wte.weight", [40, 16]);
    t.set("base_model.model.transformer.wte.weight", { shape: [40, 16], data: wte });
    t.set("base_model.model.lm_head.weight", { shape: [40, 16], data: wte.map((x) => x + 1) });
  });
  await expect(importModel(both, { base: tied })).rejects.toThrow(/lm_head.*(Untie|no part)/);
  // peft#1579: an adapter's name within the names, of which PEFT loads nothing
  const plain = await saveBase("plain");
  const named = await changed("plain", {}, (t) => {
    const old = new Map(t);
    t.clear();
    for (const [name, x] of old) t.set(name.replace(".weight", ".default.weight"), x);
  });
  await expect(importModel(named, { base: plain })).rejects.toThrow(/default\.weight.*no part/);
  // peft#3744: another rank than the file says for the module
  const rank = await changed("patterns-rslora", { rank_pattern: {} });
  await expect(importModel(rank, { base: plain })).rejects.toThrow(
    /says rank 4 .*tensors have [12]/,
  );
  // a vocabulary that was resized while it was trained
  const grown = await changed("embedding", {}, (t) =>
    t.set("base_model.model.model.embed_tokens.base_layer.weight", zeros([48, 16])),
  );
  await expect(importModel(grown, { base: plain })).rejects.toThrow(/\(48,16\).*\(40,16\)/);
});

test("an adapter is never taken for a whole model, nor a model for an adapter", async () => {
  const adapter = path.join(golden, "plain");
  const base = await saveBase("plain");
  await expect(loadCheckpoint(adapter)).rejects.toThrow(/is an adapter of PEFT.*--base BASE/);
  await expect(importModel(adapter)).rejects.toThrow(/--base BASE/);
  await expect(importModel(base, { base })).rejects.toThrow(/no folder with an adapter_config/);
  await expect(importModel(adapter, { base: adapter })).rejects.toThrow(/is an adapter itself/);
  // beside a model, transformers would add it to another base than the folder's own weights
  cpSync(path.join(adapter, "adapter_config.json"), path.join(base, "adapter_config.json"));
  await expect(loadCheckpoint(base)).rejects.toThrow(/is an adapter of PEFT/);
});

/** Adapters of ours with something in them, saved for PEFT; and the merged model's logits. */
async function ours(
  name: string,
  lora: LoraOptions,
  o: { reward?: boolean } = {},
): Promise<{ dir: string; base: string; wanted: number[] }> {
  const base = await saveBase(name);
  const { config, shape, tensors } = await loadCheckpoint(base);
  const state = new State();
  for (const [n, t] of tensors) state.set(n, t.shape, t.data);
  for (const { name: n, shape: s } of o.reward ? headSpecs(shape) : [])
    state.set(n, s, n === "score.bias" ? [0] : value(n, s));
  for (const { name: n } of addLora(state, shape, lora, rng(1, "lora")))
    if (n.endsWith("lora_B.weight"))
      state.get(n).data.set(value(n, state.get(n).shape).map((x) => x / 4));
  const dir = mkdtempSync(path.join(scratch, "ours-"));
  const valueOf = (n: string) => state.get(n).data;
  await saveAdapter(dir, { config, lora, valueOf, base, ...o });
  mergeLora(state, shape);
  const specs = [...paramSpecs(shape), ...(o.reward ? headSpecs(shape) : [])];
  const merged = new Map(
    specs.map(({ name: n, shape: s }) => [n, { shape: s, data: valueOf(n) }] as const),
  );
  return { dir, base, wanted: computed(config, merged) };
}
const some: readonly [string, LoraOptions, { reward?: boolean }][] = [
  ["plain", { rank: 2 }, {}],
  ["plain", { rank: 3, alpha: 5, targets: ["q_proj", "layers.1.mlp.up_proj"] }, {}],
  ["gpt2", { rank: 2, targets: ["attn.c_proj"] }, {}],
  ["neox", { rank: 2 }, {}],
  ["plain", { rank: 2, targets: ["v_proj"] }, { reward: true }],
];
test.each(some)("ours of %s with %o goes out and comes in the same", async (name, lora, o) => {
  const { dir, base, wanted } = await ours(name, lora, o);
  const { config, tensors } = await importModel(dir, { base });
  near(computed(config, tensors), wanted);
});

const python = process.env["TILLER_PYTHON"];
test.skipIf(!python)(
  "ours give PEFT the same logits",
  async () => {
    const made = [];
    for (const [name, lora, o] of some) made.push({ ...(await ours(name, lora, o)), ...o });
    const code = `import json, sys, torch
from peft import AutoPeftModelForCausalLM, AutoPeftModelForSequenceClassification
ids, made = json.loads(sys.argv[1])
for dir, reward in made:
    Auto = AutoPeftModelForSequenceClassification if reward else AutoPeftModelForCausalLM
    model = Auto.from_pretrained(dir, dtype=torch.float32, **(dict(num_labels=1) if reward else {}))
    out = model(torch.tensor([ids])).logits.reshape(-1)
    print(json.dumps(out[-1 if reward else -40:].tolist()))`;
    const asked = [ids, made.map(({ dir, reward = false }) => [dir, reward])];
    const out = execFileSync(python!, ["-c", code, JSON.stringify(asked)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const lines = out.split("\n").filter((line) => line.startsWith("["));
    expect(lines).toHaveLength(made.length);
    made.forEach(({ wanted }, i) => near(z.array(z.number()).parse(JSON.parse(lines[i]!)), wanted));
  },
  240_000,
);
