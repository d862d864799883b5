/** Best-of-n: of the speeches a model draws the one is made after which the judge leans most to the seat's answer. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FlowServer, launchFlow } from "@tiller/flow";
import { ModelsConfig, openModelClient } from "@tiller/model";
import { type Answer, says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { legal, type Log, protocols, view } from "@tiller/room";
import { body, opened, randomAct } from "@tiller/room/fixtures/random.ts";
import { leaning } from "@tiller/room/reply.ts";
import { replay } from "@tiller/room/state.ts";
import { viewAfter } from "@tiller/room/view.ts";
import { Occupant, rng, type SeatSpec } from "@tiller/schema";
import { openStore, sql, type Store } from "@tiller/store";
import { type RoomResult, roomWorkflow } from "./index.ts";
import { checkSeats } from "./open.ts";
import { readRoom } from "./rows.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-best-"));
let store: Store;
let flow: FlowServer;
const debater = await scripted(
  says("She was there at noon."),
  says("She said it <quote>in no text at all</quote>."), // the room would send it back
  says("A good point: nobody else was there."),
);
/** The judge of a room, and in one letter: that of whoever made a good point. */
const leans: Answer = (r, asked) => {
  const read = asked.body.messages!.at(-1)!.content;
  if (!/One letter/.test(read))
    return says("It stands.\nCREDENCE: A 60, B 40\nDECISION: end")(r, asked);
  const [, side, said] = [...read.matchAll(/\[[ab], for ([AB])\]\n(.*)/g)].at(-1)!;
  return says(/good/.test(said!) ? side! : side === "A" ? "B" : "A")(r, asked);
};
const judge = await scripted(leans);
const mute = await scripted(says("I would rather not."));

beforeAll(async () => {
  store = await openStore({ home });
  const at = (e: { baseURL: string }) => ({ kind: "openai", model: "m", baseURL: e.baseURL });
  const config = ModelsConfig.parse({ debater: at(debater), judge: at(judge), mute: at(mute) });
  const modelClient = openModelClient({ config, db: store.db });
  flow = await launchFlow({ store, workflows: [roomWorkflow], codeRevision: "test", modelClient });
});
afterAll(async () => {
  await flow?.close();
  await store?.close();
  for (const e of [debater, judge, mute]) await e[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

const question = {
  question: "Who has the lamp?",
  answers: ["Anna", "Tom"],
  texts: [{ id: "story", title: "The lamp", body }],
};
const argues = { role: "debater", knows: ["text", "truth"] };
const rules = {
  name: "one-speech-each",
  source: "test",
  seats: { a: argues, b: argues, judge: { role: "judge" } },
  rounds: [
    { do: "speak", label: "openings", seats: ["a", "b"], characters: 300, together: true },
    { do: "credence", label: "verdict", seats: ["judge"], characters: 300, may: "end" },
  ],
  scoring: { rule: "log", base: 2 },
};
const model = (name: string, best?: { of: number; by: string }): SeatSpec => ({
  who: { kind: "model", model: name, ...(best ? { temperature: 1, best } : {}) },
});
const record: SeatSpec = {
  who: { kind: "replay", acts: [{ do: "speak", items: [{ content: [{ text: "No." }] }] }] },
};
const start = (by: string) =>
  flow.start(roomWorkflow, {
    rules,
    question,
    seats: { a: model("debater", { of: 3, by }), b: record, judge: model("judge") },
  });

test("three are drawn, the judge's leaning chooses, and one is said", async () => {
  const { room, by } = (await flow.wait(await start("judge"))) as RoomResult;
  expect(by).toBe("judge");
  const { log } = await readRoom(store.db, room);
  expect(log.find((m) => m.seat === "a")!.act).toEqual({
    do: "speak",
    items: [{ content: [{ text: "A good point: nobody else was there." }] }],
  });
  expect(debater.asked).toHaveLength(3);
  const letters = judge.asked.filter((x) => x.body["logprobs"]);
  expect(letters).toHaveLength(2); // the room would not take the third
  expect(letters[0]!.body).toMatchObject({ temperature: 0, max_tokens: 1 });
});

test("a judge who names no letter is a failure of the seat, and nothing is said", async () => {
  const experiment = await start("mute");
  const find = async () =>
    (
      await store.db.many(
        sql`select failure from room_seat s join room r on r.id = s.room where r.experiment = ${experiment} and seat = 'a'`,
        z.object({ failure: z.string().nullable() }),
      )
    )[0]?.failure;
  await expect
    .poll(find)
    .toBe('mute chose none of 3 speeches: it says "I would rather not." where a letter was asked');
});

test("best is for a seat that argues before a judge, and not for temperature 0", () => {
  const known = protocols.get("nyu-debate")!;
  const best = { of: 2, by: "judge" };
  const seats = { a: record, b: record, judge: model("judge", best) };
  expect(() => checkSeats(known, seats)).toThrow(/judge cannot have the best of 2.*does not argue/);
  const cold = { kind: "model", model: "debater", temperature: 0, best };
  expect(Occupant.safeParse(cold).error?.issues[0]).toMatchObject({ path: ["temperature"] });
});

test("the log-prob of an answer is its letter's, and of the others what is left", () => {
  const reply = { text: " B", logprobs: [{ token: " B", logprob: Math.log(0.7) }] };
  expect(leaning(reply, { answers: 2, answer: 1 })).toBeCloseTo(Math.log(0.7), 12);
  expect(leaning(reply, { answers: 2, answer: 0 })).toBeCloseTo(Math.log(0.3), 12);
  expect(leaning(reply, { answers: 4, answer: 3 })).toBeCloseTo(Math.log(0.1), 12);
  expect(leaning({ ...reply, text: "C" }, { answers: 2, answer: 1 })).toBeUndefined();
  expect(leaning({ ...reply, text: "Both" }, { answers: 2, answer: 1 })).toBeUndefined();
});

test("a move that a judge would see is seen as it stands once it is made", () => {
  // one after the other: what is said is seen at once
  const known = protocols.get("nyu-consultancy")!;
  const random = rng(3, "after");
  for (let n = 0; n < 5; n++) {
    let log: Log = opened(known, random);
    while (!replay(known, log).over) {
      const turn = legal(known, log).find((t) => t.do !== "lapse")!;
      const move = { seat: turn.seat, act: randomAct(random, turn) };
      const before = viewAfter(known, log, move, "judge");
      log = [...log, { ...move, id: `${log.length}`, at: 1000 + log.length }];
      if (turn.do !== "speak") continue;
      const { rounds } = view(known, log, "judge");
      const moves = rounds.find((r) => r.n === before.rounds.at(-1)!.n)!.moves;
      expect(before.rounds.at(-1)!.moves).toEqual(moves);
    }
  }
});
