/**
 * Pages of rows as Parquet, row group by row group, so that memory holds one group and no more. Text stays bytes from
 * the database's stream to the file. Compressed by Node's own zstd, which pyarrow, DuckDB and `datasets` read.
 */
import { constants, zstdCompressSync } from "node:zlib";
import type { SchemaElement } from "hyparquet";
import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer";
import type { Column, Kind } from "./columns.ts";
import type { Encoder } from "./encode.ts";

const GROUP_ROWS = 20_000;
const GROUP_BYTES = 12 * 2 ** 20;
const PAGE_BYTES = 96 * 1024; // larger ones cost more in fresh memory than they save
/** Fast, and in one piece: the default takes its output in 16 KB steps. */
const zstd = { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: 1 << 19 };
const MICROS_2000 = BigInt(Date.UTC(2000, 0, 1)) * 1000n; // Postgres counts from here, Parquet from 1970

/** A list of structs of text, such as messages: what Parquet writes for a json column that names its fields. */
const listOf = (name: string, fields: readonly string[]): SchemaElement[] => [
  { name, repetition_type: "OPTIONAL", converted_type: "LIST", num_children: 1 },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", repetition_type: "OPTIONAL", num_children: fields.length },
  ...fields.map((field): SchemaElement => ({
    name: field,
    repetition_type: "OPTIONAL",
    type: "BYTE_ARRAY",
    converted_type: "UTF8",
  })),
];
const plain: Readonly<Record<Kind, Pick<SchemaElement, "type" | "converted_type">>> = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  json: { type: "BYTE_ARRAY", converted_type: "UTF8" }, // marked as JSON it would be parsed and written anew
  number: { type: "DOUBLE" },
  boolean: { type: "BOOLEAN" },
  time: { type: "INT64", converted_type: "TIMESTAMP_MICROS" },
};
const elements = (c: Column): SchemaElement[] =>
  c.list
    ? listOf(c.name, c.list)
    : [{ name: c.name, repetition_type: c.nullable ? "OPTIONAL" : "REQUIRED", ...plain[c.kind] }];

/** Texts that repeat, made into strings once; a table of fixed size, so that memory stays flat. */
class Texts {
  readonly #slots: ({ bytes: Buffer; text: string } | undefined)[] = new Array(4096);
  of(bytes: Buffer, at: number, n: number): string {
    let hash = n;
    for (let i = at; i < at + n; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    const slot = (hash ^ (hash >>> 15)) & 4095;
    const old = this.#slots[slot];
    if (old?.bytes.length === n) {
      let i = 0;
      while (i < n && old.bytes[i] === bytes[at + i]) i++;
      if (i === n) return old.text;
    }
    const own = Buffer.from(bytes.subarray(at, at + n));
    const text = own.toString("utf8");
    this.#slots[slot] = { bytes: own, text };
    return text;
  }
}

const valueOf = (c: Column, bytes: Buffer, at: number, n: number, texts: Texts): unknown => {
  if (n < 0) return null;
  if (c.kind === "number") return bytes.readDoubleBE(at);
  if (c.kind === "boolean") return bytes[at] === 1;
  if (c.kind === "time") return bytes.readBigInt64BE(at) + MICROS_2000;
  if (c.list) return JSON.parse(bytes.toString("utf8", at, at + n));
  return c.repeats ? texts.of(bytes, at, n) : bytes.subarray(at, at + n);
};

export function parquet(
  columns: readonly Column[],
  metadata: Readonly<Record<string, string>>,
): Encoder {
  const bytes = new ByteWriter(1 << 20);
  const writer = new ParquetWriter({
    writer: bytes,
    schema: [{ name: "root", num_children: columns.length }, ...columns.flatMap(elements)],
    codec: "ZSTD",
    compressors: { ZSTD: (input) => zstdCompressSync(input, zstd) },
    statistics: false,
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    createdBy: "tiller",
  });
  let data: unknown[][] = columns.map(() => []);
  let held = 0;
  const texts = new Texts();
  const take = () => {
    const piece = Buffer.from(bytes.getBytes()); // a copy: the writer goes on in the same memory
    bytes.index = 0;
    return piece;
  };
  const group = () => {
    const columnData = columns.map((c, i): ColumnSource => ({
      name: c.name,
      data: data[i]!,
      ...(c.repeats || c.list ? {} : { encoding: "PLAIN" as const }),
      ...(c.kind === "time" ? { statistics: true } : {}),
    }));
    void writer.write({ columnData, rowGroupSize: 2 * GROUP_ROWS, pageSize: PAGE_BYTES }); // in memory: nothing to wait for
    data = columns.map(() => []);
    held = 0;
  };
  return {
    encode(page) {
      for (let c = 0; c < columns.length; c++) {
        const column = columns[c]!;
        const into = data[c]!;
        for (let r = 0, slot = c; r < page.rows; r++, slot += columns.length)
          into.push(valueOf(column, page.bytes, page.start[slot]!, page.length[slot]!, texts));
      }
      held += page.bytes.length;
      if (held < GROUP_BYTES && data[0]!.length < GROUP_ROWS) return undefined;
      group();
      return take();
    },
    end() {
      if (data[0]?.length) group();
      void writer.finish();
      return take();
    },
  };
}
