/**
 * Published preference sets in their own shapes, the faults that they have, and everything that we write coming back.
 * On the real database.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { sql, type Store } from "@tiller/store";
import { fileKinds, formatNames } from "@tiller/schema";
import { assistant, openSets, type Sets, system, user } from "./fixtures/sets.ts";
import { importAnswers } from "./index.ts";

let sets: Sets;
let [home, store] = ["", undefined as unknown as Store];
beforeAll(async () => {
  sets = await openSets();
  ({ home, store } = sets);
}, 120_000);
afterAll(async () => {
  await sets?.[Symbol.asyncDispose]();
});
const load = (...given: Parameters<Sets["load"]>) => sets.load(...given);
const bytesOf = (request: object) => sets.bytesOf(request);
const rowsOf = (request: object) => sets.rowsOf(request);

describe("shapes", () => {
  test("UltraFeedback and its children: the prompt beside whole conversations", async () => {
    const row = {
      prompt: "Name a colour.",
      prompt_id: "ab12",
      chosen: [user("Name a colour."), assistant("Blue.")],
      rejected: [user("Name a colour."), assistant("Seven.")],
      score_chosen: 8.5,
    };
    await load([row], "trl", "uf");
    expect(await rowsOf({ experiment: "uf" })).toMatchObject([
      {
        input: {
          passage: "Name a colour.",
          a: { text: "Blue." },
          b: { text: "Seven." },
          source: { prompt_id: "ab12", score_chosen: 8.5 },
        },
        value: { choice: "a" },
      },
    ]);
    expect(await rowsOf({ experiment: "uf", format: "trl-conversational" })).toEqual([
      {
        prompt: [user("Name a colour.")],
        chosen: [assistant("Blue.")],
        rejected: [assistant("Seven.")],
      },
    ]);
  });

  const talk = [system("Be short."), user("Hi"), assistant("Hello"), user("Name a colour.")];
  test.each([
    ["explicit", { prompt: talk, chosen: [assistant("Blue.")], rejected: [assistant("Seven.")] }],
    [
      "implicit",
      { chosen: [...talk, assistant("Blue.")], rejected: [...talk, assistant("Seven.")] },
    ],
    [
      "prompt said again",
      {
        prompt: "Name a colour.",
        chosen: [...talk, assistant("Blue.")],
        rejected: [...talk, assistant("Seven.")],
      },
    ],
    [
      "prompt as messages said again",
      {
        prompt: talk,
        chosen: [...talk, assistant("Blue.")],
        rejected: [...talk, assistant("Seven.")],
      },
    ],
  ])("a conversation of several turns keeps its roles: %s", async (name, row) => {
    const experiment = `turns ${name}`;
    await load([row], "trl", experiment);
    const out = { prompt: talk, chosen: [assistant("Blue.")], rejected: [assistant("Seven.")] };
    for (const format of ["trl-conversational"] as const)
      expect(await rowsOf({ experiment, format })).toEqual([out]);
  });
  test("answers of several turns keep theirs; a prompt that is another one is kept beside", async () => {
    const more = {
      prompt: [user("Hi")],
      chosen: [assistant("x"), user("go on"), assistant("y")],
      rejected: [assistant("z")],
    };
    await load([more], "trl", "more-turns");
    expect(await rowsOf({ experiment: "more-turns", format: "trl-conversational" })).toEqual([
      more,
    ]);
    await load(
      [
        {
          prompt: "Other",
          chosen: [user("q"), assistant("1")],
          rejected: [user("q"), assistant("2")],
        },
      ],
      "trl",
      "other",
    );
    expect(await rowsOf({ experiment: "other" })).toMatchObject([
      { input: { passage: "q", source: { prompt: "Other" } } },
    ]);
  });

  const hh = (...turns: string[]) =>
    turns.map((t, i) => `\n\n${i % 2 ? "Assistant" : "Human"}: ${t}`).join("");
  test("HH-RLHF: transcripts with their turns", async () => {
    const row = {
      chosen: hh("Say hi", "Hi", "Again", "Hi there"),
      rejected: hh("Say hi", "Hi", "Again", "Hi"),
    };
    await load([row], "hh", "hh");
    expect(await rowsOf({ experiment: "hh", format: "trl-conversational" })).toEqual([
      {
        prompt: [user("Say hi"), assistant("Hi"), user("Again")],
        chosen: [assistant("Hi there")],
        rejected: [assistant("Hi")],
      },
    ]);
    await expect(load([{ chosen: "a", rejected: "b" }], "hh", "hh2")).rejects.toThrow(
      'line 1: chosen does not begin with "\\n\\nHuman:"',
    );
  });
  test("texts with a common beginning: cut between characters, and no answer is left empty", async () => {
    await load(
      [
        { chosen: hh("Say hi", "Hi there"), rejected: hh("Say hi", "Hi") },
        { chosen: "I feel \u{1f600}", rejected: "I feel \u{1f601}" },
        { chosen: "cafe\u0301", rejected: "cafe\u0300" },
      ],
      "trl",
      "cut",
    );
    const got = (await rowsOf({ experiment: "cut", format: "trl" })) as unknown[];
    expect(got).toEqual([
      { prompt: "\n\nHuman: Say hi\n\nAssistant:", chosen: " Hi there", rejected: " Hi" },
      { prompt: "I feel", chosen: " \u{1f600}", rejected: " \u{1f601}" },
      { prompt: "caf", chosen: "e\u0301", rejected: "e\u0300" },
    ]);
  });
  test("HelpSteer 2 and 3: strength and ties; its ratings", async () => {
    const two = {
      prompt: "p",
      response_1: "x",
      response_2: "y",
      preference_strength: -2,
      preference_statement: "s",
    };
    const three = {
      domain: "code",
      context: [user("q"), assistant("w"), user("e")],
      response1: "x",
      response2: "y",
      overall_preference: 0,
    };
    const right = { ...two, prompt: "p2", preference_strength: 3 };
    await load([two, three, right], "helpsteer", "hs");
    expect(await rowsOf({ experiment: "hs" })).toMatchObject([
      {
        value: { choice: "a", strength: -2 },
        input: { a: { text: "x" }, source: { preference_statement: "s" } },
      },
      { value: { choice: "tie", strength: 0 }, input: { messages: three.context } },
      { value: { choice: "b", strength: 3 } },
    ]);
    await expect(
      load([{ ...two, preference_strength: undefined }], "helpsteer", "hs"),
    ).rejects.toThrow(/it has no preference_strength or overall_preference/);
    const rating = {
      prompt: "p",
      response: "r",
      helpfulness: 4,
      correctness: 3,
      coherence: 4,
      complexity: 0,
      verbosity: 2,
    };
    expect(await load([rating], "helpsteer-ratings", "hsr")).toMatchObject({
      answers: 1,
      types: ["helpsteer@imported"],
    });
    await expect(load([{ ...rating, complexity: 5 }], "helpsteer-ratings", "hsr")).rejects.toThrow(
      "line 1: complexity",
    );
  });
  test("SHP, Arena and ranked lists", async () => {
    const shp = {
      post_id: "1",
      history: "h",
      human_ref_A: "x",
      human_ref_B: "y",
      labels: 0,
      score_A: 3,
    };
    await load([shp], "shp", "shp");
    expect(await rowsOf({ experiment: "shp" })).toMatchObject([
      {
        input: { passage: "h", a: { text: "x" }, b: { text: "y" }, source: { score_A: 3 } },
        value: { choice: "b" },
      },
    ]);
    const sides = {
      model_a: "m1",
      model_b: "m2",
      conversation_a: [user("q"), assistant("z")],
      conversation_b: [user("q"), assistant("y")],
    };
    const report = await load(
      [
        { ...sides, winner: "model_b", judge: "j1" },
        { ...sides, winner: "tie (bothbad)", judge: "j2" },
        { ...sides, winner: "tie", judge: 3 },
      ],
      "arena",
      "arena",
    );
    expect(report).toMatchObject({ answers: 3, tasks: 1, people: 3, dirt: [] });
    expect(await rowsOf({ experiment: "arena" })).toMatchObject([
      {
        rater: "arena:j1",
        input: { passage: "q", a: { text: "z", sample: "m1" } },
        value: { choice: "b" },
      },
      { value: { choice: "tie", bothBad: true } },
      { rater: "arena:3", value: { choice: "tie" } },
    ]);
    await expect(load([{ ...sides, winner: "left" }], "arena", "arena")).rejects.toThrow(
      "line 1: winner",
    );
    const answers = [
      { answer: "bad", rank: 3 },
      { answer: "best", rank: 1, model: "m" },
      { answer: "fair", rank: 2 },
    ];
    await load([{ prompt: hh("Q") + "\n\nAssistant: ", answers }], "ranked", "ranked");
    expect(await rowsOf({ experiment: "ranked" })).toMatchObject([
      {
        input: {
          passage: "Q",
          items: [{ text: "bad" }, { text: "best", sample: "m" }, { text: "fair" }],
        },
        value: { order: [1, 2, 0] },
      },
    ]);
  });
  test("texts that look like JSON are texts; lists in CSV are declared", async () => {
    const rows = [
      { prompt: "A cat in JSON", chosen: '{"kind": "cat"}', rejected: "cat" },
      { prompt: "Two primes", chosen: "[2, 3]", rejected: '[{"role":"user","content":"x"}]' },
    ];
    await load(rows, "trl", "json");
    expect(await rowsOf({ experiment: "json", format: "trl" })).toEqual(rows);
    const csv = (x: string, y: string) =>
      `prompt,chosen,rejected\np,"${x.replaceAll('"', '""')}","${y.replaceAll('"', '""')}"\n`;
    await load(csv("[2, 3]", '{"a":1}'), "trl", "json-csv", { as: "csv" });
    expect(await rowsOf({ experiment: "json-csv", format: "trl" })).toEqual([
      { prompt: "p", chosen: "[2, 3]", rejected: '{"a":1}' },
    ]);
    const python = csv(
      "[{'role': 'user', 'content': 'yo'}]",
      "[{'role': 'user', 'content': 'no'}]",
    );
    await expect(load(python, "trl", "py", { as: "csv" })).rejects.toThrow(
      "Say --as trl-conversational",
    );
    await expect(load(python, "trl-conversational", "py", { as: "csv" })).rejects.toThrow(
      /line 2: prompt: not JSON/,
    );
  });
});

describe("known faults", () => {
  const p = { prompt: "p", chosen: "a", rejected: "b" };
  const rows = [
    { ...p, annotator: "ann7", margin: 0.4, id: 1 },
    { ...p, annotator: "ann7", margin: 0.4, id: 2 },
    { prompt: "p", chosen: "b", rejected: "a", annotator: "ann8", id: 3 },
    { prompt: "p", chosen: "x", rejected: "x" },
    { prompt: "q", chosen: "a", rejected: "b", id: 9007199254740993n },
  ].map((r) =>
    JSON.stringify(r, (_, v: unknown) => (typeof v === "bigint" ? JSON.rawJSON(String(v)) : v)),
  );
  const text = rows.join("\n");
  const found = (e: string) =>
    store.db.many(
      {
        text: `select p.pseudonym as who, a.value->>'choice' as choice from answer a join task t on t.id = a.task join batch b on b.id = t.batch join person p on p.id = a.person where b.experiment = '${e}' order by a.at, 1`,
        values: [],
      },
      z.object({ who: z.string(), choice: z.string() }),
    );
  test("report: what can be kept is kept, as further people's, and everything is counted", async () => {
    expect(await load(text, "trl", "d1")).toMatchObject({
      rows: 5,
      answers: 4,
      tasks: 2,
      dirt: [
        { kind: "equal", found: 1, leftOut: 1, lines: [4] },
        { kind: "repeat", found: 1, leftOut: 0, lines: [2] },
        { kind: "both-ways", found: 1, leftOut: 0, lines: [3] },
      ],
    });
    expect(await found("d1")).toEqual([
      { who: "d1:label", choice: "a" },
      { who: "d1:label-2", choice: "a" },
      { who: "d1:label-3", choice: "b" },
      { who: "d1:label", choice: "a" },
    ]);
    expect(await load(text, "trl", "d1")).toMatchObject({ answers: 0, known: 4 });
    // what the rows of a pair say differently stays with each answer, what they agree on with the pair
    const kept = await rowsOf({ experiment: "d1" });
    expect(kept.map((r) => r["value"])).toMatchObject([
      { source: { annotator: "ann7", margin: 0.4, id: 1 } },
      { source: { id: 2 } },
      { source: { annotator: "ann8", id: 3 } },
      {},
    ]);
    expect((await bytesOf({ experiment: "d1" })).toString()).toContain(
      '"source": {"id": 9007199254740993}',
    );
  });
  test("skip: repeats are left out, and pairs chosen both ways", async () => {
    expect(await load(text, "trl", "d2", { dirt: "skip" })).toMatchObject({
      answers: 1,
      dirt: [
        { kind: "equal", leftOut: 1 },
        { kind: "repeat", found: 1, leftOut: 1 },
        { kind: "both-ways", found: 1, leftOut: 2 },
      ],
    });
  });
  test("fail: they are refused with their lines", async () => {
    await expect(load(text, "trl", "d3", { dirt: "fail" })).rejects.toThrow(
      /line 4: chosen and rejected are the same/,
    );
    const rest = rows.toSpliced(3, 1).join("\n");
    await expect(load(rest, "trl", "d3", { dirt: "fail" })).rejects.toThrow(
      "1 rows repeat an answer (line 2); 1 rows choose otherwise than a row before (line 3)",
    );
    expect(await found("d3")).toEqual([]);
  });
  test("a column that says who judged: one person answers once, in the file and in the database", async () => {
    const named = rows.slice(0, 3).join("\n");
    expect(await load(named, "trl", "d4", { rater: "annotator" })).toMatchObject({
      answers: 2,
      people: 2,
      dirt: [{ kind: "repeat", found: 1, leftOut: 1 }],
    });
    const both = [p, { prompt: "p", chosen: "b", rejected: "a" }].map((r) => ({
      ...r,
      annotator: "x",
    }));
    await expect(load(both, "trl", "d5", { rater: "annotator" })).rejects.toThrow(
      "answered otherwise before (line 2)",
    );
    expect(await load(both, "trl", "d5", { rater: "annotator", dirt: "skip" })).toMatchObject({
      answers: 0,
    });
    await load([both[0]!], "trl", "d6", { rater: "annotator" });
    await expect(load([both[1]!], "trl", "d6", { rater: "annotator" })).rejects.toThrow(
      /line 1: d6:x on d6\/rows\/\w+: said .* here, and the file says/,
    );
    await expect(load([p], "trl", "d7", { rater: "annotator" })).rejects.toThrow(
      "line 1: annotator: undefined is neither text nor a whole number",
    );
  });
});

test("a mapping's own kind of work is kept with its view, and another one of its name is refused", async () => {
  const file = path.join(home, "kind.json");
  const view = {
    show: [{ kind: "text", from: "text" }],
    ask: [{ kind: "rating", name: "help", label: "H", points: 5, low: "l", high: "h" }],
  };
  const write = (title: string, points: number) =>
    writeFileSync(
      file,
      JSON.stringify({
        type: {
          name: "helped",
          version: "1",
          title,
          view: { ...view, ask: [{ ...view.ask[0], points }] },
        },
        columns: { rater: "who", "input.text": "t", "value.help": "h" },
      }),
    );
  write("How helpful", 5);
  expect(await load([{ who: 5, t: "x", h: 3 }], file, "kind")).toMatchObject({
    types: ["helped@1"],
  });
  expect(
    await store.db.many(
      sql`select title, view from task_type where name = 'helped'`,
      z.object({ title: z.string(), view: z.unknown() }),
    ),
  ).toEqual([{ title: "How helpful", view }]);
  write("How helpful", 7);
  await expect(load([{ who: 5, t: "y", h: 6 }], file, "kind")).rejects.toThrow(
    "helped@1 is here already with another view",
  );
});

describe("what we write, we read", () => {
  const odd = [
    "=1+1",
    "-x",
    "'=y",
    "@z",
    "\t.",
    'a,"b"\r\nc',
    "\u{1f600}\u2028",
    "[1, 2]",
    '{"a": 1}',
    "-5",
    "plain",
  ];
  beforeAll(async () => {
    const pairs = odd.flatMap((t, i) => [
      {
        info: { id: `t3_${i}`, post: `post ${t}`, title: t, subreddit: null },
        summaries: [
          { text: t, policy: "p1", note: null },
          { text: `other ${i}`, policy: null, note: "n" },
        ],
        choice: 0,
        worker: `w${i}`,
        batch: "b1",
        split: "train",
        extra: { confidence: 2 },
      },
      {
        info: { id: `t3_${i}`, post: `post ${t}`, title: t, subreddit: null },
        summaries: [
          { text: t, policy: "p1", note: null },
          { text: `other ${i}`, policy: null, note: "n" },
        ],
        choice: 1,
        worker: "w-same",
        batch: "b1",
        split: "train",
        extra: { confidence: 8 },
      },
      {
        info: { id: `t3_${i}`, post: `post ${t}`, title: t, subreddit: null },
        summaries: [
          { text: t, policy: "p1", note: null },
          { text: `other ${i}`, policy: null, note: "n" },
        ],
        choice: 1,
        worker: "w-more",
        batch: "b1",
        split: "train",
        extra: { confidence: 9 },
      },
    ]);
    await load(pairs, "sff", "mine");
  });
  test.each(formatNames.flatMap((format) => fileKinds.map((as) => [format, as] as const)))(
    "%s as %s, item by item",
    async (format, as) => {
      const wanted = await rowsOf({ format, experiment: "mine" });
      expect(wanted).toHaveLength(3 * odd.length);
      const bytes = await bytesOf({ format, as, experiment: "mine" });
      if (format === "answers") {
        expect(await load(bytes, format, "mine", { as })).toMatchObject({
          answers: 0,
          known: wanted.length,
        });
        return;
      }
      const experiment = `back ${format} ${as}`;
      const report = await load(bytes, format, experiment, { as });
      expect(report).toMatchObject({ rows: wanted.length, answers: wanted.length });
      expect(await rowsOf({ format, experiment })).toEqual(wanted);
    },
    60_000,
  );
  test("no cell of CSV begins a formula", async () => {
    const csv = (await bytesOf({ format: "trl", as: "csv", experiment: "mine" })).toString();
    expect(csv).toContain("'=1+1");
    expect(csv).not.toMatch(/(^|,|")[=@\t]/m);
  });
});

const shared = path.join(import.meta.dirname, "../../../shared/data/preferences");
test.skipIf(!existsSync(shared))(
  "real sets come in by the formats and mappings of docs/",
  async () => {
    const at = (name: string) => path.join(shared, name);
    const mapping = (name: string) => {
      const file = path.join(home, `${name}.json`);
      const text = readFileSync(
        path.join(import.meta.dirname, `../../docs/mappings/${name}.json`),
        "utf8",
      );
      // a look-up is named from the mapping's folder: there it stands beside the data
      const beside = path.relative(home, path.join(shared, "humour"));
      writeFileSync(file, text.replaceAll('"file": "', `"file": "${beside}/`));
      return file;
    };
    const real = (file: string, format: string, experiment: string) =>
      importAnswers(store, { file: at(file), format, experiment, dry: true, now: new Date() });
    expect(await real("hh-harmless.jsonl.gz", "hh", "hh-real")).toMatchObject({ rows: 1156 });
    expect(await real("pandalm.jsonl.gz", mapping("pandalm"), "pandalm")).toMatchObject({
      rows: 1500,
      people: 3,
    });
    expect(await real("mtbench-votes.jsonl.gz", mapping("mtbench-votes"), "mtbench")).toMatchObject(
      { rows: 3355, people: 65 },
    );
    expect(await real("scruples.jsonl.gz", mapping("scruples"), "scruples")).toMatchObject({
      rows: 2 * 2340,
      tasks: 2340,
    });
    expect(
      await real("writers-continuations.jsonl.gz", mapping("writers-continuations"), "writers"),
    ).toMatchObject({ rows: 300 });
    expect(await real("humour/comparisons.jsonl.gz", mapping("humour"), "humour")).toMatchObject({
      rows: 27_740,
      answers: 27_740,
    });
    expect(
      await real("squality-human-eval.jsonl.gz", mapping("squality-ratings"), "squality"),
    ).toMatchObject({ rows: 450 });
    expect(
      await real("fine-grained-qa.jsonl.gz", mapping("fine-grained-qa"), "fine"),
    ).toMatchObject({ rows: 1500 });
  },
  300_000,
);
