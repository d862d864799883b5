/** Judged again: blind to the truth and to other judges; and who may judge at all. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { exposures, ineligible } from "./exposure.ts";
import { playthrough } from "./fixtures/random.ts";
import { toJudge } from "./judge-again.ts";
import { protocols } from "./protocols/index.ts";

const rules = protocols.get("nyu-debate")!;
const played = (seed: number) => [...playthrough(rules, rng(seed, "judged again"))];
const log = played(1).at(-1)!;

test("whoever judges again sees speeches and quotes, no credence and no truth", () => {
  const credences = log.filter((m) => m.act.do === "credence").length;
  const stepped = toJudge(rules, log, "stepped");
  expect(stepped).toHaveLength(credences);
  expect(toJudge(rules, log, "whole")).toEqual([stepped.at(-1)]);
  expect(stepped.map((s) => s.turn.end)).toEqual([
    ...Array.from({ length: credences - 1 }, () => "not yet"),
    "must",
  ]);
  expect(stepped[0]!.seen.rounds).toEqual([]);
  for (const { seen } of stepped) {
    expect(seen).not.toHaveProperty("truth");
    expect(seen).not.toHaveProperty("over");
    expect(seen.rounds.some((r) => r.do === "credence")).toBe(false);
    expect(seen.texts[0]!.body).toBeUndefined();
  }
  const speeches = log.filter((m) => m.act.do === "speak").length;
  expect(stepped.at(-1)!.seen.rounds.flatMap((r) => r.moves)).toHaveLength(speeches);
});
test("another truth and other credences change nothing of it", () => {
  const other = log.map((m) =>
    m.act.do === "open"
      ? { ...m, act: { ...m.act, truth: 1 - m.act.truth } }
      : m.act.do === "credence"
        ? { ...m, act: { ...m.act, credence: m.act.credence.toReversed(), content: [] } }
        : m,
  );
  expect(toJudge(rules, other, "stepped")).toEqual(toJudge(rules, log, "stepped"));
});
test("a room that goes on is not judged again", () => {
  expect(() => toJudge(rules, played(1)[3]!, "whole")).toThrow(/not over/);
});

test("the ledger: who saw which text, and which side of which question", () => {
  const open = log[0]!.act;
  if (open.do !== "open") throw new Error("no opening");
  const occupants = { a: "ann", b: "bob", judge: "jo" };
  const judgments = [{ judge: "eve", mode: "whole" as const, credences: [[0.5, 0.5]] }];
  const ledger = exposures([{ name: "lamp", rules, log, occupants, judgments }]);
  expect(ledger.map((e) => [e.who, e.as, e.saw])).toEqual([
    ["ann", "debater", "text"],
    ["bob", "debater", "text"],
    ["jo", "judge", "quotes"],
    ["eve", "judge", "quotes"],
  ]);
  expect(ledger[0]!.side).toBe(open.answers[open.sides["a"]!]);
  const { question } = open;
  const text = open.texts[0]!.body;
  const why = (who: string, as: "debater" | "judge", asked = question, most?: number) =>
    ineligible(
      ledger,
      who,
      { text, question: asked, as },
      most === undefined ? {} : { judgments: most },
    );
  expect(why("ann", "judge", "Another?")).toContain("read the text in lamp");
  expect(why("jo", "judge")).toContain("about the same question");
  expect(why("eve", "judge", "Another?")).toBeUndefined();
  expect(why("eve", "judge", "Another?", 1)).toContain("1 are allowed");
  expect(why("jo", "debater")).toContain("judged the same question");
  expect(why("bob", "debater")).toBeUndefined();
  expect(why("ann", "judge")).toContain("read the text in lamp");
  const debating = (who: string, side: string | undefined, rows = ledger) =>
    ineligible(rows, who, { text, question, as: "debater", side });
  expect(debating("bob", open.answers[open.sides["a"]!])).toContain("the other side");
  expect(debating("bob", open.answers[open.sides["b"]!])).toBeUndefined();
  const goesOn = exposures([
    { name: "dim", rules, log: log.slice(0, 2), occupants: { judge: "kim" } },
  ]);
  expect(ineligible(goesOn, "kim", { text, question: "Another?", as: "debater" })).toContain(
    "judges in dim, which goes on",
  );
  // who reads the text when judging, too, may have read it; whoever read the room afterwards has
  expect(
    ineligible(ledger, "ann", { text, question: "Another?", as: "judge", reads: true }),
  ).toBeUndefined();
  const read = exposures([{ name: "lamp", rules, log, occupants: {}, readers: ["lea"] }]);
  expect(ineligible(read, "lea", { text, question: "Another?", as: "judge" })).toContain(
    "read the text",
  );
  expect(why("new", "judge")).toBeUndefined();
  expect(ineligible(ledger, "ann", { text: "other", question, as: "judge" })).toBeUndefined();
});
