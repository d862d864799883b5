/** Delegation rules: clauses in order, bounds and budgets, and what a back-test says about a rule with a known effect. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DelegationRule, rng } from "@tiller/schema";
import {
  decide,
  learnFrom,
  readyDelegationRules,
  clauseText,
  signalsOf,
  wantedAfter,
} from "./delegation.ts";
import { posteriorOf } from "./one-coin.ts";
import { backtest } from "./delegation-backtest.ts";

test("the first clause that holds decides; without one it is enough; nothing exceeds the most", () => {
  const p = readyDelegationRules.adaptive!("comparison");
  expect(decide(p, signalsOf([1, 0], [0.75, 0.25]))).toEqual({ act: "ask", clause: 0 });
  expect(decide(p, signalsOf([2, 0], [0.98, 0.02]))).toEqual({ act: "stop", clause: 1 });
  expect(decide(p, signalsOf([1, 1], [0.5, 0.5]))).toEqual({ act: "ask", clause: 2 });
  expect(decide(p, signalsOf([4, 3], [0.6, 0.4])).act).toBe("stop");
  const review = readyDelegationRules.review!("comparison");
  expect(decide(review, signalsOf([2, 1], [0.7, 0.3]))).toEqual({ act: "review", clause: 1 });
  expect(decide(review, signalsOf([3, 0], [0.99, 0.01]))).toEqual({ act: "stop", clause: -1 });
  expect(clauseText(review.rules[1]!)).toBe(
    "a researcher looks when probability of the most probable answer below 0.8",
  );
});

test("three coins by hand", () => {
  // 0.8 and 0.8 for the first class against 0.6: 0.8 * 0.8 * 0.4 to 0.2 * 0.2 * 0.6
  const said = [0.8, 0.8].map((reliability) => ({ label: 0, reliability }));
  const p = posteriorOf([...said, { label: 1, reliability: 0.6 }], 2);
  expect(p[0]).toBeCloseTo(0.256 / (0.256 + 0.024), 12);
});

test("after each answer: one more, enough, or a researcher with the votes in words; a used-up budget asks nobody", () => {
  const p = DelegationRule.parse({
    ...readyDelegationRules.review!("k"),
    title: "Two",
    rules: [
      { when: [{ signal: "answers", is: "below", value: 2 }], act: "ask" },
      { when: [{ signal: "top", is: "below", value: 0.8 }], act: "review" },
    ],
  });
  const known = { labels: ["no", "yes"], reliability: new Map([["ann", 0.9]]) };
  const after = (said: string[], mayAsk = true) =>
    wantedAfter(p, {
      said: said.map((x) => ({ worker: x.split(" ")[0]!, label: x.split(" ")[1]! })),
      known,
      mayAsk,
    });
  expect(after(["ann yes"])).toEqual({ people: 2, review: undefined });
  expect(after(["ann yes"], false)).toEqual({ people: 1, review: undefined });
  expect(after(["ann yes", "bob yes"])).toEqual({ people: 2, review: undefined });
  // ann's 9 to 1 against 3 to 1 of somebody unknown: yes at 0.75
  expect(after(["ann yes", "bob no"])).toEqual({ people: 2, review: "Two: 1 × no, 1 × yes" });
  expect(after(["bob maybe", "eve maybe"]).review).toBeUndefined(); // of three, 9 in 11
});

test("what is learnt of people: reliabilities always, advantages on a topic where they are asked by it", () => {
  const past = ["1", "2", "3", "4"].flatMap((task) =>
    ["ann", "bob", "eve"].map((worker) => ({
      task,
      worker,
      label: worker === "eve" && task < "3" ? "no" : "yes",
      topic: task < "3" ? "law" : "art",
    })),
  );
  expect(learnFrom({ scoring: "anyone" }, [])).toEqual({
    labels: [],
    reliability: new Map(),
    skills: [],
  });
  const plain = learnFrom({ scoring: "reliable" }, past);
  expect([plain.labels, plain.skills]).toEqual([["no", "yes"], []]);
  expect(plain.reliability.get("ann")!).toBeGreaterThan(plain.reliability.get("eve")!);
  const { skills } = learnFrom({ scoring: "suited" }, past);
  const of = (person: string, topic: string) =>
    skills.find((s) => s.person === person && s.topic === topic)!.advantage;
  expect([of("ann", "art"), of("bob", "art"), of("eve", "art")]).toEqual(
    [0, 0, 0].map((x) => expect.closeTo(x, 12)),
  );
  expect(of("eve", "law")).toBeLessThan(-0.1);
  expect(skills.reduce((sum, s) => sum + s.advantage, 0)).toBeCloseTo(0, 12);
});

/** A crowd whose people are right with a known probability on a known topic. */
const crowd = (tasks: number, right: (worker: number, topic: number) => number, people: number) => {
  const random = rng(7, "policy");
  const truth = new Map<string, string>();
  const answers = Array.from({ length: tasks }, (_, i) => i).flatMap((i) => {
    const yes = random.next() < 0.5;
    truth.set(`t${i}`, yes ? "yes" : "no");
    return Array.from({ length: people }, (_, w) => {
      const agrees = random.next() < right(w, i % 2);
      return { task: `t${i}`, worker: `w${w}`, label: agrees === yes ? "yes" : "no" };
    });
  });
  return { answers, truth, topicOf: (task: string) => `topic ${Number(task.slice(1)) % 2}` };
};

