/** Safetensors and checkpoint folders: exact values back, every damage noticed, a full disk harmless. */
import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { gpt2Config, shapeOf } from "./architectures.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { type Content, writeFlushed } from "./files.ts";
import { importModel } from "./import.ts";
import {
  decodeSafetensors,
  dtypes,
  encodeSafetensors,
  readSafetensors,
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
  meta: { role: "lm" as const, metrics: { loss: x } },
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

test("files go through in pieces of any size, hashed and told alike", async () => {
  for (const dtype of dtypes) {
    const whole = encodeSafetensors(tensors(1), { dtype, metadata: { step: "7" } });
    for (const chunk of [1, 7, 64, 1000]) {
      const file = path.join(home, "pieces.safetensors");
      await writeSafetensors(file, tensors(1), { dtype, chunk, metadata: { step: "7" } });
      expect((await readFile(file)).equals(whole)).toBe(true);
      const back = await readSafetensors(file, { chunk });
      expect(back.tensors).toEqual(decodeSafetensors(whole, file).tensors);
    }
  }
  const [a, b] = [path.join(home, "whole"), path.join(home, "pieces")];
  const one = await saveCheckpoint(a, parts(3), { shardBytes: 300 });
  const two = await saveCheckpoint(b, parts(3), { shardBytes: 300, chunk: 9 });
  expect(two.id).toBe(one.id);
  expect((await loadCheckpoint(b, { chunk: 5 })).tensors).toEqual(tensors(3));
});

test("a tensor's numbers are asked for when they are written, one tensor at a time", async () => {
  const asked: string[] = [];
  const lazy = new Map(
    [...tensors(2)].map(([name, { shape, data }]) => {
      const get = () => (asked.push(name), data);
      return [name, Object.defineProperty({ shape }, "data", { get }) as typeof t];
    }),
  );
  const t = tensors(2).get("wte.weight")!;
  const { id } = await saveCheckpoint(path.join(home, "lazy"), { ...parts(2), tensors: lazy });
  expect(asked).toEqual([...tensors(2).keys()]);
  expect(id).toBe((await saveCheckpoint(path.join(home, "eager"), parts(2))).id);
});

/** A folder of one shard with these tensors beside the model's own, each of a type and its bytes. */
async function folderWith(
  name: string,
  extra: Record<string, { dtype: string; shape: number[]; bytes: number }>,
  change: (header: Record<string, { dtype: string }>) => void = () => {},
): Promise<string> {
  const dir = path.join(home, name);
  await saveCheckpoint(dir, parts(1));
  await rm(path.join(dir, "tiller.json"));
  const file = path.join(dir, "model.safetensors");
  const bytes = await readFile(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<string, { dtype: string }>;
  let end = bytes.length - start;
  for (const [tensor, { dtype, shape, bytes: n }] of Object.entries(extra)) {
    Object.assign(header, { [tensor]: { dtype, shape, data_offsets: [end, end + n] } });
    end += n;
  }
  change(header);
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = bytes.subarray(start);
  await writeFile(file, Buffer.concat([length, json, data, Buffer.alloc(end - data.length, 1)]));
  return dir;
}

test.each([
  ["h.0.attn.bias", "U8", [1, 1, 2, 2], 4],
  ["transformer.h.0.attn.bias", "BOOL", [1, 1, 2, 2], 4],
  ["transformer.h.0.attn.masked_bias", "F16", [], 2],
  ["h.0.attn.masked_bias", "F64", [], 8],
  ["h.0.attn.rotary_emb.inv_freq", "I64", [2], 16],
  ["h.0.attn.rotary_emb.cos_cached", "F8_E4M3", [2], 2],
  ["h.0.attn.embed_positions", "F16", [4], 8],
  ["position_ids", "I64", [2], 16],
  ["extra", "F64", [1], 8],
  ["v_head.summary.weight", "F4", [4], 2],
  ["h.0.attn.mask_of_tomorrow", "U32", [1], 4],
  ["something", "F3_NEW", [8], 3],
])("a buffer %s of type %s refuses no model", async (name, dtype, shape, bytes) => {
  const dir = await folderWith("buffers", { [name]: { dtype, shape, bytes } });
  const back = await loadCheckpoint(dir);
  expect(back.tensors).toEqual(tensors(1));
  expect(back.unused).toEqual([name]);
});

test.each([
  ["F8_E4M3", 1],
  ["F64", 8],
  ["I8", 1],
  ["U16", 2],
  ["BOOL", 1],
  ["F4", 0.5],
  ["toString", 4],
  ["constructor", 1],
])("a weight of type %s is refused by name", async (dtype, width) => {
  const name = "h.0.attn.c_attn.bias";
  const file = path.join(home, "types", "model.safetensors");
  const dir = await folderWith("types", { new: { dtype, shape: [12], bytes: 12 * width } }, (h) => {
    [h["old"], h[name]] = [h[name]!, h["new"]!];
    delete h["new"];
  });
  await expect(loadCheckpoint(dir)).rejects.toMatchObject({
    code: "unsupported_dtype",
    message: expect.stringContaining(`${file}: tensor ${name} is ${dtype}; F32, F16 and BF16`),
  });
});

test("a weight that config.json says nothing of is another model", async () => {
  for (const name of ["h.0.attn.q_norm.weight", "h.1.ln_1.weight", "h.0.mlp.c_gate.weight"])
    await expect(
      loadCheckpoint(await folderWith("more", { [name]: { dtype: "F32", shape: [1], bytes: 4 } })),
    ).rejects.toThrow(new RegExp(`has the weights ${name} \\(1\\), .*Correct config\\.json`));
});

test("a tied head that differs from the embedding is told, its copy is not", async () => {
  const dir = path.join(home, "tied");
  const t = tensors(1);
  const head = (x: number) => ({
    shape: [3, 4],
    data: t.get("wte.weight")!.data.map((y) => y + x),
  });
  await saveCheckpoint(dir, { ...parts(1), tensors: new Map([...t, ["lm_head.weight", head(0)]]) });
  expect((await loadCheckpoint(dir)).tensors).toEqual(t);
  await saveCheckpoint(dir, { ...parts(1), tensors: new Map([...t, ["lm_head.weight", head(1)]]) });
  await expect(loadCheckpoint(dir)).rejects.toThrow(
    /lm_head\.weight differs from wte\.weight.*"tie/,
  );
});

test("names twice, overlaps, huge sizes and places outside are damage, and take no memory", async () => {
  const good = encodeSafetensors(tensors(1));
  const start = 8 + Number(good.readBigUInt64LE());
  const text = good.toString("utf8", 8, start).trimEnd();
  const file = (json: string, length = BigInt(Buffer.byteLength(json))) => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(length);
    return Buffer.concat([head, Buffer.from(json), good.subarray(start)]);
  };
  const read = (json: string, length?: bigint) => () =>
    decodeSafetensors(file(json, length), "m.safetensors");
  expect(read(text)().tensors).toEqual(tensors(1));
  const first = /"wte\.weight":\{[^}]*\}/.exec(text)![0];
  expect(read(text.replace(first, `${first},${first}`))).toThrow(/two tensors wte\.weight/);
  const escaped = first.replace('"wte', '"\\u0077te');
  expect(read(text.replace(first, `${first},${escaped}`))).toThrow(/two tensors wte\.weight/);
  for (const shape of ["[1e300]", "[4294967296,4294967296]", "[-1]", "[0.5]", '["3",4]', "[null]"])
    expect(read(text.replace('"shape":[3,4]', `"shape":${shape}`)), shape).toThrow(/damaged/);
  for (const span of ["[0,99999999999999]", "[-4,44]", "[48,0]", "[0]", "[0,1e999]", "{}"])
    expect(read(text.replace('"data_offsets":[0,48]', `"data_offsets":${span}`)), span).toThrow(
      /damaged/,
    );
  expect(read(text, 2n ** 60n)).toThrow(/header should have 1152921504606846976 bytes/);
  expect(read(text, 2n ** 64n - 1n)).toThrow(/damaged/);
  expect(read(text.replace(first, `${first},"__metadata__":{"a":1}`))).toThrow(/__metadata__/);
  expect(read(text.replace(first, `${first},"__proto__":3`))).toThrow(/__proto__ is incomplete/);
});

