/**
 * Files above 2 GiB, which no single read, write or hash of the system takes: written, read back and checked in processes
 * of their own, whose memory stays near one copy of the weights. Needs 4 GB of memory and 5 GB of disk.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

const home = mkdtempSync(path.join(process.env["TILLER_LARGE"] ?? tmpdir(), "tiller-large-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const lm = path.join(import.meta.dirname, "index.ts");
const learn = path.join(import.meta.dirname, "../learn/index.ts");

/** Runs the code in a process of its own; it leaves its answer in `out`. */
function apart(code: string): { peak: number; [name: string]: unknown } {
  const whole = `import { createHash } from "node:crypto"; import path from "node:path";
    import * as lm from ${JSON.stringify(lm)}; import * as learn from ${JSON.stringify(learn)};
    const home = ${JSON.stringify(home)}; const out = {}; ${code}
    out.peak = process.resourceUsage().maxRSS * 1024; console.log(JSON.stringify(out));`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", whole];
  const text = execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  return JSON.parse(text.trim().split("\n").at(-1)!) as { peak: number };
}
/** 2.2 GB as one embedding; its numbers are made when they are written. */
const model = `
  const config = lm.gpt2Config({ layers: 1, heads: 8, width: 1024, positions: 16, vocab: 530_000 });
  const shape = lm.shapeOf(config);
  const at = (i) => (i % 2 ** 20) / 2 ** 22 + Math.floor(i / 2 ** 20) / 2 ** 12;
  const tensors = new Map(lm.paramSpecs(shape).map(({ name, shape }) => [name, { shape, get data() {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) data[i] = at(i);
    return data; } }]));
  const tokenizer = lm.trainBpe("whale", { vocabSize: 258 });
  const wrong = (t) => { let n = 0; for (let i = 0; i < t.data.length; i++) if (t.data[i] !== Math.fround(at(i))) n++; return n; };`;

test("a checkpoint of 2.2 GB is saved in one file and loaded, near one copy in memory", () => {
  const saved = apart(`${model}
    const parts = { config, tensors, tokenizer, meta: { role: "lm" } };
    out.id = (await lm.saveCheckpoint(path.join(home, "m"), parts)).id;`);
  const file = path.join(home, "m", "model.safetensors");
  const { size } = statSync(file);
  expect(size).toBeGreaterThan(2 ** 31);
  expect(saved.peak).toBeLessThan(1.3 * size + 4e8);
  const loaded = apart(`${model}
    const m = await learn.loadModel(path.join(home, "m"));
    out.id = m.id; out.wrong = m.specs.reduce((n, s) => n + wrong(m.state.get(s.name)), 0);`);
  expect(loaded).toMatchObject({ id: saved["id"], wrong: 0 });
  expect(loaded.peak).toBeLessThan(1.3 * size + 4e8);
  console.log(`${size} bytes: saving took ${saved.peak} bytes of memory, loading ${loaded.peak}`);
  rmSync(path.join(home, "m"), { recursive: true });
}, 600_000);

test("a trainer's state above 2 GiB is written and read; a buffer above 2 GiB that no sum uses costs nothing", () => {
  const state = apart(`
    const n = 183_000_000; const data = new Float32Array(n).map((_, i) => i % 8191);
    const file = path.join(home, "state.safetensors");
    const tensors = new Map(["w", "m:w", "v:w"].map((k) => [k, { shape: [n], data }]));
    await lm.writeSafetensors(file, tensors, { metadata: { cursor: "{}" } });
    let wrong = 0;
    const own = new Float32Array(n);
    await lm.readSafetensors(file, { place: () => own });
    for (let i = 0; i < n; i++) if (own[i] !== i % 8191) wrong++;
    out.wrong = wrong;`);
  expect(state["wrong"]).toBe(0);
  expect(statSync(path.join(home, "state.safetensors")).size).toBeGreaterThan(2 ** 31);
  rmSync(path.join(home, "state.safetensors"));

  const small = apart(`${model.replace("530_000", "258")}
    out.id = (await lm.saveCheckpoint(path.join(home, "s"), { config, tensors, tokenizer, meta: { role: "lm" } })).id;
    const { rm, readFile, writeFile } = await import("node:fs/promises");
    await rm(path.join(home, "s", "tiller.json"));
    const file = path.join(home, "s", "model.safetensors"); const bytes = await readFile(file);
    const start = 8 + Number(bytes.readBigUInt64LE()); const header = JSON.parse(bytes.toString("utf8", 8, start));
    const end = bytes.length - start; const more = 2 ** 31 + 4096;
    header["h.0.attn.bias"] = { dtype: "BOOL", shape: [more], data_offsets: [end, end + more] };
    const json = Buffer.from(JSON.stringify(header)); const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    await writeFile(file, Buffer.concat([length, json, bytes.subarray(start)]));
    out.end = 8 + json.length + end + more;`);
  truncateSync(path.join(home, "s", "model.safetensors"), small["end"] as number); // sparse
  const read = apart(
    `const m = await lm.loadCheckpoint(path.join(home, "s")); out.unused = m.unused;`,
  );
  expect(read["unused"]).toEqual(["h.0.attn.bias"]);
  expect(read.peak).toBeLessThan(7e8);
  rmSync(path.join(home, "s"), { recursive: true });
}, 600_000);

