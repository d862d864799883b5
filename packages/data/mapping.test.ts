/** What a mapping makes of rows, and what it refuses: nothing is guessed. No database. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readMapping } from "./mapping.ts";
import { kindOfFile, readRows } from "./read.ts";

const folder = mkdtempSync(path.join(tmpdir(), "tiller-mapping-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let nth = 0;
const file = (name: string, content: string) => {
  const at = path.join(folder, name);
  writeFileSync(at, content);
  return at;
};
const mapping = (columns: object, more: object = {}) =>
  readMapping(file(`${nth++}.json`, JSON.stringify({ columns, ...more })));
const mapped = async (
  columns: object,
  content: string,
  o: { name?: string; more?: object } = {},
) => {
  const { rowsOf } = await mapping(columns, o.more);
  const name = o.name ?? "rows.jsonl";
  const made: unknown[] = [];
  for await (const s of readRows(file(name, content), { kind: kindOfFile(name) }))
    made.push(...rowsOf(s));
  return made as Record<string, unknown>[];
};
const pair = {
  "input.passage": { always: "" },
  "input.a.text": { always: "x" },
  "input.b.text": { always: "y" },
  "value.choice": { always: "a" },
};
const one = async (columns: object, row: object | string) =>
  (await mapped({ ...pair, ...columns }, typeof row === "string" ? row : JSON.stringify(row)))[0]!;
const csv = async (columns: object, content: string) =>
  (await mapped({ ...pair, ...columns }, content, { name: "rows.csv" }))[0]!;
test.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
  "a column %s is one that the row has, and fills a field of its own or is refused",
  async (name) => {
    expect(
      (await one({ "input.note": { from: name } }, `{"${name}": "x"}`))["input"],
    ).toMatchObject({ note: "x" });
    await expect(one({ "input.note": { from: name } }, `{"n": 1}`)).rejects.toThrow(
      `there is no column ${name}`,
    );
    const filled = one({ [`input.${name}.text`]: { from: "n" } }, `{"n": "x"}`);
    if (/^(__proto__|constructor)$/.test(name)) await expect(filled).rejects.toThrow(/fills input/);
    else expect((await filled)["input"]).toMatchObject({ [name]: { text: "x" } });
    expect(Object.keys(Object.prototype)).toEqual([]);
  },
);

const view = (...ask: object[]) => ({
  type: {
    name: "k",
    version: "1",
    title: "K",
    view: { show: [{ kind: "text", from: "text" }], ask },
  },
});
const rating = { kind: "rating", name: "help", label: "H", points: 5, low: "l", high: "h" };

describe("ids", () => {
  test.each([
    ["11", '{"w":11}'],
    ["9007199254740993", '{"w":9007199254740993}'],
    ["ann", '{"w":"ann"}'],
    ["0", '{"w":0}'],
  ])("%s keeps its digits", async (id, row) =>
    expect(await one({ rater: "w", batch: "w", task: "w" }, row)).toMatchObject({
      rater: id,
      batch: id,
      task: id,
    }),
  );
  test.each([
    ['{"w":null}', /w|rater: null is neither text nor a whole number/],
    ['{"w":""}', /rater is empty/],
    ['{"w":"  "}', /rater is empty/],
    ['{"w":1.5}', /rater: 1\.5 is neither/],
    ['{"w":true}', /rater: true is neither/],
    ['{"w":{"id":1}}', /rater: \{"id":1\} is neither/],
    [JSON.stringify({ w: "x".repeat(200) }), /rater has 200 characters; at most 150/],
    ['{"v":1}', /there is no column w; there are v/],
  ])("%s is refused", async (row, message) =>
    expect(one({ rater: "w" }, row)).rejects.toThrow(message),
  );
});

test("look-ups and joins tell large numbers apart; a look-up that is not one is refused", async () => {
  file(
    "texts.jsonl",
    '{"id":9007199254740992,"text":"even"}\n{"id":9007199254740993,"text":"odd"}\n',
  );
  const look = { from: "l", in: { file: "texts.jsonl", key: "id", take: "text" } };
  expect(
    await one({ task: { join: ["l"] }, "input.a.text": look }, '{"l":9007199254740993}'),
  ).toMatchObject({
    task: "9007199254740993",
    input: { a: { text: "odd" } },
  });
  file("twice.jsonl", '{"id":1,"text":"x"}\n{"id":"1","text":"y"}\n');
  await expect(
    mapping({ ...pair, "input.a.text": { ...look, in: { ...look.in, file: "twice.jsonl" } } }),
  ).rejects.toThrow('twice.jsonl, line 2: a second row has the id "1", and another text');
  await expect(
    mapping({ ...pair, "input.a.text": { ...look, in: { ...look.in, take: "txt" } } }),
  ).rejects.toThrow("texts.jsonl, line 1: there is no column txt; there are id, text");
});

describe("numbers and truth values", () => {
  test("cells of CSV become what the column is", async () => {
    const columns = { weight: "w", activeSeconds: "s", idleSeconds: "s", swap: "t" };
    expect(await csv(columns, "w,s,t\n0.5,1e2,true\n")).toMatchObject({
      weight: 0.5,
      activeSeconds: 100,
      idleSeconds: 100,
      swap: true,
    });
  });
  test.each(["", " 5", "0x10", "1,5", "Infinity", "many"])(
    "the cell %j is no weight",
    async (cell) =>
      expect(csv({ weight: "w" }, `w,v\n"${cell}",1\n`)).rejects.toThrow(
        /w|weight: .* is no number/,
      ),
  );
  test.each(["TRUE", "1", "yes", ""])("the cell %j is no truth value", async (cell) =>
    expect(csv({ swap: "w" }, `w,v\n"${cell}",1\n`)).rejects.toThrow(
      /swap: .* neither true nor false/,
    ),
  );
  test("in JSON a text is no number unless it is declared", async () => {
    await expect(one({ weight: "w" }, { w: "0.5" })).rejects.toThrow(
      'weight: "0.5" is no number. Say {"from": ..., "as": "number"}',
    );
    expect(await one({ weight: { from: "w", as: "number" } }, { w: "0.5" })).toMatchObject({
      weight: 0.5,
    });
    expect(await one({ "input.n": { from: "w", as: "json" } }, { w: "[1,2]" })).toMatchObject({
      input: { n: [1, 2] },
    });
    expect(
      await one({ "input.a.text": { from: "w", as: "text" } }, '{"w":12345678901234567890}'),
    ).toMatchObject({
      input: { a: { text: "12345678901234567890" } },
    });
  });
});

test("dots: a column of that name first, then objects and lists", async () => {
  expect(await one({ rater: "w.id" }, { "w.id": "flat", w: { id: "deep" } })).toMatchObject({
    rater: "flat",
  });
  expect(await one({ rater: "w.id" }, { w: { id: "deep" } })).toMatchObject({ rater: "deep" });
  expect(await one({ rater: "a.b.1" }, { "a.b": ["x", "y"] })).toMatchObject({ rater: "y" });
  for (const column of ["constructor", "__proto__", "toString", "w.length", "w.constructor.name"])
    await expect(one({ rater: column }, { w: "text" })).rejects.toThrow(
      `there is no column ${column}`,
    );
});

describe("answers are checked by the kind's own questions", () => {
  test.each([
    [{ pick: "left" }, /choice: Invalid option/],
    [{ pick: 1 }, /choice: Invalid option/],
    [{ pick: { a: 1 } }, /choice: Invalid option/],
    [{ pick: null }, /value\.choice is empty/],
  ])("a comparison: %j", async (row, message) =>
    expect(one({ "value.choice": "pick" }, row)).rejects.toThrow(message),
  );
  test("a map has its own entries only", async () => {
    const rule = { from: "pick", map: { "1": "a", "2": "b", true: "tie" } };
    for (const pick of ["constructor", "__proto__", "toString"])
      await expect(one({ "value.choice": rule }, { pick })).rejects.toThrow(
        `the mapping does not say what "${pick}" becomes; it has 1, 2, true`,
      );
    expect(await one({ "value.choice": rule }, { pick: true })).toMatchObject({
      value: { choice: "tie" },
    });
  });
  test("texts that are no texts", async () => {
    await expect(one({ "input.a.text": "n" }, { n: 1 })).rejects.toThrow(
      /input\.a\.text: 1 is no text/,
    );
    const [whole, inner] = [{ ...pair, "input.a": "n" } as Record<string, unknown>, { n: ["x"] }];
    delete whole["input.a.text"];
    await expect(mapped(whole, JSON.stringify(inner))).rejects.toThrow(
      /input\.a\.text: undefined is no text/,
    );
  });
  test.each([
    [rating, "help", { v: 6 }, /at most|Too big/i],
    [rating, "help", { v: "5" }, /expected number/],
    [rating, "help", { v: 2.5 }, /int/],
    [
      {
        kind: "choice",
        name: "mood",
        label: "M",
        options: [
          { value: "glad", label: "G" },
          { value: "sad", label: "S" },
        ],
      },
      "mood",
      { v: { glad: "true" } },
      /M/,
    ],
    [
      {
        kind: "choice",
        name: "mood",
        label: "M",
        options: [
          { value: "glad", label: "G" },
          { value: "sad", label: "S" },
        ],
      },
      "mood",
      { v: "Glad" },
      /M/,
    ],
    [{ kind: "ranking", name: "order", label: "O", items: "list" }, "order", { v: [0, 0] }, /O/],
  ])("a kind of its own: %j", async (field, name, row, message) =>
    expect(
      mapped(
        {
          "input.text": { always: "t" },
          "input.list": { always: ["x", "y"] },
          [`value.${name}`]: "v",
        },
        JSON.stringify(row),
        { more: view(field) },
      ),
    ).rejects.toThrow(message),
  );
  test("cells of CSV become what the question takes", async () => {
    const columns = { "input.text": "t", "value.help": "h", "value.note": "n" };
    const more = view(rating, { kind: "text", name: "note", label: "N", optional: true });
    expect(await mapped(columns, "t,h,n\nx,4,\ny,5,fine\n", { name: "r.csv", more })).toMatchObject(
      [{ value: { help: 4 } }, { value: { help: 5, note: "fine" } }],
    );
    await expect(mapped(columns, "t,h,n\nx,,\n", { name: "r.csv", more })).rejects.toThrow(
      "value.help is empty",
    );
  });
});

test.each([
  [
    { ...pair, "value.choise": "x" },
    view(rating),
    /fills value\.choice, which the view does not ask; it asks help/,
  ],
  [
    { "input.text": "t", "value.note": "n" },
    view(rating, { kind: "text", name: "note", label: "N" }),
    /does not fill value\.help/,
  ],
  [{ "value.help": "h" }, view(rating), /does not fill input\.text, which the view shows/],
  [{ "input.passage": "p", "value.choice": "c" }, {}, /does not fill input\.a\.text/],
  [{ ...pair, "input.a": "x" }, {}, /fills input\.a and a part of it/],
  [{ ...pair, "value.__proto__.x": "x" }, {}, /fills value\.__proto__\.x/],
  [{ ...pair, worker: "w" }, {}, /fills worker; there are task, batch, rater/],
  [pair, { type: { name: "k", version: "1", title: "K", view: { ask: [] } } }, /is no mapping/],
])("a mapping that cannot be is refused: %#", async (columns, more, message) =>
  expect(mapping(columns, more)).rejects.toThrow(message),
);

describe("times", () => {
  const at = (given: unknown, rule: object = {}) =>
    one({ at: { time: "t", ...rule } }, { t: given });
  test.each([
    ["2016-01-31 16:53:19.0 UTC", {}, "2016-01-31T16:53:19.000000Z"],
    ["2026-02-28T23:59:59.1234567+05:45", {}, "2026-02-28T18:14:59.123456Z"],
    ["2026-06-01 12:00", { zone: "America/New_York" }, "2026-06-01T16:00:00.000000Z"],
    ["2026-01-01", { zone: "Asia/Kathmandu" }, "2025-12-31T18:15:00.000000Z"],
    ["0099-03-01T00:00:00Z", {}, "0099-03-01T00:00:00.000000Z"],
    [1_700_000_000, { unit: "s" }, "2023-11-14T22:13:20.000000Z"],
    [1_700_000_000_123, { unit: "ms" }, "2023-11-14T22:13:20.123000Z"],
    ["1700000000.5", { unit: "s" }, "2023-11-14T22:13:20.500000Z"],
    [-0.5, { unit: "s" }, "1969-12-31T23:59:59.500000Z"],
  ])("%s with %j", async (given, rule, utc) =>
    expect(await at(given, rule)).toMatchObject({ at: utc }),
  );
  test.each([
    ["2026-01-01T00:00:00", {}, /does not say its zone/],
    ["2026-02-30T00:00:00Z", {}, /there is no such day/],
    ["2025-02-29T00:00:00Z", {}, /there is no such day/],
    ["2026-13-01T00:00:00Z", {}, /there is no such day/],
    ["2026-01-01T24:00:00Z", {}, /there is no such time of day/],
    ["2026-01-01T23:59:60Z", {}, /there is no such time of day/],
    ["+100000-01-01T00:00:00Z", {}, /is no time/],
    ["01/02/2026", {}, /is no time/],
    ["yesterday", {}, /is no time/],
    [1_700_000_000, {}, /Say what it counts/],
    [1_700_000_000_123, { unit: "s" }, /after the year 2100.*Is the unit another/],
    [null, {}, /null is no time/],
    ["2026-03-08T02:30:00", { zone: "America/New_York" }, /never show this/],
    ["2026-11-01T01:30:00", { zone: "America/New_York" }, /show this twice/],
    ["2026-01-01T00:00:00", { zone: "Mars/Base" }, /there is no time zone "Mars\/Base"/],
  ])("%s with %j is refused", async (given, rule, message) =>
    expect(at(given, rule)).rejects.toThrow(message),
  );
  test("the machine's zone changes nothing", async () => {
    const before = process.env["TZ"];
    try {
      for (const zone of ["Asia/Kathmandu", "America/New_York", "UTC"]) {
        process.env["TZ"] = zone;
        expect(await at("2026-06-01T12:00:00+02:00")).toMatchObject({
          at: "2026-06-01T10:00:00.000000Z",
        });
        await expect(at("2026-06-01T12:00:00")).rejects.toThrow("does not say its zone");
      }
    } finally {
      if (before === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before;
    }
  });
  test("durations do not run backwards", async () => {
    const rule = { activeSeconds: { seconds: ["f", "t"], divide: 2 } };
    const row = (f: string, t: string) => ({
      f: `2026-01-01T00:00:${f}Z`,
      t: `2026-01-01T00:00:${t}Z`,
    });
    expect(await one(rule, row("01", "04"))).toMatchObject({ activeSeconds: 1.5 });
    await expect(one(rule, row("04", "01"))).rejects.toThrow("t is before f: -1.5 seconds");
  });
});

test("an answer for each item of lists and objects; texts by how they begin", async () => {
  const each = [{ in: "votes", as: "vote" }];
  const columns = { ...pair, rater: "vote.item.by", "value.choice": "vote.item.choice" };
  const row = JSON.stringify({
    votes: [
      { by: "p1", choice: "a" },
      { by: "p2", choice: "tie" },
    ],
  });
  expect(await mapped(columns, row, { more: { each } })).toMatchObject([
    { rater: "p1", value: { choice: "a" } },
    { rater: "p2", value: { choice: "tie" } },
  ]);
  const counts = {
    ...pair,
    rater: "c.key",
    weight: "c.item",
    "value.choice": { from: "c.key", map: { "0": "a", "1": "b" } },
  };
  expect(
    await mapped(counts, '{"counts":[3,2]}', { more: { each: [{ in: "counts", as: "c" }] } }),
  ).toMatchObject([
    { weight: 3, value: { choice: "a" } },
    { weight: 2, value: { choice: "b" } },
  ]);
  await expect(mapped(columns, '{"votes":3}', { more: { each } })).rejects.toThrow(
    "votes: 3 is neither a list nor an object",
  );
  const begins = { "value.choice": { from: "said", begins: { "Text 1": "a", "Text 2": "b" } } };
  expect(await one(begins, { said: "Text 2 - a guess" })).toMatchObject({ value: { choice: "b" } });
  await expect(one(begins, { said: "Neither" })).rejects.toThrow(
    '"Neither" begins with none of Text 1, Text 2',
  );
});