test.each(["../m.safetensors", "/etc/passwd", "..\\\\m.safetensors", "..", "a/b.safetensors", ""])(
  "an index that points to %s is refused",
  async (place) => {
    const dir = path.join(home, "index");
    await saveCheckpoint(dir, parts(1));
    await rename(path.join(dir, "model.safetensors"), path.join(dir, "a.safetensors"));
    const index = { weight_map: { "wte.weight": place } };
    await writeFile(path.join(dir, "model.safetensors.index.json"), JSON.stringify(index));
    await expect(loadCheckpoint(dir)).rejects.toThrow(/points outside the folder/);
  },
);

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
  expect(back.meta).toEqual({ id, role: "lm", parent: null, metrics: { loss: 1 }, config: {} });
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

test("saves of one name at once, with readers in between, all end, and one of them stays whole", async () => {
  const dir = path.join(home, "shared");
  await saveCheckpoint(dir, parts(0));
  const other = `${dir}.other`; // its folders are no business of the first
  await saveCheckpoint(other, parts(5));
  let reading = true;
  const reader = (async () => {
    while (reading) await loadCheckpoint(dir).catch(() => {}); // two names of a moment: it may be told to be damaged
  })();
  const saves = Array.from({ length: 8 }, (_, i) => saveCheckpoint(dir, parts(1 + (i % 3))));
  const ids = (await Promise.all(saves)).map((m) => m.id);
  reading = false;
  await reader;
  expect(ids).toContain((await loadCheckpoint(dir)).meta.id);
  expect((await loadCheckpoint(other)).tensors).toEqual(tensors(5));
  const left = (await readdir(home)).filter((name) => name.startsWith("shared"));
  expect(left).toEqual(["shared", "shared.other"]);
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
    const write = async (file: string, content: Content) => {
      if (!file.endsWith(full)) return writeFlushed(file, content);
      await writeFlushed(file, "begun");
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

test("a small file that nests too deep or is too long is refused before it is parsed", async () => {
  for (const name of ["config.json", "tokenizer.json", "tiller.json", "adapter_config.json"]) {
    const dir = await mkdtemp(path.join(home, "deep-"));
    await saveCheckpoint(dir, parts(1));
    const deep = `{"model_type": "gpt2", "x": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    await writeFile(path.join(dir, name), deep);
    const read = name.startsWith("adapter")
      ? importModel(dir, { base: path.join(home, "F32") })
      : loadCheckpoint(dir);
    await expect(read, name).rejects.toThrow(/nest 100001 deep, at most 200 are read/);
  }
  const dir = await mkdtemp(path.join(home, "long-"));
  await saveCheckpoint(dir, parts(1));
  for (const name of ["generation_config.json", "chat_template.jinja", "config.json"]) {
    const file = path.join(dir, name);
    await writeFile(file, "");
    await truncate(file, 2 ** 33); // sparse
    await expect(loadCheckpoint(dir), name).rejects.toThrow(/8589934592 bytes, at most 16000000/);
    await rm(file);
  }
});

test("brackets in texts are no depth", async () => {
  const dir = path.join(home, "brackets");
  const more = { x: `\\"${"[".repeat(1000)}`, ["{".repeat(500)]: 1 };
  await saveCheckpoint(dir, { ...parts(1), config: { ...config, ...more } });
  expect((await loadCheckpoint(dir)).config).toMatchObject(more);
});

test("of a tied matrix that the file has under the head's name alone, the embedding is made", async () => {
  const dir = path.join(home, "head-only");
  const shared = new Map(tensors(1));
  const { shape, data } = shared.get("wte.weight")!;
  await saveCheckpoint(dir, { ...parts(1), tensors: shared });
  await rm(path.join(dir, "tiller.json"));
  const renamed = new Map(
    [...shared].map(([n, t]) => [n === "wte.weight" ? "lm_head.weight" : `transformer.${n}`, t]),
  );
  await writeSafetensors(path.join(dir, "model.safetensors"), renamed);
  const loaded = await loadCheckpoint(dir);
  expect(loaded.tensors.get("wte.weight")).toEqual({ shape, data });
  expect(loaded.tensors.has("lm_head.weight")).toBe(false);
  await writeFile(
    path.join(dir, "config.json"),
    JSON.stringify({ ...config, tie_word_embeddings: false }),
  );
  await expect(loadCheckpoint(dir)).rejects.toThrow(/no tensor wte\.weight/);
});

test("a note of Git LFS in a file's place is told as what it is", async () => {
  const note = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 9\n`;
  for (const name of ["model.safetensors", "tokenizer.json", "config.json"]) {
    const dir = await mkdtemp(path.join(home, "lfs-"));
    await saveCheckpoint(dir, parts(1));
    await writeFile(path.join(dir, name), note);
    await expect(loadCheckpoint(dir), name).rejects.toThrow(/Git LFS's note.*git lfs pull/);
  }
  for (const name of ["m.gguf", "m.bin"]) {
    const file = path.join(home, name);
    await writeFile(file, note);
    const read = importModel(file, { tokenizer: file });
    await expect(read, name).rejects.toThrow(/Git LFS's note.*git lfs pull/);
  }
});
