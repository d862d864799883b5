/**
 * A tree that a policy and simulated people write together, in a process that is killed (kill -9) as it grows: nothing is lost, nothing is
 * asked of anybody twice, and it is the tree that a clean run gives. Run: TILLER_TESTS=slow npx vitest run FILE
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { hashOf } from "@tiller/book";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { TreeScore, TreeSettings } from "@tiller/schema";
import { openStore, sql, type Store } from "@tiller/store";
import { createTree, judgmentsOf, treeDetail, treeNodes, treeScore } from "@tiller/trees";

const home = mkdtempSync(path.join(os.tmpdir(), "tiller-trees-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const runs = (id: string, workflow: string, input: object) => {
  const file = path.join(import.meta.dirname, "fixtures/tree-grower.ts");
  const args = [file, home, path.join(home, "models.json"), id, workflow, JSON.stringify(input)];
  const child = spawn(process.execPath, args);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (d: Buffer) => (said += d.toString("utf8")));
  const ended = new Promise<{ status: number | null; said: string }>((resolve) =>
    child.on("close", (status) => resolve({ status, said })),
  );
  return { child, ended };
};
const grows = (tree: string) => runs(`grows-${tree}`, "summarise-book@2", { tree });
const Row = z.object({ node: z.string(), key: z.string().nullable(), text: z.string().nullable() });
const standing = ({ db }: Store, tree: string) =>
  db.many(
    sql`select n.node, n.key, e.text from tree_node n left join tree_entry e on e.tree = n.tree and e.n = n.entry
        where n.tree = ${tree} order by n.height, n.place`,
    Row,
  );

test("killed twice as it grows: what a clean run gives, and nobody is asked twice", async () => {
  let calls = 0;
  await using endpoint = await scripted((r, asked) => {
    calls++;
    const words = asked.body.messages!.at(-1)!.content;
    const all = asked.body.messages!.map((m) => m.content).join("\n");
    const asksClaims = /Claims about it:\n([^]*?)\n\n/.exec(all)?.[1];
    if (asksClaims !== undefined) {
      const one = { verdict: "yes", quotes: ["no. ", "words that stand nowhere"] };
      return says(JSON.stringify({ claims: asksClaims.split("\n").map(() => one) }))(r, asked);
    }
    if (all.includes("Types of error")) return says("They are fine.")(r, asked); // no shape
    const sentence = /[A-Z][^.]* no\. \d+\./.exec(words.split("\n====\n").at(-1)!)?.[0];
    return says(`${sentence ?? "Nothing."} ${hashOf(words).slice(0, 8)}`)(r, asked);
  });
  const small = { kind: "openai", baseURL: endpoint.baseURL, model: "small" };
  writeFileSync(path.join(home, "models.json"), JSON.stringify({ small }));
  const settings = TreeSettings.parse({
    model: "small",
    window: 256,
    context: "lag:2",
    people: { share: 0.3, nodes: ["1.0"] },
    parallel: 3,
  });
  await using store = await openStore({ home }); // keeps the database up while the others die
  const text = aStory(3, 5);
  const plan = await createTree(store.db, { id: "killed", name: "The key", text, settings });
  await createTree(store.db, { id: "clean", name: "The key", text, settings });
  const nodes = plan.nodes.size;
  const written = async (tree: string) => (await treeDetail(store.db, tree)).written;

  let least = 0;
  for (const share of [0.2, 0.6]) {
    const { child, ended } = grows("killed");
    while ((await written("killed")) < share * nodes && child.exitCode === null) await sleep(20);
    child.kill("SIGKILL");
    await ended;
    expect(await written("killed")).toBeGreaterThanOrEqual(least);
    least = await written("killed");
    expect(least).toBeLessThan(nodes);
  }
  const last = await grows("killed").ended;
  expect([last.status, last.said]).toEqual([0, expect.stringContaining('"state":"whole"')]);
  const entries = await store.db.value(
    sql`select count(*)::int from tree_entry where tree = 'killed'`,
    z.int(),
  );
  expect(entries).toBe(nodes);
  const policies = [...plan.nodes.values()].length - (await people(store));
  expect(calls).toBeGreaterThanOrEqual(policies);
  expect(calls).toBeLessThanOrEqual(policies + 2 * settings.parallel); // those under way at a kill

  const clean = await grows("clean").ended;
  expect([clean.status, clean.said]).toEqual([0, expect.stringContaining('"state":"whole"')]);
  expect(await standing(store, "killed")).toEqual(await standing(store, "clean"));
  const by = (await treeNodes(store.db, "killed", 0)).nodes;
  for (const n of by) expect(n.author?.kind).toBe(n.people ? "person" : "policy");
  expect(by.find((n) => n.node === "1.0")!.people).toBe(true);

  // a stage is left once it has enough judgments that are good enough; `good: 1` is always met
  const course = { nodes: 12, batch: 3, enough: 3, good: 1, spotCheck: 1 };
  const input = { tree: "clean", model: "small", ...course };
  const judged = await runs("judges", "judge-book@2", input).ended;
  expect(judged.status, judged.said).toBe(0);
  const { course: stages, spotChecks } = Judged.parse(JSON.parse(judged.said));
  expect(stages.map((s) => [s.stage, s.judged])).toEqual([
    ["leaves", 3],
    ["subtree", 3],
    ["tree", 3],
  ]);
  expect(spotChecks).toBe(9);
  const kept = await judgmentsOf(store.db, "clean");
  const kinds = (kind: string) => kept.filter((j) => j.kind === kind).map((j) => j.texts.length);
  expect([kinds("compare"), kinds("check")]).toEqual([Array(9).fill(3), Array(9).fill(1)]);
  expect(new Set(kept.map((j) => j.key)).size).toBe(9);
  for (const j of kept) expect(j.policies).toEqual(j.texts.map(() => "small"));

  const check = { tree: "clean", model: "small", by: "both", nodes: 4, people: 2, split: "people" };
  const checked = await runs("checks", "check-book@1", check).ended;
  expect(checked.status, checked.said).toBe(0);
  const found = Checked.parse(JSON.parse(checked.said));
  expect(found).toMatchObject({ nodes: 4, unread: 4, judgments: 4 * (1 + 2 + 2) });
  expect(found.lost).toBeGreaterThanOrEqual(4);
  const said = await judgmentsOf(store.db, "clean", { kinds: ["claims", "coherence"] });
  const whose = (kind: string) => said.filter((j) => j.kind === kind).map((j) => j.author.kind);
  expect(whose("claims").toSorted()).toEqual([
    ...Array(8).fill("person"),
    ...Array(4).fill("policy"),
  ]);
  expect(whose("coherence")).toEqual(Array(8).fill("person")); // a model without the shape said nothing
  const heights = new Set(said.map((j) => j.node.split(".")[0]));
  expect(heights.size).toBe(plan.levels.length); // one of each height in turn
  expect(found.score).toEqual(JSON.parse(JSON.stringify(await treeScore(store.db, "clean"))));
  expect(found.score.agreement!.claims).toBeGreaterThanOrEqual(4);
  expect(found.score.claims.find((c) => c.by === "models" && c.height === null)!.so.mean).toBe(1);
}, 120_000);
const Judged = z.object({
  course: z.array(z.object({ stage: z.string(), judged: z.int(), mean: z.number() })),
  spotChecks: z.int(),
});
const Checked = z.object({
  nodes: z.int(),
  judgments: z.int(),
  unread: z.int(),
  lost: z.int(),
  score: TreeScore,
});
const people = ({ db }: Store) =>
  db.value(sql`select count(*)::int from tree_node where tree = 'killed' and people`, z.int());
