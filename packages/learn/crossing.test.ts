/**
 * Checkpoints that cross: what we save as transformers loads it, and what it saves (fixtures/foreign-reward, by its make.py) as
 * we read it. With TILLER_PYTHON set to a Python that has transformers, both directions are run there too.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { headSpecs, initParams, loadCheckpoint, readSafetensors, saveCheckpoint } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { afterAll, expect, test } from "vitest";
import { smallConfig, saveSmallModel } from "./fixtures/small-model.ts";
import { loadModel, weightsOf } from "./model.ts";
import { Scorer } from "./score.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "tiller-crossing-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const to = (name: string) => path.join(scratch, name);
const json = (name: string, file: string) =>
  JSON.parse(readFileSync(path.join(to(name), file), "utf8")) as Record<string, unknown>;

await saveSmallModel(to("base"), smallConfig({ layers: 1, positions: 32 }));
/** A reward model of random head, read at the last token. */
async function saveReward(name: string, pooling: "mean" | "last", bias: number): Promise<void> {
  const base = await loadModel(to("base"));
  const model = { ...base, specs: [...base.specs, ...headSpecs(base.shape)] };
  initParams(model.state, headSpecs(base.shape), rng(1, "head"));
  model.state.get("score.bias").data[0] = bias;
  await saveCheckpoint(to(name), {
    config: model.config,
    tensors: weightsOf(model),
    tokenizer: model.tokenizerJson,
    meta: { role: "reward", pooling },
  });
}
const rows = [
  { query: [5, 6, 7], response: [8, 9] },
  { query: [100], response: [2000, 3000, 4000, 17] },
];
function scoresOf(m: Awaited<ReturnType<typeof loadModel>>): number[] {
  using scorer = new Scorer(m, 2, 8);
  return scorer.score(rows);
}

test("config.json names the ids that begin, end and fill a text, and no dropout", () => {
  expect(json("base", "config.json")).toMatchObject({
    architectures: ["GPT2LMHeadModel"],
    bos_token_id: 4094,
    eos_token_id: 4094,
    pad_token_id: 4095,
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
    summary_first_dropout: 0,
  });
  expect(json("base", "tokenizer_config.json")).toMatchObject({
    tokenizer_class: "PreTrainedTokenizerFast",
    eos_token: "<|endoftext|>",
    pad_token: "<|pad|>",
    model_max_length: 32,
  });
});

test("what config.json says already stays", async () => {
  const base = await loadCheckpoint(to("base"));
  const config = { ...base.config, eos_token_id: [7, 8], pad_token_id: null, attn_pdrop: 0.1 };
  await saveCheckpoint(to("own"), { ...base, config, meta: { role: "lm" } });
  expect(json("own", "config.json")).toMatchObject({
    eos_token_id: [7, 8],
    pad_token_id: null,
    attn_pdrop: 0.1,
    resid_pdrop: 0,
  });
});

test("a reward model is a ForSequenceClassification: (1, d) and no bias in the file, the same scores back", async () => {
  await saveReward("reward", "mean", 0.75);
  expect(json("reward", "config.json")).toMatchObject({
    architectures: ["GPT2ForSequenceClassification"],
    id2label: { 0: "LABEL_0" },
    pad_token_id: 4095,
  });
  const { tensors } = await readSafetensors(path.join(to("reward"), "model.safetensors"));
  expect(tensors.get("score.weight")!.shape).toEqual([1, 32]);
  expect(tensors.has("score.bias")).toBe(false);
  const back = await loadModel(to("reward"));
  expect(back.pooling).toBe("mean");
  expect(back.state.get("score.bias").data[0]).toBe(0.75);
  await saveReward("plain", "mean", 0);
  const without = scoresOf(await loadModel(to("plain")));
  scoresOf(back).forEach((s, i) => expect(s).toBeCloseTo(without[i]! + 0.75, 5));
});

