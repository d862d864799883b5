/**
 * Every kind of work by the keyboard alone, in a real browser on the page of `tiller task preview`: the answer is the
 * expected one and passes the kind's own check; axe finds nothing; a phone needs no sideways scroll. Then the page
 * itself: it follows its file, shows an error with its line, and runs no HTML out of a task.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadTasks, startPreview } from "@tiller/cli/task-preview.ts";
import { highlight, previewOf, taskTypes } from "@tiller/crowd";
import { rng } from "@tiller/schema";
import { answerTo } from "@tiller/server/simulated-raters.ts";
import { problemsWith } from "@tiller/task";
import { buildWeb } from "@tiller/web/build.ts";
import { rateHeadline } from "../examples/tasks/rate-headline.ts";
import { launchBrowser } from "./browser/launch.ts";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const folder = mkdtempSync(here("../.task-preview-"));
/** Others share this machine. */
const SLOW = { timeout: 20_000 };
let browser: Browser;
let page: Page;
let ready: Awaited<ReturnType<typeof startPreview>>;
let web: string;

beforeAll(async () => {
  web = await buildWeb();
  ready = await startPreview({ file: here("../packages/crowd/tasks/index.ts"), port: 0, web });
  browser = await launchBrowser();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale: "en-GB" });
  page.setDefaultTimeout(45_000);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  ready?.close();
  rmSync(folder, { recursive: true, force: true });
});

const ratings = (of: string, points: readonly number[]) =>
  Object.fromEntries(
    ["Overall", "Coverage", "Accuracy", "Coherence", "Abstraction"].map((c, i) => [
      of + c,
      points[i],
    ]),
  );
/** Keys one after the other; "type:..." writes into what has the focus. */
const keys: Readonly<Record<string, readonly [readonly string[], unknown]>> = {
  "graded-comparison": [["8"], { choice: "b", confidence: 8 }],
  "forced-comparison": [["2"], { choice: "b" }],
  "compare-three": [["1", "0", "2", "Enter"], { first: "a", second: "tie", third: "b" }],
  likert: [
    ["7", "3", "2", "4", "c", "5", "Enter"], // coverage is seen again
    { coherence: 7, accuracy: 3, coverage: 5, overall: 4 },
  ],
  ranking: [["4", "2", "1", "2", "2", "3", "Enter"], { order: [3, 0, 1, 2] }],
  demonstration: [
    ["type:The town's only clock was late, and everybody lived by it.", "Control+Enter"],
    { text: "The town's only clock was late, and everybody lived by it." },
  ],
  edit: [
    ["Control+End", "type: And sunny.", "Escape", "b", "3", "Enter"],
    {
      text: "The capital of Australia is Sydney, which lies on the coast. And sunny.",
      was: "fact",
    },
  ],
  "question-answer": [
    ["2", "type:The mill kept it moving. 1 2 3", "Control+Enter"],
    { found: "implied", answer: "The mill kept it moving. 1 2 3" },
  ],
  highlight: [
    [
      "a",
      "ArrowRight",
      "ArrowRight",
      "Shift+ArrowRight",
      "1",
      "ArrowRight",
      "ArrowLeft",
      "2",
      "2",
      "Enter",
    ],
    { marks: [{ start: 4, end: 20, label: "false" }] },
  ],
  critique: [
    ["type:Sunglasses do not stop what burns the eye.", "Escape", "b", "5", "Enter"],
    { critique: "Sunglasses do not stop what burns the eye.", severity: 5 },
  ],
  "step-labels": [["1", "3", "Enter"], { labels: ["great", "bad"] }],
  credence: [["7", "3", "Enter"], { credence: 73 }],
  "naive-impression": [
    ["type:A sailor's dog knew him.", "Control+Enter", "6", "Enter"],
    { impression: "A sailor's dog knew him.", faithful: 6, revealed: [expect.any(Number)] },
  ],
  "conversation-reply": [
    ["type:Once a week is enough.", "Control+Enter"],
    { reply: "Once a week is enough." },
  ],
  "conversation-rating": [["6", "1", "3", "1", "Enter"], { helpful: 6, faults: ["rude"] }],
  "judge-answers": [
    ["2", "1", "4", "type:It quotes.", "Shift+Enter", "type:Truly.", "Enter"], // an optional remark
    { order: [1, 0], helped: 4, why: "It quotes.\nTruly." },
  ],
  subquestions: [
    ["type:How many people cross a day?", "Control+Enter"], // it may stay empty: Enter would send
    { subquestions: "How many people cross a day?" },
  ],
  respond: [
    ["type:Keep the ferry for now.", "Control+Enter"],
    { answer: "Keep the ferry for now." },
  ],
  ...Object.fromEntries(
    ["claim-vote", "discussion", "ruling"].map((name) => [
      name,
      [
        ["1", "type:The river alone was open.", "Control+Enter"],
        { verdict: "right", reason: "The river alone was open." },
      ] as const,
    ]),
  ),
  "tree-summary": [
    ["type:The boat is gone, its lock sawn through.", "Control+Enter"],
    { summary: "The boat is gone, its lock sawn through." },
  ],
  "tree-again": [
    ["Escape", "b", "1", "Enter"], // still right
    { summary: "In the morning boat and key are gone.", still: "right" },
  ],
  "tree-compare": [
    ["1", "0", "2", "Enter", ..."5 4 6 5 3 2 2 2 2 2 4 4 4 4 4 7".split(" "), "Enter"],
    {
      firstSecond: "a",
      secondThird: "tie",
      firstThird: "b",
      ...ratings("first", [5, 4, 6, 5, 3]),
      ...ratings("second", [2, 2, 2, 2, 2]),
      ...ratings("third", [4, 4, 4, 4, 4]),
      input: 7,
      revealed: [expect.any(Number)],
    },
  ],
  "tree-feedback": [
    ["c", "6", "type:Say that the key stayed.", "Enter"],
    { overall: 6, feedback: "Say that the key stayed." },
  ],
  "tree-reply": [
    ["Control+End", "type: Truly.", "Escape", "b", "1", "Enter"],
    { summary: "The boat and the key are gone. Truly.", took: "changed" },
  ],
  "tree-check": [
    ["5", "6", "Enter", "3", "2", "Enter"],
    {
      accuracy: 5,
      overall: 6,
      bookAccuracy: 3,
      bookOverall: 2,
      revealed: [expect.any(Number)],
    },
  ],
  "tree-claims": [
    ["Control+Enter"],
    { claims: "1. The boat is gone and the key hangs in its place." },
  ],
  "tree-verdicts": [["1", "3", "Enter"], { verdicts: ["yes", "no"] }],
  "tree-coherence": [["Enter"], {}],
  "free-form": [
    ["type:Nobody signs the book.", "Control+Enter"],
    { answer: "Nobody signs the book." },
  ],
};

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
async function faults(): Promise<string[]> {
  await page.evaluate(axe);
  const found = (await page.evaluate("axe.run()")) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return found.violations.map((v) => `${v.id} (${v.impact}): ${v.nodes[0]!.html}`);
}
const open = async (address: string) => {
  await page.goto(address);
  await page.locator("[data-task-form]").waitFor();
};
async function press(all: readonly string[]): Promise<void> {
  for (const key of all)
    if (key.startsWith("type:")) await page.keyboard.type(key.slice(5));
    else await page.keyboard.press(key);
}

