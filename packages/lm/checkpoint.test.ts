/** Safetensors and checkpoint folders: exact values back, every damage noticed, a full disk harmless. */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { gpt2Config, shapeOf } from "./architectures.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import {
  decodeSafetensors,
  dtypes,
  encodeSafetensors,
  readSafetensors,
  writeFlushed,
  writeSafetensors,
} from "./safetensors.ts";
import { paramSpecs } from "./transformer.ts";

const home = await mkdtemp(path.join(tmpdir(), "tiller-checkpoint-"));
afterAll(() => rm(home, { recursive: true, force: true }));

const config = gpt2Config({ layers: 1, heads: 1, width: 4, positions: 8, vocab: 3 });
const tokenizer = { model: { type: "BPE" } };
const tensors = (x: number) =>
  new Map(
    paramSpecs(shapeOf(config)).map(({ name, shape }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: Float32Array.from({ length }, (_, i) => i / 8 + x) }] as const;
    }),
  );
const parts = (x: number) => ({
  config,
  tensors: tensors(x),
  tokenizer,
  meta: { kind: "lm" as const, metrics: { loss: x } },
});

test("tensors come back exactly, in every type, from a view into a larger buffer too", async () => {
  const view = new Float32Array(20).fill(3).subarray(5, 9);
  for (const dtype of dtypes) {
    const all = new Map([
      ...tensors(1),
      ["empty", { shape: [0, 4], data: new Float32Array() }],
      ["view", { shape: [4], data: view }],
    ]);
    const file = path.join(home, `${dtype}.safetensors`);
    await writeSafetensors(file, all, { dtype, metadata: { step: "7" } });
    const back = await readSafetensors(file);
    expect(back.metadata).toEqual({ step: "7" });
    expect([...back.tensors]).toEqual(
      [...all].map(([n, t]) => [n, { shape: t.shape, data: Float32Array.from(t.data) }]),
    );
  }
});

test("BF16 is the upper half of a float32", () => {
  const header = JSON.stringify({ x: { dtype: "BF16", shape: [2], data_offsets: [0, 4] } });
  const bytes = Buffer.concat([
    Buffer.alloc(8),
    Buffer.from(header),
    Buffer.from(Uint16Array.of(0x3f80, 0xc020).buffer),
  ]);
  bytes.writeBigUInt64LE(BigInt(header.length));
  expect([...decodeSafetensors(bytes, "x").tensors.get("x")!.data]).toEqual([1, -2.5]);
});

test("BF16 is written rounded to the nearest, ties to even", () => {
  const ulp = 2 ** -7; // of 1
  const given = [1, 1 + ulp / 2, 1 + 1.5 * ulp, 1 + 0.51 * ulp, -3.0078125, Infinity, NaN, 3.4e38];
  const bytes = encodeSafetensors(
    new Map([["x", { shape: [given.length], data: Float32Array.from(given) }]]),
    { dtype: "BF16" },
  );
  const back = decodeSafetensors(bytes, "x").tensors.get("x")!.data;
  expect([...back]).toEqual([1, 1, 1 + 2 * ulp, 1 + ulp, -3, Infinity, NaN, Infinity]);
});

test("weights too large for one file are shards with an index, and the same model", async () => {
  const dir = path.join(home, "sharded");
  const { id } = await saveCheckpoint(dir, parts(2), { shardBytes: 300, dtype: "BF16" });
  const files = (await readdir(dir)).filter((f) => f.endsWith(".safetensors"));
  expect(files.length).toBeGreaterThan(2);
  expect(files).toContain(`model-00001-of-0000${files.length}.safetensors`);
  const again = await loadCheckpoint(dir);
  expect(again.meta.id).toBe(id);
  expect([...again.tensors.keys()]).toEqual([...tensors(2).keys()]);
  for (const [name, t] of tensors(2))
    t.data.forEach((x, i) =>
      expect(Math.abs(again.tensors.get(name)!.data[i]! - x)).toBeLessThanOrEqual(x * 2 ** -8),
    );
  const index = JSON.parse(
    await readFile(path.join(dir, "model.safetensors.index.json"), "utf8"),
  ) as { metadata: { total_size: number } };
  expect(index.metadata.total_size).toBe(
    [...tensors(2).values()].reduce((n, t) => n + 2 * t.data.length, 0),
  );
});

