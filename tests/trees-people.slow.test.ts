/** Trees of summaries over HTTP, on the real database, written by simulated people and by nobody: stopped, edited, budgeted. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { bookCommand } from "@tiller/cli/book.ts";
import { createClient, type TillerClient } from "@tiller/client";
import { PersonId, TreeRedo } from "@tiller/schema";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { exportTree, importTree, judgmentsOf, TreeFile, writeJudgments } from "@tiller/trees";
import { submitAnswer, takeLease } from "@tiller/work";
import { checkBook, checkNode } from "../recipes/check-book.ts";
import { readNode, secondReader } from "../recipes/second-reader.ts";
import { summariseBook } from "../recipes/summarise-book.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let tiller: TillerClient;
const rater = PersonId.parse("ann");
const folder = mkdtempSync(path.join(tmpdir(), "tiller-trees-"));
const at = (name: string) => path.join(folder, name);
beforeAll(async () => {
  site = await openServer({
    workflows: [summariseBook, secondReader, readNode, checkBook, checkNode],
  });
  const { db } = site.store;
  const lead = await ensurePerson(db, { id: "lead", name: "L", pseudonym: "lee", role: "lead" });
  await ensurePerson(db, { id: rater, name: "Ann", pseudonym: "p-ann", role: "rater" });
  const token = await issueToken(db, lead.id, "session");
  tiller = createClient({ baseURL: site.address, token });
  mkdirSync(path.join(site.home, "tokens"), { recursive: true });
  writeFileSync(path.join(site.home, "tokens", "key-researcher"), token);
  writeFileSync(path.join(site.home, "address"), site.address);
}, 60_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const simulated = { "*": { kind: "simulated", skill: 0.9 } } as const;
const book = (more: object = {}) => ({ name: "The key", text: aStory(5, 3), window: 256, ...more });
const over = async (id: string) => {
  await expect
    .poll(async () => (await tiller.getTree({ id })).state, { timeout: 30_000 })
    .not.toBe("growing");
};

test("an edit says before what it does, and does no more; a person's old answer comes back with what changed", async () => {
  const { tree: id } = await tiller.startTree({ body: book({ agents: simulated }) });
  await over(id);
  const before = await tiller.getTree({ id });
  expect(before).toMatchObject({ state: "whole", written: before.nodes, lacks: [] });
  const { nodes, seq } = await tiller.treeNodes({ id });
  expect(nodes.every((n) => n.people && n.author?.kind === "person")).toBe(true);
  const edit = { node: "0.4", what: "leaf", text: "Anna gave the key to Tom.\n\n" } as const;
  const said = await tiller.previewTreeEdit({ id, body: edit });
  expect(said.path.redone[0]).toBe("0.4");
  expect(said.path.asked).toEqual(said.path.redone); // people wrote all of it
  expect(said.path.people.minutes).toBeGreaterThan(0);
  for (const redo of TreeRedo.options) expect(said[redo].nodes).toBe(said[redo].redone.length);
  expect((await tiller.getTree({ id })).version).toBe(1);

  await tiller.editTree({ id, body: { ...edit, redo: "path" } });
  await over(id);
  const after = await tiller.treeNodes({ id, after: seq });
  const anew = after.nodes.filter((n) => n.versions > 1).map((n) => n.node);
  expect(said.path.redone).toEqual(expect.arrayContaining(anew));
  expect(anew).toContain("0.4");
  expect((await tiller.treeText({ id })).text).toContain(edit.text);
  const drifted = after.nodes.filter((n) => n.standing === "drifted").map((n) => n.node);
  expect(said.path.drifts).toEqual(expect.arrayContaining(drifted));

  await expect(
    tiller.previewTreeEdit({ id, body: { ...edit, node: "0.999" } }),
  ).rejects.toMatchObject({ code: "no_node" });
  await expect(
    tiller.editTree({ id, body: { node: "0.1", what: "output", text: "word ".repeat(400) } }),
  ).rejects.toMatchObject({ code: "long_summary" });
}, 60_000);

const Shown = z.object({ where: z.string(), summary: z.string().default("") });
const Old = z.object({ old: z.string() });
const ADDED = " Anna has the key.";
/** What people at the desk answer, by kind of work: they follow a reader of everything but the whole book's summary. */
const answers: Readonly<Record<string, (input: unknown) => object>> = {
  "tree-summary": (i) => ({ summary: `What happens in ${Shown.parse(i).where}.` }),
  "tree-again": (i) => ({ summary: Old.parse(i).old, still: "right" }),
  "tree-feedback": (i) => ({
    overall: Shown.parse(i).summary.endsWith(ADDED) ? 6 : 4,
    feedback: "Say who has the key.",
  }),
  "tree-reply": (i) => {
    const { where, summary } = Shown.parse(i);
    return where.startsWith("The whole book")
      ? { summary, took: "kept", reply: "The end is not about the key." }
      : { summary: summary + ADDED, took: "changed" };
  },
};
async function atTheDesk(people: readonly PersonId[], signal: AbortSignal): Promise<void> {
  const { db } = site.store;
  while (!signal.aborted) {
    for (const person of people) {
      const task = await takeLease(db, person, { swap: false });
      if (!task) continue;
      const value = answers[task.type]!(task.input);
      const took = { lease: task.lease, value, activeSeconds: 60, idleSeconds: 0 };
      await submitAnswer(db, person, took);
    }
    await sleep(20);
  }
}

