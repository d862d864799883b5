import { expect, test } from "vitest";
import { boundOf, check } from "./check.ts";
import { mermaid, svg } from "./graph.ts";
import { protocols } from "./protocols/index.ts";
import { parseRules, type Rules } from "./rules.ts";

test.each([...protocols.values()].map((r) => [r.name, r] as const))("%s is sound", (_, rules) => {
  const found = check(rules, { states: 250 });
  expect(found.problems).toEqual([]);
  expect(found.endings.length).toBeGreaterThan(0);
});

const nyu = protocols.get("nyu-debate")!;
const changed = (round: string, change: object): Rules =>
  parseRules(
    { ...nyu, rounds: nyu.rounds.map((r) => (r.label === round ? { ...r, ...change } : r)) },
    "changed",
  );
test("rules that nobody can keep are found", () => {
  const words = { words: { least: 40, most: 50 }, characters: 30 };
  expect(check(changed("openings", words)).problems[0]).toMatch(
    /openings: the smallest move of . is refused: this has 80 characters, 30 are allowed/,
  );
  const early = check(changed("after-openings", { may: "end" }));
  expect(early.unreached).toEqual(["speeches", "verdict"]);
  expect(early.problems).toEqual(["speeches is never reached", "verdict is never reached"]);
});

test("the bound counts loops within loops", () => {
  expect(boundOf(nyu)).toBe(3 + 2 * 31);
  const rounds = [
    { do: "speak", label: "x", seats: ["a"], together: false, characters: 9 },
    { do: "again", label: "inner", to: "x", most: 2 },
    { do: "speak", label: "y", seats: ["a"], together: false, characters: 9 },
    { do: "again", label: "outer", to: "x", most: 1 },
  ];
  const rules = parseRules({ ...nyu, rounds }, "nested");
  expect(boundOf(rules)).toBe(3 * 2 + 2);
  const found = check(rules);
  expect([found.longest, found.endings]).toEqual([8, ["rounds"]]);
});

test("the rounds as a graph", () => {
  const rules = protocols.get("barnes-christiano")!;
  const found = check(rules, { states: 2000 });
  const text = mermaid(rules, found);
  expect(text).toContain("n_crux -->|deeper, at most 3×| n_claims");
  expect(text).toContain("n_answers --> n_verdict"); // nothing was challenged
  const drawn = svg(rules, found);
  for (const r of rules.rounds) if (r.do !== "again") expect(drawn).toContain(`>${r.label}</text>`);
});
