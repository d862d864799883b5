/**
 * The import page in a real browser: a file in another encoding, a look first, the counts of what is left out, the import.
 * And whose figures the pages of raters and disagreements are about. TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensurePerson, issueToken } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let browser: Browser;
beforeAll(async () => {
  site = await openServer({ pages: true });
  browser = await launchBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});
const shots = process.env["TILLER_SCREENSHOTS"];
const shot = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
};
const opened = async (width: number) => {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  page.setDefaultTimeout(45_000);
  const { db } = site.store;
  const me = await ensurePerson(db, { id: "lead", name: "Lead", pseudonym: "lead", role: "lead" });
  await page.goto(`${site.address}/sign-in?token=${await issueToken(db, me.id, "link")}`);
  return page;
};

test.each([1280, 390])(
  "a look, the counts, the import, at %i wide",
  async (width) => {
    const page = await opened(width);
    await page.goto(`${site.address}/studio`);
    await page.getByRole("link", { name: "Import" }).click();
    const csv = Buffer.from(
      "prompt,chosen,rejected\nName a drink,caf\u00e9,th\u00e9\nName a drink,th\u00e9,caf\u00e9\nSame,x,x\n",
      "latin1",
    );
    await page
      .getByLabel("File", { exact: true })
      .setInputFiles({ name: "drinks.csv", mimeType: "text/csv", buffer: csv });
    await page.getByLabel("Experiment that the answers go to").fill(`drinks-${width}`);
    await page.getByRole("button", { name: "See what would come in" }).click();
    await page.getByText(/is no UTF-8/).waitFor();
    expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);
    await page.getByLabel("How its text is written").selectOption("windows-1252");
    await page.getByText("Name a drink,caf\u00e9,th\u00e9").waitFor();
    await page.getByRole("button", { name: "See what would come in" }).click();
    const found = page.getByText("3 rows read: 2 new answers");
    await found.waitFor();
    await page.getByText("have the same text chosen and rejected").waitFor();
    await shot(page, `import-look-${width}`);
    expect(await faults(page)).toEqual([]);
    expect(
      await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      ),
    ).toBe(0);
    // another policy is another question: it must be looked at again
    await page.getByLabel(/^Leave out and count them/).check();
    expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);
    await page.getByLabel(/^Keep what can be kept/).check();
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByRole("link", { name: `drinks-${width}` }).waitFor();
    await shot(page, `import-done-${width}`);
    await page.close();
  },
  120_000,
);

test("the pages of disagreements and of a rater name their population and let it be chosen", async () => {
  const page = await opened(1280);
  await page.goto(`${site.address}/quality/disagreements`);
  const line = page.locator("details.population summary");
  await line.waitFor();
  await line.click();
  await page.getByLabel("Whose").selectOption("import:drinks-1280");
  await expect.poll(() => line.innerText()).toContain("import drinks-1280");
  await page.locator("article.disagreement").first().waitFor();
  await shot(page, "disagreements-population");
  expect(await faults(page)).toEqual([]);
  await page.goto(`${site.address}/quality`);
  await page
    .getByRole("link", { name: /^drinks-1280:label/ })
    .first()
    .click();
  await expect.poll(() => line.innerText()).toContain("import drinks-1280");
  await shot(page, "rater-population");
  await page.close();
}, 120_000);
