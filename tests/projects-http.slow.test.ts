/** A lead's own file before raters and back, over HTTP and in process: upload, look, post, answer, results, export, states. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { projectCommand } from "@tiller/cli/project.ts";
import { createClient, type TillerClient } from "@tiller/client";
import type { Lease } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { readRows } from "@tiller/data";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let lead: TillerClient;
const raters: TillerClient[] = [];
let robot: TillerClient;
let token: string; // the lead's
beforeAll(async () => {
  site = await openServer({ chance: () => 0.999 }); // hidden gold never comes by itself
  const clientOf = async (id: string, role: "lead" | "rater", simulated = false) => {
    const me = await ensurePerson(site.store.db, { id, name: id, pseudonym: id, role, simulated });
    const session = await issueToken(site.store.db, me.id, "session");
    if (role === "lead") token = session;
    return createClient({
      baseURL: "http://tiller",
      token: session,
      fetch: async (to, init) => site.app.request(to instanceof Request ? to : to.toString(), init),
    });
  };
  lead = await clientOf("lead", "lead");
  for (const id of ["r1", "r2", "r3"]) raters.push(await clientOf(id, "rater"));
  robot = await clientOf("robot", "rater", true);
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const csv = (n: number, cell = (i: number) => `answer ${i} b`) =>
  `id,prompt,response_a,response_b,label,"my, note"\n${Array.from({ length: n }, (_, i) => `row-${i},"What is ${i}, then?",answer ${i} a,${cell(i)},${i < 3 ? "a" : ""},=1+${i}`).join("\n")}\n`;
const upload = async (body: string, name = "pairs.csv") =>
  (await lead.uploadItems({ name, body })).file;
const comparing = "forced-comparison@1";

const taken = async (who: TillerClient): Promise<Lease | undefined> => {
  const next = await who.nextTask({ body: { holding: [] } });
  return next.kind === "task" ? next.lease : undefined;
};
/** Answers everything that is open, and says how many there were. */
const answerAll = async (who: TillerClient, choose: (lease: Lease) => "a" | "b") => {
  let n = 0;
  for (let lease = await taken(who); lease; lease = await taken(who), n++)
    await who.submitAnswer({
      body: {
        lease: lease.lease,
        value: { choice: choose(lease) },
        activeSeconds: 0,
        idleSeconds: 0,
      },
    });
  return n;
};

test("a CSV becomes tasks that people answer, and the labels come back beside the lead's own columns", async () => {
  const file = await upload(csv(5));
  const seen = await lead.previewItems({ body: { file, kind: comparing } });
  expect(seen).toMatchObject({ rows: 5, fit: 5, answered: 3, repeated: 0, problems: [] });
  expect(seen.mapping).toEqual({
    input: { question: "prompt", "a.text": "response_a", "b.text": "response_b" },
    answer: { choice: "label" },
  });
  const added = await lead.createProject({
    body: { title: "Which is better?", kind: comparing, file, people: 2, gold: 1 },
  });
  expect(added).toMatchObject({ items: 4, gold: 1, leftOut: 0 });
  const id = added.project;
  expect(await robot.nextTask({ body: { holding: [] } })).toMatchObject({ kind: "empty" });

  expect(await answerAll(raters[0]!, () => "a")).toBe(4);
  expect(
    await answerAll(raters[1]!, (l) => (JSON.stringify(l.input).includes("4, then") ? "b" : "a")),
  ).toBe(4);
  expect(await answerAll(raters[2]!, () => "a")).toBe(0); // two people an item
  expect(await lead.getProject({ id })).toMatchObject({
    items: 4,
    gold: 1,
    answers: 8,
    wanted: 8,
    state: "open",
  });

  const all = await lead.listItems({ id });
  expect(all.total).toBe(5);
  expect(all.items.map((i) => i.place)).toEqual([1, 2, 3, 4, 5]);
  const [hidden, second] = all.items;
  expect(hidden).toMatchObject({ gold: true, given: { choice: "a" }, answers: 0 });
  expect(second).toMatchObject({
    gold: false,
    answers: 2,
    disagreement: 0,
    given: { choice: "a" },
    labels: [{ field: "choice", value: "a", words: "answer 1 a" }],
  });
  expect(second!.labels[0]!.confidence).toBeGreaterThan(0.5);
  const split = await lead.listItems({ id, sort: "disagreement", order: "down", show: "done" });
  expect(split.items[0]).toMatchObject({ place: 5, disagreement: 1 });
  expect((await lead.listItems({ id, q: "row-3" })).items.map((i) => i.place)).toEqual([4]);
  expect(await lead.getItem({ id, place: 5 })).toMatchObject({
    input: { question: "What is 4, then?", a: { text: "answer 4 a" }, b: { text: "answer 4 b" } },
    said: [
      { rater: "r1", value: { choice: "a" } },
      { rater: "r2", value: { choice: "b" } },
    ],
  });

  // the same rows once more are posted, since somebody may mean it, and said
  const twice = await upload(csv(5) + csv(2).split("\n").slice(1).join("\n"), "twice.csv");
  expect(await lead.previewItems({ body: { file: twice, kind: comparing } })).toMatchObject({
    fit: 7,
    repeated: 2,
  });
  expect(
    await lead.createProject({
      body: { title: "Twice", kind: comparing, file: twice, people: 1, state: "paused" },
    }),
  ).toMatchObject({ items: 7, repeated: 2 });

  const stream = await lead.exportProject({ id, as: "csv" });
  const text = await new Response(stream).text();
  expect(text.split("\n")[0]).toBe(
    'id,prompt,response_a,response_b,label,"my, note",item,choice,choice_text,choice_confidence,answers,people,seconds,disagreement,state,reviewed_by,"gold"',
  );
  const back = path.join(site.home, "back.csv");
  writeFileSync(back, text);
  const rows: Readonly<Record<string, unknown>>[] = [];
  for await (const { row } of readRows(back, { kind: "csv" })) rows.push(row);
  expect(rows).toHaveLength(5);
  expect(rows[1]).toMatchObject({
    id: "row-1",
    choice: "a",
    choice_text: "answer 1 a",
    answers: "2",
    gold: "false",
  });
  expect(text).not.toMatch(/[{}[\]]/); // no JSON in cells
  expect(text).toContain("'=1+1"); // what a spreadsheet would run stays text
  const lines = (await new Response(await lead.exportProject({ id, as: "jsonl" })).text())
    .trim()
    .split("\n");
  expect(JSON.parse(lines[1]!)).toMatchObject({ id: "row-1", choice: "a", answers: 2 });
  // the answers export has them too, under the project's name
  const answers = await new Response(await lead.exportAnswers({ experiment: id })).text();
  expect(answers.trim().split("\n")).toHaveLength(8);
});

