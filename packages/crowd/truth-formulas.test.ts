/** Truths behind labels against their definitions, and what must not matter to any statistic of labels. See every-statistic.test.ts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { agreementWithin } from "./agreement.ts";
import { chooseMethod, heldOutLoss } from "./choose.ts";
import { type Label, labelTable } from "./labels.ts";
import { numberMethods, scoreNumbers } from "./numbers.ts";
import { aggregatePairs } from "./pairs.ts";
import { posteriorOf } from "./one-coin.ts";
import { topicSkill } from "./delegation.ts";
import { flagRaters } from "./quality.ts";
import { reliabilities, weightsOf } from "./reliability.ts";
import { scoreAgainst } from "./score.ts";
import { screening } from "./screening.ts";
import { streaming } from "./streaming.ts";
import { dawidSkene, type MethodName, methods } from "./truth.ts";
import { anySeed, drawn, quick } from "./fixtures/drawn.ts";

/** One-coin and Dawid-Skene by maps of maps, as their papers write EM; the priors are the implementation's. */
function emByHand(rows: readonly Label[], labels: readonly string[], coin: boolean) {
  const byTask = Map.groupBy(rows, (r) => r.task);
  const workers = [...new Set(rows.map((r) => r.worker))];
  let posterior = new Map(
    [...byTask].map(([t, rs]) => [
      t,
      labels.map((l) => rs.filter((r) => r.label === l).length / rs.length),
    ]),
  );
  for (let iteration = 0; iteration < 100; iteration++) {
    const p = new Map(
      workers.map((w) => {
        const mine = rows.filter((r) => r.worker === w);
        if (coin) {
          const right =
            (3 + mine.reduce((s, r) => s + posterior.get(r.task)![labels.indexOf(r.label)]!, 0)) /
            (4 + mine.length);
          return [
            w,
            labels.map((t) =>
              labels.map((l) => (t === l ? right : (1 - right) / (labels.length - 1))),
            ),
          ];
        }
        return [
          w,
          labels.map((_, k) => {
            const cells = labels.map(
              (l) =>
                0.01 +
                mine
                  .filter((r) => r.label === l)
                  .reduce((s, r) => s + posterior.get(r.task)![k]!, 0),
            );
            return cells.map((c) => c / cells.reduce((a, b) => a + b));
          }),
        ];
      }),
    );
    const prior = labels.map((_, k) =>
      coin ? 1 : [...posterior.values()].reduce((s, q) => s + q[k]!, 0) / posterior.size,
    );
    let change = 0;
    posterior = new Map(
      [...byTask].map(([t, rs]) => {
        const q = labels.map((_, k) =>
          rs.reduce((x, r) => x * p.get(r.worker)![k]![labels.indexOf(r.label)]!, prior[k]!),
        );
        const z = q.reduce((a, b) => a + b);
        q.forEach((x, k) => (change = Math.max(change, Math.abs(x / z - posterior.get(t)![k]!))));
        return [t, q.map((x) => x / z)];
      }),
    );
    if (change < 1e-6) break;
  }
  return posterior;
}
function votesByHand(
  rows: readonly Label[],
  labels: readonly string[],
  weight: (w: string) => number,
) {
  return new Map(
    [...Map.groupBy(rows, (r) => r.task)].map(([t, rs]) => {
      const q = labels.map((l) =>
        rs.filter((r) => r.label === l).reduce((s, r) => s + weight(r.worker), 0),
      );
      const z = q.reduce((a, b) => a + b);
      return [t, q.map((x) => x / z)];
    }),
  );
}
const byNames = (rows: readonly Label[], name: MethodName) => {
  const t = labelTable(rows);
  const { posterior } = methods[name].infer(t);
  return new Map(
    t.tasks.map((task, i) => [
      task,
      new Map(t.labels.map((l, k) => [l, posterior[i * t.labels.length + k]!])),
    ]),
  );
};