test("a GGUF file of 2.2 GB is written out of a checkpoint, and comes back number by number", () => {
  apart(`${model}
    await lm.writeFileSafely(path.join(home, "m.gguf"), lm.ggufContent({ config, tensors, tokenizer: {
      ...tokenizer, added_tokens: [] } }, { name: "m" }));`);
  const { size } = statSync(path.join(home, "m.gguf"));
  expect(size).toBeGreaterThan(2 ** 31);
  const read = apart(`${model}
    const m = await lm.importModel(path.join(home, "m.gguf"));
    out.wrong = [...m.tensors.values()].reduce((n, t) => n + wrong(t), 0);
    out.names = [...m.tensors.keys()]; out.wanted = [...tensors.keys()];`);
  expect(read["wrong"]).toBe(0);
  expect(read["names"]).toEqual(read["wanted"]);
  expect(read.peak).toBeLessThan(1.3 * size + 6e8);
  // half as wide, as most files are
  const half = apart(`${model.replace("530_000", "40_000")}
    await lm.writeFileSafely(path.join(home, "h.gguf"), lm.ggufContent({ config, tensors, tokenizer }, {
      name: "m", matrices: "Q8_0" }));
    const m = await lm.importModel(path.join(home, "h.gguf"));
    let worst = 0; const wte = m.tensors.get("wte.weight").data;
    for (let i = 0; i < wte.length; i++) worst = Math.max(worst, Math.abs(wte[i] - at(i)));
    out.worst = worst;`);
  expect(half["worst"]).toBeLessThan(0.003); // a 127th of the largest of a block, halved
  console.log(`${size} bytes of GGUF: reading took ${read.peak} bytes of memory`);
  rmSync(path.join(home, "m.gguf"));
  rmSync(path.join(home, "h.gguf"));
}, 900_000);

test("a .bin of llama2.c of 2.2 GB is read", () => {
  // the vocabulary's matrix is the file; zeros are sparse
  const [d, vocab] = [1024, 530_000];
  const header = Buffer.alloc(28);
  [d, 16, 1, 8, 8, vocab, 16].forEach((x, i) => header.writeInt32LE(x, 4 * i));
  const file = path.join(home, "m.bin");
  writeFileSync(file, header);
  const floats = vocab * d + 2 * d * d + 2 * d * d + 3 * 16 * d + 2 * d + d + 16 * 128;
  truncateSync(file, 28 + 4 * floats);
  const pieces = Buffer.alloc(4 + vocab * 9);
  for (let i = 0; i < vocab; i++) {
    pieces.writeInt32LE(1, 4 + 9 * i + 4);
    pieces.writeUInt8(97 + (i % 26), 4 + 9 * i + 8);
  }
  writeFileSync(path.join(home, "tok.bin"), pieces);
  const read = apart(`
    const m = await lm.importModel(path.join(home, "m.bin"), { tokenizer: path.join(home, "tok.bin") });
    out.length = m.tensors.get("model.embed_tokens.weight").data.length;`);
  expect(read["length"]).toBe(d * vocab);
  rmSync(file);
}, 600_000);