test("a file cut at any byte is damaged, never half read", () => {
  const bytes = encodeSafetensors(tensors(1));
  for (let end = 0; end < bytes.length; end++)
    expect(() => decodeSafetensors(bytes.subarray(0, end), "m.safetensors")).toThrow(
      /m\.safetensors is damaged/,
    );
});

test("a changed header never crashes the reader in another way", () => {
  const bytes = encodeSafetensors(tensors(1));
  const header = 8 + Number(bytes.readBigUInt64LE());
  fc.assert(
    fc.property(fc.nat(header - 1), fc.nat(255), (at, value) => {
      const copy = Buffer.from(bytes);
      copy[at] = value;
      try {
        decodeSafetensors(copy, "m.safetensors");
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/damaged_checkpoint|unsupported_dtype/);
      }
    }),
  );
});

test("a checkpoint comes back with its id, and replacing it leaves one folder", async () => {
  const dir = path.join(home, "lm");
  const { id } = await saveCheckpoint(dir, parts(1));
  const back = await loadCheckpoint(dir);
  expect(back.meta).toEqual({ id, kind: "lm", parent: null, metrics: { loss: 1 }, config: {} });
  expect(back.config).toMatchObject({
    ...config,
    architectures: ["GPT2LMHeadModel"],
    layer_norm_epsilon: 1e-5,
  });
  expect(back.tensors).toEqual(tensors(1));
  const second = await saveCheckpoint(dir, parts(2));
  expect(second.id).not.toBe(id);
  expect((await loadCheckpoint(dir)).meta.id).toBe(second.id);
  expect((await readdir(home)).filter((name) => name.startsWith("lm"))).toEqual(["lm"]);
});

test("killed between the two renames of a save, the old checkpoint comes back", async () => {
  const dir = path.join(home, "killed");
  const { id } = await saveCheckpoint(dir, parts(1));
  await rename(dir, `${dir}.old`);
  expect((await loadCheckpoint(dir)).meta.id).toBe(id);
  await rename(dir, `${dir}.old`);
  await saveCheckpoint(dir, parts(2));
  expect((await readdir(home)).filter((name) => name.startsWith("killed"))).toEqual(["killed"]);
});

test("a flipped bit of the weights, a missing or foreign file are told with a remedy", async () => {
  const dir = path.join(home, "flip");
  await saveCheckpoint(dir, parts(1));
  const file = path.join(dir, "model.safetensors");
  const good = await readFile(file);
  const bad = Buffer.from(good);
  bad[bad.length - 3] ^= 1;
  await writeFile(file, bad);
  await expect(loadCheckpoint(dir)).rejects.toThrow(
    /model\.safetensors is damaged: its hash is .* Restore/,
  );
  await writeFile(file, good);
  await writeFile(path.join(dir, "config.json"), JSON.stringify({ ...config, n_embd: 5 }));
  await expect(loadCheckpoint(dir)).rejects.toThrow(
    /model\.safetensors is damaged: wte\.weight has shape \(3,4\), config\.json says \(3,5\)/,
  );
  await writeFile(path.join(dir, "config.json"), JSON.stringify({ model_type: "mamba" }));
  await expect(loadCheckpoint(dir)).rejects.toThrow(/model_type mamba; known are gpt2, gpt_neox/);
  await writeFile(path.join(dir, "config.json"), JSON.stringify({ model_type: "llama" }));
  await expect(loadCheckpoint(dir)).rejects.toThrow(/config\.json \(llama\): num_hidden_layers/);
  await rm(path.join(dir, "config.json"));
  await expect(loadCheckpoint(dir)).rejects.toThrow(
    /config\.json is damaged: it cannot be read \(ENOENT\)/,
  );
});

test.each(["model.safetensors", "config.json", "tokenizer.json", "tiller.json"])(
  "a disk that fills up while %s is written leaves the old checkpoint good",
  async (full) => {
    const dir = path.join(home, `full-${full}`);
    const { id } = await saveCheckpoint(dir, parts(1));
    const write = async (file: string, bytes: Uint8Array | string) => {
      if (!file.endsWith(full)) return writeFlushed(file, bytes);
      await writeFlushed(file, bytes.slice(0, 5));
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    };
    await expect(saveCheckpoint(dir, parts(2), { write })).rejects.toMatchObject({
      code: "disk_full",
      message: expect.stringMatching(/no space left to write .*unchanged\. Free some disk space/),
    });
    expect((await loadCheckpoint(dir)).meta.id).toBe(id);
    expect(
      (await readdir(home)).filter((name) => name.includes(".tmp") || name.includes(".old")),
    ).toEqual([]);
  },
);
