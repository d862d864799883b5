/**
 * The first hour of somebody new, as docs/first-hour.md tells it: `tiller start` on a new home, the first experiment, a project
 * of one's own file, two people who are invited and answer on their own devices, the labels back as a file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { createClient, type TillerClient } from "@tiller/client";
import { invitation, joined } from "./joining.ts";

export interface Started {
  readonly address: string;
  readonly links: { readonly researcher: string; readonly rater: string; readonly admin: string };
  /** the researcher's, as `tiller experiment` finds it */
  readonly key: string;
  readonly child: ChildProcess;
}
const main = path.join(import.meta.dirname, "../../apps/cli/main.ts");

/** `tiller start` as a newcomer types it, on a free port; its links are what it printed. */
export async function startTiller(home: string, ...flags: string[]): Promise<Started> {
  const child = spawn(process.execPath, [main, "start", "--home", home, "--port", "0", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (/API key\s+sk-\S+/.test(said)) resolve();
    });
    child.once("exit", (code) => reject(new Error(`tiller start ended with ${code}: ${said}`)));
  });
  await listening;
  const after = (words: string) => said.split(words)[1]!.trim().split(/\s/)[0]!;
  return {
    address: after("Tiller is at"),
    links: {
      researcher: after("Studio (researcher)"),
      rater: after("Desk (rater)"),
      admin: after("People and pay"),
    },
    key: await readFile(path.join(home, "tokens", "key-researcher"), "utf8"),
    child,
  };
}
export const stopTiller = ({ child }: Started): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
export const clientOf = (t: Started): TillerClient =>
  createClient({ baseURL: t.address, token: t.key });

/** What the newcomer has: six questions with two answers each. */
const suppers = Array.from(
  { length: 6 },
  (_, i) =>
    `supper-${i + 1},What should I cook for ${i + 1} with eggs and rice?,"Fry the rice, then add ${i + 2} eggs.",Rice is eaten in many countries of the world.`,
);
export const ownFile = `id,prompt,response_a,response_b\n${suppers.join("\n")}\n`;
const QUESTION = "Which answer helps the cook more?";

type Shot = (page: Page, name: string) => Promise<void>;
export const noShot: Shot = async () => {};

/** From the first link to one's own text judged by two people; the exported file's lines. */
export async function ownTextJudged(
  browser: Browser,
  t: Started,
  shot: Shot = noShot,
): Promise<string[]> {
  // one browser for the newcomer, who opens the researcher's link and the admin's in two tabs
  const mine = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
  });
  mine.setDefaultTimeout(45_000);
  const studio = await mine.newPage();
  await studio.goto(t.links.researcher);
  await studio.getByRole("heading", { name: "Experiments", exact: true }).waitFor();
  await studio.getByRole("link", { name: "Better continuations of a book", exact: true }).click();
  await studio.getByText("Programs answer here in people’s place").waitFor();
  await shot(studio, "1-first-experiment");

  await studio.getByRole("link", { name: "Ask people about your own file" }).click();
  await studio
    .getByLabel(/a row an item/)
    .setInputFiles({ name: "suppers.csv", mimeType: "text/csv", buffer: Buffer.from(ownFile) });
  await studio.getByText("6 rows, 6 fit").waitFor();
  await studio.getByLabel("Question to the raters").fill(QUESTION);
  await studio.getByTestId("preview").getByText(QUESTION).waitFor();
  await studio.getByLabel("Name of the project").fill("Suppers");
  await studio.getByLabel("People an item").fill("2");
  await studio.getByText("12 answers wanted").waitFor();
  await shot(studio, "2-own-file");
  await studio.getByRole("button", { name: "Start", exact: true }).click();
  await studio.getByRole("heading", { name: "Suppers", exact: true }).waitFor();
  const project = studio.url();

  // until then whoever comes to the desk is asked for the first experiment, too
  await simulatedAreThrough(t);
  const people = await mine.newPage();
  await people.goto(t.links.admin);
  await people.waitForURL("**/as/admin/**"); // beside the researcher, not in the researcher's place
  for (const [name, width] of [
    ["Ada", 390],
    ["Ben", 1280],
  ] as const) {
    await people.goto(`${t.address}/as/admin/people`);
    const link = await invitation(people);
    if (name === "Ada") await shot(people, "3-invitation");
    await answered(browser, { name, width, link, shot });
  }

  await studio.goto(project);
  await studio.getByText("12 of 12").waitFor();
  await studio.getByRole("button", { name: "Export" }).click();
  const download = studio.waitForEvent("download");
  await studio.getByRole("dialog").getByRole("link", { name: "Download" }).click();
  const text = await readFile(await (await download).path(), "utf8");
  await mine.close();
  return text.trim().split("\n");
}

/** The first experiment has all the comparisons that it wants. */
async function simulatedAreThrough(t: Started): Promise<void> {
  const [first] = await clientOf(t).listExperiments();
  const asking = async () => {
    const { stages } = await clientOf(t).getExperiment({ id: first!.id });
    return stages.some((s) => s.name === "people" && s.state !== "done");
  };
  while (await asking()) await sleep(500);
}

/** Somebody joins on a device of their own, and answers until there is nothing left. */
async function answered(
  browser: Browser,
  o: { name: string; width: number; link: string; shot: Shot },
): Promise<void> {
  const pictured = o.name === "Ada";
  const page = await joined(browser, {
    ...o,
    shot: (form) => (pictured ? o.shot(form, "4-joining") : Promise.resolve()),
  });
  const done = page.getByRole("heading", { name: /All caught up|No work for you now/ });
  await page.getByRole("heading", { name: QUESTION }).first().or(done).waitFor();
  if (pictured) await o.shot(page, "5-desk");
  while ((await done.count()) === 0) {
    const left = page.getByRole("button", { name: /Fry the rice/ });
    const before = await page.locator("main").innerText();
    await left.or(done).first().waitFor();
    if (await done.count()) break;
    await left.click();
    while ((await page.locator("main").innerText()) === before) await page.waitForTimeout(50);
  }
  await page.context().close();
}
