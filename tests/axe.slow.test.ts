/**
 * Every page of the web app, for each role that is offered it, light and dark: nothing that axe finds, nothing wider than a
 * phone, and a title that says where one is. The table of pages is held against the routes of apps/web/src/main.tsx.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { createClient } from "@tiller/client";
import { workflow } from "@tiller/flow";
import { saveCheckpointRow, saveDataset } from "@tiller/lab";
import { CheckpointId, type Role, TreeSettings } from "@tiller/schema";
import { drawOpening, protocols } from "@tiller/room";
import { openRoom } from "@tiller/sitting";
import { ensurePerson, issueToken } from "@tiller/store";
import { createTree } from "@tiller/trees";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const asked = workflow(
  "asked@1",
  z.strictObject({ people: z.int().default(2).describe("how many answer") }),
  async (f, { people }) => {
    const { a, b } = comparison.samples[0]!;
    await f.ask(comparison, { passage: "The sea was calm.", a, b }, { name: "pair", people });
    await f.report({
      summary: [{ name: "wins", label: "Wins", value: 0.5, unit: "fraction", help: "How often." }],
      blocks: [{ kind: "prose", title: "What was learned", text: "That it cannot be told." }],
    });
    return "asked";
  },
  { title: "Asked", about: "**Two** answers to one question." },
);

/** By route, and with what in the place of its names; `false`: it only leads elsewhere. */
const pages: Readonly<Record<string, readonly Role[] | false>> = {
  "/": false,
  "/studio": false,
  "/studio/runs": false,
  "/policies": false,
  "/desk": ["rater", "lead"],
  "/desk/me": ["rater"],
  "/feedback": ["rater"],
  "/joining": ["rater"],
  "/account": ["rater"],
  "/desk/inbox": ["lead"],
  "/projects": ["lead"],
  "/projects/new": ["lead"],
  "/projects/$id": ["lead"],
  "/projects/$id/items/$place": ["lead"],
  "/projects/$id/kind": ["lead"],
  "/control": ["lead"],
  "/books": ["lead"],
  "/books/$id": ["lead"],
  "/books/$id/beside/$other": ["lead"],
  "/control/rooms": ["lead"],
  "/control/rooms/new": ["lead"],
  "/rooms": ["rater"],
  "/rooms/$id": ["rater"],
  "/delegation": ["lead"],
  "/people": ["lead", "admin"],
  "/people/work": ["lead"],
  "/people/joining": ["lead"],
  "/people/pay": ["admin"],
  "/people/audit": ["admin"],
  "/quality": ["researcher"],
  "/quality/raters/$id": ["researcher"],
  "/quality/disagreements": ["researcher"],
  "/quality/gold": ["researcher"],
  "/quality/threads": ["researcher"],
  "/studio/experiments": ["researcher"],
  "/studio/experiments/$id": ["researcher"],
  "/studio/experiments/$id/trace": ["researcher"],
  "/studio/start": ["researcher"],
  "/studio/compare": ["researcher"],
  "/studio/triggers": ["researcher"],
  "/studio/triggers/new": ["researcher"],
  "/studio/webhooks": ["researcher"],
  "/studio/import": ["researcher"],
  "/studio/checkpoints": ["researcher"],
  "/studio/checkpoints/$id": ["researcher"],
  "/studio/datasets": ["researcher"],
  "/studio/datasets/$id": ["researcher"],
  "/studio/tasks": ["researcher"],
  "/playground": ["researcher"],
  "/join/$token": ["rater"],
  "/sign-in": ["rater"],
};
const ids: Record<string, string> = { "/studio/experiments/$id": "demo" };

let site: TestServer;
let browser: Browser;
const person = (id: string, role: Role) =>
  ensurePerson(site.store.db, { id, name: `${id} of all pages`, pseudonym: id, role });
const clientOf = async (id: string, role: Role) =>
  createClient({
    baseURL: site.address,
    token: await issueToken(site.store.db, (await person(id, role)).id, "session"),
  });

