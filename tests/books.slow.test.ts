/**
 * `tiller book run` as it is typed, against an endpoint: killed twice and begun again, stopped by a budget; and the page of the tree in a
 * real browser. TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { Entry, hashOf } from "@tiller/book";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "tiller-book-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => path.join(folder, name);

const begin = (...args: string[]) => {
  const child = spawn(process.execPath, ["apps/cli/main.ts", "book", ...args], {
    cwd: path.join(import.meta.dirname, ".."),
  });
  let said = "";
  child.stdout.on("data", (d: Buffer) => (said += d.toString("utf8")));
  child.stderr.on("data", (d: Buffer) => (said += d.toString("utf8")));
  const ended = new Promise<{ status: number | null; said: string }>((resolve) =>
    child.on("close", (status) => resolve({ status, said })),
  );
  return { child, ended };
};
const tiller = (...args: string[]) => begin(...args).ended;
const lines = (name: string) =>
  existsSync(at(`${name}/outputs.jsonl`))
    ? readFileSync(at(`${name}/outputs.jsonl`), "utf8")
        .split("\n")
        .slice(0, -1)
    : [];
const outputs = (name: string) =>
  Object.fromEntries(
    lines(name)
      .map((line) => Entry.parse(JSON.parse(line)))
      .map((e) => [e.node, [e.input, e.context, e.maker, e.saw, e.text]]),
  );

test("killed twice, a line half written: what a clean run gives; a budget leaves the best so far", async () => {
  // says what it read: the first sentence, and a word by which two prompts differ
  await using endpoint = await scripted((r, asked) => {
    const words = asked.body.messages!.at(-1)!.content;
    const asks = /Question: Say (.*)\./.exec(words)?.[1];
    if (asks !== undefined) return says(`${asks}\nI said it.`)(r, asked);
    const text = words.split("\n====\n").at(-1)!;
    const sentence =
      /[A-Z][^.]* no\. \d+\./.exec(text.replace(/CHAPTER \d+\./, ""))?.[0] ?? "Nothing.";
    return says(`${sentence} ${hashOf(words).slice(0, 8)}`)(r, asked);
  });
  const model = {
    kind: "openai",
    baseURL: endpoint.baseURL,
    model: "small",
    price: { prompt: 1, completion: 2 },
  };
  writeFileSync(at("models.json"), JSON.stringify({ small: model }));
  writeFileSync(at("1_the_key.txt"), aStory(3, 6));
  const run = (out: string, ...more: string[]) =>
    begin(
      "run",
      at("1_the_key.txt"),
      "--model",
      "small",
      "--models",
      at("models.json"),
      "--window",
      "256",
      "--context",
      "lag:1",
      "--out",
      at(out),
      ...more,
    );

  const clean = await run("clean").ended;
  expect([clean.status, clean.said]).toEqual([0, expect.stringMatching(/(\d+) of \1 nodes/)]);
  for (const n of [5, 14]) {
    const { child, ended } = run("killed", "--parallel", "2");
    while (lines("killed").length < n && child.exitCode === null) await sleep(5);
    child.kill("SIGKILL");
    await ended;
    expect(lines("killed").length).toBeLessThan(lines("clean").length);
  }
  const log = at("killed/outputs.jsonl");
  writeFileSync(log, `${readFileSync(log, "utf8")}{"node":"0.9","inp`);
  expect((await run("killed").ended).status).toBe(0);
  expect(outputs("killed")).toEqual(outputs("clean"));
  expect(lines("killed").length).toBe(lines("clean").length);

  const root = Entry.parse(JSON.parse(lines("killed").at(-1)!));
  const stands = root.text.split(" ").slice(-2).join(" "); // ends with a word of its own
  const questions = [stands, "No such words"].map((a) => ({ question: `Say ${a}.`, answers: [a] }));
  writeFileSync(at("questions.jsonl"), questions.map((q) => JSON.stringify(q)).join("\n"));
  const asking = ["questions", at("killed"), at("questions.jsonl"), "--json"];
  const answered = await tiller(...asking, "--model", "small", "--models", at("models.json"));
  expect(answered.status, answered.said).toBe(0);
  const { depths } = JSON.parse(answered.said.slice(answered.said.indexOf('{"questions"')));
  expect(depths[0]).toMatchObject({ height: root.node.split(".").map(Number)[0], written: 1 });
  expect(depths[0]).toMatchObject({ retained: { mean: 0.5 }, exact: { mean: 1 }, f1: { mean: 1 } });
  expect(depths.at(-1).written).toBe(depths.at(-1).nodes);

  const short = await run("short", "--tokens", "3000").ended;
  expect([short.status, short.said]).toEqual([
    3,
    expect.stringMatching(/stopped by the budget of 3,000 tokens/),
  ]);
  const used = lines("short").map((l) => Entry.parse(JSON.parse(l)));
  expect(used.length).toBeGreaterThan(2);
  expect((await run("clean", "--seed", "2").ended).said).toMatch(
    /has a tree of another seed \(1, now 2\)/,
  );
  expect((await run("new", "--window", "200").ended).said).toMatch(/200 tokens is too small/);
  truncateSync(at("clean/outputs.jsonl"), lines("clean").slice(0, -3).join("\n").length + 1);
}, 120_000);

test("the tree beside the book: from a sentence to its words and back, on a phone, in the dark", async () => {
  const made = await tiller("show", at("killed"), "--out", at("tree.html"));
  expect(made).toEqual({ status: 0, said: expect.stringMatching(/(\d+) of \1 summaries/) });
  expect((await tiller("show", at("clean"), "--out", at("part.html"))).said).toMatch(
    /opens in any/,
  );
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(20_000);
    await page.goto(pathToFileURL(at("tree.html")).href);
    const lit = () => page.evaluate("document.querySelector('.lit')?.id ?? ''");
    // down: a part's sentence to a passage's summary, that one's to its words in the book, and back
    await page.locator(".h2 > .said a, .h1 > .said a").first().click();
    expect(await lit()).toMatch(/^n-1\./);
    await page.keyboard.press("o");
    const down = page.locator(".lit .h0 > .said a").first();
    const words = (await down.textContent())!.split(" ")[0]!;
    await down.click();
    expect(await lit()).toMatch(/^s-0\./);
    expect(await page.locator("mark.lit").textContent()).toContain(words);
    await page.keyboard.press("b");
    expect(await lit()).toMatch(/^n-0\./);
    await page.keyboard.press("u");
    expect(await lit()).toMatch(/^n-1\./);
    await page.keyboard.press("j");
    expect(await lit()).toMatch(/^n-0\./);
    await page.goBack();
    expect(await lit()).toMatch(/^[ns]-/);
    const shots = process.env["TILLER_SCREENSHOTS"];
    for (const [width, scheme] of [
      [1280, "light"],
      [390, "light"],
      [1280, "dark"],
      [390, "dark"],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: scheme });
      expect(await faults(page)).toEqual([]);
      const wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(wide)).toBe(0);
      if (shots) await page.screenshot({ path: path.join(shots, `book-${width}-${scheme}.png`) });
    }
    await page.goto(pathToFileURL(at("part.html")).href);
    expect(await page.locator(".node").count()).toBeGreaterThan(3);
  } finally {
    await browser.close();
  }
}, 120_000);
