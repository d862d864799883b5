/** Turns: what a workflow is given comes in the recorded order, whatever the order in which it arrives. */
import { expect, test } from "vitest";
import { type Recorded, Turns } from "./turns.ts";

const later = (ms: number) => new Promise((r) => setTimeout(r, ms));
const recorded: Recorded[] = ["b", "a", "c"].map((name, i) => ({ turn: i + 1, name }));

test("results on record are handed out by their numbers, each after the workflow's answer to the one before", async () => {
  const turns = new Turns(() => Promise.resolve(recorded));
  turns.open();
  const seen: string[] = [];
  const call = async (name: string, turn: number, ms: number) => {
    turns.begin();
    await later(ms);
    await turns.take({ turn, name }, { replayed: true });
    seen.push(name);
    await Promise.resolve();
    seen.push(`after ${name}`);
    expect(turns.mayBegin()).toBe(true);
  };
  await Promise.all([call("a", 2, 1), call("b", 1, 30), call("c", 3, 5)]);
  expect(seen).toEqual(["b", "after b", "a", "after a", "c", "after c"]);
});

test("a number that a crash lost is not waited for, and new ones come after all on record", async () => {
  const turns = new Turns(() => Promise.resolve([{ turn: 4, name: "b" }]));
  turns.open();
  const seen: string[] = [];
  const fresh = async () => {
    turns.begin();
    await later(1);
    turns.entered();
    const turn = await turns.number("a");
    expect(turn).toBe(5);
    await turns.take({ turn, name: "a" }, { replayed: false });
    seen.push("a");
  };
  const old = async () => {
    turns.begin();
    await later(20);
    await turns.take({ turn: 4, name: "b" }, { replayed: true });
    seen.push("b");
  };
  await Promise.all([fresh(), old()]);
  expect(seen).toEqual(["b", "a"]);
});

test("a call on record that is not made any more is said by name, and nobody waits for ever", async () => {
  const turns = new Turns(() => Promise.resolve(recorded));
  turns.open();
  const call = async (name: string, turn: number) => {
    turns.begin();
    await later(1);
    await turns.take({ turn, name }, { replayed: true });
  };
  const [a, c] = await Promise.allSettled([call("a", 2), call("c", 3)]);
  for (const r of [a, c])
    expect(r).toMatchObject({
      status: "rejected",
      reason: { code: "changed_workflow", message: expect.stringContaining("a result of b next") },
    });
});

test("beside others a call begins only in answer to what the workflow was given", async () => {
  const turns = new Turns(() => Promise.resolve([]));
  turns.open();
  turns.begin();
  expect(turns.mayBegin()).toBe(true);
  await later(5);
  expect(turns.mayBegin()).toBe(false);
  turns.left({ asking: true, turn: undefined });
  expect(turns.mayBegin()).toBe(true);
});