test("majority, Wawa, one-coin and Dawid-Skene are what their definitions give", () => {
  const labels = ["x", "y", "z"];
  for (const seed of [1, 2, 3]) {
    const rows = drawn(rng(seed, "truths"), { tasks: 25, people: 5, labels });
    const fractions = votesByHand(rows, labels, () => 1);
    // of classes that share the top, each counts in part
    const skill = (w: string) => {
      const mine = rows.filter((r) => r.worker === w);
      const right = mine.map((r) => {
        const q = fractions.get(r.task)!;
        const tops = labels.filter((_, k) => q[k] === Math.max(...q));
        return tops.includes(r.label) ? 1 / tops.length : 0;
      });
      return right.reduce((x, y) => x + y, 0) / mine.length;
    };
    const want: Partial<Record<MethodName, Map<string, number[]>>> = {
      majority: fractions,
      wawa: votesByHand(rows, labels, skill),
      "one-coin": emByHand(rows, labels, true),
      "dawid-skene": emByHand(rows, labels, false),
    };
    for (const [name, expected] of Object.entries(want))
      for (const [task, q] of byNames(rows, name as MethodName))
        labels.forEach((l, k) =>
          expect(q.get(l), `${name} ${task}`).toBeCloseTo(expected.get(task)![k]!, 6),
        );
    // gold pins a task down, and what it says of its people with it
    const gold = new Map([["t0", "y"]]);
    expect(dawidSkene(labelTable(rows, { labels }), { gold }).posterior.slice(0, 3)).toEqual(
      Float64Array.of(0, 1, 0),
    );
  }
});

test("reliabilities are mean posteriors of what was said; weights and scores come from them", () => {
  const rows = drawn(rng(4, "reliabilities"), { tasks: 30, people: 4, labels: ["x", "y"] });
  const t = labelTable(rows);
  const { posterior } = methods["one-coin"].infer(t);
  const q = byNames(rows, "one-coin");
  for (const [w, e] of reliabilities(t, posterior)) {
    const mine = rows.filter((r) => r.worker === w);
    const right = mine.reduce((s, r) => s + q.get(r.task)!.get(r.label)!, 0);
    expect(e.at).toBeCloseTo((right + 0.5) / (mine.length + 1), 9); // Jeffreys
    expect(e.n).toBe(mine.length);
  }
  const twice = weightsOf([...rows, ...rows]);
  expect(twice.weights.slice(0, rows.length)).toEqual(weightsOf(rows).weights);
  const truth = new Map(t.tasks.map((task, i) => [task, i % 3 ? "x" : "y"]));
  const said = [...q].map(
    ([task, p]) => [truth.get(task), p.get("y")! > p.get("x")! ? "y" : "x"] as const,
  );
  const hits = said.filter(([a, b]) => a === b && b === "y").length;
  const score = scoreAgainst(t, posterior, truth);
  expect(score.accuracy).toBeCloseTo(said.filter(([a, b]) => a === b).length / said.length, 12);
  expect(score.f1).toBeCloseTo(
    (2 * hits) /
      (said.filter(([a]) => a === "y").length + said.filter(([, b]) => b === "y").length),
    12,
  );
});

test("a truth of other tasks, of other labels, or of none is an error and not an accuracy of 0", () => {
  const rows = drawn(rng(5, "no truth"), { tasks: 6, people: 3, labels: ["yes", "no"] });
  const t = labelTable(rows);
  const { posterior } = methods.majority.infer(t);
  const score = (truth: [string, string][]) => () => scoreAgainst(t, posterior, new Map(truth));
  expect(
    score([
      ["T0", "yes"],
      ["T1", "no"],
    ]),
  ).toThrow(
    'none of the 2 tasks whose truth is known has an answer: the truth is of "T0", "T1", the answers of "t0"',
  );
  expect(
    score([
      ["t0", "Yes"],
      ["t1", "No"],
    ]),
  ).toThrow('the truth says "Yes", "No", the answers "no", "yes"');
  expect(score([])).toThrow("the truth names no task");
  const numbers = [{ task: "t0", worker: "a", value: 1 }];
  expect(() => scoreNumbers(numberMethods["mean"]!.infer(numbers), new Map([["0", 1]]))).toThrow(
    "none of the 1 tasks",
  );
  expect(() =>
    screening(
      { answers: rows, truth: new Map([["q", "yes"]]) },
      { answers: rows, truth: new Map([["t0", "yes"]]) },
    ),
  ).toThrow("none of the 1 tasks");
});

