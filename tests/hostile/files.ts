/**
 * Hostile files for every reader: models (safetensors folders, GGUF), tokenizers, chat templates, tables. Each is a sound
 * one with faults, or one made to explode; `read` is what a user's command does with it.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { Rng } from "@tiller/schema";
import { anything, mutateBytes, mutateJson, texts } from "./mutate.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const base = path.join(root, "models", "base");

/** A file or folder to be read, and how: the reader's child knows the kinds. */
export interface Hostile {
  readonly kind: "model" | "tokenizer" | "table";
  readonly path: string;
  readonly format?: string;
}
type Make = (r: Rng, dir: string) => Hostile;

/** A safetensors file out of a header and as many bytes as it says. */
function safetensors(header: unknown, bytes: number): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, Buffer.alloc(bytes)]);
}

/** A sound model, small: one layer of width 16 under the shipped tokenizer. Made once a run. */
export function soundModel(dir: string): void {
  const config = {
    ...(JSON.parse(readFileSync(path.join(base, "config.json"), "utf8")) as object),
    n_layer: 1,
    n_embd: 16,
    n_head: 2,
    n_positions: 64,
  };
  const raw = readFileSync(path.join(base, "model.safetensors"));
  const old = JSON.parse(
    raw.subarray(8, 8 + Number(raw.readBigUInt64LE())).toString("utf8"),
  ) as Record<string, { shape: number[] }>;
  const small: Readonly<Record<number, number>> = { 192: 16, 576: 48, 768: 64 };
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const [name, t] of Object.entries(old)) {
    if (name === "__metadata__" || /(^|\.)h\.[1-9]/.test(name)) continue;
    const shape = name.includes("wpe") ? [64, 16] : t.shape.map((n) => small[n] ?? n);
    const size = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + size] };
    at += size;
  }
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, "config.json"), JSON.stringify(config));
  writeFileSync(path.join(dir, "model.safetensors"), safetensors(header, at));
  cpSync(path.join(base, "tokenizer.json"), path.join(dir, "tokenizer.json"));
  writeFileSync(
    path.join(dir, "tokenizer_config.json"),
    JSON.stringify({
      chat_template: "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
    }),
  );
  const gguf = `${dir}.gguf`;
  execFileSync(
    process.execPath,
    ["apps/cli/main.ts", "model", "export", dir, "--gguf", gguf, "--type", "F32"],
    { cwd: root, stdio: ["ignore", "ignore", "inherit"] },
  );
}

const json = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
const copied = (dir: string, sound: string): string => {
  const to = path.join(dir, "model");
  rmSync(to, { recursive: true, force: true });
  cpSync(sound, to, { recursive: true });
  return to;
};
const wild = (r: Rng): string => {
  const loops = [
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "{{ messages[0].content * 1000000000 }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ messages.constructor.constructor('return process')() }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ raise_exception('no') }}",
    "{% if",
    "{{ messages | tojson(indent=2) }}",
    "",
  ];
  return r.choose(loops);
};
const patterns = [
  "(a+)+$",
  "(.*a){25}$",
  "(?:\\s|\\S)*!",
  "([a-z]+)*\\d",
  "\\p{L}+(?=\\p{N})",
  "[",
];

