/** Threads on the real database: the table of states is kept, raters see their own, an upheld dispute changes gold. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import {
  AnswerId,
  LeaseId,
  type Me,
  movesOf,
  TaskId,
  threadKinds,
  threadMoves,
  threadStates,
} from "@tiller/schema";
import {
  actOnThread,
  deskFeedback,
  getThread,
  listThreads,
  noticesFor,
  openThread,
  seeFeedback,
} from "./feedback.ts";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { getGold, goldAnswers, goldEvents, pickGold, saveGold } from "./gold.ts";
import { decide } from "./quality.ts";
import { submitAnswer } from "./work.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-feedback-"));
let store: Store;
let [lead, rater, other] = [] as unknown as [Me, Me, Me];
let answer: AnswerId;
let gold: string;
beforeAll(async () => {
  store = await openStore({ home });
  const person = (id: string, role: "rater" | "lead") =>
    ensurePerson(store.db, { id, name: `Name ${id}`, pseudonym: `alias-${id}`, role });
  [lead, rater, other] = [
    await person("l", "lead"),
    await person("r", "rater"),
    await person("o", "rater"),
  ];
  await store.db.run(
    sql`insert into task_type (name, version, instructions) values ('kind', '1', '')`,
  );
  gold = (
    await saveGold(store.db, lead.id, {
      type: "kind",
      input: { q: 1 },
      expected: { choice: "b" },
      tolerance: 0,
      reason: "because",
    })
  ).id;
  const task = (await pickGold(store.db, rater.id, { due: ["gold"], types: ["kind"] }))!;
  await store.db.run(
    sql`insert into lease (id, task, person, swap, expires_at) values ('lease', ${task}, ${rater.id}, false, now() + interval '1 hour')`,
  );
  const lease = LeaseId.parse("lease");
  const { answer: id } = await submitAnswer(store.db, rater.id, {
    lease,
    value: { choice: "a" },
    activeSeconds: 1,
    idleSeconds: 0,
  });
  answer = AnswerId.parse(id);
});
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

test("comment, reply, resolved: a dispute about gold, upheld, changes the gold and the score", async () => {
  const opened = await openThread(store.db, rater, {
    kind: "dispute",
    answer,
    title: "a is right",
    text: "Look at the last line.",
  });
  expect(opened).toMatchObject({ state: "open", about: rater.id, gold });
  const act = (
    me: Me,
    action: "reply" | "uphold" | "decline" | "reopen",
    text: string,
    expected?: Record<string, unknown>,
  ) => actOnThread(store.db, me, opened.id, { action, text, ...(expected ? { expected } : {}) });
  expect((await act(lead, "reply", "I will look")).state).toBe("replied");
  expect((await act(lead, "decline", "b it is")).state).toBe("declined");
  expect((await act(rater, "reopen", "but")).state).toBe("open");
  await expect(act(rater, "uphold", "")).rejects.toThrow(
    /cannot take uphold. You may reply, withdraw/,
  );
  const done = await act(lead, "uphold", "a, you are right", { choice: "a" });
  expect(done.state).toBe("upheld");
  expect(done.messages.map((m) => [m.by, m.action])).toEqual([
    ["alias-r", "open"],
    ["alias-l", "reply"],
    ["alias-l", "decline"],
    ["alias-r", "reopen"],
    ["alias-l", "uphold"],
  ]);
  expect((await getGold(store.db, gold)).expected).toEqual({ choice: "a" });
  expect((await goldEvents(store.db, gold)).at(-1)).toMatchObject({
    action: "changed",
    thread: opened.id,
  });
  expect((await goldAnswers(store.db, { person: rater.id }))[0]!.right).toBe(true);
  await expect(act(lead, "reply", "more")).rejects.toThrow(
    /that is upheld cannot take reply. You may only read it/,
  );
});

test("a rater sees what is about them, no notes, and nobody else's", async () => {
  const note = await openThread(store.db, lead, {
    kind: "note",
    about: rater.id,
    title: "n",
    text: "tired?",
  });
  const feedback = await openThread(store.db, lead, {
    kind: "feedback",
    about: rater.id,
    title: "f",
    text: "well done",
  });
  const own = await listThreads(store.db, rater);
  expect(own.map((t) => t.kind).toSorted()).toEqual(["dispute", "feedback"]);
  expect(await listThreads(store.db, other)).toEqual([]);
  await expect(getThread(store.db, rater, note.id)).rejects.toThrow(/no thread/);
  await expect(
    actOnThread(store.db, other, feedback.id, { action: "reply", text: "x" }),
  ).rejects.toThrow(/no thread/);
  await expect(
    openThread(store.db, rater, { kind: "note", title: "n", text: "t" }),
  ).rejects.toThrow(/raters open disputes/);
  await expect(
    openThread(store.db, other, { kind: "dispute", answer, title: "n", text: "t" }),
  ).rejects.toThrow(/no answer/);
  expect(
    (await actOnThread(store.db, rater, feedback.id, { action: "resolve", text: "" })).state,
  ).toBe("resolved");
});

test("what waits is counted: for staff what nobody answered, for a rater what is new to them, once", async () => {
  const count = (me: Me) => noticesFor(store.db, me);
  const before = await count(lead);
  expect(await count(other)).toEqual({ inbox: 0, threads: 0, feedback: 0 });
  const { at } = await deskFeedback(store.db, rater);
  await seeFeedback(store.db, rater, at);
  expect(await count(rater)).toEqual({ inbox: 0, threads: 0, feedback: 0 });
  const words = { kind: "feedback", about: rater.id, title: "f", text: "slower" } as const;
  const thread = await openThread(store.db, lead, words);
  expect((await count(rater)).feedback).toBe(1);
  expect((await count(lead)).threads).toBe(before.threads); // the rater is to speak
  await actOnThread(store.db, rater, thread.id, { action: "reply", text: "why?" });
  expect((await count(lead)).threads).toBe(before.threads + 1);
  const task = TaskId.parse(
    await store.db.value(sql`select task from answer where id = ${answer}`, z.string()),
  );
  await decide(store.db, lead.id, { task, value: { choice: "tie" }, reason: "even", gold: false });
  expect((await count(rater)).feedback).toBe(2);
  const seen = await deskFeedback(store.db, rater);
  expect(seen.settled[0]).toMatchObject({ reason: "even", decided: { choice: "tie" } });
  await seeFeedback(store.db, rater, seen.at);
  expect((await count(rater)).feedback).toBe(0);
  // an older page that says it later takes nothing back
  await seeFeedback(store.db, rater, at);
  expect((await count(rater)).feedback).toBe(0);
});

test("the table: every state of every kind is reachable or no kind's, and moves lead to states", () => {
  for (const kind of threadKinds) {
    const reached = new Set([
      "open",
      ...threadMoves.filter((m) => m.kind === kind).map((m) => m.to),
    ]);
    for (const m of threadMoves.filter((x) => x.kind === kind))
      for (const from of m.from) expect(reached.has(from)).toBe(true);
  }
  expect(movesOf({ kind: "note", state: "open" }, "rater")).toEqual([]);
  for (const m of threadMoves) expect(threadStates).toContain(m.to);
});