test("a file with bad rows posts nothing and names them; the lead may leave them out", async () => {
  const file = await upload(csv(6, (i) => (i === 1 || i === 4 ? "" : `b ${i}`)));
  const seen = await lead.previewItems({ body: { file, kind: comparing } });
  expect(seen).toMatchObject({ rows: 6, fit: 4 });
  expect(seen.problems.map((p) => [p.row, p.column])).toEqual([
    [3, "response_b"],
    [6, "response_b"],
  ]);
  const before = (await lead.listProjects()).length;
  const asked = { title: "Bad rows", kind: comparing, file };
  await expect(lead.createProject({ body: asked })).rejects.toThrow(
    /2 rows of pairs.csv do not fit, and nothing was posted. row 3, column response_b/,
  );
  await expect(lead.createProject({ body: { ...asked, leaveOut: [3] } })).rejects.toThrow(
    /1 row of/,
  );
  await expect(
    lead.createProject({ body: { ...asked, leaveOut: "bad", gold: 9 } }),
  ).rejects.toThrow(/9 rows were to become gold, and 2 have an answer/);
  expect(await lead.listProjects()).toHaveLength(before);
  expect(
    await lead.createProject({ body: { ...asked, leaveOut: "bad", state: "paused" } }),
  ).toMatchObject({
    items: 4,
    leftOut: 2,
  });
});

test("paused and closed projects hand nothing out; what is in hand may be finished; items are added later", async () => {
  const file = await upload(csv(2));
  const body = {
    title: "Added to",
    kind: comparing,
    file,
    people: 1,
    changes: { title: "Which would you rather read?", instructions: "Go by the **tone**." },
  };
  const { project: id } = await lead.createProject({ body });
  const [rater] = raters;
  const lease = await taken(rater!);
  expect(lease).toMatchObject({
    type: id,
    title: "Which would you rather read?",
    instructions: "Go by the **tone**.",
  });
  expect(await lead.changeProject({ id, body: { state: "paused" } })).toMatchObject({
    state: "paused",
  });
  await rater!.submitAnswer({
    body: { lease: lease!.lease, value: { choice: "b" }, activeSeconds: 0, idleSeconds: 0 },
  });
  expect(await taken(rater!)).toBeUndefined();
  const more = await lead.addItems({ id, body: { file: await upload(csv(3)) } });
  expect(more).toMatchObject({ items: 3 });
  expect(await taken(rater!)).toBeUndefined(); // added while it is paused
  await lead.changeProject({ id, body: { state: "open", deadline: "2027-01-01T00:00:00Z" } });
  expect(await answerAll(rater!, () => "a")).toBe(4);
  const items = await lead.listItems({ id });
  expect(items.items.map((i) => [i.place, i.answers])).toEqual([1, 2, 3, 4, 5].map((n) => [n, 1]));
  await lead.changeProject({ id, body: { state: "archived" } });
  expect((await lead.getProject({ id })).state).toBe("archived");
  const strange = await upload("x,y\n1,2\n");
  await expect(lead.addItems({ id, body: { file: strange } })).rejects.toThrow(/no column prompt/);
});