/** By kind, each from a sound model at `sound` and `sound.gguf`. */
export const makers = (sound: string): Readonly<Record<string, Make>> => ({
  config: (r, dir) => {
    const at = copied(dir, sound);
    const file = path.join(at, "config.json");
    writeFileSync(file, JSON.stringify(mutateJson(r, json(file))));
    return { kind: "model", path: at };
  },
  "safetensors header": (r, dir) => {
    const at = copied(dir, sound);
    const file = path.join(at, "model.safetensors");
    const raw = readFileSync(file);
    const end = 8 + Number(raw.readBigUInt64LE());
    const header = mutateJson(r, JSON.parse(raw.subarray(8, end).toString("utf8")));
    writeFileSync(file, safetensors(header, raw.length - end));
    return { kind: "model", path: at };
  },
  "safetensors bytes": (r, dir) => {
    const at = copied(dir, sound);
    const file = path.join(at, "model.safetensors");
    writeFileSync(file, mutateBytes(r, readFileSync(file)));
    return { kind: "model", path: at };
  },
  shards: (r, dir) => {
    const at = copied(dir, sound);
    const map = { metadata: { total_size: 1 }, weight_map: { "wte.weight": "model.safetensors" } };
    writeFileSync(
      path.join(at, "model.safetensors.index.json"),
      JSON.stringify(mutateJson(r, map)),
    );
    if (r.next() < 0.5) rmSync(path.join(at, "model.safetensors"));
    return { kind: "model", path: at };
  },
  "gguf bytes": (r, dir) => {
    const file = path.join(dir, "m.gguf");
    writeFileSync(file, mutateBytes(r, readFileSync(`${sound}.gguf`)));
    return { kind: "model", path: file };
  },
  "gguf numbers": (r, dir) => {
    // the counts, lengths and types of the first kilobytes, one after the other
    const bytes = Buffer.from(readFileSync(`${sound}.gguf`));
    const at = 8 + 4 * r.int(600);
    const value = r.choose([
      0,
      1,
      5,
      8,
      9,
      12,
      13,
      255,
      2 ** 16,
      2 ** 28,
      2 ** 31 - 1,
      2 ** 32 - 1,
    ]);
    bytes.writeUInt32LE(value, at);
    const file = path.join(dir, "m.gguf");
    writeFileSync(file, bytes);
    return { kind: "model", path: file };
  },
  tokenizer: (r, dir) => {
    const at = copied(dir, sound);
    const file = path.join(at, "tokenizer.json");
    writeFileSync(file, JSON.stringify(mutateJson(r, json(file))));
    return { kind: "tokenizer", path: at };
  },
  "tokenizer patterns": (r, dir) => {
    const at = copied(dir, sound);
    const file = path.join(at, "tokenizer.json");
    const split = (behavior: string) => ({
      type: "Split",
      pattern: { Regex: r.choose(patterns) },
      behavior,
      invert: r.next() < 0.5,
    });
    const tokenizer = json(file) as Record<string, unknown>;
    tokenizer["pre_tokenizer"] = split(r.choose(["Isolated", "Removed", "MergedWithNext"]));
    if (r.next() < 0.5)
      tokenizer["normalizer"] = {
        type: "Replace",
        pattern: { Regex: r.choose(patterns) },
        content: r.choose(["", "x".repeat(1000)]),
      };
    writeFileSync(file, JSON.stringify(tokenizer));
    return { kind: "tokenizer", path: at };
  },
  template: (r, dir) => {
    const at = copied(dir, sound);
    writeFileSync(
      path.join(at, "tokenizer_config.json"),
      JSON.stringify({ chat_template: wild(r), bos_token: r.next() < 0.7 ? "<s>" : anything(r) }),
    );
    return { kind: "tokenizer", path: at };
  },
  "json table": (r, dir) => table(r, dir, "jsonl", (rows) => lines(r, rows)),
  "csv table": (r, dir) => table(r, dir, "csv", (rows) => Buffer.from(csv(r, rows))),
  "parquet table": (r, dir) => table(r, dir, "parquet", parquet),
});

const lines = (r: Rng, rows: readonly object[]): Buffer => {
  const text = rows
    .map((row) => JSON.stringify(r.next() < 0.05 ? mutateJson(r, row) : row))
    .join(r.choose(["\n", "\r\n", "\n\n"]));
  return Buffer.from(r.next() < 0.1 ? text + "[".repeat(200_000) : text);
};
const csv = (r: Rng, rows: readonly Record<string, unknown>[]): string => {
  const by = r.choose([",", ",", ";", "\t"]);
  const cell = (x: unknown) =>
    r.next() < 0.7 ? `"${String(x).replaceAll('"', r.choose(['""', '"']))}"` : String(x);
  const names = Object.keys(rows[0]!);
  const head = r.next() < 0.2 ? [...names, names[0]!] : names;
  const hurt = (x: unknown) => (r.next() < 0.15 ? r.choose(texts) : x);
  return [head, ...rows.map((row) => names.map((n) => hurt(row[n])))]
    .map((cells) => cells.map(cell).join(by))
    .join(r.choose(["\n", "\r\n", "\r"]));
};
function parquet(rows: readonly Record<string, unknown>[]): Buffer {
  const names = Object.keys(rows[0]!);
  const columnData = names.map((name) => ({ name, data: rows.map((row) => String(row[name])) }));
  return Buffer.from(parquetWriteBuffer({ columnData }));
}
/** Preferences as TRL has them, hurt in their bytes, their encoding or their packing. */
function table(
  r: Rng,
  dir: string,
  ending: string,
  write: (rows: Record<string, unknown>[]) => Buffer,
): Hostile {
  const rows = Array.from({ length: 1 + r.int(30) }, (_, i) => ({
    prompt: `Question ${i}?`,
    chosen: `Answer ${i}`,
    rejected: r.next() < 0.1 ? r.choose(texts) : `Other ${i}`,
  }));
  const whole = write(rows);
  const hurts: (() => [Buffer, string])[] = [
    () => [whole, ""],
    () => [mutateBytes(r, whole), ""],
    () => [mutateBytes(r, whole), ""],
    () => [gzipSync(whole), ".gz"],
    () => [mutateBytes(r, gzipSync(whole)), ".gz"],
    () => [gzipSync(Buffer.alloc(200e6, r.choose([" ", "a", "["]))), ".gz"],
    () => [Buffer.from(whole.toString("utf8"), r.choose(["utf16le", "latin1"])), ""],
    () => [brotliCompressSync(whole), ""],
  ];
  const [bytes, packed] = r.choose(hurts)();
  const file = path.join(dir, `rows.${ending}${packed}`);
  writeFileSync(file, bytes);
  return { kind: "table", path: file, format: "trl" };
}