test("every kind of work is tried below", () => {
  expect(Object.keys(keys).toSorted()).toEqual(
    [...taskTypes.values()].map((d) => d.name).toSorted(),
  );
});

test.each([...taskTypes])(
  "%s by the keyboard alone",
  async (key, def) => {
    const [strokes, expected] = keys[def.name]!;
    await page.setViewportSize({ width: 1280, height: 900 });
    await open(`${ready.address}/?kind=${key}`);
    expect(await faults()).toEqual([]);
    await press(strokes);
    const sent = page.getByTestId("sent");
    await sent.waitFor();
    const answer: unknown = JSON.parse((await sent.textContent())!);
    expect(answer).toEqual(expected);
    expect(problemsWith(def, def.samples[0], answer)).toEqual([]);
    expect(await faults()).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  },
  60_000,
);

test("b on the left: the same key chooses the other text, the answer stays in terms of a and b", async () => {
  await page.setViewportSize({ width: 1280, height: 900 });
  for (const [kind, stroke, expected] of [
    ["forced-comparison@1", "1", { choice: "b" }],
    ["graded-comparison@1", "1", { choice: "b", confidence: 9 }],
  ] as const) {
    await open(`${ready.address}/?kind=${kind}&swap`);
    await press([stroke]);
    expect(JSON.parse((await page.getByTestId("sent").textContent())!)).toEqual(expected);
  }
}, 60_000);

test("what is missing is said and gone to; keys do nothing while someone types", async () => {
  await open(`${ready.address}/?kind=critique@1`);
  await press(["type:12345 u s", "Control+Enter"]);
  const said = page.locator(".said");
  await expect.poll(() => said.textContent(), SLOW).toContain("2 words more, at least 5");
  expect(await said.textContent()).toContain("How bad is it? choose a point");
  expect(JSON.parse((await page.getByTestId("so-far").textContent())!)).toEqual({
    critique: "12345 u s",
  });
  await open(`${ready.address}/?kind=edit@1`);
  await press(["Escape", "b", "3", "Enter"]); // the kind's own check, asked on the server
  await expect.poll(() => said.textContent(), SLOW).toContain("The text is unchanged");
}, 60_000);

