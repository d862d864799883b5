/** Ways of oversight: what each judge has before it, the plan before the rooms, failures that are no verdicts; and models in the seats. */
import { expect, test } from "vitest";
import { openModelClient, ModelsConfig } from "@tiller/model";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { check, legal, type Log, view } from "@tiller/room";
import { TillerError } from "@tiller/schema";
import { compareOversight } from "../compare-oversight.ts";
import { OversightPlan } from "./analysis.ts";
import { arms, armRules } from "./arms.ts";
import { smallStories } from "./fixtures/stories.ts";
import { inMemory } from "./in-memory.ts";
import { type Asked, modelSeat, playRoom, type Player } from "./play.ts";
import { questionsOf } from "./questions.ts";
import { lexicalReader, lotSeat, readerSeats, sentencesOf, trainReader } from "./readers.ts";
import { reportOversight } from "./report.ts";
import { assigned } from "./seated.ts";

const pick = { quoted: 160, asymmetry: "quotes" } as const;
test("every way has sound rules, and its judge has what the way says and no more", async () => {
  const [q] = smallStories(1);
  const texts = [{ id: "text", title: q!.title, body: q!.text }];
  const seats = {
    ...readerSeats(trainReader(smallStories(4), { seed: 1 })),
    lot: lotSeat(1),
  };
  const lists = new Set<string>();
  for (const arm of arms)
    for (const asymmetry of ["quotes", "none"] as const) {
      const rules = armRules(arm, { ...pick, asymmetry });
      expect(check(rules).problems, arm).toEqual([]);
      const log = await playRoom(rules, { ...q!, texts }, seats, { seed: 7 });
      const verdict = log.length - 1;
      const seen = view(rules, log.slice(0, verdict), "judge");
      const shown = seen.texts[0]!.passages.reduce((s, p) => s + p.to - p.from, 0);
      const whole = arm === "expert" || asymmetry === "none";
      expect(seen.texts[0]!.body !== undefined, arm).toBe(whole);
      expect(shown, arm).toBeLessThanOrEqual(pick.quoted);
      expect(shown > 0, arm).toBe(arm !== "naive" && arm !== "expert");
      expect(seen.truth).toBeUndefined();
      lists.add(JSON.stringify(seen.answers));
    }
  expect(lists.size).toBe(1); // pairs differ by the way alone
});

test("readers: a judge learns from sentences by lot, whoever searches for it persuades, and debate finds out", async () => {
  const all = smallStories(18);
  const reader = trainReader(all.slice(0, 40), { seed: 1 });
  const seats = { ...readerSeats(reader), lot: lotSeat(1) };
  const kept: string[] = [];
  const plan = OversightPlan.parse({ questions: 20, preflight: 6, quoted: 160, difference: 0.2 });
  const done = await compareOversight(all.slice(40), plan, {
    judge: inMemory(plan, {
      seats: () => ({ seats, cost: () => 0 }),
      room: () => kept.push("room"),
    }),
    keep: (what) => kept.push(what),
  });
  expect(kept[0]).toBe("plan");
  expect(kept.indexOf("preflight")).toBe(1 + 6 * 5); // of naive, expert, critique, debate, consultancy
  expect(kept.at(-1)).toBe("result");
  expect(kept.filter((k) => k === "room")).toHaveLength(6 * 5 + 20 * arms.length);
  const of = (arm: string) => done.result.ways.find((w) => w.arm === arm)!;
  const consultancy = of("consultancy").sides!;
  expect(consultancy.honest.at).toBeGreaterThan(0.9);
  expect(consultancy.dishonest.at).toBeLessThan(0.4);
  expect(of("debate").accuracy.at).toBeGreaterThan(of("consultancy").accuracy.at + 0.15);
  expect(of("naive").accuracy.at).toBeLessThan(0.8);
  const [primary] = done.result.compared;
  expect(primary!.pair).toEqual(["debate", "consultancy"]);
  expect(primary!.onlyA).toBeGreaterThan(primary!.onlyB);
  expect(done.preflight!.worthIt).toBe(true);
  expect(reportOversight(done)).toContain("debate less consultancy, side assigned (primary)");
});