type OfLabels = { of: (rows: Label[]) => Map<string, number>; names?: false };
const agreementOf = (o: object) => (rows: Label[]) => {
  const a = agreementWithin(rows, { ...o, ...quick });
  return new Map([
    ["raw", a.raw.at],
    ["fleiss", a.fleiss.at],
    ["krippendorff", a.krippendorff.at],
    ["gwet", a.gwet.at],
  ]);
};
const plain: Record<string, OfLabels> = {
  agreement: { of: agreementOf({}) },
  ...Object.fromEntries(
    (Object.keys(methods) as MethodName[]).map((name) => [
      name,
      {
        of: (rows: Label[]) =>
          new Map(
            [...byNames(rows, name)].flatMap(([task, q]) =>
              [...q].map(([l, p]) => [`${task} ${l}`, p] as const),
            ),
          ),
        // its random starts are dealt out to people in the order of their names
        ...(name === "mace" && { names: false }),
      },
    ]),
  ),
  // folds are drawn by names, so other names draw others
  "held-out loss": {
    of: (rows) => new Map([["loss", heldOutLoss(labelTable(rows), "one-coin").loss]]),
    names: false,
  },
  "chosen method": {
    of: (rows) =>
      new Map([
        [
          "best",
          Object.keys(methods).indexOf(
            chooseMethod(labelTable(rows), ["majority", "one-coin", "dawid-skene"]).best,
          ),
        ],
      ]),
    names: false,
  },
  reliabilities: {
    of: (rows) => {
      const t = labelTable(rows);
      return new Map(
        [...reliabilities(t, methods["one-coin"].infer(t).posterior)].map(([w, e]) => [w, e.at]),
      );
    },
  },
  streaming: {
    of: (rows) => {
      const s = streaming([...new Set(rows.map((r) => r.label))].toSorted());
      s.add(rows);
      s.settle();
      return new Map(
        rows.map((r) => [
          `${r.task} ${r.label}`,
          s.posterior(r.task)![[...new Set(rows.map((x) => x.label))].toSorted().indexOf(r.label)]!,
        ]),
      );
    },
  },
};
function expectSame(
  a: Map<string, number>,
  b: Map<string, number>,
  back: (key: string) => string,
  why: string,
): void {
  expect(b.size, why).toBe(a.size);
  for (const [key, x] of b) {
    const y = a.get(back(key))!;
    if (Number.isNaN(y)) expect(x, `${why} ${key}`).toBeNaN();
    else expect(Math.abs(x - y), `${why} ${key}: ${y} became ${x}`).toBeLessThan(2e-5);
  }
}
test.each(Object.entries(plain))(
  "%s: rows in any order, other names, a row twice give the same",
  (_, { of, names = true }) => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const random = rng(seed, "invariance");
        const rows = drawn(random, { tasks: 12, people: 4, labels: ["x", "y", "z"] });
        const was = of(rows);
        expectSame(was, of(random.shuffle(rows)), (k) => k, "shuffled");
        expectSame(
          was,
          of([...rows, random.choose(rows), ...rows.slice(0, 3)]),
          (k) => k,
          "a row twice",
        );
        if (!names) return;
        const all = [...new Set(rows.flatMap((r) => [r.task, r.worker, r.label]))];
        const fresh = random.shuffle(all.map((__, i) => `n${100 + i}`));
        const to = new Map(all.map((n, i) => [n, fresh[i]!]));
        const from = new Map(all.map((n, i) => [fresh[i]!, n]));
        const renamed = rows.map((r) => ({
          task: to.get(r.task)!,
          worker: to.get(r.worker)!,
          label: to.get(r.label)!,
        }));
        expectSame(
          was,
          of(renamed),
          (k) =>
            k
              .split(" ")
              .map((n) => from.get(n) ?? n)
              .join(" "),
          "renamed",
        );
      }),
      { numRuns: 10 },
    );
  },
);
test("who answers a task five times counts once, with the last answer, and does not agree with herself", () => {
  const rows = drawn(rng(6, "again"), { tasks: 10, people: 3, labels: ["x", "y"] });
  const again = Array.from({ length: 5 }, () => ({ task: "t0", worker: "w0", label: "y" }));
  const once = [...rows.filter((r) => r.task !== "t0" || r.worker !== "w0"), again[0]!];
  const t = labelTable([...rows, ...again]);
  expect({ ...t, repeated: 0 }).toEqual({ ...labelTable(once), repeated: 0 });
  expect(t.repeated).toBe(rows.length + 5 - once.length);
  const pairs = (rs: readonly Label[]) =>
    aggregatePairs(
      rs.map((r) => ({ task: r.task, person: r.worker, choice: r.label === "x" ? "a" : "b" })),
    );
  const [p, q] = [pairs([...rows, ...again]), pairs(once)];
  for (const [task, { pB, judgments }] of q.pairs) {
    expect(p.pairs.get(task)!.pB).toBeCloseTo(pB, 6);
    expect(p.pairs.get(task)!.judgments).toBe(judgments);
  }
  const judged = (rs: readonly Label[]) =>
    flagRaters(
      rs.map((r, i) => ({
        task: r.task,
        person: r.worker,
        pseudonym: r.worker,
        choice: r.label === "x" ? "a" : "b",
        swap: false,
        activeSeconds: 3,
        at: new Date(1e12 + 1000 * i).toISOString(),
      })) as never,
    );
  expect(
    judged([...rows, ...again])
      .map((r) => `${r.rater} ${r.answers}`)
      .toSorted(),
  ).toEqual(
    judged(once)
      .map((r) => `${r.rater} ${r.answers}`)
      .toSorted(),
  );
});

