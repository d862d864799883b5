import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { answerOf, aStory, countWords } from "./fixtures/echo.ts";
import { Entry, hashOf } from "./keys.ts";
import { type ContextOrder, editLeaf, type Plan, planOf } from "./plan.ts";
import { type Ask, bestSoFar, type Grow, grow, Log, type Output, type Redo } from "./tree.ts";
import { whatIf } from "./what-if.ts";

const orders: readonly ContextOrder[] = ["strict", "lag:3", "none"];
const plan = (order: ContextOrder, chapters = 12, seed = 1) =>
  planOf(aStory(7, chapters), { window: 256, seed, count: countWords, order });
/** Everything that a tree says, as one text. */
const said = (p: Plan, outputs: ReadonlyMap<string, Output>) =>
  JSON.stringify(
    p.levels.flat().map((n) => [n.id, outputs.get(n.id)?.key, outputs.get(n.id)?.entry.text]),
  );

async function run(p: Plan, o: Partial<Grow> & { entries?: Entry[]; policy?: string } = {}) {
  const entries = o.entries ?? [];
  const asked: Ask[] = [];
  const policy = o.policy ?? "echo";
  const grown = await grow(p, {
    log: new Log(entries),
    count: countWords,
    policy,
    record: (e) => void entries.push(Entry.parse(JSON.parse(JSON.stringify(e)))),
    respond: async (ask) => (asked.push(ask), answerOf(ask, policy)),
    ...o,
  });
  return { ...grown, entries, asked, said: said(p, grown.outputs) };
}

test("heights: 10 to 13 leaves as the window allows, then 2 to 8; one root; every cap is kept", async () => {
  const p = plan("strict", 24);
  const sizes = p.levels.map((l) => l.map((n) => n.children.length));
  expect(sizes[0]!.length).toBeGreaterThan(60);
  for (const n of sizes[1]!) expect(n >= 10 && n <= 13).toBe(true);
  for (const level of sizes.slice(2)) for (const n of level) expect(n >= 2 && n <= 8).toBe(true);
  expect(sizes.at(-1)).toHaveLength(1);
  const { outputs, asked } = await run(p);
  for (const { entry } of outputs.values())
    expect(countWords(entry.text)).toBeLessThanOrEqual(p.nodes.get(entry.node)!.cap);
  for (const a of asked) expect(a.tokens + a.node.cap).toBeLessThanOrEqual(256);
  expect(asked.some((a) => answerOf(a).tokens > a.node.cap)).toBe(true);
});

test("a prompt: earlier outputs of the same height, cut at their beginning, then the text", async () => {
  const p = plan("strict", 8);
  const { asked, outputs } = await run(p);
  const text = (id: string) => outputs.get(id)!.entry.text;
  const first = asked.find((a) => a.node.id === "0.0")!;
  const leaf = p.text.slice(first.node.span!.from, first.node.span!.to).trim();
  expect(first.prompt).toBe(`${leaf}\n\nTL;DR:`);
  const second = asked.find((a) => a.node.id === "0.1")!;
  expect(second.prompt.startsWith(`${text("0.0")}\n====\n`)).toBe(true);
  const late = asked.find((a) => a.node.id === "0.20")!;
  const [context, rest] = late.prompt.split("\n====\n");
  expect(rest).toContain("TL;DR:");
  const shown = context!.split("\n----\n");
  expect(shown.at(-1)).toBe(text("0.19"));
  const said = Array.from({ length: 20 }, (_, i) => text(`0.${i}`)).filter((t) => t !== "");
  expect(said.slice(1 - shown.length)).toEqual(shown.slice(1));
  expect(said.at(-shown.length)!.endsWith(shown[0]!)).toBe(true);
  expect(late.used).toBeLessThan(20);
});

