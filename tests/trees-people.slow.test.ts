/** Trees of summaries over HTTP, on the real database, written by simulated people and by nobody: stopped, edited, budgeted. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { createClient, type TillerClient } from "@tiller/client";
import { PersonId, TreeRedo } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { submitAnswer, takeLease } from "@tiller/work";
import { summariseBook } from "../recipes/summarise-book.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let tiller: TillerClient;
const rater = PersonId.parse("ann");
beforeAll(async () => {
  site = await openServer({ workflows: [summariseBook] });
  const { db } = site.store;
  const lead = await ensurePerson(db, { id: "lead", name: "L", pseudonym: "lee", role: "lead" });
  await ensurePerson(db, { id: rater, name: "Ann", pseudonym: "p-ann", role: "rater" });
  const token = await issueToken(db, lead.id, "session");
  tiller = createClient({ baseURL: site.address, token });
}, 60_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
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

test("a person writes, somebody stops it: the best so far stays, what was queued is gone, and it goes on", async () => {
  const { tree: id, experiment } = await tiller.startTree({ body: book({ context: "none" }) });
  const { db } = site.store;
  const take = () => takeLease(db, rater, { swap: false });
  await expect.poll(async () => (await take())?.type, { timeout: 20_000 }).toBe("tree-summary");
  const task = (await take())!;
  const value = { summary: "Anna has the key." };
  await submitAnswer(db, rater, { lease: task.lease, value, activeSeconds: 60, idleSeconds: 0 });
  await expect.poll(async () => (await tiller.getTree({ id })).written).toBe(1);
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
