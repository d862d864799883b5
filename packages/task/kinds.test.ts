/** What every kind of field keeps, and that each place that differs by kind knows all of them. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { aggregateAnswers, type GivenAnswer, previewOf } from "@tiller/crowd";
import { Field, rng, Shown, View } from "@tiller/schema";
import { fieldsByChance } from "./fixtures/fields.ts";
import {
  type Aggregation,
  at,
  compose,
  defineTask,
  drawShown,
  fieldKinds,
  fieldsOf,
  initialValue,
  inWords,
  kindNamed,
  kindOfField,
  missing,
  outputOf,
  problemsOf,
  readBy,
  simulateView,
  type TaskDef,
} from "./index.ts";

type Asked = { field: Field; input: Readonly<Record<string, unknown>> };
const byChance = (kind: Field["kind"]): fc.Arbitrary<Asked> => fieldsByChance[kind]("said");
const chance = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  skill: fc.constantFrom(0, 0.5, 1),
});
const defOf = ({ field, input }: Asked, aggregate: Record<string, Aggregation> = {}): TaskDef =>
  defineTask({
    name: "by-chance",
    version: "1",
    title: "",
    instructions: "",
    input: z.looseObject({}),
    view: { show: [], ask: [field] },
    aggregate,
    samples: [input],
  }) as TaskDef;
const threeSaying = (value: unknown, input: unknown): GivenAnswer[] =>
  ["r1", "r2", "r3"].map((rater) => ({ task: "t", rater, input, value, swap: false }));

describe.each(fieldKinds)("a %s", (kind) => {
  test("simulated is whole, right and in words; three who say it have said it", () => {
    fc.assert(
      fc.property(byChance(kind), chance, ({ field, input }, { seed, skill }) => {
        const view = View.parse({ show: [], ask: [field] });
        const answer = simulateView(view, input, { rng: rng(seed), skill });
        const schema = outputOf(view);
        expect(schema.parse(answer)).toEqual(answer);
        expect(z.fromJSONSchema(z.toJSONSchema(schema) as never).parse(answer)).toEqual(answer);
        expect(missing(view, input, answer)).toEqual([]);
        expect(problemsOf(view, input, answer)).toEqual([]);
        for (const f of fieldsOf(view)) {
          const value = at(answer, f.name);
          expect(inWords(view, input, f.name, value).trim()).not.toBe("");
          const kindOf = kindOfField(f);
          const labels = kindOf.labels(f);
          expect(typeof value).toBe(
            { text: "string", number: "number", json: "object" }[kindOf.cell],
          );
          if (labels)
            expect(labels).toEqual(
              expect.arrayContaining(kindOf.each ? (value as string[]) : [String(value)]),
            );
          for (const how of kindOf.aggregations) {
            const def = defOf({ field, input }, { [f.name]: how });
            const joined = aggregateAnswers(def, threeSaying(answer, input)).find(
              (j) => j.field === f.name,
            )!;
            if (how === "none") expect(joined.value).toEqual([value, value, value]);
            else if (typeof value === "number") expect(joined.value).toBeCloseTo(value, 9);
            else expect([how, joined.value]).toEqual([how, value]);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  test("nothing said is missing, where it is not optional, and wrong values are refused", () => {
    fc.assert(
      fc.property(byChance(kind), ({ field, input }) => {
        const view = { show: [], ask: [field] };
        const start = initialValue(view, input);
        expect(missing(view, input, start).length > 0 || at(start, field.name) !== undefined).toBe(
          true,
        );
        expect(missing({ show: [], ask: [{ ...field, optional: true }] }, input, {})).toEqual([]);
        for (const value of [null, {}, "?!", -1000, [[]]])
          expect(outputOf(view).safeParse({ said: value }).success).toBe(
            kind === "text" && typeof value === "string",
          );
      }),
      { numRuns: 15 },
    );
  });

  test("a part of a composed task lies under its name, and reads what lies there", () => {
    fc.assert(
      fc.property(byChance(kind), chance, (asked, { seed, skill }) => {
        const part = {
          ...defOf(asked),
          input: z.strictObject({}).catchall(z.unknown()),
        } as TaskDef;
        const both = compose({ name: "both", version: "1", title: "", parts: { one: part } });
        const input = { one: asked.input } as never;
        const answer = both.simulate(input, { rng: rng(seed), skill });
        expect(Object.keys(answer)).toEqual(["one"]);
        expect(problemsOf(both.view, input, answer)).toEqual([]);
        for (const { path } of readBy(both.view.ask[0]!)) expect(at(input, path)).toBeDefined();
        expect(readBy(both.view.ask[0]!).length).toBe(readBy(asked.field).length);
      }),
      { numRuns: 10 },
    );
  });

  test("what has an order is shown in one that its lease draws", () => {
    fc.assert(
      fc.property(byChance(kind), fc.uuid(), ({ field, input }, lease) => {
        const ask = [field, { ...field, name: "other" }];
        const shown = drawShown({ lease, view: { show: [], ask }, input, swap: true });
        expect(shown === undefined).toBe(kindNamed(kind).order === null);
        if (shown) expect(Object.keys(Shown.parse(shown))).toEqual(["said", "other"]);
      }),
      { numRuns: 10 },
    );
  });

  test("a way of joining that it does not take is named in the preview, and refused", () => {
    const [{ field, input }] = fc.sample(byChance(kind), { numRuns: 1, seed: 1 }) as [Asked];
    const strange = ["mean-place", "spans-union", "steps-majority"] as const;
    for (const how of strange.filter((x) => !kindNamed(kind).aggregations.includes(x))) {
      const def = defOf({ field, input }, { said: how });
      const problem = `said is a ${kind}, which ${how} cannot join.`;
      expect(previewOf(def).problems.join()).toContain(`aggregate: ${problem}`);
      expect(() => aggregateAnswers(def, [])).toThrow(problem);
    }
  });
});

test("several fields of all kinds in one task", () => {
  const all = fc.tuple(...fieldKinds.map((kind) => fieldsByChance[kind](`in.${kind}`)));
  fc.assert(
    fc.property(all, chance, (asked: readonly Asked[], { seed, skill }) => {
      const input = Object.fromEntries(asked.flatMap(({ input }) => Object.entries(input)));
      const view = View.parse({ show: [], ask: asked.map(({ field }) => field) });
      const answer = simulateView(view, input, { rng: rng(seed), skill });
      expect(problemsOf(view, input, answer)).toEqual([]);
      expect(Object.keys(at(answer, "in") as object)).toEqual(
        fieldsOf(view).map((f) => f.name.slice(3)),
      );
    }),
    { numRuns: 20 },
  );
});

test("an aggregation of a field that is not asked is a problem of the kind of work", () => {
  const [asked] = fc.sample(byChance("rating"), { numRuns: 1, seed: 1 }) as [Asked];
  expect(previewOf(defOf(asked, { sad: "mean" })).problems).toEqual([
    "aggregate: sad is not asked. The view asks said.",
  ]);
});

test("where the view is a literal, both are errors of types too", () => {
  const kind = { name: "x", version: "1", title: "", instructions: "", samples: [] };
  const input = z.strictObject({});
  const view = {
    show: [],
    ask: [
      { kind: "rating", name: "good", label: "Good", points: 5, low: "", high: "" },
      { kind: "pair", name: "side", label: "Side", a: "a", b: "b", tie: true, confidence: "sure" },
    ],
  } as const;
  const takes = { good: "median", side: "bradley-terry", sure: "mean" } as const;
  expect(defineTask({ ...kind, input, view, aggregate: takes }).aggregate).toEqual(takes);
  // @ts-expect-error a pair has no mean
  defineTask({ ...kind, input, view, aggregate: { side: "mean" } });
  // @ts-expect-error nothing is called so
  defineTask({ ...kind, input, view, aggregate: { sad: "mean" } });
});

describe("places", () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const sources = globSync("{packages,apps,recipes,scripts}/**/*.{ts,tsx}", {
    cwd: root,
    exclude: (file) => /node_modules|\/dist|\.test\.ts/.test(file),
  }).map((file): [string, string] => [file, readFileSync(`${root}${file}`, "utf8")]);
  const found = (pattern: RegExp) =>
    Object.fromEntries(
      sources
        .map(([file, text]) => [file, [...new Set(text.match(pattern))].toSorted()] as const)
        .filter(([, hits]) => hits.length)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );

  test("the table has every kind of the schema", () => {
    expect(fieldKinds.toSorted()).toEqual(Field.options.map((o) => o.shape.kind.value).toSorted());
  });
  test("that differ by kind of field are total tables: a new kind is a type error in each", () => {
    expect(Object.keys(found(/FieldOf<K>/g))).toEqual([
      "apps/web/src/task/task-form.tsx", // its form
      "packages/task/fixtures/fields.ts", // fields by chance, for this file
      "packages/task/kinds/index.ts", // everything else
    ]);
  });
  test("that name a kind are these alone: what holds for several is a property of the kind", () => {
    // only a pair has sides, which quality asks about everywhere; a block and a column may be text
    const names = fieldKinds.filter((k) => k !== "pair" && k !== "text").join("|");
    expect(found(new RegExp(`kind'? [!=]={0,2} ["'](?:${names})["']`, "g"))).toEqual({
      // joining items by their places, marks by their characters, labels step by step
      "packages/crowd/tasks/aggregate.ts": [
        'kind !== "spans"',
        'kind === "ranking"',
        'kind === "steps"',
      ],
    });
  });
});