test("an old reward model, (d, 1) with its bias in the file, opens with the same scores", async () => {
  await saveReward("new", "mean", 0.5);
  const wanted = scoresOf(await loadModel(to("new")));
  cpSync(to("new"), to("old"), { recursive: true });
  const file = path.join(to("old"), "model.safetensors");
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<string, object>;
  const end = bytes.length - start;
  Object.assign(header["score.weight"]!, { shape: [32, 1] });
  header["score.bias"] = { dtype: "F32", shape: [1], data_offsets: [end, end + 4] };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bias = Buffer.from(Float32Array.of(0.5).buffer);
  writeFileSync(file, Buffer.concat([length, text, bytes.subarray(start), bias]));
  const { reward: _, ...meta } = json("old", "tiller.json");
  const id = (await import("node:crypto")).createHash("sha256").update(readFileSync(file));
  writeFileSync(
    path.join(to("old"), "tiller.json"),
    JSON.stringify({ ...meta, id: id.digest("hex") }),
  );
  const old = await loadModel(to("old"));
  expect(old.pooling).toBe("mean");
  scoresOf(old).forEach((s, i) => expect(s).toBeCloseTo(wanted[i]!, 6));
});

test("without tiller.json it is transformers' model: the last token that is not padding, no bias", async () => {
  await saveReward("last", "last", 0.25);
  const wanted = scoresOf(await loadModel(to("last")));
  rmSync(path.join(to("last"), "tiller.json"));
  const foreign = await loadModel(to("last"));
  expect(foreign.pooling).toBe("last");
  scoresOf(foreign).forEach((s, i) => expect(s).toBeCloseTo(wanted[i]! - 0.25, 5));
  using scorer = new Scorer(foreign, 2, 8);
  const padded = rows.map((r) => ({ ...r, response: [...r.response, 4095] })); // ends in padding
  scorer.score(padded).forEach((s, i) => expect(s).toBeCloseTo(wanted[i]! - 0.25, 5));
});

test("a reward model that transformers saved gives its scores", async () => {
  const dir = path.join(import.meta.dirname, "fixtures", "foreign-reward");
  const wanted = JSON.parse(readFileSync(path.join(dir, "scores.json"), "utf8")) as {
    rows: number[][];
    scores: number[];
  };
  const m = await loadModel(dir);
  expect(m.pooling).toBe("last");
  using scorer = new Scorer(m, 3, 8);
  const rows = wanted.rows.map((r) => ({ query: r.slice(0, 1), response: r.slice(1) }));
  scorer.score(rows).forEach((s, i) => expect(s).toBeCloseTo(wanted.scores[i]!, 5));
});

const python = process.env["TILLER_PYTHON"];
const ask = (code: string, ...given: string[]): unknown =>
  JSON.parse(
    execFileSync(python!, ["-c", code, ...given], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
      .trim()
      .split("\n")
      .at(-1)!,
  );
test.skipIf(!python)(
  "transformers scores ours as we do, trains it, and gives it back; its tokenizer is ours",
  async () => {
    await saveReward("there", "last", 0.25);
    const ours = scoresOf(await loadModel(to("there")));
    const ids = JSON.stringify(rows.map((r) => [...r.query, ...r.response]));
    const said = ask(
      `import json, sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
model, info = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], dtype=torch.float32, output_loading_info=True)
rows = json.loads(sys.argv[3]); pad = model.config.pad_token_id; n = max(map(len, rows))
ids = torch.tensor([r + [pad] * (n - len(r)) for r in rows])
before = model.eval()(ids).logits[:, 0].tolist()
model.train(); opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
s = model(ids).logits[:, 0]; torch.nn.functional.softplus(s[1] - s[0]).backward(); opt.step()
after = model.eval()(ids).logits[:, 0].tolist()
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model.save_pretrained(sys.argv[2]); tokenizer.save_pretrained(sys.argv[2])
print(json.dumps(dict(before=before, after=after, missing=list(info["missing_keys"]), unexpected=list(info["unexpected_keys"]),
  ids=tokenizer("Call me Ishmael.")["input_ids"], eos=tokenizer.eos_token_id, pad=tokenizer.pad_token_id)))`,
      to("there"),
      to("back"),
      ids,
    ) as Record<"before" | "after" | "ids", number[]>;
    expect(said).toMatchObject({ missing: [], unexpected: [], eos: 4094, pad: 4095 });
    said.before.forEach((s, i) => expect(s + 0.25).toBeCloseTo(ours[i]!, 4));
    const back = await loadModel(to("back"));
    expect(back.tokenizer.encode("Call me Ishmael.")).toEqual(said.ids);
    scoresOf(back).forEach((s, i) => expect(s).toBeCloseTo(said.after[i]!, 4));
  },
  120_000,
);
