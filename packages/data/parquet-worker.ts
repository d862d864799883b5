/**
 * Reads a Parquet file in a thread of its own: decoding is work in one piece that would hold up everybody else, and a
 * file that lies about its sizes ends this thread and not the server. Rows go out as JSON text, a batch when asked.
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { parentPort, workerData } from "node:worker_threads";
import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  snappyUncompress,
} from "hyparquet";
import { asyncBufferFromFile } from "hyparquet/src/node.js";
import { lz4Block, lz4Hadoop } from "./lz4.ts";
import { converted, parsers, stored } from "./parquet-values.ts";

export type FromParquet =
  | { readonly rows: string[]; readonly line: number }
  | { readonly bad: string; readonly line?: number }
  | { readonly end: true };

const { file: path } = workerData as { file: string };
const port = parentPort!;
const PAGE = 512 * 2 ** 20; // unpacked; writers aim at 1 MB
const COLUMNS = 10_000;
const BATCH = 10_000;

/** What is wrong with the file as a whole, in words. */
class Refused extends Error {}

type Unpack = (input: Uint8Array, length: number) => Uint8Array;
const codec =
  (unpack: Unpack): Unpack =>
  (input, length) => {
    if (!(length >= 0 && length <= PAGE))
      throw new Refused(`a page unpacks to ${length} bytes; at most ${PAGE} are read`);
    return length ? unpack(input, length) : new Uint8Array();
  };
const most = (length: number) => ({ maxOutputLength: Math.max(1, length) });
const compressors = {
  GZIP: codec((input, n) => gunzipSync(input, most(n))),
  BROTLI: codec((input, n) => brotliDecompressSync(input, most(n))),
  ZSTD: codec((input, n) => zstdDecompressSync(input, most(n))),
  LZ4_RAW: codec(lz4Block),
  LZ4: codec(lz4Hadoop),
  SNAPPY: codec((input, n) => {
    const out = new Uint8Array(n);
    snappyUncompress(input, out);
    return out;
  }),
};
const known = new Set(["UNCOMPRESSED", ...Object.keys(compressors)]);

async function open() {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file, { geoparquet: false }).catch(
    (cause: unknown) => {
      throw new Refused("it is no whole Parquet file", { cause });
    },
  );
  const tree = parquetSchema(metadata);
  if (tree.children.length > COLUMNS)
    throw new Refused(`it has ${tree.children.length} columns; at most ${COLUMNS} are read`);
  if (metadata.schema.some((e) => e.name === "__proto__"))
    throw new Refused("it has a column or a field called __proto__. Rename it");
  if (!tree.children.length && metadata.num_rows) throw new Refused("it has no columns");
  const rows = metadata.row_groups.reduce((n, g) => n + Number(g.num_rows), 0);
  if (rows !== Number(metadata.num_rows))
    throw new Refused(`it says ${metadata.num_rows} rows and has ${rows}`);
  for (const group of metadata.row_groups)
    for (const { meta_data: m, file_path } of group.columns) {
      if (file_path || !m) throw new Refused("its columns are in other files, or encrypted");
      if (!known.has(m.codec))
        throw new Refused(
          `it is compressed by ${m.codec}, which is not read. Write it with zstd or snappy`,
        );
      if (!group.num_rows) continue; // writers put no page, or a nothing, where there are no rows
      // a column begins with its dictionary, where it has one; some writers say 0 for none
      const [dictionary, data] = [
        Number(m.dictionary_page_offset ?? 0),
        Number(m.data_page_offset),
      ];
      const begin = dictionary > 0 ? Math.min(dictionary, data) : data;
      if (!(begin >= 4 && begin + Number(m.total_compressed_size) <= file.byteLength))
        throw new Refused("its metadata points outside of it");
    }
  return { file, metadata, tree };
}

async function* batches(): AsyncGenerator<FromParquet> {
  const { file, metadata, tree } = await open();
  const make = converted(tree);
  const flat = tree.children.every((c) => !c.children.length);
  const options = {
    file,
    metadata: { ...metadata, schema: stored(metadata.schema) },
    compressors,
    parsers,
  };
  let start = 0;
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    // a part begins at the group's beginning again where columns nest: few parts, so that it stays linear
    const part = flat ? BATCH : Math.max(BATCH, Math.ceil(rows / 8));
    for (let at = 0; at < rows; at += part) {
      const [rowStart, rowEnd] = [start + at, start + Math.min(rows, at + part)];
      const found = await parquetReadObjects({ ...options, rowStart, rowEnd });
      if (found.length !== rowEnd - rowStart)
        throw new Refused(`rows ${rowStart + 1} to ${rowEnd} are not all there`);
      let texts: string[] = [];
      let size = 0;
      let line = rowStart + 1;
      for (const [i, row] of found.entries()) {
        let text: string;
        try {
          text = JSON.stringify(make ? make(row) : row, (_, v: unknown) =>
            v === undefined ? null : v,
          );
        } catch (e) {
          if (texts.length) yield { rows: texts, line };
          const { column, message } = e as { column?: string; message: string };
          yield {
            bad: `${column ? `the column ${column}: ` : ""}${message}`,
            line: rowStart + i + 1,
          };
          return;
        }
        texts.push(text);
        size += text.length;
        if (size < 2 ** 20) continue;
        yield { rows: texts, line };
        line += texts.length;
        [texts, size] = [[], 0];
      }
      if (texts.length) yield { rows: texts, line };
    }
    start += rows;
  }
  yield { end: true };
}

const all = batches();
port.on("message", () => {
  void all.next().then(
    ({ value, done }) => port.postMessage(done ? { end: true } : value),
    (e: Error) =>
      port.postMessage({ bad: e instanceof Refused ? e.message : `it is damaged: ${e.message}` }),
  );
});