test("who waits for whom: in strict order one leaf after the other, with a lag so many at once", async () => {
  for (const [order, most] of [
    ["strict", 1],
    ["lag:3", 4],
    ["none", 60],
  ] as const) {
    const p = plan(order, 5);
    let [now, peak] = [0, 0];
    const leaves = (a: Ask) => a.node.height === 0;
    await run(p, {
      parallel: 60,
      respond: async (ask) => {
        if (leaves(ask)) peak = Math.max(peak, ++now);
        await new Promise((r) => setImmediate(r));
        if (leaves(ask)) now--;
        return answerOf(ask);
      },
    });
    expect(peak).toBe(Math.min(most, p.levels[0]!.length));
  }
});

test("answers that come in any order: the same tree", async () => {
  for (const order of orders) {
    const p = plan(order, 5);
    const clean = await run(p);
    for (const seed of [1, 2, 3]) {
      const chance = rng(seed, "late");
      const late = await run(p, {
        parallel: 9,
        respond: async (ask) => {
          for (let i = chance.int(12); i > 0; i--) await new Promise((r) => setImmediate(r));
          return answerOf(ask);
        },
      });
      expect(late.said).toBe(clean.said);
    }
  }
});

test("stopped after any number of answers and begun again: byte for byte what a clean run gives", async () => {
  for (const order of orders) {
    const p = plan(order, 3);
    const clean = await run(p);
    expect(clean.whole).toBe(true);
    for (let kill = 0; kill <= clean.entries.length; kill++) {
      const entries: Entry[] = [];
      const parallel = 1 + (kill % 4);
      const dies = {
        record: (e: Entry) => {
          if (entries.length >= kill) throw new Error("killed");
          entries.push(e);
        },
      };
      await run(p, { parallel, ...dies }).catch((e: Error) => expect(e.message).toBe("killed"));
      const again = await run(p, { entries, parallel });
      expect(again.said).toBe(clean.said);
      expect(again.entries.length).toBe(clean.entries.length);
    }
  }
});

test("edits of leaves, redone with what drifted: their order does not matter, and it is a clean run", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...orders),
      fc.tuple(fc.nat(1e6), fc.nat(1e6)),
      async (order, [a, b]) => {
        const p = plan(order, 3);
        const n = p.levels[0]!.length;
        const [i, j] = [a % n, b % n];
        fc.pre(i !== j);
        const change = (q: Plan, at: number) =>
          editLeaf(q, `0.${at}`, `Nothing happened at ${at}.\n\n`, countWords);
        const through = async (...steps: number[]) => {
          let [q, entries] = [p, (await run(p)).entries];
          for (const at of steps) {
            q = change(q, at);
            entries = (await run(q, { entries, redo: "drifted" })).entries;
          }
          return (await run(q, { entries, redo: "drifted" })).said;
        };
        const [one, other] = [await through(i, j), await through(j, i)];
        expect(one).toBe(other);
        expect(one).toBe((await run(change(change(p, i), j))).said);
      },
    ),
    { numRuns: 4, seed: 23 },
  );
});

test("an edit: the path is invalid, neighbours drift, and no more is asked than was said before", async () => {
  const p = plan("strict", 24);
  const { entries, outputs } = await run(p);
  const edited = editLeaf(p, "0.30", "Anna gave the key to Tom.\n\n", countWords);
  const rates = { price: { prompt: 1, completion: 2 }, tokensPerSecond: 100 };
  const said = whatIf(p, outputs, { leaf: "0.30" }, rates);
  expect(said.path.redone[0]).toBe("0.30");
  expect(said.path.redone).toHaveLength(p.root.height + 1);
  expect(said.path.drifted).toContain("0.31");
  expect(said.drifted.redone.length).toBeGreaterThan(said.path.redone.length);
  expect(said.drifted.nodes).toBe(said.drifted.redone.length);
  expect(said.drifted.minutes).toBeGreaterThan(said.path.minutes);
  expect(said.path.money).toBeCloseTo((said.path.promptTokens + 2 * said.path.tokens) / 1e6, 12);
  for (const redo of ["path", "drifted"] as const) {
    const again = await run(edited, { entries: [...entries], redo });
    const asked = again.asked.map((a) => a.node.id);
    expect(said[redo].redone).toEqual(expect.arrayContaining(asked));
    const drifted = [...again.outputs.values()].filter((o) => o.standing === "drifted").length;
    if (redo === "path") {
      expect(asked.toSorted()).toEqual(said.path.redone.toSorted());
      expect(drifted).toBeGreaterThan(0);
      expect(drifted).toBeLessThanOrEqual(said.path.drifted.length);
    } else expect(drifted).toBe(0);
  }
});