test("fixed overlap costs what it says, and its rule fires once an answer", () => {
  const r = backtest(
    readyDelegationRules.fixed!("k"),
    crowd(200, () => 0.8, 9),
  );
  expect(r.used).toBe(600);
  expect(r.fired[0]!.times).toBe(600);
  expect(r.cost.change).toBeCloseTo(3 / 9 - 1, 9);
  expect(r.agreement.against).toBe("known answers");
  expect(r.agreement.low).toBeLessThanOrEqual(r.agreement.change);
  expect(r.agreement.high).toBeGreaterThanOrEqual(r.agreement.change);
  expect(r.sentence).toMatch(
    /600 times.*Cost −67 % .*agreement with known answers −?\+?[\d.]+ points/,
  );
});

test("until sure: less than fixed overlap of five, and as right", () => {
  const past = crowd(400, (w) => [0.95, 0.9, 0.9, 0.65, 0.6, 0.6, 0.55][w]!, 7);
  const five = DelegationRule.parse({
    ...readyDelegationRules.fixed!("k"),
    most: 5,
    rules: [{ when: [{ signal: "answers", is: "below", value: 5 }], act: "ask" }],
  });
  const r = backtest(readyDelegationRules.adaptive!("k"), past, { baseline: five });
  expect(r.cost.high).toBeLessThan(-0.2);
  expect(r.agreement.low).toBeGreaterThan(-0.02);
});

test("who is best at the topic is found: two answers beat two from anyone", () => {
  const past = crowd(600, (w, topic) => (w % 2 === topic ? 0.95 : 0.6), 6);
  const two = {
    ...readyDelegationRules.suited!("k"),
    most: 2,
    rules: [
      {
        when: [{ signal: "answers" as const, is: "below" as const, value: 2 }],
        act: "ask" as const,
      },
    ],
  };
  const anyone = DelegationRule.parse({ ...two, scoring: "anyone" });
  const r = backtest(DelegationRule.parse(two), past, { baseline: anyone });
  expect(r.cost.change).toBe(0);
  expect(r.agreement.low).toBeGreaterThan(0);
});

test("without known answers it is measured on answers that both sides never saw", () => {
  const { answers } = crowd(300, () => 0.85, 5);
  const r = backtest(readyDelegationRules.review!("k"), { answers });
  expect(r.agreement.against).toBe("held-out answers");
  expect(r.recorded).toBe(answers.length - 300);
  expect(r.agreement.after).toBeGreaterThan(0.7);
  expect(r.reviews).toBeGreaterThan(0);
});

test("whatever the rule, bounds and budget hold", () => {
  const past = crowd(40, () => 0.7, 6);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.option(fc.double({ min: 0.5, max: 5, noNaN: true }), { nil: undefined }),
      fc.double({ min: 0.5, max: 1, noNaN: true }),
      (most, perTask, sure) => {
        const rules = [
          { when: [{ signal: "top", is: "at least", value: sure }], act: "stop" },
          { when: [], act: "ask" },
        ];
        const r = backtest(
          DelegationRule.parse({ title: "t", kind: "k", rules, most, perTask }),
          past,
        );
        expect(r.used).toBeLessThanOrEqual(Math.min(most, 6) * 40);
        if (perTask) expect(r.used).toBeLessThanOrEqual(perTask * 40);
      },
    ),
    { numRuns: 12 },
  );
});