test("second readers: never the author, who answers; what she changed enters the tree if little above it changes", async () => {
  const { db } = site.store;
  const people = ["bea", "cal", "dee"].map((id) => PersonId.parse(id));
  for (const id of people)
    await ensurePerson(db, { id, name: id, pseudonym: `p-${id}`, role: "rater" });
  const abort = new AbortController();
  const working = atTheDesk(people, abort.signal);
  const text = aStory(5, 4); // more passages than a part takes
  const { tree: id } = await tiller.startTree({ body: book({ text, context: "none" }) });
  await Promise.race([over(id), working]);
  const written = (await tiller.treeNodes({ id })).nodes;
  expect(new Set(written.map((n) => n.author!.name)).size).toBeGreaterThan(1);
  // above a leaf of three heights are two nodes, above a part is one
  const mostAbove = 1;
  const input = { tree: id, nodes: 99, rated: 1, mostAbove };
  const started = await site.flow.start("second-reader@1", input, { id: "second-reader" });
  const found = await Promise.race([site.flow.wait(started), working]);
  abort.abort();
  await working;

  const root = written.find((n) => n.parent === null)!.node;
  const leaves = written.filter((n) => n.node.startsWith("0."));
  const parts = written.filter((n) => n.parent === root);
  expect(parts.length + leaves.length + 1).toBe(written.length);
  const counts = { read: written.length, kept: 1, edits: parts.length, dear: leaves.length };
  const effect = { difference: { at: 2, low: 2, high: 2 } };
  expect(found).toMatchObject({ ...counts, moved: 0, rated: written.length - 1, effect });

  const said = await judgmentsOf(db, id, { kinds: ["feedback", "reply"] });
  for (const { node, text: summary, author } of written) {
    const [reader, reply, ...ratings] = said.filter((j) => j.node === node);
    const now = node === root ? summary : summary + ADDED;
    expect(reader).toMatchObject({
      kind: "feedback",
      texts: [summary],
      author: { kind: "person" },
    });
    expect(reply).toMatchObject({ kind: "reply", texts: [summary, now], author });
    expect(reader!.author.name).not.toBe(author!.name);
    expect(ratings.map((j) => [j.kind, j.texts, j.value["overall"]])).toEqual(
      node === root ? [] : [4, 6].map((r, i) => ["feedback", [[summary, now][i]], r]),
    );
    const third = new Set(ratings.map((j) => j.author.name));
    expect(third.size).toBe(node === root ? 0 : 1);
    for (const { name } of [author!, reader!.author]) expect(third).not.toContain(name);
  }

  expect(await tiller.getTree({ id })).toMatchObject({ state: "whole", lacks: [] });
  const after = (await tiller.treeNodes({ id })).nodes;
  expect(new Map(after.map((n) => [n.node, n.text]))).toEqual(
    new Map(written.map((n) => [n.node, n.parent === root ? n.text + ADDED : n.text])),
  );
  const above = after.filter((n) => n.versions > 1 && n.parent !== root).map((n) => n.node);
  expect(above).toEqual([root]); // asked again once the parts had changed, and no more than `mostAbove`
  expect(after.every((n) => n.standing === "current")).toBe(true);
}, 60_000);

