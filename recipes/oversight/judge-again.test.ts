/** Rooms that are over, judged again by people: who is asked, what they are shown, what their credences come to. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FlowServer, launchFlow } from "@tiller/flow";
import type { Act } from "@tiller/room";
import { PersonId } from "@tiller/schema";
import { ensurePerson, openStore, type Store } from "@tiller/store";
import { submitAnswer, takeLease } from "@tiller/work";
import type { RoomResult } from "@tiller/sitting";
import { recipes } from "../index.ts";
import { OversightPlan } from "./analysis.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-again-"));
let store: Store;
let flow: FlowServer;
beforeAll(async () => {
  store = await openStore({ home });
  flow = await launchFlow({ store, workflows: recipes, codeRevision: "test" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

const body = "The lamp stood in the hall and nobody had touched it since May.";
const speech = (text: string): Act => ({ do: "speak", items: [{ content: [{ text }] }] });
const credence = (p: number, end: boolean): Act => ({
  do: "credence",
  credence: [p, 1 - p],
  end,
  content: [],
});
/** A debate that is played from records: a quote, a claim of one, and a judge who ends it after the openings. */
async function debate(n: number): Promise<string> {
  const quoted: Act = {
    do: "speak",
    items: [
      {
        content: [
          { text: "It says \u2713 " },
          { quote: { text: "story", from: 0, to: 8 } },
          { text: ". <quote>So</quote> there." },
        ],
      },
    ],
  };
  const plays = (acts: Act[]) => ({ who: { kind: "replay" as const, acts } });
  const id = await flow.start("room@1", {
    rules: "nyu-debate",
    question: {
      question: `Who has lamp ${n}?`,
      answers: ["Anna", "Tom"],
      texts: [{ id: "story", title: `The lamp ${n}`, body: `${body} ${n}` }],
    },
    seats: {
      a: plays([quoted]),
      b: plays([speech("Never.")]),
      judge: plays([credence(0.5, false), credence(0.7, true)]),
    },
  } as never);
  return ((await flow.wait(id)) as RoomResult).room;
}
const people = async (...ids: string[]) => {
  for (const id of ids)
    await ensurePerson(store.db, { id, name: id, pseudonym: `p-${id}`, role: "rater" });
  return ids.map((id) => PersonId.parse(id));
};
const Shown = z.object({ a: z.string(), said: z.string() });
async function judge(p: PersonId, right: number): Promise<z.infer<typeof Shown>> {
  await expect
    .poll(async () => (await takeLease(store.db, p, { swap: false }))?.type, { timeout: 20_000 })
    .toBe("room-verdict");
  const { lease, input } = (await takeLease(store.db, p, { swap: false }))!;
  const seen = Shown.parse(input);
  const first = Math.round(100 * (seen.a === "Anna" ? right : 1 - right));
  await submitAnswer(store.db, p, { lease, value: { first }, activeSeconds: 9, idleSeconds: 0 });
  return seen;
}

test("whole: several people, blind; who misses an evident answer is left out; nobody judges it again", async () => {
  const [real, evident] = [await debate(1), await debate(2)];
  const [ann, bob] = await people("ann", "bob");
  const run = await flow.start("judge-again@1", {
    rooms: [real],
    attention: [evident],
    people: 2,
  } as never);
  const seen = [await judge(ann!, 0.9), await judge(ann!, 0.9)];
  await judge(bob!, 0.2);
  await judge(bob!, 0.2);
  const result = await flow.wait(run);
  expect(result).toMatchObject({ careless: ["p-bob"], counted: 1 });
  // what the room's judge thought is not shown; quotes are marked, and what looks like one is not
  const { said } = seen[0]!;
  expect(said).toContain("It says  \u201cThe lamp\u201d \u2713. [quote]So[/quote] there.");
  expect(said).toContain("Never.");
  expect(said).not.toMatch(/70|50 %|Anna \(right\)/);
  const again = await flow.start("judge-again@1", { rooms: [real], people: 1 } as never);
  expect(await takeLease(store.db, ann!, { swap: false })).toBeUndefined();
  const [eve] = await people("eve");
  await judge(eve!, 0.6);
  expect(await flow.wait(again)).toMatchObject({ careless: [], counted: 1 });
}, 60_000);

test("a judge who knows the text gives no verdict in a comparison, and it goes on", async () => {
  const [pat] = await people("pat");
  const n = 4;
  await flow
    .start("judge-again@1", { rooms: [await debate(n)], people: 1 } as never)
    .then(async (run) => {
      await judge(pat!, 0.8);
      await flow.wait(run);
    });
  const { quoted, asymmetry, seed } = OversightPlan.parse({});
  const asked = {
    question: {
      id: "lamp",
      title: "The lamp",
      text: `${body} ${n}`,
      question: `Who has lamp ${n}?`,
      answers: ["Anna", "Tom"],
    },
    judge: { kind: "person", person: pat },
    debaters: "reader",
    absent: { do: "annul" },
  };
  const run = await flow.start("judged-room@1", {
    ...asked,
    arm: "debate",
    quoted,
    asymmetry,
    seed,
  } as never);
  expect(await flow.wait(run)).toMatchObject({ failure: expect.stringMatching(/p-pat.*read|saw/) });
}, 60_000);

test("stepped: the same people see more each time, and the last credence is the verdict", async () => {
  const [kim] = await people("kim");
  const run = await flow.start("judge-again@1", {
    rooms: [await debate(3)],
    people: 1,
    mode: "stepped",
  } as never);
  expect((await judge(kim!, 0.5)).said).toBe("Nothing was said so far.");
  expect((await judge(kim!, 0.8)).said).toMatch(/^OPENINGS/);
  expect(await flow.wait(run)).toMatchObject({ counted: 1 });
}, 60_000);

test("a room that goes on, or that is none, is refused by name", async () => {
  const run = await flow.start("judge-again@1", { rooms: ["room-none"] } as never);
  await expect(flow.wait(run)).rejects.toThrow(/room-none/);
}, 60_000);
