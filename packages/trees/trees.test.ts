/** Trees in the database: out as a file and in again, addressed by the policy itself, summaries that a second reader changed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Ask } from "@tiller/book";
import { answerOf, aStory } from "@tiller/book/fixtures/echo.ts";
import { entryOf } from "@tiller/book/tree.ts";
import { rng, TreeSettings } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { chooseChecked } from "./checks.ts";
import { treesBeside } from "./compare.ts";
import { anew, applyEdit, previewEdit } from "./edit.ts";
import { exportTree, importTree, treeFileOf } from "./file-db.ts";
import { chooseNodes } from "./judging.ts";
import { judgmentsOf, writeJudgments } from "./judgments.ts";
import { judgeFromPage, treeNodePage, treeTask } from "./node-page.ts";
import { reviseNode, writtenNodes } from "./reading.ts";
import { Round } from "./round.ts";
import {
  createTree,
  endTree,
  readStanding,
  readTree,
  settlePolicy,
  writeEntry,
  writeMarks,
} from "./rows.ts";
import { count } from "./plan.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-trees-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
  await ensurePerson(store.db, { id: "lee", name: "Lee", pseudonym: "p-lee", role: "lead" });
}, 60_000);
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});
const lee = { id: "lee", pseudonym: "p-lee" };

/** As the workflow does it, with somebody who answers at once; what was asked. */
async function grows(id: string, o: { stands?: string; most?: number } = {}): Promise<string[]> {
  const { db } = store;
  await settlePolicy(db, id, () => Promise.resolve(o.stands ?? "a".repeat(64)));
  const round = new Round(await readTree(db, id));
  const asked: string[] = [];
  await round.grow(async (ask: Ask) => {
    if (asked.length >= (o.most ?? Infinity)) return undefined;
    asked.push(ask.node.id);
    const person = { kind: "person", name: "p-ann" } as const;
    const answer = answerOf(ask, round.policy);
    const given = round.byPeople(ask.node) ? { ...answer, author: person } : answer;
    const read = { earlier: ask.earlier, text: ask.text };
    const asks = `${id} ${round.version} ${ask.key}`;
    const more = { answer: null, ...(round.byPeople(ask.node) ? { read } : {}) };
    const n = await writeEntry(db, id, asks, entryOf(ask, given, count), more);
    return { ...given, n };
  });
  const { whole, why } = round.end();
  const { version } = round;
  await writeMarks(db, id, { version, marks: round.marks(), only: true });
  await endTree(db, id, { version, state: whole ? "whole" : "stopped", why, stop: false });
  return asked;
}
const make = (id: string, seed: number, more: object = {}) =>
  createTree(store.db, {
    id,
    name: "The key",
    text: aStory(seed, 2),
    settings: TreeSettings.parse({ window: 256, model: "m", people: { share: 0.3 }, ...more }),
  });
const standings = async (id: string) =>
  [...(await readStanding(store.db, id)).outputs.values()].map((o) => o.standing);

test("out as a file and in again: the same file, whatever was done to the tree", async () => {
  const { db } = store;
  let [edits, halves, made] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.nat(1e6), async (seed) => {
      const draw = rng(seed, "trees");
      const id = `t${seed} ${made++}`;
      await make(id, seed, { context: draw.choose(["strict", "lag:2", "none"]) });
      await grows(id, draw.next() < 0.6 ? { most: draw.int(20) } : {});
      for (let n = draw.int(3); n > 0; n--) {
        const { plan, outputs } = await readStanding(db, id);
        const leaf = `0.${draw.int(plan.levels[0]!.length)}`;
        const what = outputs.has(leaf) && draw.next() < 0.5 ? "output" : "leaf";
        const redo = draw.choose(["path", "drifted", "all"] as const);
        await applyEdit(db, id, { node: leaf, what, text: `Edit ${n}.\n\n`, redo, by: lee }).catch(
          (e: { code: string }) => expect(e.code).toBe("not_yet"),
        );
        await grows(id, draw.next() < 0.6 ? { most: draw.int(3) } : {});
        edits++;
      }
      const author = { kind: draw.choose(["person", "policy"] as const), name: "x" };
      const about = { node: "0.0", key: "k", saw: "s", texts: ["One."], author, answer: null };
      const value = { overall: 3, marks: [{ from: 1, to: 2 }], feedback: "“Why?”" };
      await writeJudgments(db, id, [
        { asked: "a", kind: "feedback", ...about, value, policies: draw.choose([null, ["m"]]) },
        { asked: "b", kind: "check", ...about, value: {}, policies: null },
      ]);
      const file = await exportTree(db, id);
      halves += file.state === "stopped" ? 1 : 0;
      const { file: read } = await treeFileOf(
        { tree: JSON.parse(JSON.stringify(file)), evenly: false },
        "2026-11-28T10:00:00.000Z",
      );
      expect(read).toEqual(file);
      await importTree(db, { id: `${id} again`, file: read });
      expect(await exportTree(db, `${id} again`)).toEqual(file);
      // and it goes on as the first would
      const [one, other] = [await grows(id), await grows(`${id} again`)];
      expect(other).toEqual(one);
    }),
    { numRuns: 12, seed: 23 },
  );
  for (const n of [edits, halves]) expect(n).toBeGreaterThan(1);
}, 60_000);

