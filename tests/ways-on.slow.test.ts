/**
 * Pages with a way on, in a browser: ids and addresses of nothing, what is for others, links that do not work, a session
 * that ends while somebody writes, a server that goes and comes back, and two people in one browser.
 * TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import type { AddressInfo } from "node:net";
import path from "node:path";
import { serve, type ServerType } from "@hono/node-server";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Role } from "@tiller/schema";
import { ensurePerson, issueToken, revokeSessions, setPassword } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let browser: Browser;
let server: ServerType;
let address: string;
/** A server of the test's own, which it may kill and start again at the same address. */
const listen = (port: number) =>
  new Promise<void>((resolve) => {
    server = serve({ fetch: site.app.fetch, port, hostname: "127.0.0.1" }, () => resolve());
  });
const kill = () =>
  new Promise((resolve) => {
    server.close(resolve);
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
beforeAll(async () => {
  site = await openServer({ pages: true });
  await listen(0);
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  if (server) await kill();
  await site?.[Symbol.asyncDispose]();
});
const shots = process.env["TILLER_SCREENSHOTS"];
const shot = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: path.join(shots, `ways-${name}.png`) });
};
const person = (id: string, role: Role) =>
  ensurePerson(site.store.db, { id, name: id, pseudonym: id, role });
async function enter(context: BrowserContext, id: string, role: Role): Promise<Page> {
  const me = await person(id, role);
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  await page.goto(`${address}/sign-in?token=${await issueToken(site.store.db, me.id, "link")}`);
  return page;
}
const words = (page: Page, heading: string) =>
  page.getByRole("heading", { name: heading, exact: true }).waitFor();

test("ids of nothing, addresses of nothing and others' pages say so and lead on", async () => {
  const page = await enter(await browser.newContext(), "ruth", "researcher");
  const nothing = [
    "/studio/experiments/none",
    "/studio/experiments/none/trace",
    "/studio/checkpoints/none",
    "/studio/datasets/none",
    "/projects/none",
    "/projects/none/items/1",
    "/projects/none/kind",
    "/quality/raters/none",
  ];
  for (const at of nothing) {
    await page.goto(address + at);
    await words(page, "There is nothing here").catch(() => expect.fail(`${at} says nothing`));
    expect(await page.title()).toMatch(/ - Tiller$/);
  }
  await page.goto(`${address}/nowhere/at/all`);
  await words(page, "There is no such page");
  await page.goto(`${address}/people/pay`);
  await words(page, "This page is for others");
  await page.goto(`${address}/projects/none`);
  await words(page, "There is nothing here");
  expect(await faults(page)).toEqual([]);
  await shot(page, "nothing");
  await page.getByRole("link", { name: "All projects" }).last().click();
  await words(page, "Projects");
  for (const [former, now] of [
    ["/studio/runs", "/studio/experiments"],
    ["/policies", "/delegation"],
  ] as const) {
    await page.goto(address + former);
    await page.waitForURL(`**${now}`);
  }
  await page.context().close();
}, 120_000);

test("links and invitations that do not work are pages; whoever is here can go on", async () => {
  const context = await browser.newContext();
  const page = await enter(context, "ruth", "researcher");
  await page.goto(`${address}/sign-in?token=gone`);
  await words(page, "This sign-in link does not work any more");
  await shot(page, "used-link");
  expect(await faults(page)).toEqual([]);
  await page.goto(`${address}/join/gone`);
  await words(page, "This invitation does not work");
  await shot(page, "used-invitation");
  expect(await faults(page)).toEqual([]);
  await page.getByRole("link", { name: "Go on as ruth" }).click();
  await words(page, "Experiments");
  await context.close();
}, 60_000);

test("a server that goes and comes back leaves the page as it was", async () => {
  const page = await enter(await browser.newContext(), "lena", "lead");
  await page.goto(`${address}/projects`);
  await page.getByText("No projects yet").waitFor();
  const { port } = new URL(address);
  await kill();
  await page.getByRole("link", { name: "Quality" }).click();
  await page.getByText("Tiller does not answer.").waitFor();
  await page.getByRole("link", { name: "Projects", exact: true }).click();
  await page.getByText("No projects yet").waitFor();
  await shot(page, "away");
  await listen(Number(port));
  await expect.poll(() => page.getByText("Tiller does not answer.").count()).toBe(0);
  await page.getByText("No projects yet").waitFor();
  await page.context().close();
}, 60_000);

test("a session that ends while somebody writes takes nothing they wrote", async () => {
  const context = await browser.newContext();
  const page = await enter(context, "lena", "lead");
  const me = await person("lena", "lead");
  const password = "a long password, really";
  await setPassword(site.store.db, me.id, { handle: "lena", password });
  await page.goto(`${address}/sign-in`);
  await page.getByLabel("Name or e-mail address").fill("lena");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await words(page, "Projects");
  await page.goto(`${address}/studio/webhooks`);
  const url = page.getByLabel("Address", { exact: true });
  await url.fill("https://example.org/hook");
  await revokeSessions(site.store.db, me.id, { allBut: undefined });
  await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
  await shot(page, "ended");
  expect(await faults(page)).toEqual([]);
  await page.getByLabel("Name or e-mail address").fill("lena");
  await page.getByRole("dialog").getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect.poll(() => page.getByText("Your session has ended").count()).toBe(0);
  expect(await url.inputValue()).toBe("https://example.org/hook");
  await context.close();
}, 60_000);

test("two people in one browser: two tabs, each says who, and each goes on after a reload", async () => {
  const context = await browser.newContext();
  const first = await enter(context, "ruth", "researcher");
  const second = await enter(context, "ann", "rater");
  expect(new URL(second.url()).pathname).toBe("/as/ann/desk");
  await second.getByLabel("Main").getByRole("link", { name: "My work" }).click();
  await words(second, "My work");
  expect(await second.title()).toBe("My work - ann - Tiller");
  await first.reload();
  await words(first, "Experiments");
  await second.reload();
  await words(second, "My work");
  await second.getByRole("button", { name: "ann account" }).click();
  await shot(second, "two");
  expect(await faults(second)).toEqual([]);
  await second.getByRole("link", { name: "ruth" }).click();
  await words(second, "Experiments");
  expect(await second.title()).toBe("Experiments - Tiller");
  await context.close();
}, 60_000);
