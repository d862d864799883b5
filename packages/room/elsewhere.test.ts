/** Rooms of elsewhere come in, and go out as Inspect logs and as rows to learn from. */
import { expect, test } from "vitest";
import { z } from "zod";
import { rng } from "@tiller/schema";
import { type Claim, importClaimTree, stepsOf } from "./claim-tree.ts";
import { importDc } from "./dc.ts";
import { playthrough } from "./fixtures/random.ts";
import { inspectLog } from "./inspect.ts";
import { refusal } from "./legal.ts";
import { protocols } from "./protocols/index.ts";
import { score } from "./score.ts";
import { trainingMoves, trainingPairs } from "./training.ts";
import { verdictsOf } from "./verdicts.ts";
import { view } from "./view.ts";

let next = 0;
const node = (
  debater: string,
  text: string,
  [h, d]: [string, string],
  children: unknown[] = [],
) => ({
  id: next++,
  text,
  debater,
  level: 0,
  parentId: null,
  honest_response: h,
  dishonest_response: d,
  children,
});
/** Of our own making, in the form of the published ones. */
function smallTree() {
  next = 0;
  const root = node("questioner", 'Is the lake <a xdef="deep">deep</a>?', ["", ""]);
  const end = ["Yes", ""] as [string, string];
  const later = (by: string) => [
    node(by, "A later claim.", ["Yes but omits key info", "Yes"]),
    node(by, "Therefore, you should reject [None].", end),
  ];
  const threads = (by: string, other: string) => [
    node(by, 'The map <ref id="map"/> says so.', ["No", "Yes"], later(other)),
    node(by, "Maps age.", ["Yes", "Yes"]),
    node(by, "Therefore, you should reject [1].", ["", "Yes"]),
  ];
  root.children.push(node("honest", "It is.", ["Yes", "No"], threads("dishonest", "honest")));
  root.children.push(
    node("dishonest", "It is not.", ["No", "Yes"], threads("honest", "dishonest")),
  );
  const [honest] = root.children as [ReturnType<typeof node>];
  (honest.children[2] as ReturnType<typeof node>).text =
    `Therefore, you should reject [${honest.id}].`;
  const defs = `<defs><def id="deep">Deep - over 20 m.</def></defs><sources><ref id="map" quote="Depth: 31 m &amp; more." author="Survey"/></sources>`;
  return { nextId: next, root, defs_and_sources: defs };
}

test("a tree of DC-Debates: claims, responses, what was picked, sources as quotes", () => {
  const { rules, log } = importDc("lake", smallTree());
  for (let i = 1; i < log.length; i++)
    expect(refusal(rules, log.slice(0, i), log[i]!)).toBeUndefined();
  const v = view(rules, log, "judge");
  expect(v.over!.by).toBe("rounds");
  expect(v.question).toBe("Is the lake deep?");
  expect(v.answers[v.truth!]).toBe("It is.");
  expect(v.texts[0]!.body).toBe("Deep - over 20 m.\n\nDepth: 31 m & more. (Survey)");
  expect(v.rounds.map((r) => r.label)).toEqual([
    "openings",
    "statements-1",
    "reactions-1",
    "crux-1",
    "statements-2",
    "reactions-2",
  ]);
  const by = (round: number, seat: string) => v.rounds[round]!.moves.find((m) => m.by === seat)!;
  const claims = by(1, "b").items!;
  expect(claims.map((i) => i.about)).toEqual(["0.a.1", "0.a.1", "0.a.1"]);
  expect(claims[0]!.parts[1]).toMatchObject({ characters: "Depth: 31 m & more." });
  expect(claims[2]!.parts).toEqual([{ text: "Therefore, you should reject [0.a.1]." }]); // an id of the tree, as ours
  expect(by(2, "a").marks).toMatchObject({ "1.b.1": "No", "1.b.2": "Yes", "1.b.3": "no answer" });
  expect(by(3, "a").choice).toEqual({ item: "1.b.1" });
  expect(by(5, "a").marks).toMatchObject({ "4.a.1": "Yes but omits key info" });
});

test("a tree that says two things is refused with the place", () => {
  const two = smallTree();
  const first = two.root.children[0] as ReturnType<typeof node>;
  (first.children[1] as ReturnType<typeof node>).children.push(
    node("honest", "Also.", ["Yes", "No"]),
  );
  expect(() => importDc("two", two)).toThrow(/goes on at/);
  const own = smallTree();
  (own.root.children[0] as ReturnType<typeof node>).children.push(
    node("honest", "Mine.", ["Yes", "No"]),
  );
  expect(() => importDc("own", own)).toThrow(/its own side/);
  const strange = smallTree();
  (
    (strange.root.children[0] as ReturnType<typeof node>).children[0] as ReturnType<typeof node>
  ).honest_response = "Perhaps";
  expect(() => importDc("strange", strange)).toThrow(/the response Perhaps/);
  expect(() => importDc("none", { root: 1 })).toThrow(/no tree of DC-Debates/);
});