test("another view asks other labels, and raters may not see any of it", async () => {
  const { file } = await lead.uploadItems({
    name: "claims.jsonl",
    body: '{"text":"The sea is wide.","claim":"It is narrow."}\n{"text":"Dogs bark.","claim":"Cats bark."}\n',
  });
  const view = {
    show: [
      { kind: "text" as const, from: "passage", label: "Text" },
      { kind: "text" as const, from: "claim", label: "Claim" },
    ],
    ask: [
      {
        kind: "choice" as const,
        name: "verdict",
        label: "Does it follow?",
        options: [
          { value: "yes", label: "It does" },
          { value: "no", label: "It does not" },
        ],
      },
    ],
  };
  const added = await lead.createProject({
    body: { title: "Claims", kind: "claim-vote@1", changes: { view }, file, people: 3 },
  });
  for (const [i, who] of raters.entries())
    for (let lease = await taken(who); lease; lease = await taken(who))
      await who.submitAnswer({
        body: {
          lease: lease.lease,
          value: { verdict: i ? "no" : "yes" },
          activeSeconds: 0,
          idleSeconds: 0,
        },
      });
  const { items, fields } = await lead.listItems({
    id: added.project,
    field: "verdict",
    label: "no",
  });
  expect(fields).toEqual([
    {
      name: "verdict",
      label: "Does it follow?",
      labels: [
        { value: "yes", label: "It does" },
        { value: "no", label: "It does not" },
      ],
    },
  ]);
  expect(items).toHaveLength(2);
  expect(items[0]).toMatchObject({ labels: [{ value: "no" }], answers: 3 });
  expect(items[0]!.disagreement).toBeCloseTo(2 / 3);
  await expect(raters[0]!.listProjects()).rejects.toMatchObject({ status: 403 });
  await expect(
    lead.createProject({ body: { title: "x", kind: "nothing@1", file } }),
  ).rejects.toThrow(/no kind of work nothing@1. Take one of graded-comparison@1/);
});

test("the command line does the same", async () => {
  const home = path.join(site.home, "cli");
  const file = path.join(site.home, "more.csv");
  writeFileSync(file, csv(3));
  const said: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
  const remote = ["--url", site.address, "--token", token, "--home", home];
  const run = async (...args: string[]) => {
    expect(await projectCommand.run([...args, ...remote])).toBe(0);
    return said.splice(0).join("\n");
  };
  try {
    const made = await run(
      "create",
      file,
      "--kind",
      "forced-comparison",
      "--gold",
      "1",
      "--paused",
    );
    expect(made).toMatch(
      /^more-[0-9a-f]{4}: 2 items, 3 people each; 1 gold, 0 rows left out. It is paused/,
    );
    const id = made.split(":")[0]!;
    expect(await run("add", id, file, "--leave-out", "2,4")).toMatch(
      /1 item more; 0 gold, 2 rows left out/,
    );
    expect(await run("set", id, "--state", "open")).toBe(`${id} is open.`);
    expect(await run("set", id, "--people", "4", "--pay", "20")).toBe(`${id} is open.`);
    expect(await run("set", id, "--people", "3")).toBe(`${id} is open.`);
    expect(await run("list")).toMatch(
      new RegExp(`${id}\\s+more\\s+forced-comparison@1\\s+3\\s+0 of 9\\s+open`),
    );
    expect(await run("results", id)).toMatch(/^item .*\n1 What is 0, then\?.*gold/);
    const out = path.join(site.home, "labels.csv");
    expect(await run("export", id, "--out", out)).toMatch(/is written: 4 rows/);
    expect(await run("people", id)).toMatch(/^rater/);
    expect(readFileSync(out, "utf8").trim().split("\n")).toHaveLength(5);
    await expect(run("create", file, "--kind", "forced-comparison", "--gold", "9")).rejects.toThrow(
      /3 have an answer/,
    );
  } finally {
    log.mockRestore();
  }
});
