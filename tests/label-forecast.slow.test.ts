/**
 * What more labels would buy, where a lead orders them: a project of comparisons that people have answered, the forecast
 * worked out beside the server, its page at two widths. TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createClient, type TillerClient } from "@tiller/client";
import { rng } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let browser: Browser;
let lead: TillerClient;
const ITEMS = 64;
beforeAll(async () => {
  site = await openServer({ pages: true, chance: () => 0.999 });
  browser = await launchBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});
const clientOf = async (name: string, role: "lead" | "rater") => {
  const me = await ensurePerson(site.store.db, { id: name, name, pseudonym: name, role });
  return createClient({
    baseURL: "http://tiller",
    token: await issueToken(site.store.db, me.id, "session"),
    fetch: async (to, init) => site.app.request(to instanceof Request ? to : to.toString(), init),
  });
};
/** The longer answer is the better in three of four. */
async function project(items: number): Promise<string> {
  const random = rng(1, "label forecast");
  const rows = Array.from({ length: items }, (_, i) => {
    const long = `Boil ${i + 1} cups of water and leave the rice in it for a quarter of an hour.`;
    const [a, b] = random.next() < 0.5 ? [long, "Boil it."] : ["Boil it.", long];
    return `How do I cook rice ${i}?,${a},${b}`;
  });
  const { file } = await lead.uploadItems({
    name: "pairs.csv",
    body: `prompt,a,b\n${rows.join("\n")}\n`,
  });
  const asked = { title: "Cooking", kind: "forced-comparison@1", file, people: 1 };
  return (await lead.createProject({ body: asked })).project;
}
const Text = z.object({ text: z.string() });
const Compared = z.object({ a: Text, b: Text });
async function answerAll(): Promise<void> {
  const ann = await clientOf("ann", "rater");
  const random = rng(2, "label forecast");
  for (;;) {
    const next = await ann.nextTask({ body: { holding: [] } });
    if (next.kind !== "task") return;
    const { lease, input } = next.lease;
    const { a, b } = Compared.parse(input);
    const longer = a.text.length > b.text.length ? "a" : "b";
    const choice = random.next() < 0.75 ? longer : longer === "a" ? "b" : "a";
    await ann.submitAnswer({
      body: { lease, value: { choice }, activeSeconds: 0, idleSeconds: 0 },
    });
  }
}

test("a forecast where further items are added: none with few answers, then words, a curve and intervals", async () => {
  lead = await clientOf("lead", "lead");
  const id = await project(ITEMS);
  expect(await lead.labelForecast({ id })).toEqual({
    state: "none",
    why: "There are 0 answers; a forecast needs 60 or more.",
  });
  await answerAll();
  expect(await lead.labelForecast({ id })).toEqual({ state: "working" });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(60_000);
  const me = await ensurePerson(site.store.db, {
    id: "lead",
    name: "lead",
    pseudonym: "lead",
    role: "lead",
  });
  await page.goto(
    `${site.address}/sign-in?token=${await issueToken(site.store.db, me.id, "link")}`,
  );
  await page.goto(`${site.address}/projects/${id}`);
  const card = page.locator("section", {
    has: page.getByRole("heading", { name: "What more labels would buy" }),
  });
  await card.getByText("in nine of ten cases").first().waitFor();
  const made = await lead.labelForecast({ id });
  if (made.state !== "made") throw new Error(`the forecast is ${made.state}`);
  const { accuracy, pairs } = made.forecast;
  expect([made.answers, pairs, accuracy.more.map((m) => m.pairs)]).toEqual([
    ITEMS,
    ITEMS,
    [2 * ITEMS, 4 * ITEMS],
  ]);
  expect(accuracy.now.at).toBeGreaterThan(0.6); // three of four say the longer one
  const said = await card.innerText();
  expect(said).toContain(`from the ${ITEMS} pairs that are decided`);
  const two = (x: number) => x.toFixed(2).replace(/^0/, "");
  for (const m of accuracy.more)
    expect(said).toContain(
      `${m.pairs}: ${two(m.at)}, and in nine of ten cases from ${two(m.low)} to ${two(m.high)}`,
    );
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await faults(page)).toEqual([]);
    const shots = process.env["TILLER_SCREENSHOTS"];
    if (shots) await card.screenshot({ path: path.join(shots, `labels-${width}.png`) });
  }
  // looked at again it is the same, and nothing is worked out anew
  expect(await lead.labelForecast({ id })).toEqual(made);
}, 120_000);
