/**
 * docs/book-afternoon.md as it stands: every command of it in its order, two colleagues who are invited and write in browsers of their own,
 * and the pages that it shows. The stand-in for a model is an endpoint here, in place of the half minute of training.
 * TILLER_SHOTS=FOLDER keeps its pictures. Run: TILLER_TESTS=slow npx vitest run FILE
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWeb } from "@tiller/web/build.ts";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { clientOf, type Started, startTiller, stopTiller } from "./browser/first-hour.ts";
import { invitation, joined } from "./browser/joining.ts";
import { launchBrowser } from "./browser/launch.ts";

const root = path.join(import.meta.dirname, "..");
const shots = process.env["TILLER_SHOTS"];
const home = mkdtempSync(path.join(tmpdir(), "tiller-afternoon-"));
let browser: Browser;
let tiller: Started | undefined;
beforeAll(async () => {
  await buildWeb();
  browser = await launchBrowser();
}, 280_000);
afterAll(async () => {
  await browser?.close();
  if (tiller) await stopTiller(tiller);
  rmSync(home, { recursive: true, force: true });
}, 60_000);

/** The page's commands, word by word, in its order; training and registering are left to whoever reads it. */
const commands = [
  ...readFileSync(path.join(root, "docs/book-afternoon.md"), "utf8").matchAll(
    /^npm run tiller -- ((?:book|experiment|data) .*)$/gm,
  ),
].map(([, line]) =>
  [...line!.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3]!),
);
const node = promisify(execFile);
const patient = { timeout: 30_000 };
let [tree, experiment] = ["", ""];
/** The next command of the page, which begins with these words. */
async function next(...begins: string[]): Promise<string> {
  const words = commands.shift()!;
  expect(words.slice(0, begins.length)).toEqual(begins);
  const args = words.map((w) =>
    /^\w+\.jsonl$/.test(w)
      ? path.join(home, w)
      : w.replaceAll("TREE", tree).replaceAll("EXPERIMENT", experiment),
  );
  const env = { ...process.env, TILLER_HOME: home };
  const { stdout } = await node(process.execPath, ["apps/cli/main.ts", ...args], {
    cwd: root,
    env,
  });
  return stdout;
}
async function shot(page: Page, name: string): Promise<void> {
  if (shots) await page.screenshot({ path: path.join(shots, `book-afternoon-${name}.png`) });
}

test("three people and a model: begun, written, stopped, edited, judged", async () => {
  await using endpoint = await scripted((r, asked) => {
    const read = asked.body.messages!.at(-1)!.content;
    return says(`${/[A-Z][^.;]{20,80}/.exec(read)?.[0] ?? "Nothing"}.`)(r, asked);
  });
  const small = { kind: "openai", baseURL: endpoint.baseURL, model: "small" };
  writeFileSync(path.join(home, "models.json"), JSON.stringify({ small }));
  tiller = await startTiller(home, "--people");
  const client = clientOf(tiller);
  const mine = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  mine.setDefaultTimeout(30_000);
  const people = await mine.newPage();
  await people.goto(tiller.links.admin);
  await people.goto(`${tiller.address}/people`);
  const colleagues: Page[] = [];
  for (const name of ["Ada", "Ben"]) {
    const link = await invitation(people);
    await people.keyboard.press("Escape");
    colleagues.push(await joined(browser, { link, name, width: 1280 }));
  }
  const [ada, ben] = colleagues as [Page, Page];

  expect(await next("book", "start")).toMatch(/nodes at most; \d+ by people/);
  tree = /tree-\w+/.exec(await next("book", "start"))![0];
  const now = () => client.getTree({ id: tree });
  const box = (page: Page) => page.getByRole("textbox", { name: "Your summary" });
  const write = async (page: Page) => {
    await box(page).waitFor();
    const where = page.getByText(/^(?:Passage|Part) \d+ of|^The whole book/);
    const before = await where.first().innerText();
    await box(page).fill("The union prospers, and the president asks for laws.");
    await page.getByRole("button", { name: "Submit" }).click();
    await expect.poll(() => where.allInnerTexts(), patient).not.toContain(before);
  };
  await box(ada).waitFor();
  await shot(ada, "1-desk");
  await write(ada);
  await write(ben);
  await expect.poll(async () => (await now()).used.answers, patient).toBe(2);
  expect(await next("book", "status")).toMatch(/growing; \d+ of \d+ nodes; used .* 2 answers/);
  expect(await next("book", "stop")).toMatch(/The best so far/);
  await expect.poll(async () => (await now()).state, patient).toBe("stopped");
  await next("book", "grow");
  for (const page of colleagues) await page.reload(); // what they held was taken back
  while ((await now()).left.people.nodes > 0) {
    for (const page of colleagues) if (await box(page).count()) await write(page);
    await sleep(100);
  }
  await expect.poll(async () => (await now()).state, patient).toBe("whole");

  const page = await mine.newPage();
  await page.goto(tiller.links.researcher);
  await page.goto(`${tiller.address}/as/researcher/books/${tree}`);
  await page.getByText("whole", { exact: true }).waitFor();
  await page.locator(".sentence").first().click();
  await shot(page, "2-book");

  expect(await next("book", "edit")).toMatch(/--redo path: [^]*Nothing is done yet/);
  await next("book", "edit");
  await expect.poll(async () => (await now()).version, patient).toBeGreaterThan(1);
  while ((await now()).state === "growing") {
    for (const page of colleagues)
      if (await page.getByRole("heading", { name: "Is this summary still right?" }).count()) {
        await page.getByText("Still right: it stays as it is").click();
        await page.getByRole("button", { name: "Submit" }).click();
      }
    await sleep(300);
  }
  experiment = (await next("experiment", "start")).trim();
  expect(experiment).toMatch(/^judge-book-/);
  await ada.getByRole("heading", { name: "Three summaries of one part of a book" }).waitFor();
  await shot(ada, "3-judge");
  expect(await next("experiment", "show")).toContain("judge-book");
  await next("data", "export");
  await next("data", "export");
  const summaries = readFileSync(path.join(home, "summaries.jsonl"), "utf8").trim().split("\n");
  expect(summaries.length).toBeGreaterThanOrEqual(8);
  expect(commands).toEqual([]);
}, 280_000);