test("a redone leaf that says the same ends it there", async () => {
  const p = plan("strict", 24);
  const { entries, outputs } = await run(p);
  const edited = editLeaf(p, "0.30", "Anna gave the key to Tom.\n\n", countWords);
  const same = outputs.get("0.30")!.entry;
  const again = await run(edited, {
    entries,
    redo: "drifted",
    respond: async (ask) => ({ ...answerOf(ask), text: ask.before!.text }),
  });
  expect([again.whole, entries.length]).toEqual([true, p.nodes.size + 1]);
  expect(entries.slice(p.nodes.size).map((e) => e.node)).toEqual(["0.30"]);
  expect(again.outputs.get("0.30")!.entry).toMatchObject({ text: same.text });
});

test("another policy: outputs stay and age, until all is wanted; what a person wrote is never replaced", async () => {
  const p = plan("strict", 4);
  const { entries, outputs } = await run(p);
  const was = outputs.get("0.3")!.entry;
  const byAnna: Entry = { ...was, author: { kind: "person", name: "anna" }, text: "Anna left." };
  const [first, ...rest] = await Promise.all(
    (["path", "drifted", "all"] as Redo[]).map((redo) =>
      run(p, { entries: [...entries, byAnna], policy: "other", redo }),
    ),
  );
  const standing = (outputs: ReadonlyMap<string, Output>, id: string) => outputs.get(id)!.standing;
  expect(standing(first!.outputs, "0.0")).toBe("aged");
  expect(standing(rest[1]!.outputs, "0.0")).toBe("current");
  for (const r of [first!, ...rest]) {
    expect(r.outputs.get("0.3")!.entry.text).toBe("Anna left.");
    expect(r.asked.map((a) => a.node.id)).not.toContain("0.3");
    expect(r.entries).toEqual(expect.arrayContaining([byAnna, was]));
  }
  expect(rest[1]!.asked.length).toBe(p.nodes.size - 1);
});

test("equal paragraphs have outputs of their own, by what stood before them", async () => {
  const same = "Anna saw the garden. Tom saw the rain and the house and a ring. ".repeat(6);
  const p = planOf(Array.from({ length: 12 }, () => same).join("\n\n"), {
    window: 256,
    seed: 1,
    count: countWords,
  });
  const clean = await run(p);
  const half = await run(p, { entries: clean.entries.slice(0, 5), parallel: 3 });
  expect(half.said).toBe(clean.said);
  expect(clean.outputs.get("0.2")!.key).not.toBe(clean.outputs.get("0.1")!.key);
});

test("stopped: the best so far is the highest there is; nothing is asked without somebody to answer", async () => {
  const p = plan("strict", 24);
  let n = 0;
  const part = await run(p, { stopped: () => ++n > 20 });
  expect(part.whole).toBe(false);
  const best = bestSoFar(p, part.outputs);
  expect(best.some((b) => b.height === 1)).toBe(true);
  const covered = best.flatMap((b) =>
    b.height === 0 ? [b.index] : b.children.map((c) => p.nodes.get(c)!.index),
  );
  expect(covered).toEqual([...covered.keys()]);
  const look = await run(p, { entries: [...part.entries], respond: undefined });
  expect([look.asked.length, look.outputs.size]).toEqual([0, part.outputs.size]);
});

test("an answer is addressed by what was read", async () => {
  const p = plan("strict", 4);
  const { asked, entries } = await run(p);
  for (const [i, a] of asked.entries()) expect(entries[i]!.saw).toBe(hashOf(a.prompt));
  expect(new Set(asked.map((a) => a.key)).size).toBe(asked.length);
  expect(rng(asked[0]!.seed, "x").next()).toBe(rng((await run(p)).asked[0]!.seed, "x").next());
});
