/** The digits' debate through the engine, with a judge trained for some seconds: its arms are in the paper's order, far apart. */
import { expect, test } from "vitest";
import { check, view } from "@tiller/room";
import { rng } from "@tiller/schema";
import { readDigits, trainJudge } from "./judge.ts";
import { accuracies, type Arm, digitRules } from "./play.ts";

test("debate helps a judge of four pixels, and a consultant does not", () => {
  const digits = rng(1, "split").shuffle(readDigits());
  const judge = trainJudge(digits.slice(0, 1200), { k: 4, seed: 1, steps: 400, hidden: 128 });
  const test = digits.slice(1200, 1240);
  const of = (arm: Arm) => accuracies(judge, arm, { k: 4, digits: test, seed: 1 });
  const [alone, debate, honest, dishonest] = [
    of("alone"),
    of("debate"),
    of("honest"),
    of("dishonest"),
  ];
  expect(debate.worst).toBeGreaterThan(alone.worst + 0.15);
  expect(debate.average).toBeGreaterThan(alone.average);
  expect(honest.worst).toBeGreaterThan(0.95);
  expect(dishonest.average).toBeLessThan(0.1);
});

test("the rules of every arm are sound, and the judge sees pixels alone", () => {
  for (const arm of ["alone", "debate", "honest", "dishonest"] as const)
    expect(check(digitRules(arm, 4)).problems).toEqual([]);
  const rules = digitRules("debate", 4);
  const open = {
    do: "open",
    question: "?",
    answers: ["1", "7"],
    truth: 0,
    texts: [{ id: "picture", title: "Digit", body: "0123" }],
    sides: { a: 1, b: 0 },
    first: ["a", "b"],
  } as const;
  const texts = [{ ...open.texts[0] }];
  const log = [
    {
      id: "0",
      seat: "room",
      at: 0,
      act: { ...open, answers: [...open.answers], texts, first: ["a", "b"] },
    },
  ];
  const seen = view(rules, log, "judge");
  expect(seen.texts).toEqual([{ id: "picture", title: "Digit", passages: [] }]);
  expect(seen.truth).toBeUndefined();
});
