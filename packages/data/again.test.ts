/**
 * The same file again, also in a home that an earlier version imported it into (fixtures/imported-before.jsonl are its
 * answers): unchanged rows are counted, changed ones named. And whose apostrophes come off.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { sql } from "@tiller/store";
import { openSets, type Sets } from "./fixtures/sets.ts";

let sets: Sets;
beforeAll(async () => {
  sets = await openSets();
}, 120_000);
afterAll(async () => {
  await sets?.[Symbol.asyncDispose]();
});
const load = (...given: Parameters<Sets["load"]>) => sets.load(...given);
const count = () => sets.store.db.value(sql`select count(*)::int from answer`, z.number());

const trl = [
  { prompt: "p1", chosen: "a", rejected: "b" },
  { prompt: "p2", chosen: "c", rejected: "d", margin: 0.4, id: 7 },
];
const info = { id: "t3_x", post: "I lost my keys.", title: "Keys", subreddit: "r/t" };
const sff = [
  {
    info,
    summaries: [
      { text: "Lost keys.", policy: "sup1", note: "ok" },
      { text: "Found keys.", policy: "ref", note: null },
    ],
    choice: 1,
    worker: "wk1",
    batch: "b3.json",
    split: "valid2",
    extra: { confidence: 7 },
  },
  {
    info: { id: "t3_y", post: "Another.", title: null, subreddit: "r/t" },
    summaries: [
      { text: "A.", policy: "sup1", note: "" },
      { text: "B.", policy: "ref", note: null },
    ],
    choice: 0,
    worker: "wk1",
    batch: "b3.json",
    split: "valid2",
    extra: {},
  },
];
const axes = [
  {
    info,
    split: "test",
    summary: {
      text: "S",
      policy: "p",
      note: "n",
      axes: { overall: "5", accuracy: "7", coverage: "4", coherence: "7" },
    },
    worker: "w1",
    batch: "b.json",
    extra: {},
  },
];

describe("a home from before", () => {
  const before = readFileSync(path.join(import.meta.dirname, "fixtures/imported-before.jsonl"));
  test("the same files again are unchanged, whatever columns were kept then", async () => {
    await load(before, "answers", "");
    const n = await count();
    for (const [rows, format] of [
      [trl, "trl"],
      [sff, "sff"],
      [axes, "sff-axes"],
    ] as const) {
      const again = { answers: 0, tasks: 0, people: 0, known: rows.length };
      expect([format, await load(rows, format, `re-${format.replace("sff-", "")}`)]).toMatchObject([
        format,
        again,
      ]);
    }
    expect(await count()).toBe(n);
  });
  test("a new row of it comes in, and its further columns with it", async () => {
    const more = { ...sff[0]!, worker: "wk2", choice: 0 };
    expect(await load([...sff, more], "sff", "re-sff")).toMatchObject({
      answers: 1,
      tasks: 0,
      known: 2,
    });
    const rows = await sets.rowsOf({ experiment: "re-sff", format: "sff" });
    expect(rows.map((r) => [r["worker"], r["choice"], r["split"]])).toContainEqual([
      "wk2",
      0,
      "valid2",
    ]);
  });
  test("changed rows are named, with what stands here and what the file says", async () => {
    const changed = [sff[0]!, { ...sff[1]!, choice: 1 }];
    await expect(load(changed, "sff", "re-sff")).rejects.toThrow(
      /line 2: re-sff:wk1 on re-sff\/b3\.json\/\w+: said \{"choice":"a"\} here, and the file says \{"choice":"b",.*nothing was imported/,
    );
  });
});

describe("this version's own imports", () => {
  test("twice is once; stored weights and the order of rows do not matter; changed ones are named", async () => {
    const rows = Array.from({ length: 6 }, (_, i) => ({
      prompt: `q${i % 3}`,
      chosen: `x${i}`,
      rejected: "y",
      id: i,
    }));
    expect(await load(rows, "trl", "twice")).toMatchObject({ answers: 6, known: 0 });
    await sets.store.db.run(sql`update answer set weight = 0.5 where task like 'twice/%'`);
    expect(await load(rows.toReversed(), "trl", "twice")).toMatchObject({ answers: 0, known: 6 });
    const turned = rows.map((r, i) => (i === 4 ? { ...r, chosen: "y", rejected: "x4" } : r));
    await expect(load(turned, "trl", "twice")).rejects.toThrow(
      /line 5: twice:label on .*: said .* here/,
    );
    const own = await sets.bytesOf({ experiment: "twice" });
    await sets.store.db.run(sql`update answer set weight = 0.75 where task like 'twice/%'`);
    expect(await load(own, "answers", "")).toMatchObject({ answers: 0, known: 6 });
    const other = own.toString().replace('"activeSeconds":0', '"activeSeconds":3');
    await expect(load(other, "answers", "")).rejects.toThrow(
      /line 1: answer twice\/\w+ is here already with another activeSeconds/,
    );
  });
  test("rankings are compared in their order", async () => {
    const row = (ranks: number[]) => ({
      prompt: "r",
      answers: ranks.map((rank, i) => ({ answer: `a${i}`, rank })),
    });
    await load([row([1, 2, 3])], "ranked", "order");
    expect(await load([row([1, 2, 3])], "ranked", "order")).toMatchObject({ known: 1 });
    await expect(load([row([2, 1, 3])], "ranked", "order")).rejects.toThrow(
      'said {"order":[0,1,2]} here, and the file says {"order":[1,0,2]}',
    );
  });
});

describe("apostrophes before formulas", () => {
  const row = { prompt: "'=p", chosen: "=1+1", rejected: "'-x" };
  test("a foreign CSV keeps its own", async () => {
    for (const header of ["prompt,chosen,rejected", '"prompt","chosen","rejected"']) {
      const csv = `${header}\n'=p,=1+1,'-x\n`;
      await load(csv, "trl", "foreign", { as: "csv" });
      expect(await sets.rowsOf({ experiment: "foreign", format: "trl" })).toEqual([row]);
    }
  });
  test("ours come off, by the mark in the header", async () => {
    await load([row], "trl", "ours");
    const csv = await sets.bytesOf({ experiment: "ours", format: "trl", as: "csv" });
    expect(csv.toString()).toBe(`prompt,chosen,"rejected"\n''=p,'=1+1,''-x\n`);
    await load(csv, "trl", "ours2", { as: "csv" });
    expect(await sets.rowsOf({ experiment: "ours2", format: "trl" })).toEqual([row]);
    // exports of before had no mark: it is said
    const before = csv.toString().replaceAll('"', "");
    await load(before, "trl", "ours3", { as: "csv", guarded: true });
    expect(await sets.rowsOf({ experiment: "ours3", format: "trl" })).toEqual([row]);
    await load(csv, "trl", "ours4", { as: "csv", guarded: false });
    expect(await sets.rowsOf({ experiment: "ours4", format: "trl" })).not.toEqual([row]);
    const own = { experiment: "ours" };
    const [jsonl, table] = [await sets.bytesOf(own), await sets.bytesOf({ ...own, as: "csv" })];
    expect(await load(table, "answers", "", { as: "csv" })).toMatchObject({ answers: 0, known: 1 });
    expect(jsonl.toString()).toContain('"=1+1"');
  });
});