test("with a smaller budget for the right answer, debate finds out less", async () => {
  const all = smallStories(24);
  const reader = trainReader(all.slice(0, 60), { seed: 1 });
  const rules = armRules("debate", pick);
  const right = async (honest: number) => {
    let sum = 0;
    for (const [i, q] of all.slice(60).entries()) {
      const seats = readerSeats(reader, { part: { honest, dishonest: 1 } });
      const texts = [{ id: "text", title: q.title, body: q.text }];
      const log = await playRoom(rules, { ...q, texts }, seats, { seed: i });
      const last = log.at(-1)!.act;
      const open = log[0]!.act;
      if (last.do === "credence" && open.do === "open") sum += last.credence[open.truth]!;
    }
    return sum / 36;
  };
  expect(await right(1)).toBeGreaterThan((await right(0)) + 0.1);
});

test("a seat that makes no move has no verdict and takes no side; anything else is an error", async () => {
  const all = smallStories(4);
  const seats = { ...readerSeats(trainReader(all, { seed: 1 })), lot: lotSeat(1) };
  const silent: Player = () => {
    throw new TillerError("no_move", "nothing was said");
  };
  const plan = OversightPlan.parse({
    arms: ["naive", "debate", "consultancy"],
    questions: 6,
    preflight: 0,
  });
  const run = (b: Player) =>
    compareOversight(all, plan, {
      judge: inMemory(plan, { seats: () => ({ seats: { ...seats, b }, cost: () => 0 }) }),
      keep: () => {},
    });
  const { result, judged, preflight } = await run(silent);
  expect(preflight).toBeNull();
  const debate = result.ways.find((w) => w.arm === "debate")!;
  expect([debate.n, debate.failed]).toEqual([0, 6]);
  expect(judged.filter((j) => j.arm === "debate").map((j) => j.failure)).toContain(
    "nothing was said",
  );
  expect(result.compared[0]!.n).toBe(0);
  await expect(
    run(() => {
      throw new TillerError("unknown_model", "no such model");
    }),
  ).rejects.toThrow("no such model");
  await expect(
    compareOversight(all.slice(0, 1), plan, {
      judge: inMemory(plan, { seats: () => ({ seats, cost: () => 0 }) }),
      keep: () => {},
    }),
  ).rejects.toThrow(/leave 1 after a pre-flight of 0/);
});

test("it stops as soon as the primary difference is shown", async () => {
  const all = smallStories(40);
  const oracle =
    (arm: string): Player =>
    (v, turn) => {
      const truth = all.find(
        (q) =>
          q.question === v.question &&
          v.answers.includes(q.answers[0]!) &&
          v.answers.includes(q.answers[1]!),
      )!;
      const right = v.answers.indexOf(truth.answers[0]!);
      const p = arm.endsWith("debate") ? 0.9 : 0.1;
      const end = turn.do === "credence" && turn.end === "must";
      return { do: "credence", credence: right === 0 ? [p, 1 - p] : [1 - p, p], end, content: [] };
    };
  const readers = { ...readerSeats(trainReader(all.slice(0, 40), { seed: 1 })), lot: lotSeat(1) };
  const plan = OversightPlan.parse({
    arms: ["debate", "consultancy"],
    preflight: 0,
    stop: true,
    compare: [["debate", "consultancy"]],
  });
  const { result } = await compareOversight(all, plan, {
    judge: inMemory(plan, {
      seats: (rules) => ({ seats: { ...readers, judge: oracle(rules.name) }, cost: () => 0 }),
    }),
    keep: () => {},
  });
  expect(result.anytime.shownAfter).toBe(result.compared[0]!.n);
  expect(result.compared[0]!.n).toBeLessThan(40);
});