test("a person writes, somebody stops it: the best so far stays, what was queued is gone, and it goes on", async () => {
  const people = { authorHours: 0.0005 }; // under two seconds
  const { tree: id, experiment } = await tiller.startTree({
    body: book({ context: "none", people }),
  });
  const { db } = site.store;
  const take = () => takeLease(db, rater, { swap: false });
  await expect.poll(async () => (await take())?.type, { timeout: 20_000 }).toBe("tree-summary");
  const task = (await take())!;
  const value = { summary: "Anna has the key." };
  await submitAnswer(db, rater, { lease: task.lease, value, activeSeconds: 60, idleSeconds: 0 });
  await expect.poll(async () => (await tiller.getTree({ id })).written).toBe(1);
  const written = (await tiller.treeNodes({ id })).nodes.find((n) => n.text)!.node;
  await expect.poll(async () => (await take())?.type, { timeout: 20_000 }).toBe("tree-summary");
  const held = (await take())!;
  await tiller.stopTree({ id });
  await over(id);
  const stopped = await tiller.getTree({ id });
  expect(stopped).toMatchObject({ state: "stopped", why: "somebody stopped it", written: 1 });
  expect(stopped.lacks.length).toBe(stopped.nodes - 1);
  expect(stopped.best).toEqual([(await tiller.treeNodes({ id })).nodes.find((n) => n.text)!.node]);
  await site.flow.wait(experiment);
  // she holds a node as it stops, and finishes: her answer enters the tree by what she read
  const late = { lease: held.lease, value: { summary: "Tom has the key." }, activeSeconds: 9 };
  await submitAnswer(db, rater, { ...late, idleSeconds: 0 });
  expect((await tiller.getTree({ id })).written).toBe(2);
  const both = (await tiller.treeNodes({ id })).nodes.filter((n) => n.text !== null);
  expect(new Set(both.map((n) => n.text))).toEqual(
    new Set(["Anna has the key.", "Tom has the key."]),
  );
  expect(both.every((n) => n.standing === "current" && n.author?.name === "p-ann")).toBe(true);
  await expect.poll(take).toBe(undefined); // what was being posted as it ended is taken back a moment later
  await expect(tiller.stopTree({ id })).rejects.toMatchObject({ code: "not_growing" });
  await tiller.growTree({ id, body: {} });
  await expect.poll(async () => (await take())?.type, { timeout: 20_000 }).toBe("tree-summary");
  await tiller.stopTree({ id });
  await over(id);
  expect((await tiller.getTree({ id })).written).toBe(2);

  // what she wrote goes to her alone, and to anybody once her time is over
  const edit = { node: written, what: "leaf", text: "Anna lost the key.\n\n" } as const;
  await tiller.editTree({ id, body: { ...edit, redo: "path" } });
  const Asked = z.object({ of: z.string(), mine: z.boolean() });
  const asked = () =>
    db.many(
      sql`select x.node as of, coalesce(t.requires, '[]')::jsonb <> '[]'::jsonb as mine
          from task t join tree_asked x on x.batch = t.batch where t.type = 'tree-again' and x.tree = ${id} order by mine desc`,
      Asked,
    );
  await expect.poll(asked, { timeout: 20_000 }).toEqual([
    { of: written, mine: true },
    { of: written, mine: false },
  ]);
  await tiller.stopTree({ id });
  await over(id);
}, 60_000);

test("a subtree's budget holds it back, and the rest is written", async () => {
  const budgets = [{ node: "1.0", answers: 2 }];
  const body = book({ agents: simulated, budgets, context: "none" });
  const { tree: id } = await tiller.startTree({ body });
  await over(id);
  const tree = await tiller.getTree({ id });
  const { nodes } = await tiller.treeNodes({ id });
  const below = nodes.filter((n) => n.parent === "1.0");
  expect(tree.why).toMatch(/the budget of 1\.0 \(2 answers\)/);
  expect(below.filter((n) => n.text !== null)).toHaveLength(2);
  expect(tree.lacks).toContain("1.0");
  const others = nodes.filter((n) => n.node.startsWith("0.") && n.parent !== "1.0");
  expect(others.length).toBeGreaterThan(0);
  expect(others.every((n) => n.text !== null)).toBe(true);
}, 60_000);