test("the posterior of one coin a person is Bayes' rule; skill on a topic is agreement with the others, drawn to what is usual", () => {
  const [p, q] = [0.9, 0.6];
  const [x, y, z] = [(p * (1 - q)) / 2, ((1 - p) / 2) * q, ((1 - p) / 2) * ((1 - q) / 2)];
  posteriorOf(
    [
      { label: 0, reliability: p },
      { label: 1, reliability: q },
    ],
    3,
  ).forEach((v, k) => expect(v).toBeCloseTo([x, y, z][k]! / (x + y + z), 12));
  const rows = drawn(rng(9, "topics"), { tasks: 12, people: 4, labels: ["x", "y"] });
  const t = labelTable(rows);
  const reliability = Float64Array.of(0.9, 0.8, 0.7, 0.6);
  const topicOf = (task: string) => (Number(task.slice(1)) % 2 ? "odd" : "even");
  const agreed = rows.flatMap((r) => {
    const others = rows
      .filter((o) => o.task === r.task && o.worker !== r.worker)
      .map((o) => [reliability[t.workers.indexOf(o.worker)]!, o.label] as const);
    const all = others.reduce((s, [w]) => s + w, 0);
    return all
      ? [{ ...r, fraction: others.reduce((s, [w, l]) => s + (l === r.label ? w : 0), 0) / all }]
      : [];
  });
  const total = (list: typeof agreed) => list.reduce((s, r) => s + r.fraction, 0);
  const usual = (total(agreed) + 2) / (agreed.length + 4);
  for (const [topic, skills] of topicSkill(t, { reliability }, topicOf))
    skills.forEach((s, w) => {
      const mine = agreed.filter((r) => topicOf(r.task) === topic && r.worker === t.workers[w]);
      expect(s).toBeCloseTo((total(mine) + 4 * usual) / (mine.length + 4), 12);
    });
});
