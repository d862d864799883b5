/**
 * The page of a dataset in a real browser, from judgments of a file: examples by agreement and rater, the card, what an
 * evaluation set shares, what changed between two versions, the runs that it trained. TILLER_SCREENSHOTS=FOLDER keeps what
 * it looked like.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { dataCommand } from "@tiller/cli/data.ts";
import { importAnswers, keepCards } from "@tiller/data";
import {
  datasetRows,
  endRun,
  keptCard,
  saveCheckpointRow,
  saveDataset,
  startRun,
} from "@tiller/lab";
import {
  CheckpointId,
  DatasetId,
  ExperimentId,
  LabelledPair,
  labelledPairs,
  RunId,
} from "@tiller/schema";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const Printed = z.looseObject({
  hash: z.string(),
  duplicates: z.unknown(),
  judgments: z.number(),
  against: z.unknown(),
});
const NameRow = z.object({ name: z.string() });
let site: TestServer;
let browser: Browser;
let cards: Disposable;
let first: string;
let second: string;
let heldout: string;
const model = CheckpointId.parse("c".repeat(64));
const scenes = [
  "the harbour",
  "the forest",
  "the market",
  "the kitchen",
  "the station",
  "the school",
];
const story = (scene: string, end: string) =>
  `It was quiet in ${scene} when the rain came down on ${scene}, and of all who knew ${scene} ${end}`;

beforeAll(async () => {
  site = await openServer({ pages: true });
  const { store, home } = site;
  cards = keepCards(store);
  // three people judge six pairs; on the first two they disagree
  const judged = scenes.flatMap((scene, i) =>
    [1, 2, 3].map((w) => ({
      info: { id: `t${i}`, post: `Go on from ${scene}.`, title: "T", subreddit: "r/x" },
      summaries: [
        { text: story(scene, "nobody came back."), policy: "one", note: null },
        {
          text: story(
            scene,
            "the dog alone stayed, as dogs do, and waited for the morning to come.",
          ),
          policy: "two",
          note: null,
        },
      ],
      choice: i < 2 && w === 3 ? 0 : 1,
      worker: `w${w}`,
      batch: "b",
      split: "train",
      extra: {},
    })),
  );
  const file = path.join(home, "judged.jsonl");
  writeFileSync(file, judged.map((r) => JSON.stringify(r)).join("\n"));
  const now = new Date("2026-01-01T00:00:00Z");
  const report = await importAnswers(store, {
    file,
    format: "sff",
    experiment: "tales",
    dry: false,
    now,
  });
  first = report.dataset!;
  const rows = (await datasetRows(store.db, home, first)).map((r) => LabelledPair.parse(r));
  const [changed, , ...kept] = rows;
  const added = { ...kept[0]!, task: "another", a: "Something else.", b: "And more of it." };
  const { name } = await store.db.one(sql`select name from dataset where id = ${first}`, NameRow);
  const save = (name: string, of: readonly LabelledPair[]) =>
    saveDataset(store.db, home, {
      name,
      experiment: "tales",
      rows: of,
      schema: labelledPairs.name,
    });
  second = await save(name, [...kept, { ...changed!, pB: 0.5 }, added]);
  heldout = await save("held out", [
    { ...kept[0]!, task: "h" },
    { ...added, a: "Of its own kind.", b: "As is this one here." },
  ]);
  const run = (id: string, kind: string, dataset: string, role?: "evaluation") =>
    startRun(store.db, {
      id: RunId.parse(id),
      experiment: ExperimentId.parse("tales"),
      kind,
      config: {},
      codeRevision: "test",
      inputs: [{ kind: "dataset", id: DatasetId.parse(dataset), ...(role && { role }) }],
      metrics: {},
    });
  await run("tales.reward", "reward", second);
  const about = { name: "taste", role: "reward", path: home, parent: null, metrics: {} };
  await saveCheckpointRow(store.db, { ...about, id: model, run: RunId.parse("tales.reward") });
  await endRun(store.db, "tales.reward", { state: "done", output: model });
  await run("tales.check", "held-to-it", heldout, "evaluation"); // what its job is called says nothing
  browser = await launchBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  cards?.[Symbol.dispose]();
  await site?.[Symbol.asyncDispose]();
});
const shots = process.env["TILLER_SCREENSHOTS"];
const shot = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
};
async function opened(width: number, at: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  page.setDefaultTimeout(45_000);
  const { db } = site.store;
  const ruth = { id: "ruth", name: "Ruth", pseudonym: "ruth", role: "researcher" } as const;
  const me = await ensurePerson(db, ruth);
  await page.goto(`${site.address}/sign-in?token=${await issueToken(db, me.id, "link")}`);
  await page.goto(site.address + at);
  return page;
}
/** Nothing that axe finds, and no wider than the window, in both themes. */
async function sound(page: Page, name: string): Promise<void> {
  await expect.poll(() => page.locator("[aria-busy=true]").count()).toBe(0);
  for (const theme of ["light", "dark"]) {
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
    await shot(page, `${name}-${theme}`);
    expect(await faults(page)).toEqual([]);
  }
  await page.evaluate("document.documentElement.dataset.theme = 'light'");
  const wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
  expect(await page.evaluate(wider)).toBe(0);
}