test("another checkpoint behind the same name: its outputs age, and all of them can be asked anew", async () => {
  const { db } = store;
  await make("named", 5);
  await grows("named", { stands: "a".repeat(64) });
  expect(new Set(await standings("named"))).toEqual(new Set(["current"]));
  expect(await grows("named", { stands: "a".repeat(64) })).toEqual([]);
  expect(await grows("named", { stands: "b".repeat(64) })).toEqual([]);
  const after = await standings("named");
  expect(after.filter((s) => s === "aged").length).toBeGreaterThan(after.length / 3);
  const { entries } = await readStanding(db, "named");
  const policies = entries.filter((e) => e.author.kind === "policy");
  await anew(db, "named", "all");
  const asked = await grows("named", { stands: "b".repeat(64) });
  expect(asked.length).toBeGreaterThanOrEqual(policies.length);
  expect((await standings("named")).every((s) => s !== "aged")).toBe(true);
});

test("whoever reads a node, at the desk, for a check or from the page, judges it by the address that stands", async () => {
  const { db } = store;
  await make("judged", 8);
  await grows("judged");
  const { outputs } = await readStanding(db, "judged");
  const keys = (found: readonly { id: string; key: string }[]) => {
    expect(found.length).toBeGreaterThan(5); // an empty summary is neither checked nor read
    for (const { id, key } of found) expect([id, key]).toEqual([id, outputs.get(id)!.key]);
  };
  const all = { most: outputs.size, seed: 1 };
  keys(await chooseNodes(db, "judged", { ...all, stage: "tree", not: [] }));
  keys(await chooseChecked(db, "judged", { ...all, heights: [] }));
  keys(await writtenNodes(db, "judged", all));
  const kind = "feedback";
  const { n, saw } = await treeTask(db, "judged", { node: "0.1", kind });
  await judgeFromPage(db, "judged", { kind, node: "0.1", n, saw, value: { overall: 5 }, by: lee });
  const [said] = await judgmentsOf(db, "judged");
  expect(said!.key).toBe(outputs.get("0.1")!.key);
});

test("who edited a tree elsewhere is known by name, where two trees are compared and at the node", async () => {
  const { db } = store;
  await make("edited", 9);
  await grows("edited");
  const edit = { node: "0.0", what: "output", text: "Anna.", redo: "path", by: lee } as const;
  await applyEdit(db, "edited", edit);
  await importTree(db, { id: "came", file: await exportTree(db, "edited") });
  for (const id of ["edited", "came"]) {
    expect((await treesBeside(db, id)).edits.map((e) => e.by)).toEqual(["p-lee"]);
    expect((await treeNodePage(db, id, "0.0")).edits.map((e) => e.by)).toEqual(["p-lee"]);
  }
});

test("a tree of before: opened, grown, and of the same age, until its model's name stands for something else", async () => {
  const { db } = store;
  await make("old", 6);
  // as it was addressed before what a name stands for was known
  await db.run(sql`update tree set policy = 'm, temperature 0' where id = 'old'`);
  await grows("old", { most: 3 });
  await db.run(sql`update tree set stood_for = null where id = 'old'`);
  await grows("old");
  expect(new Set(await standings("old"))).toEqual(new Set(["current"]));
  await grows("old", { stands: "c".repeat(64) });
  expect(await standings("old")).toContain("aged");
});

test("a second reader's change: an edit within its price, refused above it or where something else stands by now", async () => {
  const { db } = store;
  await make("read", 7, { context: "none" });
  await grows("read");
  const nodes = await writtenNodes(db, "read", { most: 500, seed: 1 });
  const { plan } = await readStanding(db, "read");
  const again = await writtenNodes(db, "read", { most: 500, seed: 1 });
  expect(again.map((n) => n.id)).toEqual(nodes.map((n) => n.id));
  const node = nodes.find((n) => n.id.startsWith("0."))!;
  const edit = { node: node.id, what: "output", text: "Anna goes." } as const;
  const { path: said } = await previewEdit(db, "read", edit);
  expect(said.redone).toHaveLength(plan.root.height);
  const by = { id: null, pseudonym: "simulated-1" };
  const revise = (most: number) =>
    reviseNode(db, "read", { node, text: "Anna goes.", mostAbove: most, by });
  expect(await revise(said.redone.length - 1)).toBe("dear");
  expect((await readTree(db, "read")).version).toBe(1);
  expect(await revise(said.redone.length)).toBe("edited");
  const asked = await grows("read");
  expect(asked.toSorted()).toEqual([...said.redone].toSorted());
  const { outputs } = await readStanding(db, "read");
  expect(outputs.get(node.id)!.entry).toMatchObject({
    text: "Anna goes.",
    author: { kind: "person", name: "simulated-1" },
  });
  expect(await reviseNode(db, "read", { node, text: "Tom goes.", mostAbove: 99, by })).toBe(
    "moved",
  );
  expect((await exportTree(db, "read")).edits).toMatchObject([
    { node: node.id, by: "simulated-1" },
  ]);
});
