/** Whose answers the quality commands count: columns of a file, or this home's; every output names them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { importAnswers } from "@tiller/data";
import { openStore } from "@tiller/store";
import { qualityCommand } from "./quality.ts";

const { run } = qualityCommand;
const folder = mkdtempSync(path.join(tmpdir(), "tiller-population-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());
const file = (name: string, text: string) => {
  const at = path.join(folder, name);
  writeFileSync(at, text);
  return at;
};
const said = async (...args: string[]): Promise<string> => {
  const out: string[] = [];
  vi.spyOn(console, "log").mockImplementation((x: unknown) => void out.push(String(x)));
  vi.spyOn(process.stdout, "write").mockImplementation((x) => Boolean(out.push(String(x))));
  expect(await run(args)).toBe(0);
  vi.restoreAllMocks();
  return out.join("\n");
};
const populationIn = async (...args: string[]): Promise<unknown> =>
  (JSON.parse(await said(...args, "--json")) as { population: unknown }).population;

const rows = [
  ["t1", "w1", "1", "reading", "people", "1", "2026-01-01T00:00:00Z"],
  ["t1", "w2", "1", "reading", "people", "2", "2026-01-02T00:00:00Z"],
  ["t2", "w1", "2", "reading", "import:x", "2", "2026-01-03T00:00:00+01:00"],
  ["t2", "w2", "1", "writing", "people", "2", "2026-01-04T00:00:00Z"],
];
const header = "task,worker,label,project,source,version,at";
const answers = file("answers.csv", [header, ...rows.map((r) => r.join(","))].join("\n"));

test.each([
  [[], "answers.csv", 4],
  [["--project", "reading"], "answers.csv, project reading", 3],
  [["--project", "reading", "--version", "2"], "answers.csv, project reading, version 2", 2],
  [["--source", "people"], "answers.csv, source people", 3],
  [["--since", "2026-01-02T23:00:00Z"], "answers.csv, since 2026-01-02T23:00:00Z", 2],
  [["--until", "2026-01-02T00:00:00Z"], "answers.csv, until 2026-01-02T00:00:00Z", 1],
] as const)("aggregate %j: %s", async (flags, about, n) => {
  const population = { about, answers: n, elsewhere: 4 - n };
  expect(await populationIn("aggregate", answers, ...flags)).toEqual(population);
  expect(await populationIn("aggregate", answers, "--numbers", ...flags)).toEqual(population);
});
test("in words, with how many others there are", async () =>
  expect(await said("aggregate", answers, "--project", "reading")).toMatch(
    /^About answers\.csv, project reading: 3 answers; 1 others are not counted\./,
  ));
test("our own exports say it by their own names of columns", async () => {
  const own = file("own.csv", "task,worker,label,experiment,typeVersion\nt,w,a,e1,1\nt,v,b,e2,1\n");
  expect(await populationIn("aggregate", own, "--project", "e1", "--version", "1")).toMatchObject({
    answers: 1,
    elsewhere: 1,
  });
});
test("preferences and screening heed it too", async () => {
  const pairs = file(
    "pairs.csv",
    `a,b,worker,choice,project\n${Array.from({ length: 8 }, (_, i) => `x,y,w${i},a,${i < 5 ? "p" : "q"}`).join("\n")}\n`,
  );
  expect(await populationIn("preferences", pairs, "--project", "p")).toMatchObject({
    answers: 5,
    elsewhere: 3,
  });
  const truth = file("truth.csv", "task,truth\nt1,1\nt2,1\n");
  const work = [1, 2, 3, 4].flatMap((w) =>
    ["t1", "t2"].map((t) => `${t},w${w},${w % 2},p${w % 4}`),
  );
  const done = file("work.csv", `task,worker,label,project\n${work.join("\n")}\nt1,w1,1,other\n`);
  for (const [asked, n] of [
    [[], 9],
    [["--project", "other"], 1],
  ] as const) {
    const files = ["--test-truth", truth, "--answers", done, "--truth", truth];
    const told = populationIn("screening", done, ...files, ...asked);
    if (n === 9) expect(await told).toMatchObject({ answers: n, elsewhere: 0 });
    else await expect(told).rejects.toThrow(/1 people have answers to both/);
  }
});
test.each([
  [["--project", "none"], /none of the 4 answers of .* is of project none/],
  [["--since", "yesterday"], /--since/],
])("%j is refused", async (flags, why) =>
  expect(run(["aggregate", answers, ...flags])).rejects.toThrow(why),
);
test("a column that would say it and is not there is named", async () => {
  const bare = file("bare.csv", "task,worker,label,at\nt,w,a,\n");
  await expect(run(["aggregate", bare, "--project", "x"])).rejects.toThrow(
    /bare\.csv has no column project or experiment, which would say the project of an answer/,
  );
  const local = file("local.csv", "task,worker,label,at\nt,w,a,2026-01-01 00:00\n");
  await expect(run(["aggregate", local, "--since", "2026-01-01T00:00:00Z"])).rejects.toThrow(
    /at is "2026-01-01 00:00", which is no time with a zone/,
  );
});

test("answers of a home: people of an import, never mixed with others unless asked", async () => {
  const home = mkdtempSync(path.join(tmpdir(), "tiller-population-home-"));
  {
    await using store = await openStore({ home });
    for (const set of ["one", "two"])
      await importAnswers(store, {
        file: file(
          `${set}.jsonl`,
          [1, 2, 3, set === "one" ? 4 : 1]
            .map((i) => JSON.stringify({ prompt: `p${i}`, chosen: "a", rejected: `b${i}` }))
            .join("\n"),
        ),
        format: "trl",
        experiment: set,
        dry: false,
        now: new Date("2026-01-01T00:00:00Z"),
      });
  }
  const ask = ["aggregate", "--type", "comparison", "--field", "choice", "--home", home];
  expect(await populationIn(...ask, "--source", "import:one")).toEqual({
    about: "choice of comparison, import one",
    answers: 4,
    elsewhere: 4,
  });
  expect(await populationIn(...ask, "--source", "all", "--project", "two")).toMatchObject({
    answers: 4,
    elsewhere: 4,
  });
  await expect(run([...ask, "--source", "everyone"])).rejects.toThrow(/source is "people"/);
  await expect(run(["aggregate", "--type", "comparison"])).rejects.toThrow(
    /give a file, or --type and --field/,
  );
  await expect(run(["aggregate", answers, "--type", "comparison"])).rejects.toThrow(
    /Leave one of the two out/,
  );
  rmSync(home, { recursive: true, force: true });
}, 60_000);