test("every version has a card soon after it is saved, whoever saved it", async () => {
  for (const id of [first, second, heldout])
    await expect.poll(() => keptCard(site.store.db, id), { timeout: 20_000 }).toBeDefined();
  const card = await keptCard(site.store.db, first);
  expect(card).toMatchObject({ rows: 6, hash: first, judgments: 18, peopleInAll: 3, simulated: 0 });
  expect(card!.agreement!.raw.at).toBeCloseTo((4 * 3 + 2 * 1) / 18);
});

test("the terminal prints the same card of the rows as a file and as a version", async () => {
  const rows = await datasetRows(site.store.db, site.home, second);
  const file = path.join(site.home, "rows.jsonl");
  writeFileSync(file, rows.map((r) => JSON.stringify(r)).join("\n"));
  const print = async (...args: string[]) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      expect(await dataCommand.run(["card", ...args, "--home", site.home])).toBe(0);
      return log.mock.calls.flat().join("\n");
    } finally {
      log.mockRestore();
    }
  };
  const read = async (...args: string[]) =>
    Printed.parse(JSON.parse(await print(...args, "--json")));
  const [ofFile, ofVersion] = [await read(file), await read(second.slice(0, 10))];
  expect(ofFile.hash).toBe(second);
  expect(ofVersion).toMatchObject({ hash: second, duplicates: ofFile.duplicates, judgments: 18 });
  expect(ofFile.judgments).toBe(0); // a file says which answers, not what they were
  const shared = { same: 1, near: 1, prompts: 2 };
  expect(ofVersion.against).toEqual([{ with: `held out ${heldout.slice(0, 12)}`, ...shared }]);
  expect((await read(file, "--against", heldout)).against).toEqual([{ with: heldout, ...shared }]);
  expect(await print(file)).toMatch(/^near-duplicates +\d+ rows in \d+ groups/m);
});

test.each([1280, 390])(
  "examples by agreement and rater, the card and what changed, at %i wide",
  async (width) => {
    const page = await opened(width, "/studio/datasets");
    await page.getByText(second.slice(0, 8)).waitFor();
    await sound(page, `datasets-${width}`);
    await page.goto(`${site.address}/studio/datasets/${second}`);
    const row = page.locator("article.example");
    await expect.poll(() => row.count()).toBe(6);
    await page.getByLabel("Order").selectOption({ label: "Least agreed first" });
    await expect.poll(() => row.first().textContent()).toContain("people agree 33 %");
    await page.getByLabel("Which rows").selectOption({ label: "People disagree" });
    await expect.poll(() => row.count()).toBe(1);
    await row.first().getByText("Where it comes from and went").click();
    await row.first().getByRole("link", { name: "taste" }).waitFor();
    expect(await row.first().textContent()).toContain("w3");
    await sound(page, `dataset-examples-${width}`);
    await page.getByLabel("Which rows").selectOption({ label: "No judgment known" });
    await page.getByText("No row is like that").waitFor();
    await sound(page, `dataset-none-${width}`);

    await page.getByRole("link", { name: "Card" }).click();
    await page.getByText("Near-duplicates").waitFor();
    await page.getByRole("link", { name: "tales.reward" }).waitFor();
    const held = page.getByRole("row").filter({ hasText: "held out" });
    await expect
      .poll(async () => (await held.textContent())?.replaceAll(/\s+/g, " "))
      .toMatch(/evaluation2112$/);
    await sound(page, `dataset-card-${width}`);
    await held.getByRole("link", { name: "1" }).click();
    await expect.poll(() => row.count()).toBe(1);
    expect(await row.first().textContent()).toContain("the market");

    await page.getByRole("link", { name: "Changes" }).click();
    await page.getByRole("button", { name: "Changed 1" }).click();
    await expect.poll(() => row.count()).toBe(1);
    expect(await row.first().textContent()).toMatch(/changed.*pB.*before.*now/s);
    await page.getByRole("button", { name: "All changes 3" }).click();
    await expect.poll(() => row.count()).toBe(3);
    await sound(page, `dataset-changes-${width}`);
    await page.goto(`${site.address}/studio/datasets/${heldout}?view=changes`);
    await page.getByText("This is the only version").waitFor();
    await page.close();
  },
  90_000,
);

test("a card that cannot be made says why, and the rest of the page stands", async () => {
  const id = await saveDataset(site.store.db, site.home, {
    name: "lost",
    experiment: null,
    rows: [{ text: "gone" }],
  });
  await expect.poll(() => keptCard(site.store.db, id), { timeout: 20_000 }).toBeDefined();
  await site.store.db.run(sql`delete from dataset_card where dataset = ${id}`);
  await site.store.db.run(sql`update dataset set blob = ${"0".repeat(64)} where id = ${id}`);
  const page = await opened(1280, `/studio/datasets/${id}?view=card`);
  await page
    .getByText(/is not in .*Restore the home from a backup/)
    .first()
    .waitFor();
  await page.getByRole("heading", { name: "Dataset lost" }).waitFor();
  await sound(page, "dataset-error");
  await page.close();
});