test("a model's seat: a quote that is nowhere is sent back, limits are said, and what cannot be read is no move", async () => {
  const [q] = smallStories(1);
  const texts = [{ id: "text", title: q!.title, body: q!.text }];
  const real = sentencesOf(q!.text)[0]!;
  const quote = `<quote>${q!.text.slice(real.from, real.to)}</quote>`;
  await using server = await scripted(
    says("CREDENCE: A 50, B 50"),
    says("It says <quote>the ladder was sold</quote>."),
    says(`Look: ${quote}`),
    says("Nothing more."),
    says("Perhaps A."),
    says("CREDENCE: A 70, B 30"),
  );
  const config = ModelsConfig.parse({
    m: {
      kind: "openai",
      baseURL: server.baseURL,
      model: "scripted",
      price: { prompt: 1, completion: 1 },
    },
  });
  const asked: Asked[] = [];
  const seat = modelSeat(openModelClient({ config }), "m", (a) => asked.push(a), { cache: false });
  const rules = armRules("consultancy", pick);
  const log: Log = await playRoom(rules, { ...q!, texts }, { a: seat, judge: seat }, { seed: 1 });
  expect(legal(rules, log)).toEqual([]);
  expect(asked.map((a) => a.problem !== undefined)).toEqual([
    false,
    true,
    false,
    true,
    true,
    false,
  ]);
  expect(asked[1]!.problem).toContain("the ladder was sold");
  const said = view(rules, log, "judge").rounds[1]!.moves[0]!.items![0]!.parts;
  expect(said).toContainEqual(
    expect.objectContaining({ characters: q!.text.slice(real.from, real.to) }),
  );
  expect(JSON.stringify(server.asked[0]!.body.messages)).not.toContain(q!.text); // the judge has no text
  expect(asked.every((a) => a.cost > 0)).toBe(true);
  await using dumb = await scripted(says("I would rather not."));
  const other = ModelsConfig.parse({ m: { kind: "openai", baseURL: dumb.baseURL, model: "x" } });
  const mute = modelSeat(openModelClient({ config: other }), "m", () => {}, { cache: false });
  await expect(
    playRoom(armRules("naive", pick), { ...q!, texts }, { judge: mute }, { seed: 1 }),
  ).rejects.toMatchObject({ code: "no_move" });
  expect(dumb.asked).toHaveLength(3);
});

test("questions: rows with options, stories whose wrong answers are another question's, and what is wrong with a row", () => {
  const row = { text: "T.", question: "Q?", options: ["a", "b", "c"], answer: "b" };
  expect(questionsOf([row, { ...row, answer: 2 }], { seed: 1 }).map((q) => q.answers)).toEqual([
    ["b", "a", "c"],
    ["c", "a", "b"],
  ]);
  expect(() => questionsOf([row, { ...row, answer: "d" }], { seed: 1 })).toThrow(
    /row 2: "d" is none/,
  );
  expect(() => questionsOf([{ text: "T." }], { seed: 1 })).toThrow(/row 1: question/);
  const ask = (question: string, answer1: string) => ({ question, answer1 });
  const made = questionsOf(
    [
      {
        story: "S",
        sections: ["One.", "Two."],
        questions: [
          ask("Who ran?", "the fox"),
          ask("Who slept?", "a bear"),
          ask("Why?", "rain"),
          ask("Who won?", "fox"),
        ],
      },
    ],
    { seed: 1 },
  );
  expect(made[0]).toMatchObject({ text: "One.\nTwo.", title: "S", answers: ["the fox", "a bear"] });
  for (const q of made) expect(q.answers[0]).not.toBe(q.answers[1]);
});

test("judges are drawn and balanced: each way once in a block, nobody on a question twice", () => {
  const [ways, judges] = [3, 5];
  const places = assigned(4 * judges, ways, judges, { seed: 7, part: "main" });
  for (const of of places) expect(new Set(of).size).toBe(ways);
  for (let block = 0; block < 4; block++) {
    const rows = places.slice(block * judges, (block + 1) * judges);
    for (let way = 0; way < ways; way++)
      expect(new Set(rows.map((of) => of[way])).size).toBe(judges);
  }
  expect(places.slice(0, judges)).not.toEqual(places.slice(judges, 2 * judges));
  expect(assigned(20, ways, judges, { seed: 7, part: "main" })).toEqual(places);
});

test("the reader that comes with its weights is persuaded both ways, and finds out more with debate", async () => {
  const all = smallStories(6).slice(0, 20);
  const right = async (arm: "naive" | "debate") => {
    let sum = 0;
    for (const [i, q] of all.entries()) {
      const seats = readerSeats(lexicalReader([q.text]));
      const texts = [{ id: "text", title: q.title, body: q.text }];
      const log = await playRoom(armRules(arm, pick), { ...q, texts }, seats, { seed: i });
      const [open, last] = [log[0]!.act, log.at(-1)!.act];
      if (last.do === "credence" && open.do === "open") sum += last.credence[open.truth]!;
    }
    return sum / all.length;
  };
  expect(await right("debate")).toBeGreaterThan((await right("naive")) + 0.1);
});
