/**
 * Answers out and in again on the real database: the same bytes in every kind of file, whatever stands in the texts;
 * bad rows are told with their line and keep everything out; foreign formats become answers.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openStore, sql, type Store } from "@tiller/store";
import { ExportRequest, fileKinds, SchemaFile } from "@tiller/schema";
import { exportAnswers, importAnswers } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-data-"));
let one: Store;
let two: Store;
beforeAll(async () => {
  one = await openStore({ home });
  await one.db.run(sql`create database two`);
  const url = `postgres://tiller@localhost/two?host=${encodeURIComponent(String(one.config.host))}`;
  two = await openStore({ home: `${home}/two`, databaseUrl: url });
}, 120_000);
afterAll(async () => {
  await two?.close();
  await one?.close();
  rmSync(home, { recursive: true, force: true });
});

const now = new Date("2026-01-01T00:00:00Z");
const file = (name: string, content: string | Buffer): string => {
  const at = path.join(home, name);
  writeFileSync(at, content);
  return at;
};
const exported = async (store: Store, request: Partial<ExportRequest>) => {
  const out = await exportAnswers(store, ExportRequest.parse(request));
  return { bytes: await buffer(out.stream), counts: out.counts(), schema: out.schema };
};
const lines = (bytes: Buffer) =>
  bytes
    .toString("utf8")
    .split("\n")
    .filter(Boolean)
    .map((l) => JSON.parse(l) as Record<string, unknown>);

const empty = async (store: Store) => {
  for (const table of ["idle_day", "answer", "lease", "task", "batch", "task_type", "dataset"])
    await store.db.run({ text: `delete from ${table}`, values: [] });
  await store.db.run(sql`delete from experiment where recipe = 'import@1' or id like 'x%'`);
  await store.db.run(sql`delete from person where imported`);
};

// what breaks exporters: quotes, line ends of every kind, things that look like other things
const odd = fc.oneof(
  fc.constantFrom(
    '"',
    '""',
    ",",
    "\n",
    "\r\n",
    "\u2028",
    "\\",
    "\\n",
    "\\.",
    "\ufeff",
    "",
    " ",
    "null",
    "\t",
    "\u0001",
    "\u007f",
    "é",
    "漢字",
    "🦜",
    "'",
    "{}",
    "=1+1",
    "\\u0000",
  ),
  fc.string({ unit: "binary" }).map((s) => s.replaceAll("\0", "")),
);
const text = fc.array(odd, { maxLength: 6 }).map((parts) => parts.join(""));
const id = text.map((s) => `x${s}`.slice(0, 60).toWellFormed());
// JSON texts, since numbers of JavaScript could not say some of them
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom("12345678901234567890123", "1e400", "0.1000", "-0", "1E-7", "9007199254740993"),
);
const json: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    text.map((s) => JSON.stringify(s.toWellFormed())),
    number,
    fc.constantFrom("null", "true", "false", "[]", "{}"),
    fc.array(tie("value"), { maxLength: 3 }).map((v) => `[${v.join(",")}]`),
    fc
      .array(fc.tuple(text, tie("value")), { maxLength: 3 })
      .map((v) => `{${v.map(([k, x]) => `${JSON.stringify(k.toWellFormed())}:${x}`).join(",")}}`),
  ),
})).value;
const answer = fc.record({
  task: fc.nat(3),
  rater: fc.nat(2),
  value: json,
  swap: fc.boolean(),
  shown: fc.option(fc.constantFrom({ first: ["b", "a"], order: [2, 0, 1] }, { side: ["a", "b"] }), {
    nil: null,
  }),
  active: fc.double({ min: 0, max: 86400, noNaN: true }),
  weight: fc.double({ min: 0, max: 3, noNaN: true }),
  micros: fc.integer({ min: -2e9, max: 2e9 }),
  undone: fc.boolean(),
});
const world = fc.record({
  names: fc.uniqueArray(id, { minLength: 6, maxLength: 6 }),
  raters: fc.uniqueArray(id, { minLength: 3, maxLength: 3 }),
  inputs: fc.array(json, { minLength: 4, maxLength: 4 }),
  draft: fc.option(json, { nil: null }),
  instructions: text.map((s) => s.toWellFormed()),
  answers: fc.uniqueArray(answer, {
    minLength: 1,
    maxLength: 8,
    selector: (a) => `${a.task} ${a.rater}`,
  }),
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

/** Writes the world into the tables as work would have left it there. */
async function fill(store: Store, w: World): Promise<void> {
  const [experiment, batch, type, version] = w.names;
  await store.db.run(
    sql`insert into experiment (id, recipe, title, seed, config) values (${experiment}, 'r@1', 't', 1, '{}')`,
  );
  await store.db.run(
    sql`insert into task_type (name, version, instructions, view, input_schema, output_schema) values (${type}, ${version}, ${w.instructions}, '{"show": [], "ask": [{"kind": "ranking", "name": "order"}]}', '{}', '{}')`,
  );
  await store.db.run(
    sql`insert into batch (id, experiment, wanted) values (${batch}, ${experiment}, 9)`,
  );
  for (const [i, r] of w.raters.entries())
    await store.db.run(
      sql`insert into person (id, name, pseudonym, role, imported) values (${`p${i}`}, 'n', ${r}, 'rater', true)`,
    );
  for (const [i, input] of w.inputs.entries())
    await store.db.run(
      sql`insert into task (id, batch, place, type, type_version, input, draft, people) values (${`${batch}/${i}`}, ${batch}, ${i}, ${type}, ${version}, ${input}::jsonb, ${w.draft}::jsonb, 9)`,
    );
  for (const [i, a] of w.answers.entries()) {
    const at = `2026-01-01 00:00:00.${String(i).padStart(6, "0")}+00`;
    await store.db.run(
      sql`insert into lease (id, task, person, swap, shown, state, expires_at) values (${`l${i}`}, ${`${batch}/${a.task}`}, ${`p${a.rater}`}, ${a.swap}, ${a.shown && JSON.stringify(a.shown)}::jsonb, ${a.undone ? "expired" : "answered"}, now())`,
    );
    await store.db
      .run(sql`insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds, weight, at, undone_at)
      values (${`${w.names[4]}${i}`}, ${`${batch}/${a.task}`}, ${`l${i}`}, ${`p${a.rater}`}, ${a.value}::jsonb, ${a.swap}, ${a.active}, ${a.active / 3}, ${a.weight},
        ${at}::timestamptz + make_interval(secs => ${a.micros / 1e6}), ${a.undone ? at : null}::timestamptz)`);
  }
}

