/**
 * What an edit does is what was said before: over random trees with people's nodes and what drifted and aged earlier, each of the three
 * choices asks nothing that its preview does not name, and the path to the letter.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { answerOf, aStory, countWords } from "./fixtures/echo.ts";
import { type Entry, makerOf } from "./keys.ts";
import { type ContextOrder, editLeaf, type Plan, planOf, waitsFor } from "./plan.ts";
import { type Ask, askOf, entryOf, grow, Log, type Output, type Redo, redos } from "./tree.ts";
import { whatIf } from "./what-if.ts";

const rates = { price: { prompt: 0, completion: 0 } };
interface Some {
  readonly entries: Entry[];
  readonly outputs: ReadonlyMap<string, Output>;
  readonly asked: string[];
}
async function grown(
  p: Plan,
  entries: Entry[],
  o: { redo?: Redo; policy?: string; people: (id: string) => boolean; same?: boolean },
): Promise<Some> {
  const asked: string[] = [];
  const policy = o.policy ?? "echo";
  const answer = (ask: Ask) => {
    const said = answerOf(ask, policy);
    const text = o.same && ask.before ? ask.before.text : `${said.text.slice(0, 40)} ${ask.seed}`;
    return o.people(ask.node.id)
      ? { ...said, text, author: { kind: "person", name: "anna" } as const }
      : { ...said, text };
  };
  const { outputs } = await grow(p, {
    log: new Log(entries),
    count: countWords,
    policy,
    redo: o.redo ?? "path",
    record: (e) => void entries.push(e),
    respond: async (ask) => (asked.push(ask.node.id), answer(ask)),
  });
  return { entries, outputs, asked };
}
const orders: readonly ContextOrder[] = ["strict", "lag:2", "none"];

/** A tree with a third of its nodes by people, in which one edit let something drift, and a half was written by another policy. */
async function lived(seed: number) {
  const draw = rng(seed, "edits");
  const order = draw.choose(orders);
  let plan = planOf(aStory(seed, 2 + draw.int(3)), {
    window: 256,
    seed,
    count: countWords,
    order,
  });
  const people = (id: string) => rng(seed, "people", id).next() < 0.3;
  let { entries, outputs } = await grown(plan, [], { people });
  const leaf = () => `0.${draw.int(plan.levels[0]!.length)}`;
  if (draw.next() < 0.7) {
    plan = editLeaf(plan, leaf(), `Before, no. ${draw.int(100)}.\n\n`, countWords);
    ({ entries, outputs } = await grown(plan, entries, { people }));
  }
  const policy = draw.next() < 0.5 ? "echo" : "other";
  ({ entries, outputs } = await grown(plan, entries, { people, policy }));
  return { draw, plan, people, entries, outputs, policy, leaf };
}

test("nothing is asked that was not said, and the path is exactly what was said", async () => {
  const moved = { asked: 0, drifted: 0, people: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1e6),
      fc.constantFrom(...redos),
      fc.boolean(),
      async (seed, redo, ofText) => {
        const { draw, plan, people, outputs, policy, leaf, ...was } = await lived(seed);
        const entries = [...was.entries];
        let next = plan;
        const node = plan.nodes.get(ofText ? leaf() : draw.choose([...plan.nodes.keys()]))!;
        const edit = ofText ? { leaf: node.id } : { output: node.id };
        const said = whatIf(plan, outputs, edit, rates)[redo];
        if (ofText) next = editLeaf(plan, node.id, `Anna gave Tom no. ${seed}.\n\n`, countWords);
        else {
          const log = new Log(entries);
          const ask = askOf(plan, node, outputs, {
            log,
            maker: makerOf(plan, policy),
            count: countWords,
          });
          const author = { kind: "person", name: "lee" } as const;
          entries.push(
            entryOf(ask, { ...answerOf(ask), text: `Edited ${seed}.`, author }, countWords),
          );
        }
        const after = await grown(next, entries, { redo, policy, people });
        expect(said.redone).toEqual(expect.arrayContaining(after.asked));
        if (redo === "path") expect(after.asked.toSorted()).toEqual([...said.redone].toSorted());
        expect(new Set(after.asked).size).toBe(after.asked.length);
        const drifted = [...after.outputs]
          .filter(([id, o]) => o.standing === "drifted" && outputs.get(id)!.standing !== "drifted")
          .map(([id]) => id);
        expect(said.drifted).toEqual(expect.arrayContaining(drifted));
        moved.asked += after.asked.length;
        moved.drifted += drifted.length;
        moved.people += said.people.length;
      },
    ),
    { numRuns: 60, seed: 23 },
  );
  for (const n of Object.values(moved)) expect(n).toBeGreaterThan(20); // the trees had something to get wrong
});

test("still right: the edited passage is asked, and nothing above or beside it", async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { plan, people, entries, policy, leaf } = await lived(seed);
    const at = leaf();
    const next = editLeaf(plan, at, `Anna gave Tom no. ${seed}.\n\n`, countWords);
    const after = await grown(next, entries, { people, policy, same: true });
    expect(after.asked).toEqual([at]);
    expect(after.outputs.size).toBe(plan.nodes.size);
  }
});

test("edited while a person holds a node: her answer is kept by what she read, and the new text is asked", async () => {
  const plan = planOf(aStory(3, 2), { window: 256, seed: 1, count: countWords, order: "none" });
  const { entries, outputs } = await grown(plan, [], { people: () => true });
  const node = plan.levels[0]![2]!;
  const o = { log: new Log(), maker: makerOf(plan, "echo"), count: countWords };
  const held = askOf(plan, node, outputs, o);
  const before = entries.filter((e) => e.node !== node.id && e.node.startsWith("0."));
  const next = editLeaf(plan, node.id, "Tom has the key now.\n\n", countWords);
  const author = { kind: "person", name: "anna" } as const;
  const late = entryOf(held, { ...answerOf(held), text: "Hers.", author }, countWords);
  const after = await grown(next, [...before, late], { people: () => true });
  expect(after.asked).toContain(node.id);
  expect(after.outputs.get(node.id)!.entry.text).not.toBe("Hers.");
  // and with the old words back, it stands
  const back = await grown(plan, [...after.entries], { people: () => true });
  expect(back.outputs.get(node.id)!.entry).toMatchObject({ text: "Hers.", saw: held.saw });
  expect(back.asked).not.toContain(node.id);
});

test("what waits for whom does not move with an edit", () => {
  const plan = planOf(aStory(3, 2), { window: 256, seed: 1, count: countWords, order: "lag:2" });
  const next = editLeaf(plan, "0.1", "Short.\n\n", countWords);
  for (const n of plan.levels.flat())
    expect(waitsFor(next, next.nodes.get(n.id)!)).toBe(waitsFor(plan, n));
});
