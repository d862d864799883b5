/** Inviting and joining as people do it: a link made on the page of people, opened on a device of one's own. */
import type { Browser, Page } from "playwright-core";

/** The link of a new invitation; `people` is the page of people of somebody who may invite. */
export async function invitation(people: Page): Promise<string> {
  await people.getByRole("button", { name: "Invite", exact: true }).click();
  await people.getByRole("dialog").getByRole("button", { name: "Make the link" }).click();
  return (await people.getByRole("dialog").getByRole("status").innerText()).trim();
}

/** The desk of somebody who follows the link; `shot` sees the filled form. */
export async function joined(
  browser: Browser,
  o: {
    readonly link: string;
    readonly name: string;
    readonly width: number;
    readonly shot?: (page: Page) => Promise<void>;
  },
): Promise<Page> {
  const own = await browser.newContext({ viewport: { width: o.width, height: 844 } });
  own.setDefaultTimeout(45_000);
  const page = await own.newPage();
  await page.goto(o.link);
  await page.getByLabel("Your name").fill(o.name);
  await page.getByLabel("Languages").fill("en");
  await o.shot?.(page);
  await page.getByRole("button", { name: "Join" }).click();
  return page;
}
