/** What quality knows of raters goes from judgments into a dataset's rows, into what a reward learns, and onto the dataset's card. */
import { expect, test } from "vitest";
import { describeRows } from "@tiller/data/card.ts";
import { asPair, encodePairs } from "@tiller/learn";
import { loadTokenizer } from "@tiller/lm";
import { AnswerId, PersonId, PreferenceRow, rng, TaskId } from "@tiller/schema";
import { simulateChoice } from "@tiller/crowd";
import { baseModel, labelPairs } from "./shared.ts";

const random = rng(1, "labels to card");
const preference = (text: string) => Number(text.includes("calm"));
/** Two who see which is better, and two who press a button. */
const raters = ["ann", "bob", "kim", "lou"].map((name, i) => ({
  name,
  noise: i < 2 ? 0.05 : undefined,
  tieBelow: 0,
  seconds: 5,
}));
const texts = { good: " The sea was calm.", bad: " The sea was rough." };
const answers = Array.from({ length: 60 }, (_, i) => {
  const [a, b] = random.next() < 0.5 ? [texts.good, texts.bad] : [texts.bad, texts.good];
  const task = TaskId.parse(`study/${i}`);
  return {
    id: `pair-${i}`,
    task,
    input: { passage: `Day ${i}.`, a: { text: a, sample: "a" }, b: { text: b, sample: "b" } },
    answers: raters.map((rater) => {
      const { choice } = simulateChoice(rater, { a, b, swap: false, preference, rng: random });
      return {
        by: rater.name,
        person: PersonId.parse(rater.name),
        value: { choice },
        answer: AnswerId.parse(`${task} ${rater.name}`),
        swap: false,
        activeSeconds: 5,
        idleSeconds: 0,
        at: "2026-11-28T00:00:00.000Z",
      };
    }),
  };
});

test("a pair's label is the posterior of who said what; the reward learns it, and the card has its strength and its people", async () => {
  const { pairs } = labelPairs(answers as Parameters<typeof labelPairs>[0]);
  const even = pairs.filter((_, i) => {
    const said = answers[i]!.answers.map((x) => x.value.choice);
    return said.filter((c) => c === "b").length === 2;
  });
  // two against two: those who see it are believed
  const sided = even.filter((p) => p.pB > 0.5 === (p.b === texts.good));
  expect(even.length).toBeGreaterThan(10);
  expect(sided.length / even.length).toBeGreaterThan(0.9);

  const tokenizer = await loadTokenizer(baseModel);
  const learned = encodePairs(
    tokenizer,
    pairs.map((row) => asPair(PreferenceRow.parse(row))),
    { maxTokens: 64, long: "refuse" },
  );
  expect(learned.rows.map((r) => r.pB)).toEqual(pairs.map((p) => p.pB));

  const judgments = new Map(
    answers.flatMap((x) =>
      x.answers.map((a) => [
        a.answer,
        { by: a.by, label: a.value.choice, simulated: false, source: null },
      ]),
    ),
  );
  const { card } = await describeRows(pairs, { judgments: async () => judgments });
  const strengths = pairs.map((p) => Math.abs(2 * p.pB - 1));
  expect(card.strength!.mean).toBeCloseTo(strengths.reduce((x, y) => x + y) / strengths.length, 9);
  expect(card.judgments).toBe(240);
  const agreement = new Map(card.people.map((p) => [p.by, p.agreement!]));
  for (const careful of ["ann", "bob"])
    for (const careless of ["kim", "lou"])
      expect(agreement.get(careful)).toBeGreaterThan(agreement.get(careless)!);
});