test("a text is marked with the mouse as well", async () => {
  await open(`${ready.address}/?kind=highlight@1`);
  const text = page.getByTestId("summary");
  const box = (await text.boundingBox())!;
  await page.mouse.move(box.x + 18, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + 200, box.y + 30, { steps: 4 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Unclear" }).click();
  const answer = JSON.parse((await page.getByTestId("so-far").textContent())!) as {
    marks: { start: number; end: number; label: string }[];
  };
  expect(answer.marks).toHaveLength(1);
  expect(answer.marks[0]!.label).toBe("unclear");
  expect(problemsWith(highlight, highlight.samples[0], answer)).toEqual([]);
}, 60_000);

test("a kind of one's own in under 40 lines: loaded, simulated, checked, and followed while it is written", async () => {
  const source = readFileSync(here("../examples/tasks/rate-headline.ts"), "utf8");
  expect(source.split("\n").length).toBeLessThan(40);
  const loaded = await loadTasks(here("../examples/tasks/rate-headline.ts"));
  expect(loaded).toEqual({
    tasks: [JSON.parse(JSON.stringify(previewOf(rateHeadline)))],
    error: null,
  });
  expect(loaded.tasks[0]!.problems).toEqual([]);
  expect(problemsWith(rateHeadline, rateHeadline.samples[0], { fair: 2 })).toEqual([
    "It misleads: write a better one.",
  ]);

  const file = path.join(folder, "mine.ts");
  writeFileSync(file, source);
  const own = await startPreview({ file, port: 0, web });
  try {
    await open(own.address);
    await press(["2", "Escape", "Enter"]);
    await expect.poll(() => page.locator(".said").textContent(), SLOW).toContain("It misleads");
    writeFileSync(file, source.replace("Is this headline fair?", "Is it a fair headline?"));
    await page.getByRole("heading", { name: "Is it a fair headline?", level: 1 }).waitFor();
    writeFileSync(file, source.replace("points: 5", "points 5"));
    const error = page.getByTestId("file-error");
    await expect.poll(() => error.textContent(), SLOW).toMatch(/mine\.ts, line 20/);
    writeFileSync(file, source.replace('headline: "Town', 'headlin: "Town'));
    await expect
      .poll(() => page.getByTestId("kind-problems").textContent(), SLOW)
      .toContain("samples.0.headline");
    expect(await error.count()).toBe(0);
  } finally {
    own.close();
  }
}, 60_000);

test("no HTML out of a task runs, and nothing is fetched from elsewhere", async () => {
  const hostile = [
    "<script>window.hit = 1</script>",
    '<img src="https://example.invalid/x.png" onerror="window.hit = 2">',
    "![picture](https://example.invalid/y.png)",
    "[link](javascript:window.hit=3) [data](data:text/html,<script>window.hit=4</script>)",
    '<a href="https://example.org" onclick="window.hit = 5" style="position:fixed;inset:0">over all</a>',
    "<svg onload=window.hit=6></svg><math><mi xlink:href='javascript:window.hit=7'></mi></math>",
    '<iframe srcdoc="<script>parent.hit = 8</script>"></iframe><form action="https://example.invalid"><input name=x></form>',
    "<style>* { display: none }</style>",
    "**kept** and `code`",
  ];
  const file = path.join(folder, "hostile.ts");
  writeFileSync(
    file,
    `import { z } from "zod";
import { defineTask } from "@tiller/task";
const hostile = ${JSON.stringify(hostile)};
export const evil = defineTask({
  name: "evil", version: "1", title: hostile[0]!, instructions: hostile.join("\\n\\n"),
  input: z.strictObject({ text: z.string() }),
  view: {
    show: [{ kind: "text", from: "text", format: "markdown" }, { kind: "note", text: hostile.join("\\n\\n") }, { kind: "text", from: "text" }],
    ask: [{ kind: "choice", name: "c", label: hostile[1]!, options: [{ value: "x", label: hostile[0]! }, { value: "y", label: "y" }] }],
  },
  samples: [{ text: hostile.join("\\n\\n") }],
});
`,
  );
  const own = await startPreview({ file, port: 0, web });
  const asked: string[] = [];
  const listen = (r: { url(): string }) => void asked.push(r.url());
  page.on("request", listen);
  try {
    await open(own.address);
    await page.getByText("kept").first().waitFor();
    const markdown = page.locator(".markdown");
    expect(await markdown.count()).toBe(3);
    const forbidden =
      "script, img, iframe, form, input, style, svg, math, [onclick], [onerror], [style]";
    expect(await markdown.locator(forbidden).count()).toBe(0);
    expect(await markdown.first().locator("strong").textContent()).toBe("kept");
    const links = (await page.evaluate(
      "[...document.querySelectorAll('.markdown a')].map((a) => [a.getAttribute('href'), a.rel])",
    )) as [string | null, string][];
    expect(new Set(links.map(([href]) => href))).toEqual(new Set([null, "https://example.org"]));
    for (const [, rel] of links) expect(rel).toContain("noopener");
    await press(["1", "Enter"]);
    await page.getByTestId("sent").waitFor();
    expect(await page.evaluate("window.hit")).toBeUndefined();
    expect(asked.filter((url) => !url.startsWith(own.address))).toEqual([]);
  } finally {
    page.off("request", listen);
    own.close();
  }
}, 60_000);

test("simulated raters answer any kind, also one whose code is not here", () => {
  const rater = { name: "Ada", noise: 0.1, tieBelow: 0.1, seconds: 20 };
  for (const def of [...taskTypes.values(), rateHeadline]) {
    const { name: type, version: typeVersion, view } = def;
    const input = def.samples[0];
    const answer = answerTo({ type, typeVersion, view, input, swap: false }, rater, rng(1, type));
    expect(def.output.parse(answer)).toEqual(answer);
  }
});
