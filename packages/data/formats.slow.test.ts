/** Foreign formats out of our comparisons and into them, and a real set of judgments by a mapping file. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { datasetRows } from "@tiller/lab";
import { judgmentsOf } from "@tiller/work";
import { openStore, type Store } from "@tiller/store";
import { ExperimentId, ExportRequest, LabelledPair } from "@tiller/schema";
import { exportAnswers, importAnswers } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-formats-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
}, 120_000);
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});
const file = (name: string, content: string | Buffer): string => {
  const at = path.join(home, name);
  writeFileSync(at, content);
  return at;
};
const load = (name: string, rows: readonly object[] | string, format: string, experiment: string) =>
  importAnswers(store, {
    file: file(
      name,
      typeof rows === "string" ? rows : rows.map((r) => JSON.stringify(r)).join("\n"),
    ),
    format,
    experiment,
    dry: false,
    now: new Date("2026-01-01T00:00:00Z"),
  });
const exported = async (request: Partial<ExportRequest>) => {
  const out = await exportAnswers(store, ExportRequest.parse(request));
  const bytes = await buffer(out.stream);
  return { bytes, counts: out.counts() };
};
const rowsOf = async (request: Partial<ExportRequest>) =>
  (await exported(request)).bytes
    .toString("utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);

const sffRow = {
  info: { id: "t3_1", post: 'A "post", with a comma', title: "T", subreddit: "r/x" },
  summaries: [
    { text: "one", policy: "sup1", note: null },
    { text: "two", policy: "ref", note: "too long" },
  ],
  choice: 1,
  worker: "w1",
  batch: "b7",
  split: "valid1",
  extra: { confidence: 8 },
};

test("summarize-from-feedback comes in and goes out the same", async () => {
  const tie = { ...sffRow, worker: "w2", choice: 0, extra: {}, split: "train" };
  const report = await load("sff.jsonl", [sffRow, tie], "sff", "sff");
  expect(report).toMatchObject({ answers: 2, people: 2, types: ["comparison@imported"] });
  expect(report.dataset).toMatch(/^[0-9a-f]{64}$/);
  const rows = await rowsOf({ experiment: "sff", format: "sff" });
  expect(rows[0]).toEqual(sffRow);
  expect(rows[1]).toMatchObject({ choice: 0, split: "train", extra: { confidence: null } });
  // the same file another day changes nothing
  expect(
    await importAnswers(store, {
      file: file("sff.jsonl", [sffRow, tie].map((r) => JSON.stringify(r)).join("\n")),
      format: "sff",
      experiment: "sff",
      dry: false,
      now: new Date("2026-02-02T00:00:00Z"),
    }),
  ).toMatchObject({ answers: 0, known: 2 });
  // what we wrote, we read
  expect(await load("again.jsonl", rows as object[], "sff", "sff-again")).toMatchObject({
    answers: 2,
  });
});

test("ratings on axes come in", async () => {
  const { summaries, choice: _, ...rest } = sffRow;
  const summary = { ...summaries[0], axes: { overall: 6, accuracy: 7, coverage: 3, coherence: 7 } };
  expect(await load("axes.jsonl", [{ ...rest, summary }], "sff-axes", "axes")).toMatchObject({
    answers: 1,
    types: ["summary-axes@imported"],
    dataset: null,
  });
  expect(await rowsOf({ experiment: "axes" })).toMatchObject([
    { value: { overall: 6, coverage: 3 }, input: { summary: { text: "one", sample: "sup1" } } },
  ]);
});

const said = (role: string, content: string) => [{ role, content }];
const trl = { prompt: "The sky is", chosen: " blue.", rejected: " green." };
test.each([
  ["explicit", trl],
  ["implicit", { chosen: "The sky is blue.", rejected: "The sky is green." }],
  [
    "conversational",
    {
      prompt: said("user", trl.prompt),
      chosen: said("assistant", trl.chosen),
      rejected: said("assistant", trl.rejected),
    },
  ],
  [
    "conversational, implicit",
    {
      chosen: [...said("user", trl.prompt), ...said("assistant", trl.chosen)],
      rejected: [...said("user", trl.prompt), ...said("assistant", trl.rejected)],
    },
  ],
])("TRL, %s, comes in and goes out in every variant", async (name, row) => {
  const experiment = `trl ${name}`;
  await load("trl.jsonl", [row], "trl", experiment);
  expect(await rowsOf({ experiment, format: "trl" })).toEqual([trl]);
  expect(await rowsOf({ experiment, format: "trl-implicit" })).toEqual([
    { chosen: "The sky is blue.", rejected: "The sky is green." },
  ]);
  const messages = {
    prompt: said("user", trl.prompt),
    chosen: said("assistant", trl.chosen),
    rejected: said("assistant", trl.rejected),
  };
  expect(await rowsOf({ experiment, format: "trl-conversational" })).toEqual([messages]);
  const { bytes } = await exported({ experiment, format: "trl-conversational", as: "parquet" });
  const read = await parquetReadObjects({
    file: await asyncBufferFromFile(file("m.parquet", bytes)),
    compressors: { ZSTD: (input) => zstdDecompressSync(input) },
  });
  expect(read).toEqual([messages]); // lists of structs, as `datasets` reads them
});

test("the chosen text is on either side", async () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    ...trl,
    chosen: ` ${(i * 7919) % 97}`,
    rejected: ` ${i + 200}`,
  }));
  await load("sides.jsonl", rows, "trl", "sides");
  const judgments = await judgmentsOf(store.db, { experiment: ExperimentId.parse("sides") });
  const a = judgments.filter((j) => j.choice === "a").length;
  expect(a).toBeGreaterThan(2);
  expect(a).toBeLessThan(38);
});

test("ties have no place in a preference row: they are left out, and counted", async () => {
  const csv = "id,text one,text two,who,says\n1,x,y,ann,left\n2,x,z,ann,same\n2,x,z,bob,right\n";
  const mapping = file(
    "m.json",
    JSON.stringify({
      columns: {
        task: "id",
        rater: "who",
        "input.passage": { always: "" },
        "input.a.text": "text one",
        "input.b.text": "text two",
        "value.choice": { from: "says", map: { left: "a", right: "b", same: "tie" } },
      },
    }),
  );
  const report = await load("m.csv", csv, mapping, "mapped");
  expect(report).toMatchObject({ answers: 3, tasks: 2, people: 2 });
  const out = await exported({ experiment: "mapped", format: "trl" });
  expect(out.counts).toEqual({ rows: 2, leftOut: 1 });
  const rows = await datasetRows(store.db, store.home, report.dataset!);
  const pairs = rows.map((row) => LabelledPair.parse(row));
  expect(pairs.map((p) => [p.a, p.b, p.pB])).toEqual([
    ["x", "y", 0],
    ["x", "z", 0.75],
  ]);
  await expect(load("m.csv", csv.replace("same", "both"), mapping, "mapped2")).rejects.toThrow(
    /m\.csv: line 3: says: the mapping does not say what "both" becomes; it has left, right, same\. Correct/,
  );
});

test("imported pairs carry the posterior: who mostly disagrees counts for little", async () => {
  const said = (i: number) => [
    ["ann", i % 2 ? "left" : "right"],
    ["bob", i % 2 ? "left" : "right"],
    ["cy", i % 3 ? "right" : "left"],
  ];
  const lines = Array.from({ length: 30 }, (_, i) =>
    said(i).map(([who, side]) => `${i},x${i},y${i},${who},${side}`),
  );
  const csv = ["id,text one,text two,who,says", ...lines.flat()].join("\n");
  const report = await load("raters.csv", csv, path.join(home, "m.json"), "raters");
  const rows = await datasetRows(store.db, store.home, report.dataset!);
  const pairs = rows.map((row) => LabelledPair.parse(row));
  const odd = pairs.filter((_, i) => i % 2 && i % 3); // ann and bob the first, cy the second: a share of 1/3
  expect(odd).toHaveLength(10);
  for (const { pB, weight } of odd) {
    expect(pB).toBeLessThan(0.1);
    expect(weight).toBe(1);
  }
});

const shared = path.join(import.meta.dirname, "../../../shared/data/convincing-arguments");
const real = existsSync(shared) ? shared : undefined;
test.skipIf(!real)(
  "real judgments by a mapping: agreement without ties, seconds of a set",
  async () => {
    const mapping = path.join(home, "convincing.json");
    copyFileSync(
      path.join(import.meta.dirname, "../../docs/mappings/convincing-arguments.json"),
      mapping,
    );
    copyFileSync(path.join(real!, "arguments.jsonl.gz"), path.join(home, "arguments.jsonl.gz"));
    // another connection that analyses sees none of the rows: what is planned then by its figures took five minutes
    const other = setInterval(
      () => void store.pool.query("analyze person, task, lease, answer"),
      500,
    );
    onTestFinished(() => clearInterval(other));
    const report = await importAnswers(store, {
      file: path.join(real!, "judgments.jsonl.gz"),
      format: mapping,
      experiment: "convincing",
      dry: false,
      now: new Date(),
    });
    clearInterval(other);
    expect(report).toMatchObject({
      rows: 41_750,
      answers: 41_750,
      tasks: 8369,
      people: 2440,
      batches: 16,
    });
    const judgments = await judgmentsOf(store.db, { experiment: ExperimentId.parse("convincing") });
    let [same, all] = [0, 0];
    for (const js of Map.groupBy(
      judgments.filter((j) => j.choice !== "tie"),
      (j) => j.task,
    ).values())
      for (const [i, x] of js.entries())
        for (const y of js.slice(0, i)) {
          all++;
          if (x.choice === y.choice) same++;
        }
    expect(same / all).toBeCloseTo(0.731, 3);
    // one set of three pairs a person and time; 180 s on this half of the topics (166 s on all)
    const sets = new Map(judgments.map((j) => [`${j.person} ${j.at}`, j.activeSeconds * 3]));
    const seconds = [...sets.values()].toSorted((x, y) => x - y);
    expect(seconds[Math.floor(seconds.length / 2)]).toBeCloseTo(180, 0);
  },
  300_000,
);
