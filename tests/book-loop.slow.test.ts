/**
 * The loop over a book, twice around, on our own engine: several people write, others compare, a model of random weights learns from both, and
 * a tree is grown beside the tree. Run: TILLER_TESTS=slow npx vitest run FILE
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { launchFlow } from "@tiller/flow";
import { getCheckpoint } from "@tiller/lab";
import { saveSmallModel, smallConfig } from "@tiller/learn/fixtures/small-model.ts";
import { checkpointMeta } from "@tiller/lm";
import { SamplerPool, serverModelClient } from "@tiller/serve";
import { openStore, sql } from "@tiller/store";
import { besideOf, compareTrees, judgmentsOf, treeDetail, treeNodes } from "@tiller/trees";
import { simulatedPeople } from "../recipes/book-loop/simulated.ts";
import { recipes } from "../recipes/index.ts";

const home = mkdtempSync(path.join(os.tmpdir(), "tiller-book-loop-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const small = { batch: 4, validation: 0, lr: 1e-2 } as const; // steps so large that what it writes changes

test("twice around: who wrote does not judge, policies begin from supervised models, changes name their judgments", async () => {
  await using store = await openStore({ home });
  const { db } = store;
  mkdirSync(path.join(home, "inputs"), { recursive: true });
  const [base, book] = ["base", "book.txt"].map((n) => path.join(home, "inputs", n)) as [
    string,
    string,
  ];
  await saveSmallModel(base, smallConfig({ layers: 1, positions: 512 }));
  const text = aStory(5, 1);
  writeFileSync(book, text);
  using sampler = new SamplerPool();
  const modelClient = serverModelClient({ store, sampler });
  const flow = await launchFlow({
    store,
    workflows: recipes,
    codeRevision: "test",
    modelClient,
    identify: checkpointMeta,
  });
  const abort = new AbortController();
  const working = simulatedPeople(db, { people: 4, texts: [text], seed: 1, signal: abort.signal });

  const ppo = {
    critic: "separate",
    beta: 0.02,
    klTarget: 0,
    iterations: 1,
    batch: 2,
    minibatch: 2,
    epochs: 1,
    lr: 1e-2,
  } as const;
  const sizes = { nodes: 3, changed: 1, maxTokens: 256, rounds: 2, heldout: 0 };
  const input = {
    files: [book],
    base,
    cloning: { ...small, epochs: 4 },
    reward: small,
    ppo,
    ...sizes,
  };
  const id = await flow.start("book-loop@2", input, { id: "loop" });
  const ended = await Promise.race([flow.wait(id), working]); // people who stop would leave it waiting
  const { rounds } = Result.parse(ended);
  abort.abort();
  await working;
  await flow.close();

  // the supervised model begins each time from the base, reward and policy from it
  const { id: start } = await checkpointMeta(base);
  for (const r of rounds) {
    const parents = await Promise.all(
      [r.supervised, r.reward, r.policy].map((c) => getCheckpoint(db, c)),
    );
    expect(parents.map((c) => c.parent)).toEqual([start, r.supervised, r.supervised]);
  }
  expect(new Set(rounds.map((r) => r.supervised)).size).toBe(2); // it learned from more
  expect(rounds[1]!.old).toEqual(rounds[0]!.trees);

  for (const {
    old: [old],
    trees: [tree],
    supervised,
    policy,
    queued,
  } of rounds) {
    expect(await treeDetail(db, tree!)).toMatchObject({ state: "whole", lacks: [] });
    // nobody judged a node that she wrote
    const said = await judgmentsOf(db, old!);
    expect(said.length).toBeGreaterThanOrEqual(6);
    const wrote = await db.many(
      sql`select node, author, text from tree_entry where tree = ${old} and author_kind = 'person'`,
      z.object({ node: z.string(), author: z.string(), text: z.string() }),
    );
    expect(wrote).toHaveLength(6); // three nodes, two people each
    const own = new Set(wrote.map((w) => `${w.node} ${w.author}`));
    expect(said.filter((j) => own.has(`${j.node} ${j.author.name}`))).toEqual([]);
    const texts = async (t: string) =>
      new Map((await treeNodes(db, t, 0)).nodes.map((n) => [n.node, n.text]));
    const [before, after] = [await texts(old!), await texts(tree!)];
    // each text is named by who wrote it, in the order that it was read
    const theirs = new Map(wrote.map((w) => [`${w.node} ${w.author}`, w.text]));
    const kinds = said.map((j) => {
      const whose = j.policies!.map((name, k) => {
        const text = theirs.get(`${j.node} ${name}`);
        if (text !== undefined) expect(j.texts[k]).toBe(text);
        const model = [supervised, policy].find((c) => name.startsWith(c));
        if (text === undefined && model === undefined) expect(j.texts[k]).toBe(before.get(j.node));
        if (text !== undefined) return "person";
        return model === undefined ? "stored" : model === policy ? "policy" : "supervised";
      });
      return whose.toSorted().join(", ");
    });
    // three nodes and those that changed most, two people each
    expect(kinds.toSorted()).toEqual([
      ...Array(6).fill("person, supervised, supervised"),
      ...Array(2 * queued).fill("policy, stored, supervised"),
    ]);
    // every node that differs names judgments of the older tree: of the node itself, else of its height
    const { beside, because } = await besideOf(db, tree!);
    expect(beside).toBe(old);
    const differ = [...after].filter(([n, t]) => before.get(n) !== t).map(([n]) => n);
    expect(because.map((b) => b.node)).toEqual(differ.toSorted());
    expect(differ.length).toBeGreaterThan(0);
    const byNumber = new Map(said.map((j) => [j.n, j]));
    for (const b of because)
      for (const n of b.judgments)
        expect(b.how === "node" ? byNumber.get(n)!.node : byNumber.get(n)!.node[0]).toBe(
          b.how === "node" ? b.node : b.node[0],
        );
    expect(because.some((b) => b.how === "node" && b.judgments.length > 0)).toBe(true);
    // and so does the page that lays the two beside each other
    const { rows } = await compareTrees(db, tree!, { with: old! });
    const shown = rows.flatMap((r) => (r.taughtBy ? [[r.here.node, r.taughtBy] as const] : []));
    expect(shown.map(([node]) => node).toSorted()).toEqual(differ.toSorted());
    for (const [node, by] of shown) {
      const { how, judgments } = because.find((b) => b.node === node)!;
      const nodes = new Set(judgments.map((n) => byNumber.get(n)!.node));
      expect(by).toEqual({
        tree: old,
        how,
        judgments: judgments.length,
        nodes: [...nodes].slice(0, 20),
      });
    }
  }
}, 400_000);

const Result = z.object({
  rounds: z
    .array(
      z.object({
        old: z.array(z.string()),
        trees: z.array(z.string()),
        supervised: z.string(),
        reward: z.string(),
        policy: z.string(),
        queued: z.int(),
      }),
    )
    .length(2),
});