const tree = {
  title: "Review",
  text: "The film is slow. Its women run the town, and the mayor asks them first.",
  truth: true,
  root: {
    claim: "The film thinks well of women.",
    subclaims: [
      { claim: "Women have power in it.", quotes: ["Its women run the town"] },
      {
        claim: "Men listen to them.",
        quotes: ["the mayor asks them first"],
        rebuttals: ["The film is slow", "never asks"],
      },
    ],
  },
};
test("a claim tree: every step with its quotes, rebuttals about the step, quotes that are in no text", () => {
  const { rules, log } = importClaimTree("review", tree);
  for (let i = 1; i < log.length; i++)
    expect(refusal(rules, log.slice(0, i), log[i]!)).toBeUndefined();
  const v = view(rules, log, "judge");
  expect(v.texts[0]!.body).toBeUndefined();
  expect(v.texts[0]!.passages.map((p) => p.characters)).toContain("Its women run the town");
  expect(v.rounds[1]!.moves[0]!.items![0]).toMatchObject({ about: "0.a.3" });
  expect(v.rounds[1]!.moves[0]!.items![0]!.parts.at(-1)).toEqual({ unverified: "never asks" });
  expect(v.truth).toBe(0);
  expect(() => importClaimTree("none", { ...tree, root: {} })).toThrow(/root\.claim/);
});
test("steps of a tree, those above first", () => {
  const claim = (name: string, subclaims: Claim[] = []): Claim => ({
    claim: name,
    quotes: [],
    rebuttals: [],
    subclaims,
  });
  const steps = stepsOf(claim("r", [claim("a", [claim("c")]), claim("b")]));
  expect(steps.map((s) => `${s.path} ${s.node.claim}`)).toEqual([
    "1 r",
    "1.1 a",
    "1.2 b",
    "1.1.1 c",
  ]);
});

/** A finished room of NYU debate, with random moves. */
const room = (seed: number, name = `room-${seed}`) => {
  const rules = protocols.get("nyu-debate")!;
  const log = [...playthrough(rules, rng(seed, "elsewhere"))].at(-1)!;
  return { name, rules, log };
};
const finished = [1, 2, 3, 4, 5, 6].map((s) => room(s)).filter((r) => score(r.rules, r.log));