/** What `tiller book ...` prints. */
async function cli(...args: string[]): Promise<string> {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => void lines.push(line);
  try {
    expect(await bookCommand.run([...args, "--home", site.home])).toBe(0);
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}
test("tiller book on a server: planned, begun, looked at, stopped, edited, gone on with; out as files and in again", async () => {
  writeFileSync(at("key.txt"), aStory(9, 2));
  writeFileSync(at("leaf.txt"), "Anna gave the key to Tom.\n\n");
  const small = ["--window", "256", "--context", "none"];
  expect(await cli("start", at("key.txt"), ...small, "--plan")).toMatch(
    /nodes at most; \d+ by people/,
  );
  const simulates = ["--agents", JSON.stringify(simulated)];
  const told = await cli("start", at("key.txt"), ...small, ...simulates);
  const id = /^tree-\w+/.exec(told)![0];
  await over(id);
  expect(await cli("list")).toContain(id);
  expect(await cli("status", id)).toMatch(/key\.txt: whole; (\d+) of \1 nodes/);

  const question = ["ask", id, "Who has the key?"];
  expect(await cli(...question, "--plan")).toMatch(/^\d+ nodes at most; \d+ by people, /);
  const answered = z
    .object({ tree: z.string(), state: z.literal("whole"), answer: z.string() })
    .parse(JSON.parse(await cli(...question, "--json")));
  const whole = (await tiller.treeNodes({ id: answered.tree })).nodes.at(-1)!;
  expect(whole).toMatchObject({ parent: null, text: answered.answer });
  const shown = (await cli(...question)).split("\n");
  expect(shown[0]).toMatch(/^\d+ nodes at most; \d+ by people, .+\.$/);
  expect(shown.join("\n")).toMatch(
    /\n {2}(book, \d+|\d+\.\d+): |Nothing in the book bears on it\./,
  );
  const agents = simulated;
  expect(await cli("score", id)).toMatch(/^Nobody has checked tree-\w+\.\nBegin: .*check-book@1/);
  await site.flow.wait(await site.flow.start("check-book@1", { tree: id, nodes: 2 }, { agents }));
  expect(await cli("score", id)).toMatch(
    /people, all heights[\s\S]*people, height 0[\s\S]*Of what/,
  );

  const edit = ["edit", id, "0.1", "--leaf", at("leaf.txt")];
  expect(await cli(...edit)).toMatch(/--redo path: [\s\S]*Nothing is done yet/);
  expect(await cli(...edit, "--redo", "path")).toContain("is edited");
  await over(id);
  const waits = /^tree-\w+/.exec(await cli("start", at("key.txt"), ...small))![0];
  await expect.poll(async () => (await tiller.getTree({ id: waits })).experiment).not.toBe("");
  expect(await cli("stop", waits)).toContain("stops");
  await over(waits);
  expect(await cli("grow", waits)).toContain("grows");
  await cli("stop", waits);
  await over(waits);

  const { db } = site.store;
  const { nodes } = await tiller.treeNodes({ id });
  const file = await exportTree(db, id);
  const said = { node: "0.0", key: file.nodes[0]!.key!, saw: file.entries[0]!.saw, answer: null };
  const author = { kind: "person", name: "p-ann" } as const;
  const texts = ["One.", "Two.", "Three."];
  const value = { firstSecond: "a", secondThird: "b", firstThird: "tie", firstOverall: 5 };
  const compare = { kind: "compare", ...said, texts, value, author, policies: null } as const;
  await writeJudgments(db, id, [{ asked: "by hand", ...compare }]);
  expect(await cli("export", id, "--out", at("out"))).toMatch(/trl_preference\.jsonl\s+2/);
  const lines = (name: string) =>
    readFileSync(at(`out/${name}.jsonl`), "utf8")
      .trim()
      .split("\n")
      .map((l): unknown => JSON.parse(l));
  for (const row of lines("trl_preference"))
    expect(Object.keys(row as object)).toEqual(["prompt", "chosen", "rejected"]);
  // what people wrote, an edited leaf's two among it
  expect(lines("trl_demonstrations").length).toBeGreaterThanOrEqual(nodes.length);
  const again = /^tree-\w+/.exec(await cli("import", at("out/tree.json")))![0];
  expect(await exportTree(db, again)).toEqual(TreeFile.parse(await exportTree(db, id)));
  expect(
    (await tiller.treeNodes({ id: again })).nodes.map((n) => [n.node, n.text, n.author]),
  ).toEqual((await tiller.treeNodes({ id })).nodes.map((n) => [n.node, n.text, n.author]));
  const half = await exportTree(db, waits);
  await importTree(db, { id: "half", file: half });
  expect(await exportTree(db, "half")).toEqual(half);

  const chunk = (i: number) => ({ text: `Chapter ${i}.`, summary: `Anna ${i}.` });
  const elsewhere = { chunks: [chunk(0), chunk(1)], merges: [{ children: [0, 1] }] };
  writeFileSync(at("elsewhere.json"), JSON.stringify(elsewhere));
  const came = await cli("import", at("elsewhere.json"));
  expect(came).toMatch(/2 of 3 summaries\n1 summaries are to be written: 1\.0/);
  const foreign = /^tree-\w+/.exec(came)![0];
  const preview = { node: "0.0", what: "output", text: "Tom." } as const;
  expect((await tiller.previewTreeEdit({ id: foreign, body: preview })).path.redone).toEqual([
    "1.0",
  ]);
  await expect(cli("import", at("out/trl_preference.jsonl"))).rejects.toThrow(/is no JSON/);
}, 60_000);
