/** Sets of conversations, trees and steps, in the shapes that they are published in; what cannot come in is counted. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { assistant, openSets, type Sets, system, user } from "./fixtures/sets.ts";

let sets: Sets;
beforeAll(async () => {
  sets = await openSets();
}, 120_000);
afterAll(async () => {
  await sets?.[Symbol.asyncDispose]();
});
const load = (...given: Parameters<Sets["load"]>) => sets.load(...given);
const rowsOf = (request: object) => sets.rowsOf(request);
const from = (who: string, value: string) => ({ from: who, value });

describe("ShareGPT", () => {
  test("the last answer is what somebody wrote, everything before it the question with its roles", async () => {
    const talk = [
      from("system", "Be short."),
      from("human", "Hi"),
      from("gpt", "Hello"),
      from("human", "What time is it?"),
      from("function_call", '{"name":"clock"}'),
      from("observation", "12:00"),
      { ...from("gpt", "Noon."), weight: 1 },
    ];
    await load([{ id: "x1", conversations: talk, lang: "en" }], "sharegpt", "sg");
    expect(await rowsOf({ experiment: "sg" })).toMatchObject([
      {
        type: "written-answer",
        input: {
          messages: [
            system("Be short."),
            user("Hi"),
            assistant("Hello"),
            user("What time is it?"),
            { role: "function_call", content: '{"name":"clock"}' },
            { role: "observation", content: "12:00" },
          ],
          source: { id: "x1", lang: "en", answer: { weight: 1 } },
        },
        value: { text: "Noon." },
      },
    ]);
  });
  test("OpenAI's messages: parts of text, calls of tools, a system prompt beside", async () => {
    const call = { role: "assistant", content: null, tool_calls: [{ id: "c1" }] };
    const row = {
      system: "S",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
        call,
        { role: "tool", content: "4", tool_call_id: "c1" },
        assistant("Four."),
      ],
    };
    await load([row], "sharegpt", "oa");
    expect(await rowsOf({ experiment: "oa" })).toMatchObject([
      {
        input: {
          messages: [
            system("S"),
            user("ab"),
            { role: "assistant", content: "", tool_calls: [{ id: "c1" }] },
            { role: "tool", content: "4", tool_call_id: "c1" },
          ],
        },
        value: { text: "Four." },
      },
    ]);
  });
  test("with chosen and rejected it is a comparison that goes out again", async () => {
    const row = {
      conversations: [from("human", "Name a colour.")],
      chosen: from("gpt", "Blue."),
      rejected: from("gpt", "Seven."),
    };
    await load([row], "sharegpt", "sgp");
    expect(await rowsOf({ experiment: "sgp", format: "trl-conversational" })).toEqual([
      {
        prompt: [user("Name a colour.")],
        chosen: [assistant("Blue.")],
        rejected: [assistant("Seven.")],
      },
    ]);
  });
  test("conversations without an answer are counted; unknown roles and pictures are refused", async () => {
    const rows = [
      { conversations: [] },
      { conversations: [from("human", "Hi")] },
      { conversations: [from("gpt", "Hi")] },
      { conversations: [from("human", "Hi"), from("gpt", " ")] },
      { conversations: [from("human", "Hi"), from("gpt", "Hello")] },
    ];
    expect(await load(rows, "sharegpt", "ends")).toMatchObject({
      rows: 5,
      answers: 1,
      dirt: [{ kind: "no-answer", found: 4, leftOut: 4, lines: [1, 2, 3, 4] }],
    });
    await expect(load(rows, "sharegpt", "ends2", { dirt: "fail" })).rejects.toThrow(
      "line 1: conversations does not end with an assistant's answer",
    );
    for (const [turn, why] of [
      [from("narrator", "x"), 'line 1: conversations.0: "narrator" is no role that is known'],
      [from("constructor", "x"), "no role that is known"],
      [{ value: "x" }, "no role that is known"],
      [{ from: "human" }, "is no text"],
      [{ role: "user", content: [{ type: "image_url", image_url: "x" }] }, "Pictures and sound"],
    ] as const)
      await expect(
        load([{ conversations: [turn, from("gpt", "y")] }], "sharegpt", "odd"),
      ).rejects.toThrow(why);
    await expect(load([{ text: "x" }], "sharegpt", "odd")).rejects.toThrow(
      "line 1: it has no conversations, conversation or messages; there are text",
    );
  });
});

describe("UltraFeedback as first published", () => {
  const completion = (response: string, ...ratings: (string | number)[]) => ({
    model: "m",
    response,
    overall_score: 7.5,
    critique: "c",
    annotations: Object.fromEntries(
      ["instruction_following", "honesty", "truthfulness", "helpfulness"].map((aspect, i) => [
        aspect,
        { Rating: ratings[i] ?? "N/A", Rationale: "because" },
      ]),
    ),
  });
  test("an answer a completion, four aspects each; one that nothing rates is counted", async () => {
    const row = {
      source: "evol",
      instruction: "Say hi",
      models: ["m"],
      completions: [completion("Hi", "5", "N/A", "4", 3), completion("Ho"), completion("He", "1")],
    };
    expect(await load([row], "ultrafeedback", "uf0")).toMatchObject({
      answers: 2,
      tasks: 2,
      types: ["ultrafeedback@imported"],
      dirt: [{ kind: "no-answer", found: 1, leftOut: 1 }],
    });
    const got = (await rowsOf({ experiment: "uf0" })) as unknown as { value: object }[];
    // answers of one row have one time
    const byCount = got.toSorted(
      (x, y) => Object.keys(y.value).length - Object.keys(x.value).length,
    );
    expect(byCount).toMatchObject([
      {
        input: {
          passage: "Say hi",
          response: { text: "Hi", sample: "m" },
          source: {
            source: "evol",
            overall_score: 7.5,
            critique: "c",
            annotations: { honesty: { Rating: "N/A", Rationale: "because" } },
          },
        },
        value: { instruction_following: 5, truthfulness: 4, helpfulness: 3 },
      },
      { input: { response: { text: "He" } }, value: { instruction_following: 1 } },
    ]);
  });
  test("aspects as lists of one are read; other ratings are refused", async () => {
    const lists = {
      instruction: "i",
      completions: [{ response: "r", annotations: { honesty: [{ Rating: "2" }] } }],
    };
    expect(await load([lists], "ultrafeedback", "uf1")).toMatchObject({ answers: 1 });
    for (const rating of ["6", "", "good", 0])
      await expect(
        load(
          [{ instruction: "i", completions: [completion("r", rating)] }],
          "ultrafeedback",
          "uf2",
        ),
      ).rejects.toThrow(
        /line 1: completions\.0\.annotations\.instruction_following\.Rating: .* neither/,
      );
  });
});

describe("steps", () => {
  const step = (text: string, rating: number | null) => ({ text, rating, flagged: false });
  const row = {
    labeler: "L1",
    timestamp: "2022-07-17T16:56:51.323252",
    question: { problem: "1 + 1 + 1?", ground_truth_answer: "3" },
    label: {
      steps: [
        { completions: [step("1 + 1 = 3", -1), step("1 + 1 = 2", 1)], chosen_completion: 1 },
        {
          completions: [step("So", 0)],
          human_completion: step("2 + 1 = 3", null),
          chosen_completion: null,
        },
        { completions: [step("It is 4", -1), step("It is 5", -1)], chosen_completion: null },
      ],
      total_time: 12_500,
      finish_reason: "found_error",
    },
  };
  test("PRM800K: the way that was taken, with its ratings; the alternatives stay", async () => {
    const none = { ...row, label: { steps: [], finish_reason: "give_up" } };
    expect(await load([row, none], "prm800k", "prm")).toMatchObject({
      answers: 1,
      dirt: [{ kind: "no-answer", lines: [2] }],
    });
    expect(await rowsOf({ experiment: "prm" })).toMatchObject([
      {
        rater: "prm:L1",
        activeSeconds: 12.5,
        input: {
          passage: "1 + 1 + 1?",
          steps: ["1 + 1 = 2", "2 + 1 = 3", "It is 4"],
          source: { timestamp: row.timestamp, label: row.label },
        },
        value: { labels: ["good", "unrated", "bad"] },
      },
    ]);
    const beyond = structuredClone(row);
    beyond.label.steps[0]!.chosen_completion = 2;
    await expect(load([beyond], "prm800k", "prm2")).rejects.toThrow(
      "line 1: label.steps.0.chosen_completion is 2; there are 2 completions",
    );
  });
  test("TRL's stepwise rows, and lists of step and rating", async () => {
    await load(
      [
        { prompt: "p", completions: ["a", "b"], labels: [true, false] },
        {
          problem: "q",
          steps: [
            { step: "c", rating: 1 },
            { step: "d", rating: null },
          ],
          labeler: 7,
        },
      ],
      "stepwise",
      "sw",
    );
    expect(await rowsOf({ experiment: "sw" })).toMatchObject([
      { input: { passage: "p", steps: ["a", "b"] }, value: { labels: ["good", "bad"] } },
      { rater: "sw:7", value: { labels: ["good", "unrated"] } },
    ]);
    await expect(
      load([{ prompt: "p", completions: ["a", "b"], labels: [true] }], "stepwise", "sw2"),
    ).rejects.toThrow("line 1: 2 completions and 1 labels");
  });
});

describe("trees and lists of ranked answers", () => {
  const node = (message_id: string, role: string, rank: number | null, replies: object[] = []) => ({
    message_id,
    text: `text ${message_id}`,
    role,
    rank,
    replies,
  });
  test("OpenAssistant: the order of replies wherever people ranked them, with the thread before", async () => {
    const prompt = node("p", "prompter", null, [
      node("a", "assistant", 1),
      node("b", "assistant", 0, [
        node("q", "prompter", null, [node("c", "assistant", 0), node("d", "assistant", 1)]),
      ]),
      node("e", "assistant", null),
    ]);
    const single = node("x", "prompter", null, [node("y", "assistant", null)]);
    const report = await load(
      [
        { message_tree_id: "p", tree_state: "ready_for_export", prompt },
        { message_tree_id: "x", prompt: single },
      ],
      "oasst",
      "oasst",
    );
    expect(report).toMatchObject({ answers: 2, dirt: [{ kind: "no-answer", lines: [1, 2] }] });
    expect(await rowsOf({ experiment: "oasst" })).toMatchObject([
      {
        input: { passage: "text p", items: [{ text: "text a" }, { text: "text b" }] },
        value: { order: [1, 0] },
      },
      {
        input: {
          messages: [user("text p"), assistant("text b"), user("text q")],
          items: [{ text: "text c" }, { text: "text d" }],
          source: { message_tree_id: "p", message_id: "q" },
        },
        value: { order: [0, 1] },
      },
    ]);
  });
  test("Nectar: equal ranks and more than nine answers are counted, the others come in", async () => {
    const answers = (...ranks: number[]) => ranks.map((rank) => ({ answer: `a${rank}`, rank }));
    const rows = [answers(2, 1), answers(1, 1, 2), answers(...Array(10).keys()), answers(1)];
    const ranked = rows.map((a, i) => ({
      prompt: `p${i}`,
      answers: a.map((x, j) => ({ ...x, answer: `${x.answer}-${j}` })),
    }));
    expect(await load(ranked, "ranked", "nectar")).toMatchObject({
      answers: 1,
      dirt: [
        { kind: "no-answer", lines: [4] },
        { kind: "tied", lines: [2] },
        { kind: "too-many", lines: [3] },
      ],
    });
  });
});

describe("battles", () => {
  const two = (x: string, y: string) => [user("q1"), assistant(x), user("q2"), assistant(y)];
  test("MT-Bench: a judgment of the first turn is about the first turn", async () => {
    const row = (turn: number, winner: string) => ({
      question_id: 81,
      model_a: "m1",
      model_b: "m2",
      winner,
      judge: "expert_1",
      conversation_a: two("x1", "x2"),
      conversation_b: two("y1", "y2"),
      turn,
    });
    const gpt = { ...row(2, "tie"), judge: ["gpt-4", "pair-v2"] };
    const report = await load([row(1, "model_a"), row(2, "model_b"), gpt], "arena", "mtb");
    expect(report).toMatchObject({ answers: 3, tasks: 2, people: 2, dirt: [] });
    expect(await rowsOf({ experiment: "mtb" })).toMatchObject([
      { input: { a: { text: "x1" }, b: { text: "y1" } }, value: { choice: "a" } },
      { input: { a: { messages: two("x1", "x2").slice(1) } }, value: { choice: "b" } },
      { rater: "mtb:gpt-4 pair-v2", value: { choice: "tie" } },
    ]);
  });
  const flags = {
    id: 1,
    model_a: "m1",
    model_b: "m2",
    prompt: '["q1","q2"]',
    response_a: '["x1","x2"]',
    response_b: '["y1","y2"]',
    winner_model_a: 0,
    winner_model_b: 0,
    winner_tie: 1,
  };
  test("the Arena's 55,000: texts as lists, a column for each outcome", async () => {
    const hole = { ...flags, response_b: '["y1",null]' };
    expect(await load([flags, hole], "arena", "a55")).toMatchObject({
      answers: 1,
      dirt: [{ kind: "no-answer", lines: [2] }],
    });
    expect(await rowsOf({ experiment: "a55" })).toMatchObject([
      {
        input: { passage: "q1", b: { messages: two("y1", "y2").slice(1), sample: "m2" } },
        value: { choice: "tie" },
      },
    ]);
    const csv = `${Object.keys(flags).join(",")}\n${Object.values(flags)
      .map((v) => `"${String(v).replaceAll('"', '""')}"`)
      .join(",")}\n`;
    expect(await load(csv, "arena", "a55c", { as: "csv" })).toMatchObject({ answers: 1 });
    await expect(load([{ ...flags, winner_model_a: 1 }], "arena", "a55b")).rejects.toThrow(
      "line 1: winner_model_a, winner_model_b, winner_tie: 2 of them are 1",
    );
  });
  test("the Arena's newer rows: contents in parts, both bad", async () => {
    const parts = (role: string, text: string) => ({ role, content: [{ type: "text", text }] });
    const row = {
      model_a: "m1",
      model_b: "m2",
      winner: "both_bad",
      conversation_a: [parts("user", "q"), parts("assistant", "x")],
      conversation_b: [parts("user", "q"), parts("assistant", "y")],
    };
    const silent = { ...row, conversation_a: [parts("user", "q")] };
    expect(await load([row, silent], "arena", "a140")).toMatchObject({
      answers: 1,
      dirt: [{ kind: "no-answer", lines: [2] }],
    });
    expect(await rowsOf({ experiment: "a140" })).toMatchObject([
      { input: { passage: "q", a: { text: "x" } }, value: { choice: "tie", bothBad: true } },
    ]);
  });
  test("HH: where one conversation ends in the other, or they share no question, the row is counted", async () => {
    const hh = (...turns: string[]) =>
      turns.map((t, i) => `\n\n${i % 2 ? "Assistant" : "Human"}: ${t}`).join("");
    const rows = [
      { chosen: hh("q", "a", "more"), rejected: hh("q", "a") },
      { chosen: hh("q", "a"), rejected: hh("another", "a") },
      { chosen: hh("q", ""), rejected: hh("q", "b") },
    ];
    expect(await load(rows, "hh", "hh-odd")).toMatchObject({
      answers: 1,
      dirt: [{ kind: "no-answer", found: 2, leftOut: 2, lines: [1, 2] }],
    });
  });
});
