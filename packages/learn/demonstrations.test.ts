/** Demonstrations as tokens: what counts in chats and completions, what is cut, and packs that are as rows apart. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { chatTemplate, initParams, paramSpecs, shapeOf } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { State } from "@tiller/tensor";
import { encodeChat, encodeDemonstrations, packed, type Shown } from "./demonstrations.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";
import { nextTokenLoss } from "./losses.ts";
import { loadModel } from "./model.ts";
import { demonstrationBatch } from "./sft.ts";
import { Trainer } from "./trainer.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-demonstrations-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
await saveSmallModel(dir, smallConfig({ layers: 2, positions: 64 }));
const base = await loadModel(dir);
const { tokenizer } = base;
const chatml = chatTemplate(
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
  { bos: "", eos: "<|endoftext|>" },
);
const options = { maxTokens: 64, loss: "completion", endOfText: true, long: "cut" } as const;

test("of a completion the response and the end-of-text token count, of a whole row all but the first", () => {
  const rows = [{ prompt: "The sea", completion: " was calm." }];
  const { rows: made } = encodeDemonstrations(tokenizer, rows, { ...options, chat: undefined });
  const { tokens, counts } = made[0]!;
  const n = tokenizer.encode(" was calm.").length + 1;
  expect(counts.filter(Boolean)).toHaveLength(n);
  expect(counts.slice(-n).every((c) => c === 1)).toBe(true);
  expect(tokens.at(-1)).toBe(tokenizer.eos);
  // what somebody corrected is a demonstration of the correction
  const corrected = [{ prompt: "The sea", response: " was clam.", correction: " was calm." }];
  expect(encodeDemonstrations(tokenizer, corrected, { ...options, chat: undefined }).rows).toEqual(
    made,
  );
  const whole = encodeDemonstrations(tokenizer, rows, {
    ...options,
    loss: "whole",
    chat: undefined,
  }).rows[0]!;
  expect(whole.counts).toEqual(whole.tokens.map((_, i) => (i ? 1 : 0)));
});

test("of a chat the assistant's words and its turn's end count, no one else's", () => {
  const messages = [
    { role: "user", content: "Name a whale." },
    { role: "assistant", content: "Moby Dick." },
    { role: "user", content: "Another <|im_end|> one?" },
    { role: "assistant", content: "Free Willy." },
  ];
  const { tokens, counts } = encodeChat(chatml, tokenizer, messages, 0);
  const said = tokenizer.decode(tokens.filter((_, i) => counts[i]));
  expect(said).toBe("Moby Dick.<|im_end|>\nFree Willy.<|im_end|>\n");
  expect(() => encodeChat(chatml, tokenizer, messages.slice(0, 1), 4)).toThrow(
    "row 4 has 1 messages and none of the assistant's",
  );
  // a template that forgets what was said before
  const forgetful = chatTemplate(
    "{% for m in messages %}{% if loop.last or m.role == 'user' %}{{ m.role }}: {{ m.content }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
    { bos: "", eos: "" },
  );
  expect(() => encodeChat(forgetful, tokenizer, messages, 2)).toThrow(/row 2: message 1/);
});

test("a long prompt loses its beginning, then a completion its end; both are counted", () => {
  const rows = [
    { prompt: "the sea ".repeat(40), completion: " was calm." },
    { prompt: "a", completion: " whale".repeat(100) },
    { prompt: "a", completion: "" },
  ];
  const { rows: made, counts } = encodeDemonstrations(tokenizer, rows, {
    ...options,
    maxTokens: 24,
    chat: undefined,
  });
  expect(counts).toEqual({ cut: 2, leftOut: 1 });
  expect(made.map((r) => r.tokens.length)).toEqual([24, 24]);
  expect(tokenizer.decode(made[0]!.tokens)).toContain(" was calm.");
  const refuse = { ...options, maxTokens: 24, long: "refuse" as const, chat: undefined };
  expect(() => encodeDemonstrations(tokenizer, rows, refuse)).toThrow(/row 0 has \d+ tokens/);
});

test("packs hold every row once and no more than there is room for", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 2, max: 33 }), { minLength: 1 }), (lengths) => {
      const rows = lengths.map((n, i): Shown => {
        const tokens = Array.from({ length: n }, () => i);
        return { tokens, counts: tokens.map(() => 1 as const), weight: 1 };
      });
      const packs = packed(rows, 32);
      expect(packs.flat().toSorted((a, b) => a.tokens[0]! - b.tokens[0]!)).toEqual(rows);
      for (const p of packs)
        expect(p.reduce((n, r) => n + r.tokens.length - 1, 0)).toBeLessThanOrEqual(32);
    }),
  );
});

const llama = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 4096,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: "silu",
  tie_word_embeddings: false,
};
test.each([
  { name: "learned positions", config: base.config },
  { name: "turned positions", config: llama },
])("rows in one pack have the loss and the gradients of rows apart ($name)", ({ config }) => {
  const shape = shapeOf(config);
  const specs = paramSpecs(shape);
  const random = rng(3, "rows");
  const rows = [9, 14, 4, 20, 7].map((n): Shown => {
    const tokens = Array.from({ length: n }, () => random.int(4096));
    return { tokens, counts: tokens.map((_, i) => (i > 2 ? 1 : 0)), weight: 1 };
  });
  const run = (packing: boolean) => {
    const state = new State();
    initParams(state, specs, rng(1, "init"));
    using trainer = new Trainer({ ...base, config, shape, specs, state });
    const packs = packing ? packed(rows, 32) : rows.map((r) => [r]);
    const batch = demonstrationBatch(packs, { maxTokens: 32, positions: 64, packing });
    const { loss } = trainer.forwardBackward(batch, nextTokenLoss);
    return { loss, of: (name: string) => state.get(`g:${name}`).data.slice() };
  };
  const [apart, together] = [run(false), run(true)];
  expect(packed(rows, 32).length).toBeLessThan(rows.length);
  expect(together.loss).toBeCloseTo(apart.loss, 5);
  for (const { name } of specs) {
    const [a, b] = [apart.of(name), together.of(name)];
    const most = a.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-6);
    const gap = a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0);
    expect(gap / most, name).toBeLessThan(1e-4);
  }
});