const message = z.strictObject({
  id: z.string(),
  role: z.enum(["user", "assistant", "system"]),
  content: z.string(),
  source: z.enum(["input", "generate"]).optional(),
  model: z.string().optional(),
});
const record = z.record(z.string(), z.unknown());
const date = z.iso.datetime();
const metric = z.strictObject({ name: z.string(), value: z.number(), params: record });
/** What Inspect's schema of an EvalLog asks for: fields by their table, those that we write and no others. */
const EvalLog = z.strictObject({
  version: z.literal(2),
  status: z.enum(["started", "success", "cancelled", "error"]),
  eval: z.strictObject({
    eval_id: z.string(),
    run_id: z.string(),
    created: date,
    task: z.string(),
    task_id: z.string(),
    task_version: z.union([z.int(), z.string()]),
    task_attribs: record,
    task_args: record,
    task_args_passed: record,
    dataset: z.strictObject({
      name: z.string(),
      samples: z.int(),
      sample_ids: z.array(z.string()),
      shuffled: z.boolean(),
    }),
    model: z.string(),
    model_generate_config: record,
    model_args: record,
    config: record,
    packages: record,
    scorers: z.array(z.unknown()),
  }),
  plan: z.strictObject({ name: z.string(), steps: z.array(z.unknown()), config: record }),
  results: z.strictObject({
    total_samples: z.int(),
    completed_samples: z.int(),
    scores: z.array(
      z.strictObject({
        name: z.string(),
        scorer: z.string(),
        params: record,
        metrics: z.record(z.string(), metric),
        scored_samples: z.int(),
        unscored_samples: z.int(),
      }),
    ),
  }),
  stats: z.strictObject({
    started_at: date,
    completed_at: date,
    model_usage: record,
    role_usage: record,
    connection_limit_history: z.array(z.unknown()),
  }),
  invalidated: z.boolean(),
  tags: z.array(z.string()),
  metadata: record,
  samples: z.array(
    z.strictObject({
      id: z.string(),
      epoch: z.int(),
      input: z.string(),
      choices: z.array(z.string()),
      target: z.string(),
      messages: z.array(message),
      output: z.strictObject({
        model: z.string(),
        choices: z.array(
          z.strictObject({
            message: message.omit({ id: true }),
            stop_reason: z.enum(["stop", "max_tokens", "unknown"]),
          }),
        ),
        completion: z.string(),
      }),
      scores: z.record(
        z.string(),
        z.strictObject({
          value: z.union([z.string(), z.number()]),
          answer: z.string(),
          explanation: z.string().optional(),
          metadata: record,
          history: z.array(z.unknown()),
        }),
      ),
      metadata: record,
      store: record,
      events: z.array(z.unknown()),
      model_usage: record,
      role_usage: record,
      attachments: record,
      started_at: date,
      completed_at: date,
      total_time: z.number(),
    }),
  ),
});
test("an Inspect log: every field of its schema, the verdict, and others' judgments", () => {
  expect(finished.length).toBeGreaterThan(2);
  const again = { judge: "mine", mode: "whole" as const, credences: [[0.5, 0.5]] };
  const [first] = finished;
  const made = inspectLog([{ ...first!, judgments: [again] }, ...finished.slice(1)], {
    name: "t",
    created: 0,
  });
  const log = EvalLog.parse(JSON.parse(JSON.stringify(made)));
  const sample = log.samples[0]!;
  const { credence, truth } = score(first!.rules, first!.log)!;
  const right = credence[truth]! > 0.5;
  expect(sample.scores["judge"]!.value).toBe(right ? "C" : "I");
  expect(sample.scores["judge log2"]!.value).toBeCloseTo(Math.log2(credence[truth]!), 12);
  expect(sample.scores["again-mine"]).toMatchObject({ value: "I", answer: "" }); // a tie is not right
  expect(sample.target).toBe("AB"[truth]);
  expect(sample.output.completion).toBe(sample.scores["judge"]!.answer);
  // no message holds what the judge could not see
  const { body } = view(first!.rules, first!.log, "a").texts[0]!;
  expect(JSON.stringify(sample.messages)).not.toContain(JSON.stringify(body).slice(1, -1));
  const accuracy = log.results.scores.find((s) => s.name === "judge")!;
  const rights = finished.filter((r) => {
    const s = score(r.rules, r.log)!;
    return s.credence[s.truth]! > 0.5;
  });
  expect(accuracy.metrics["accuracy"]!.value).toBeCloseTo(rights.length / finished.length, 12);
  expect(accuracy.scored_samples + accuracy.unscored_samples).toBe(finished.length);
  expect(verdictsOf({ ...first!, judgments: [again] }).map((v) => v.live)).toEqual([true, false]);
});

test("rows to learn from: the prompt is what the seat saw, the reward what it earned", () => {
  const { rules, log, name } = finished[0]!;
  const rows = trainingMoves({ name, rules, log });
  const { credence, truth } = score(rules, log)!;
  const speeches = log.filter((m) => m.act.do === "speak").length;
  expect(rows.filter((r) => r.role === "debater")).toHaveLength(speeches);
  for (const r of rows.filter((x) => x.role === "debater"))
    expect(r.reward).toBeCloseTo(Math.log2(credence[r.honest ? truth : 1 - truth]!), 12);
  const last = rows.findLast((r) => r.role === "judge")!;
  expect(last.reward).toBeCloseTo(Math.log2(credence[truth]!), 12);
  expect(rows[0]!.prompt).toContain("Question:");
  // a simultaneous speech is in nobody's prompt but after it was revealed
  const openings = rows.filter((r) => r.role === "debater").slice(0, 2);
  expect(openings[1]!.prompt).not.toContain(openings[0]!.completion);
});

test("pairs: the better and the worse of what was said after one prompt", () => {
  const row = { prompt: "p", seat: "a", role: "debater" as const, room: "r", topic: "q" };
  const pairs = trainingPairs([
    { ...row, completion: "mild", reward: -1 },
    { ...row, completion: "best", reward: -0.2 },
    { ...row, completion: "worst", reward: -3 },
    { ...row, prompt: "alone", completion: "x", reward: 0 },
    { ...row, prompt: "even", completion: "y", reward: -1 },
    { ...row, prompt: "even", completion: "z", reward: -1 },
  ]);
  expect(pairs).toEqual([
    { prompt: "p", chosen: "best", rejected: "worst", strength: 2.8, source: "model", topic: "q" },
  ]);
});