/** Something on every page: an experiment, models, a dataset, a project with answers, an invitation, a trigger. */
async function furnish(): Promise<void> {
  const { db, home } = site.store;
  const agents = { "*": { kind: "simulated", skill: 1 } } as const;
  for (const [id, people] of [
    ["demo", 2],
    ["other", 3],
  ] as const)
    await site.flow.wait(await site.flow.start(asked, { people }, { id, agents }));
  const model = CheckpointId.parse("a".repeat(64));
  const row = { name: "policy", role: "policy", path: home, run: null, parent: null };
  await saveCheckpointRow(db, { ...row, id: model, metrics: { winRate: 0.91 } });
  ids["/studio/checkpoints/$id"] = model;
  ids["/studio/datasets/$id"] = await saveDataset(db, home, {
    name: "pairs",
    experiment: "demo",
    rows: [{ text: "one" }],
  });
  const lead = await clientOf("lead", "lead");
  const rows = Array.from({ length: 4 }, (_, i) => `What is ${i}?,one ${i},two ${i}`);
  const body = `prompt,response_a,response_b\n${rows.join("\n")}\n`;
  const { file } = await lead.uploadItems({ name: "pairs.csv", body });
  const kind = "forced-comparison@1";
  const made = await lead.createProject({ body: { title: "Pairs", kind, file, people: 2 } });
  ids["/projects/$id"] = made.project;
  ids["/quality/raters/$id"] = (await person("rater", "rater")).id;
  for (const id of ["rater", "second"]) {
    const rater = await clientOf(id, "rater");
    for (let i = 0; i < 3; i++) {
      const next = await rater.nextTask({ body: { holding: [] } });
      if (next.kind !== "task") throw new Error("nothing to answer");
      const choice = i === 1 && id === "second" ? "b" : "a";
      const { lease } = next.lease;
      await rater.submitAnswer({
        body: { lease, value: { choice }, activeSeconds: 4, idleSeconds: 1 },
      });
    }
  }
  const { link } = await lead.invite({ body: { role: "rater" } });
  ids["/join/$token"] = link.split("/").at(-1)!;
  const rules = protocols.get("khan-static")!;
  const text = { id: "story", title: "The lamp", body: "Anna had oil on her sleeve." };
  const question = { question: "Who?", answers: ["Anna", "Tom"], texts: [text] };
  const nobody = { who: { kind: "nobody" } } as const;
  const settings = TreeSettings.parse({ window: 256 });
  await createTree(db, { id: "key", name: "The key", text: aStory(5, 2), settings });
  ids["/books/$id"] = "key";
  const drawnAnew = { ...settings, seed: 2 };
  await createTree(db, { id: "other", name: "The key", text: aStory(5, 2), settings: drawnAnew });
  ids["/rooms/$id"] = "debate";
  await openRoom(db, {
    id: "debate",
    name: "A debate",
    experiment: null,
    exposed: "refuse",
    names: "hidden",
    pay: {},
    practice: false,
    requires: [],
    rules,
    open: drawOpening(rules, question, { list: 1, sides: 1, first: 1 }),
    seats: {
      a: { who: { kind: "person", person: (await person("rater", "rater")).id } },
      b: nobody,
      judge: nobody,
      "judge-swapped": nobody,
    },
  });
  const ruth = await clientOf("ruth", "researcher");
  await ruth.addTrigger({
    body: { name: "nightly", on: { schedule: "0 3 * * *" }, workflow: "asked@1", input: {} },
  });
}
beforeAll(async () => {
  site = await openServer({ workflows: [asked], pages: true, chance: () => 0.999 });
  await furnish();
  browser = await launchBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

const addressOf = (route: string): string =>
  route
    .replace(/^(.*?\$(?:id|token))/, (start) => start.replace(/\$\w+$/, ids[start] ?? "none"))
    .replace("$place", "1")
    .replace("$other", "other")
    .replace(/compare$/, `compare?ids=${encodeURIComponent('["demo","other"]')}`);
const rolesOf = (route: string) => pages[route] || [];

test("the table has every route of the app", () => {
  const source = readFileSync(path.join(import.meta.dirname, "../apps/web/src/main.tsx"), "utf8");
  const routes = [...source.matchAll(/page\(\s*"([^"]+)"|\bpath: "([^"]+)"/g)].map(
    (m) => m[1] ?? m[2],
  );
  expect(Object.keys(pages).toSorted()).toEqual(routes.toSorted());
});

/** All that is wrong with a page as it stands. */
async function wrongWith(page: Page, route: string, who: Role): Promise<string[]> {
  const wrong: string[] = [];
  await page.goto(site.address + addressOf(route));
  await page.locator("main h1").first().waitFor();
  await expect.poll(() => page.locator("[aria-busy=true]").count()).toBe(0);
  if (await page.getByText(/There is nothing here|This page is for others/).count())
    wrong.push("leads nowhere");
  const door = /^\/(join|sign-in)/.test(route);
  if (!door && !(await page.title()).endsWith(" - Tiller"))
    wrong.push(`title ${await page.title()}`);
  const wider = (await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  )) as number;
  if (wider > 0) wrong.push(`${wider} pixels wider than a phone`);
  await page.evaluate("document.documentElement.dataset.theme = 'light'");
  wrong.push(...(await faults(page)));
  await page.evaluate("document.documentElement.dataset.theme = 'dark'");
  wrong.push(...(await faults(page, ["color-contrast"])).map((f) => `dark: ${f}`));
  return wrong.map((w) => `${who} ${route}: ${w}`);
}

test.each(["rater", "lead", "researcher", "admin"] as const)(
  "nothing is wrong with any page of a %s",
  async (role) => {
    const me = await person(role === "researcher" ? "ruth" : role, role);
    const page = await browser.newPage({
      viewport: { width: 390, height: 844 },
      reducedMotion: "reduce",
    });
    page.setDefaultTimeout(45_000);
    await page.goto(
      `${site.address}/sign-in?token=${await issueToken(site.store.db, me.id, "link")}`,
    );
    const wrong: string[] = [];
    for (const route of Object.keys(pages).filter((r) => rolesOf(r).includes(role)))
      wrong.push(
        ...(await wrongWith(page, route, role).catch((e: Error) => [`${route}: ${e.message}`])),
      );
    expect(wrong).toEqual([]);
    await page.close();
  },
  180_000,
);
