/**
 * Our checkpoints in TRL (1.13): its trainers load a base and a reward model of ours, train them two steps and save them; what
 * we load of that says the same. Set TILLER_PYTHON to a Python with torch, transformers, trl, datasets and peft.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  headSpecs,
  importModel,
  initParams,
  loadChatTemplate,
  loadTokenizer,
  saveCheckpoint,
} from "@tiller/lm";
import { rng } from "@tiller/schema";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";
import { loadModel, weightsOf } from "./model.ts";
import { Logprober, Scorer } from "./score.ts";

const python = process.env["TILLER_PYTHON"];
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-trl-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const to = (name: string) => path.join(scratch, name);
const rows = [
  [5, 6, 7, 8, 9, 300, 4000, 17],
  [100, 2000, 3000, 41, 17, 3, 2, 1],
];
const Told = z.object({
  name: z.string(),
  before: z.array(z.number()),
  after: z.array(z.number()),
  losses: z.array(z.number()).length(2),
});
const template =
  "{% for m in messages %}{{ '### ' + m.role + '\n' + m.content + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '### assistant\n' }}{% endif %}";

async function logprobsOf(dir: string): Promise<number[]> {
  const m = await loadModel(dir);
  using prober = new Logprober(m, { B: 2, T: 8, R: 7 }, 1);
  const [first, rest] = [rows.map((r) => r.slice(0, 1)), rows.map((r) => r.slice(1))];
  return [...prober.logprobs(first, rest)];
}
async function scoresOf(dir: string): Promise<number[]> {
  const m = await loadModel(dir);
  expect(m.pooling).toBe("last");
  using scorer = new Scorer(m, 2, 8);
  return scorer.score(rows.map((r) => ({ query: r.slice(0, 1), response: r.slice(1) })));
}
const near = (got: readonly number[], wanted: readonly number[]) => {
  expect(got).toHaveLength(wanted.length);
  wanted.forEach((x, i) => expect(Math.abs(x - got[i]!)).toBeLessThan(1e-4));
};

describe.skipIf(!python)("TRL (set TILLER_PYTHON to run it)", () => {
  let told: Map<string, z.infer<typeof Told>>;
  beforeAll(async () => {
    await saveSmallModel(to("base"), smallConfig({ layers: 2, positions: 32 }));
    writeFileSync(path.join(to("base"), "chat_template.jinja"), template);
    const base = await loadModel(to("base"));
    const model = { ...base, specs: [...base.specs, ...headSpecs(base.shape)] };
    initParams(model.state, headSpecs(base.shape), rng(1, "head"));
    await saveCheckpoint(to("reward-base"), {
      config: model.config,
      tensors: weightsOf(model),
      tokenizer: model.tokenizerJson,
      meta: { role: "reward", pooling: "last" },
    });
    const script = path.join(import.meta.dirname, "fixtures", "run_trl.py");
    const args = [script, to("base"), to("reward-base"), to("out"), JSON.stringify(rows)];
    const out = execFileSync(python!, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
    const lines = out.split("\n").filter((line) => line.startsWith('{"name"'));
    told = new Map(lines.map((line) => Told.parse(JSON.parse(line))).map((t) => [t.name, t]));
  }, 900_000);

  test.each(["sft", "sft-chat", "dpo"])("%s: loads ours, trains, comes back", async (name) => {
    const { before, after } = told.get(name)!;
    near(await logprobsOf(to("base")), before);
    near(await logprobsOf(to(`out/${name}`)), after);
    expect(Math.max(...after.map((x, i) => Math.abs(x - before[i]!)))).toBeGreaterThan(1e-3);
    const [ours, theirs] = [
      await loadTokenizer(to("base")),
      await loadTokenizer(to(`out/${name}`)),
    ];
    const text = "Call me Ishmael. <|endoftext|> \n\n 🐋";
    expect(theirs.encode(text)).toEqual(ours.encode(text));
    expect(theirs.eos).toBe(ours.eos);
  });

  test("what is trained on messages keeps their template", async () => {
    const chat = await loadChatTemplate(to("out/sft-chat"));
    const tokenizer = await loadTokenizer(to("base"));
    const ids = chat!.encode([{ role: "user", content: "Hi" }], tokenizer);
    expect(tokenizer.decode(ids)).toBe("### user\nHi\n### assistant\n");
  });

  test("sft-lora: an adapter beside our base, merged", async () => {
    const { before, after } = told.get("sft-lora")!;
    expect(existsSync(path.join(to("out/sft-lora"), "adapter_config.json"))).toBe(true);
    const merged = await importModel(to("out/sft-lora"), { base: to("base") });
    await saveCheckpoint(to("merged"), { ...merged, meta: { role: "lm" } });
    near(await logprobsOf(to("merged")), after);
    expect(after).not.toEqual(before);
  });

  test("reward: loads ours, trains, comes back", async () => {
    const { before, after } = told.get("reward")!;
    near(await scoresOf(to("reward-base")), before);
    near(await scoresOf(to("out/reward")), after);
    expect(Math.max(...after.map((x, i) => Math.abs(x - before[i]!)))).toBeGreaterThan(1e-4);
  });
});