test("our own format: out, in and out again is the same to the byte, as JSONL, CSV and Parquet", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(world, async (w) => {
      await empty(one);
      await fill(one, w);
      for (const as of fileKinds)
        for (const withSchema of [true, false]) {
          const first = await exported(one, { as, undone: "mark" });
          expect(first.counts).toEqual({ rows: w.answers.length, leftOut: 0 });
          const types = withSchema ? SchemaFile.parse(JSON.parse(first.schema)).types : undefined;
          await empty(two);
          const request = {
            file: file(`${run++}.${as}`, first.bytes),
            format: "answers",
            types,
            now,
            dry: false,
          };
          const report = await importAnswers(two, request);
          expect(report).toMatchObject({ rows: w.answers.length, answers: w.answers.length });
          const second = await exported(two, { as, undone: "mark" });
          if (as !== "parquet" || withSchema)
            // a Parquet file has the kinds of work in its metadata
            expect(second.bytes.equals(first.bytes)).toBe(true);
          // and again: nothing is new
          expect(await importAnswers(two, request)).toMatchObject({
            answers: 0,
            known: w.answers.length,
          });
        }
    }),
    { numRuns: 6 },
  );
}, 180_000);

describe("rows that cannot be used", () => {
  const good = {
    answer: "y1",
    task: "y/t1",
    type: "k",
    typeVersion: "1",
    instructionsVersion: "",
    experiment: "y",
    batch: "y/b",
    rater: "w1",
    simulated: false,
    swap: false,
    activeSeconds: 1,
    idleSeconds: 0,
    weight: 1,
    at: "2026-01-01T00:00:00Z",
    undoneAt: null,
    input: {},
    draft: null,
    value: { x: 1 },
  };
  const row = (change: object) => JSON.stringify({ ...good, ...change });
  test.each([
    ["not JSON", [row({}), "{"], /line 2: not JSON/],
    [
      "a missing column",
      [JSON.stringify({ answer: "y1" })],
      /line 1: there is no task; there are answer/,
    ],
    ["an unknown column", [row({ more: 1 })], /line 1: Unrecognized key: "more"/],
    ["a wrong kind", [row({}), row({ answer: "y2", swap: "yes" })], /line 2: swap: Invalid input/],
    ["NUL", [row({ value: { a: ["b\0"] } })], /line 1: value\.a\.0 has a NUL character/],
    [
      "half a pair",
      [row({ value: "\ud83e" })],
      /line 1: value has half of a Unicode surrogate pair/,
    ],
    ["the same id twice", [row({}), row({ task: "y/t2" })], /line 2: answer y1 stands there twice/],
    [
      "a person twice",
      [row({}), row({ answer: "y2" })],
      /line 2: w1 on y\/t1: one person answers a task once/,
    ],
    [
      "a task in two shapes",
      [row({}), row({ answer: "y2", rater: "w2", input: { z: 1 } })],
      /line 2: task y\/t1 is two different tasks/,
    ],
  ])("%s", async (_, rows, message) => {
    await empty(two);
    const request = {
      format: "answers",
      now,
      dry: false,
      file: file("bad.jsonl", rows.join("\n")),
    };
    await expect(importAnswers(two, request)).rejects.toThrow(message);
    await expect(importAnswers(two, request)).rejects.toThrow(/othing was imported\.$/);
    expect(await two.db.value(sql`select count(*)::int from answer`, z.number())).toBe(0);
  });

  test("several at once; a text where CSV wants a number", async () => {
    const request = {
      format: "answers",
      now,
      dry: false,
      file: file("bad.jsonl", [row({ weight: "1" }), row({}), row({ at: "noon" })].join("\n")),
    };
    await expect(importAnswers(two, request)).rejects.toThrow(/line 1: weight: .*; line 3: at: /);
    const { bytes } = await exported(two, { as: "csv" });
    const cells = Object.values(good).map((v) =>
      typeof v === "object"
        ? JSON.stringify(v).replaceAll('"', "'")
        : JSON.stringify(v).replaceAll('"', ""),
    );
    const csv = file(
      "bad.csv",
      `${bytes.toString()}${cells.with(10, "soon").with(14, "").with(16, "").join(",")},\n`,
    );
    await expect(importAnswers(two, { ...request, file: csv })).rejects.toThrow(
      /line 2: activeSeconds: "soon" is no number/,
    );
  });

  test("a dry run says what it would do and keeps nothing; answers of people who work here stay apart", async () => {
    await empty(two);
    const request = { format: "answers", now, dry: true, file: file("dry.jsonl", row({})) };
    const report = { rows: 1, answers: 1, tasks: 1, people: 1, batches: 1, experiments: ["y"] };
    expect(await importAnswers(two, request)).toMatchObject({ ...report, dry: true });
    expect(await two.db.value(sql`select count(*)::int from answer`, z.number())).toBe(0);
    await two.db.run(
      sql`insert into person (id, name, pseudonym, role) values ('w1', 'W', 'w1', 'rater')`,
    );
    await expect(importAnswers(two, { ...request, dry: false })).rejects.toThrow(
      /w1 is the pseudonym of somebody who works here. Give --rater-prefix/,
    );
    await importAnswers(two, { ...request, dry: false, raterPrefix: "other-" });
    expect(lines((await exported(two, {})).bytes)).toMatchObject([{ rater: "other-w1" }]);
    await two.db.run(sql`update answer set value = '{}'`);
    await expect(importAnswers(two, { ...request, raterPrefix: "other-" })).rejects.toThrow(
      "answer y1 is here already with another value: {}",
    );
  });
});
