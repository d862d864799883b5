/**
 * Rows out of files of every kind, whole and damaged: encodings, line numbers, packed files, bounds, and what the types
 * of Parquet become. No database.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer";
import type { CompressionCodec, SchemaElement } from "hyparquet";
import { afterAll, describe, expect, test } from "vitest";
import { csvLine, guardCell, unguardCell } from "./cells.ts";
import { csvRows } from "./csv.ts";
import { decimal, exactNumber, parseJson } from "./json.ts";
import { lz4Block } from "./lz4.ts";
import { kindOfFile, readRows, type ReadOptions } from "./read.ts";

const folder = mkdtempSync(path.join(tmpdir(), "tiller-read-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const read = async (name: string, content: string | Uint8Array, o: Partial<ReadOptions> = {}) => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  const rows: { line: number; row: unknown; text: string }[] = [];
  try {
    for await (const r of readRows(file, { kind: kindOfFile(name), name, ...o })) rows.push(r);
  } catch (e) {
    const line = (e as { line?: number }).line;
    throw new Error(`${line === undefined ? "" : `line ${line}: `}${(e as Error).message}`, {
      cause: e,
    });
  }
  return rows;
};
const rowsOf = async (...args: Parameters<typeof read>) => (await read(...args)).map((r) => r.row);

describe("encodings", () => {
  const latin1 = (s: string) => Buffer.from(s, "latin1");
  test("what is no UTF-8 is refused with its line and byte, in every kind of text and packed", async () => {
    const jsonl = latin1('{"a":"b"}\n{"a":"caf\u00e9"}\n');
    const said =
      /line 2: byte 20 of the file, 0xe9, is no UTF-8\. Say what it is, --encoding windows-1252/;
    for (const [name, bytes] of [
      ["a.jsonl", jsonl],
      ["a.jsonl.gz", gzipSync(jsonl)],
      ["a.jsonl.zst", zstdCompressSync(jsonl)],
    ] as const)
      await expect(read(name, bytes)).rejects.toThrow(said);
    await expect(read("a.csv", latin1("a,b\nx,y\np,\u00e9\n"))).rejects.toThrow("line 3: byte 11");
    // cut in the middle of a character; an overlong form; a surrogate
    for (const bad of [
      [0xe2, 0x82],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
    ])
      await expect(
        read("b.csv", Buffer.concat([Buffer.from("a\nok\n"), Buffer.from(bad)])),
      ).rejects.toThrow("line 3: byte 6 of the file");
  });
  test("a declared encoding is read as what it is; a byte-order mark declares one", async () => {
    const csv = "a,b\npr\u00e9,\u20ac\n";
    const win = Buffer.concat([latin1("a,b\npr\u00e9,"), Buffer.from([0x80, 10])]);
    const row = { a: "pr\u00e9", b: "\u20ac" };
    expect(await rowsOf("w.csv", win, { encoding: "windows-1252" })).toEqual([row]);
    expect(await rowsOf("w.csv", win, { encoding: "latin1" })).toEqual([row]);
    const le = Buffer.from(csv, "utf16le");
    const be = Buffer.from(le).swap16();
    expect(await rowsOf("u.csv", le, { encoding: "utf-16le" })).toEqual([row]);
    expect(await rowsOf("u.csv", Buffer.concat([Buffer.from([0xff, 0xfe]), le]))).toEqual([row]);
    expect(await rowsOf("u.csv", Buffer.concat([Buffer.from([0xfe, 0xff]), be]))).toEqual([row]);
    expect(await rowsOf("u.csv", `\ufeff${csv}`)).toEqual([row]);
    await expect(read("u.csv", le)).rejects.toThrow("Say --encoding utf-16le");
    await expect(read("u.csv", be)).rejects.toThrow("Say --encoding utf-16be");
    await expect(
      read("u.csv", Buffer.concat([Buffer.from([0xff, 0xfe]), le]), { encoding: "utf-8" }),
    ).rejects.toThrow("begins with the byte-order mark of utf-16le, and utf-8 was declared");
    await expect(read("u.csv", csv, { encoding: "klingon" })).rejects.toThrow(
      'there is no encoding "klingon"',
    );
    await expect(
      read("j.csv", Buffer.from([97, 10, 0x81, 10]), { encoding: "shift_jis" }),
    ).rejects.toThrow("no shift_jis");
  });
  test("characters of several bytes across pieces stay whole", async () => {
    const text = "\u{1f99c}\u00e9\u6f22".repeat(60_000);
    expect(await rowsOf("long.jsonl", `{"a":"x${text}"}\n`)).toEqual([{ a: `x${text}` }]);
  });
});

describe("CSV", () => {
  const lines = async (csv: string, o = {}) =>
    (await read("x.csv", csv, o)).map(({ line, row }) => [line, ...Object.values(row as object)]);
  test.each([
    [
      "CRLF inside quotes counts once",
      'a,b\r\n"1\r\n2\r\n3",x\r\nq,y\r\n',
      [
        [2, "1\r\n2\r\n3", "x"],
        [5, "q", "y"],
      ],
    ],
    [
      "LF inside quotes",
      'a,b\n"1\n2",x\nq,y',
      [
        [2, "1\n2", "x"],
        [4, "q", "y"],
      ],
    ],
    [
      "CR alone ends a line",
      "a,b\r1,2\r3,4\r",
      [
        [2, "1", "2"],
        [3, "3", "4"],
      ],
    ],
    [
      "empty lines and rows of separators",
      "a,b\n\n1,2\n,\n\r\n3,4\n",
      [
        [3, "1", "2"],
        [6, "3", "4"],
      ],
    ],
    ["a byte-order mark before a quote", '\ufeff"a",b\n1,2\n', [[2, "1", "2"]]],
    [
      "doubled quotes",
      'a\n"x""y"\n""""\n',
      [
        [2, 'x"y'],
        [3, '"'],
      ],
    ],
    ["an empty text in quotes", 'a,b\n"",x\n', [[2, "", "x"]]],
    ["a last line without its end", 'a,b\n1,"2"', [[2, "1", "2"]]],
    ["names of Object.prototype", "__proto__,constructor\n1,2\n", [[2, "1", "2"]]],
  ])("%s", async (_, csv, rows) => expect(await lines(csv)).toEqual(rows));
  test.each([
    [
      "a quote that is never closed, where it opens",
      'a,b\nx,y\n"p,q\nr,s\nt,u\n',
      /^line 3: the quote that is opened here/,
    ],
    ["two columns of one name", "a,b,a\n1,2,3\n", /^line 1: two columns are called "a"/],
    ["another separator", "a;b\n1;2\n", /^line 1: .*separated by ;\. Say --separator ";"/],
    ["tabs", "a\tb\n1\t2\n", /separated by tabs\. Say --separator tab/],
    ["too few cells", "a,b\n1,2\n3\n", /^line 3: 1 cells where the header has 2 \(a, b\)/],
    ["too many cells", "a,b\n1,2,3\n", /^line 2: 3 cells/],
    ["a quote inside a cell", 'a\n5" pipe\n', /^line 2: a quote stands inside a cell/],
    ["text behind a quote", 'a\n"x"y\n', /^line 2: "y" stands behind a closing quote/],
    ["nothing", "", /^line 1: the file is empty/],
  ])("%s is refused", async (_, csv, message) => expect(lines(csv)).rejects.toThrow(message));
  test("declared separators; .tsv says it by its name", async () => {
    expect(await lines("a;b\n1,5;2\n", { separator: ";" })).toEqual([[2, "1,5", "2"]]);
    expect(await rowsOf("x.tsv", "a\tb\n1\t2,3\n")).toEqual([{ a: "1", b: "2,3" }]);
  });
  test("any cells, cut anywhere, come back as an independent reader has them", async () => {
    const cell = fc
      .array(
        fc.constantFrom('"', ",", "\n", "\r\n", "\r", " ", "x", "\u00e9", "\u{1f600}", "=", "'"),
        { maxLength: 5 },
      )
      .map((xs) => `.${xs.join("")}`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom("\n", "\r\n"),
        async (rows, cut, record_delimiter) => {
          const text = rows
            .map((cells) => cells.map((c) => `"${c.replaceAll('"', '""')}"`).join(","))
            .join(record_delimiter);
          expect(parse(text, { record_delimiter })).toEqual(rows);
          async function* pieces() {
            for (let i = 0; i < text.length; i += cut) yield text.slice(i, i + cut);
          }
          const got: (readonly string[])[] = [];
          for await (const { cells } of csvRows(pieces(), { longest: 1e6 })) got.push(cells);
          expect(got).toEqual(rows);
        },
      ),
      { numRuns: 200 },
    );
  });
});

test("formulas are guarded, plain numbers are not, and the guard comes off again", () => {
  for (const [text, cell] of [
    ["=1+1", "'=1+1"],
    ["+44 call", "'+44 call"],
    ["-x", "'-x"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\tx", "'\tx"],
    ["'=1", "''=1"],
    ["\uff1d1", "'\uff1d1"],
    ["-1.5", "-1.5"],
    ["+1e3", "+1e3"],
    ["'twas", "'twas"],
    ["a=b", "a=b"],
  ] as const)
    expect([text, guardCell(text)]).toEqual([text, cell]);
  expect(csvLine(["=a,b", -1, "x"])).toBe(`"'=a,b",-1,x\n`);
  const odd = fc
    .array(fc.constantFrom("'", "=", "-", "+", "@", "\t", "1", "x"), { maxLength: 5 })
    .map((x) => x.join(""));
  fc.assert(fc.property(odd, (s) => unguardCell(guardCell(s)) === s));
  fc.assert(fc.property(odd, (s) => !/^[=@\t]/.test(guardCell(s))));
});

describe("packed files and bounds", () => {
  const row = '{"a":1}\n';
  test("members behind each other are one file, by gzip and by zstd", async () => {
    const g = gzipSync(row);
    const z = zstdCompressSync(row);
    const skippable = Buffer.from("502a4d1803000000aabbcc", "hex");
    expect(await rowsOf("m.jsonl.gz", Buffer.concat([g, g]))).toHaveLength(2);
    expect(await rowsOf("m.jsonl.zst", Buffer.concat([z, skippable, z, z]))).toHaveLength(3);
    expect(await rowsOf("m.jsonl.gz", Buffer.concat([g, Buffer.alloc(512)]))).toHaveLength(1);
  });
  test.each([
    [
      "cut gzip",
      "c.jsonl.gz",
      gzipSync(row.repeat(999)).subarray(0, -5),
      /c\.jsonl\.gz is cut off: its gzip stream/,
    ],
    [
      "cut zstd",
      "c.jsonl.zst",
      zstdCompressSync(row.repeat(999)).subarray(0, -5),
      /is cut off: its zstd stream/,
    ],
    [
      "bytes behind gzip",
      "c.jsonl.gz",
      Buffer.concat([gzipSync(row), Buffer.from("xyz")]),
      /is damaged: gzip says/,
    ],
    [
      "bytes behind zstd",
      "c.jsonl.zst",
      Buffer.concat([zstdCompressSync(row), Buffer.from("xyz")]),
      /is damaged: zstd says unknown bytes/,
    ],
    ["a zip", "c.csv", Buffer.from("504b0304aaaa", "hex"), /is a zip archive, or a spreadsheet/],
    ["xz", "c.jsonl", Buffer.from("fd377a585a00", "hex"), /is compressed by xz/],
    ["Parquet by another name", "c.csv", Buffer.from("PAR1xxxxPAR1"), /is a Parquet file/],
    [
      "a long row",
      "c.jsonl.gz",
      gzipSync(`{"a":"${"x".repeat(17 * 2 ** 20)}"}`),
      /^line 1: the row has more than 16777216 characters/,
    ],
    [
      "a long cell",
      "c.csv.gz",
      gzipSync(`a\n"${"x".repeat(17 * 2 ** 20)}"\n`),
      /^line 2: .*more than 16777216 characters/,
    ],
    [
      "deep JSON",
      "c.jsonl",
      `${"[".repeat(1e5)}${"]".repeat(1e5)}`,
      /^line 1: it nests deeper than 200 levels/,
    ],
    [
      "deep objects",
      "c.jsonl",
      `${'{"a":'.repeat(300)}1${"}".repeat(300)}`,
      /^line 1: it nests deeper/,
    ],
    ["many columns", "c.csv", `${"a,".repeat(10_001)}\n`, /^line 1: more than 10000 columns/],
    ["no object", "c.jsonl", '{"a":1}\n[1]\n', /^line 2: a row is an object/],
  ])("%s is refused in words", async (_, name, bytes, message) =>
    expect(read(name, bytes)).rejects.toThrow(message),
  );
  test("a file that unpacks out of all proportion is stopped on the way", async () => {
    const bomb = gzipSync(Buffer.alloc(260 * 2 ** 20, `${" ".repeat(99_999)}\n`), { level: 1 });
    await expect(read("bomb.jsonl.gz", bomb)).rejects.toThrow(
      /bomb\.jsonl\.gz has \d+ (KB|MB) and unpacks to more than \d+ MB/,
    );
  }, 60_000);
  test("a signal ends it", async () => {
    const signal = AbortSignal.abort(new Error("gone"));
    await expect(read("s.jsonl", row, { signal })).rejects.toThrow("gone");
  });
});

describe("numbers keep their digits", () => {
  test("in JSON", () => {
    const text =
      '{"a":9007199254740993,"b":0.1,"c":1e400,"d":12345678901234567890,"e":[1.5e3,"9007199254740993"]}';
    const made = parseJson(text) as Record<string, unknown>;
    expect(JSON.stringify(made)).toBe(text.replace("1.5e3", "1500"));
    expect(made["b"]).toBe(0.1);
    expect(parseJson('{"x":0.30000000000000004}')).toEqual({ x: 0.30000000000000004 });
  });
  test("doubles are plain numbers, whatever they are", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) =>
        Object.is(exactNumber(JSON.stringify(x)), x === 0 ? 0 : x),
      ),
    );
  });
  test.each([
    "",
    " 5",
    "5 ",
    "0x10",
    "1,5",
    "1_000",
    "Infinity",
    "NaN",
    "1e",
    "--1",
    "five",
    "\u0665",
  ])("%j is no number", (s) => expect(decimal(s)).toBeUndefined());
  test.each([
    ["0", 0],
    ["-1.50", -1.5],
    ["+7", 7],
    [".5", 0.5],
    ["5.", 5],
    ["007", 7],
    ["1e3", 1000],
  ])("%s is %d", (s, n) => expect(decimal(s)).toBe(n));
});

describe("Parquet", () => {
  const bytesOf = (
    elements: SchemaElement[],
    columns: Record<string, unknown[]>,
    codec: CompressionCodec = "UNCOMPRESSED",
    compressors = {},
  ) => {
    const writer = new ByteWriter();
    // stored as given: what the values mean is said in the footer only
    const written: SchemaElement[] = elements.map(
      ({ name, type, type_length, repetition_type }) => ({
        name,
        ...(type ? { type } : {}),
        ...(type_length ? { type_length } : {}),
        ...(repetition_type ? { repetition_type } : {}),
      }),
    );
    const file = new ParquetWriter({
      writer,
      schema: [{ name: "root", num_children: elements.length }, ...written],
      codec,
      compressors,
      statistics: false,
    });
    const columnData = elements.map(({ name }): ColumnSource => ({
      name,
      data: columns[name]!,
      encoding: "PLAIN",
    }));
    void file.write({ columnData, rowGroupSize: 2 });
    for (const [i, e] of elements.entries()) Object.assign(written[i]!, e);
    void file.finish();
    return Buffer.from(writer.getBytes());
  };
  const column = (e: Omit<SchemaElement, "name">, data: unknown[]) =>
    bytesOf([{ name: "x", repetition_type: "OPTIONAL", ...e }], { x: data });
  const texts = async (bytes: Buffer) => (await read("p.parquet", bytes)).map((r) => r.text);

  const kinds = [
    [
      "decimal of int32",
      { type: "INT32", converted_type: "DECIMAL", scale: 2, precision: 9 },
      [123, -5],
      ['{"x":1.23}', '{"x":-0.05}'],
    ],
    [
      "decimal of int64",
      { type: "INT64", converted_type: "DECIMAL", scale: 4, precision: 18 },
      [123456789012345678n],
      ['{"x":12345678901234.5678}'],
    ],
    [
      "decimal of bytes",
      {
        type: "FIXED_LEN_BYTE_ARRAY",
        type_length: 16,
        converted_type: "DECIMAL",
        scale: 3,
        precision: 38,
      },
      [
        Buffer.from("ffffffffffffffffffffffffffffffff", "hex"),
        Buffer.from("00000000000000056bc75e2d63100001", "hex"),
      ],
      ['{"x":-0.001}', '{"x":100000000000000000.001}'],
    ],
    [
      "unsigned 64",
      { type: "INT64", converted_type: "UINT_64" },
      [-1n, 7n],
      ['{"x":18446744073709551615}', '{"x":7}'],
    ],
    [
      "unsigned 32",
      { type: "INT32", converted_type: "UINT_32" },
      [-1, 7],
      ['{"x":4294967295}', '{"x":7}'],
    ],
    [
      "large integers",
      { type: "INT64" },
      [9007199254740993n, null],
      ['{"x":9007199254740993}', '{"x":null}'],
    ],
    [
      "dates",
      { type: "INT32", converted_type: "DATE" },
      [0, -1, 20_000],
      ['{"x":"1970-01-01"}', '{"x":"1969-12-31"}', '{"x":"2024-10-04"}'],
    ],
    [
      "time of day",
      { type: "INT64", logical_type: { type: "TIME", isAdjustedToUTC: false, unit: "NANOS" } },
      [49_500_123_456_789n],
      ['{"x":"13:45:00.123456789"}'],
    ],
    [
      "time of day, ms",
      { type: "INT32", converted_type: "TIME_MILLIS" },
      [49_500_123],
      ['{"x":"13:45:00.123"}'],
    ],
    [
      "nanoseconds",
      { type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "NANOS" } },
      [1_700_000_000_123_456_789n, -1n],
      ['{"x":"2023-11-14T22:13:20.123456789Z"}', '{"x":"1969-12-31T23:59:59.999999999Z"}'],
    ],
    [
      "local time has no zone",
      {
        type: "INT64",
        logical_type: { type: "TIMESTAMP", isAdjustedToUTC: false, unit: "MICROS" },
      },
      [0n],
      ['{"x":"1970-01-01T00:00:00.000000"}'],
    ],
    [
      "milliseconds",
      { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
      [1n],
      ['{"x":"1970-01-01T00:00:00.001Z"}'],
    ],
    [
      "UUID",
      { type: "FIXED_LEN_BYTE_ARRAY", type_length: 16, logical_type: { type: "UUID" } },
      [Buffer.from("00112233445566778899aabbccddeeff", "hex")],
      ['{"x":"00112233-4455-6677-8899-aabbccddeeff"}'],
    ],
    [
      "half floats",
      { type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" } },
      [Buffer.from([0, 0x3e]), Buffer.from([1, 0])],
      ['{"x":1.5}', '{"x":5.960464477539063e-8}'],
    ],
    ["NaN is nothing", { type: "DOUBLE" }, [Number.NaN, 0.1], ['{"x":null}', '{"x":0.1}']],
    [
      "texts without a mark",
      { type: "BYTE_ARRAY" },
      [Buffer.from("\u00e9\u{1f600}")],
      ['{"x":"\u00e9\u{1f600}"}'],
    ],
    [
      "text of JSON stays text",
      { type: "BYTE_ARRAY", converted_type: "UTF8" },
      [Buffer.from('{"a":1}')],
      ['{"x":"{\\"a\\":1}"}'],
    ],
  ] as [string, Omit<SchemaElement, "name">, unknown[], string[]][];
  test("values keep what they say, kind by kind", async () => {
    const deep = Math.max(...kinds.map(([, , data]) => data.length));
    const bytes = bytesOf(
      kinds.map(([name, e]) => ({ name, repetition_type: "OPTIONAL", ...e })),
      Object.fromEntries(
        kinds.map(([name, , data]) => [
          name,
          [...data, ...Array<null>(deep - data.length).fill(null)],
        ]),
      ),
    );
    const rows = await read("kinds.parquet", bytes);
    for (const [name, , , wanted] of kinds)
      for (const [i, text] of wanted.entries()) {
        const x = (rows[i]!.row as Record<string, unknown>)[name];
        expect([name, JSON.stringify({ x })]).toEqual([name, text]);
      }
  });

  test.each([
    [
      "bytes that are no text",
      { type: "BYTE_ARRAY", converted_type: "UTF8" },
      [Buffer.from("ok"), Buffer.from([0xe9])],
      /^line 2: the column x: it holds bytes that are no UTF-8 text/,
    ],
    [
      "bytes",
      { type: "FIXED_LEN_BYTE_ARRAY", type_length: 2 },
      [Buffer.from("ab")],
      /^line 1: the column x: it holds bytes, which is not read/,
    ],
    [
      "an infinite number",
      { type: "DOUBLE" },
      [Infinity],
      /^line 1: the column x: Infinity is no number/,
    ],
    [
      "a year beyond all calendars",
      { type: "INT64", converted_type: "TIMESTAMP_MICROS" },
      [9_000_000_000_000_000_000n],
      /no year from 0 to 9999/,
    ],
  ] as [string, Omit<SchemaElement, "name">, unknown[], RegExp][])(
    "%s is refused with its row",
    async (_, e, data, message) => expect(texts(column(e, data))).rejects.toThrow(message),
  );

  const text: SchemaElement[] = [
    { name: "x", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  ];
  const long = { x: ["a".repeat(500), "b", "c", "d", "e"] };
  test("gzip and brotli; damage, cuts and lies are told as such", async () => {
    const rows = long.x.map((x) => ({ x }));
    const gz = bytesOf(text, long, "GZIP", { GZIP: (b: Uint8Array) => gzipSync(b) });
    expect(await rowsOf("p.parquet", gz)).toEqual(rows);
    const br = bytesOf(text, long, "BROTLI", { BROTLI: (b: Uint8Array) => brotliCompressSync(b) });
    expect(await rowsOf("p.parquet", br)).toEqual(rows);
    const broken = Buffer.from(gz);
    broken.fill(0xff, 20, 60);
    for (const bytes of [
      broken,
      gz.subarray(0, -9),
      gz.subarray(30),
      Buffer.from("PAR1"),
      Buffer.from("PAR1aaaaaaaaPAR1"),
      Buffer.alloc(0),
    ])
      await expect(texts(bytes)).rejects.toThrow(
        /^p\.parquet: .*(damaged|no whole Parquet file|empty|outside of it).*Make the file again/,
      );
    const lzo = bytesOf(text, long, "LZO", { LZO: (b: Uint8Array) => b });
    await expect(texts(lzo)).rejects.toThrow(
      "compressed by LZO, which is not read. Write it with zstd",
    );
  }, 60_000);
  test("no rows at all", async () => expect(await texts(bytesOf(text, { x: [] }))).toEqual([]));
});

test("LZ4 blocks: the example of its specification, overlaps, damage", () => {
  // literals "ab", then 8 more by going back 2, then literals "hello"
  const block = Uint8Array.from([0x24, 97, 98, 2, 0, 0x50, ...Buffer.from("hello")]);
  expect(Buffer.from(lz4Block(block, 15)).toString()).toBe("ababababab" + "hello");
  for (const [bytes, n] of [
    [block, 14],
    [block, 16],
    [block.subarray(0, 7), 15],
    [[0x24, 97, 98, 9, 0, 0], 10],
    [[0xf0, 255, 255, 255], 1e6],
  ] as [Uint8Array | number[], number][])
    expect(() => lz4Block(Uint8Array.from(bytes), n)).toThrow(/LZ4 block/);
});
