/** Figures of claims and of coherence against numbers by hand; quotes and marks as places. */
import { expect, test } from "vitest";
import type { TreeJudgment } from "@tiller/schema";
import { errorsBySentence, fromDesk, withQuotes } from "./checks.ts";
import { scoreOf, verdictsOf } from "./score.ts";

let n = 0;
const judged = (
  node: string,
  kind: "person" | "policy",
  value: TreeJudgment["value"],
  more: Partial<TreeJudgment> = {},
): TreeJudgment => ({
  n: ++n,
  kind: "claims",
  node,
  key: "k",
  saw: "s",
  texts: [`summary of ${node}`],
  value,
  author: { kind, name: kind === "person" ? "ann" : "m" },
  answer: null,
  at: "2026-11-28T00:00:00.000Z",
  ...more,
});
const claims = (...verdicts: string[]) => ({
  claims: verdicts.map((verdict, sentence) => ({
    sentence,
    claim: `claim ${sentence}`,
    verdict,
    spans: verdict === "yes" ? [{ from: 0, to: 1, quote: "A" }] : [],
  })),
});
const standing = new Map(["0.0", "0.1", "1.0"].map((id) => [id, `summary of ${id}`]));

test("claims by people and by a model, of each height and of all, and where both judged the same ones", () => {
  const found = scoreOf(
    [
      judged("0.0", "person", claims("no")), // said again below: the last word counts
      judged("0.0", "person", claims("yes", "partly")),
      judged("0.1", "person", claims("yes", "cannot say")),
      judged("1.0", "person", claims("no")),
      judged("0.0", "policy", claims("yes", "no")),
      judged("1.0", "policy", claims("no")),
      judged("1.0", "person", claims("yes"), { texts: ["an older summary"] }),
    ],
    standing,
  );
  const row = (by: string, height: number | null) =>
    found.claims.find((c) => c.by === by && c.height === height)!;
  expect(found.claims.map((c) => [c.by, c.height])).toEqual([
    ["people", null],
    ["people", 0],
    ["people", 1],
    ["models", null],
    ["models", 0],
    ["models", 1],
  ]);
  // of yes, partly, yes and no; the fifth could not be decided
  expect(row("people", null).so).toMatchObject({ mean: 0.5, n: 4, nodes: 3 });
  expect(row("people", null).verdicts["cannot say"].mean).toBe(0.2);
  expect(row("people", null).shown).toMatchObject({ mean: 2 / 3, n: 3 });
  expect(row("people", 0).so).toMatchObject({ mean: 2 / 3, n: 3, nodes: 2 });
  expect(row("people", 1).so).toEqual({ mean: 0, low: null, high: null, n: 1, nodes: 1 });
  expect(row("models", null).so.mean).toBe(1 / 3);
  // both judged three: yes yes, partly no, no no
  expect(found.agreement).toMatchObject({ claims: 3, same: { mean: 2 / 3, nodes: 2 } });
  expect([found.judged, found.older]).toEqual([3, 1]);
});

test("coherence: sentences without an error, and each type", () => {
  const kind = "coherence" as const;
  const of = (...sentences: string[][]) => ({ sentences });
  const { coherence: rows, agreement } = scoreOf(
    [
      judged("0.0", "person", of([], ["causal", "entity"]), { kind }),
      judged("0.1", "person", of(["causal"], []), { kind }),
    ],
    standing,
  );
  expect(rows[0]!.free).toMatchObject({ mean: 0.5, low: 0.5, high: 0.5, n: 4, nodes: 2 });
  expect([rows[0]!.errors.causal.mean, rows[0]!.errors.entity.mean]).toEqual([0.5, 0.25]);
  expect(agreement).toBeNull();
  expect(scoreOf([], standing)).toMatchObject({ claims: [], coherence: [], judged: 0 });
});

test("a sentence is marked by the worst that anybody says of it", () => {
  const two = new Map([["0.0", "It rains. It pours. It ends."]]);
  const of = (kind: "person" | "policy", ...all: string[]) =>
    judged("0.0", kind, claims(...all), { texts: ["It rains. It pours. It ends."] });
  expect(
    verdictsOf([of("person", "yes", "partly"), of("policy", "cannot say", "no")], two),
  ).toEqual({ "0.0": ["cannot say", "no", null] });
  expect(verdictsOf([of("person", "yes")], new Map())).toEqual({});
});

const text = "Anna gave Tom a key. The boat\nwas gone.";
const both = [
  { sentence: 0, claim: "Anna gave a key." },
  { sentence: 1, claim: "The boat sank." },
];
test("a model's quotes are places where their words stand in the text; a desk's marks go by number", () => {
  const quoted = withQuotes(text, both, {
    claims: [
      { verdict: "yes", quotes: ["Anna gave Tom a key", "the boat was gone!", "a lake"] },
      { verdict: "no", quotes: ["  "] },
    ],
  });
  expect(quoted.lost).toBe(1);
  expect(quoted.said.claims[0]!.spans).toEqual([
    { from: 0, to: 19, quote: "Anna gave Tom a key" },
    { from: 21, to: 38, quote: "The boat\nwas gone" },
  ]);
  const desk = fromDesk(text, both, {
    verdicts: ["yes", "no"],
    marks: [{ start: 21, end: 38, label: "2" }],
  });
  expect(desk.claims.map((c) => c.spans.map((s) => s.quote))).toEqual([[], ["The boat\nwas gone"]]);
  const errors = errorsBySentence(text, [
    { start: 30, end: 34, label: "entity" },
    { start: 15, end: 24, label: "causal" }, // across both
    { start: 0, end: 4, label: "causal" },
  ]);
  expect(errors.sentences).toEqual([["causal"], ["entity", "causal"]]);
});
