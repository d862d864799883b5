/**
 * The rater's desk in a real browser on the real server: no word is lost when the server is killed, the network goes
 * or two windows are open; skips, concerns and changed guidelines go where they should; axe finds nothing.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { compareThree, edit, ranking } from "@tiller/crowd";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { Shown } from "@tiller/schema";
import { ensurePerson, issueToken, openStore, sql, type Store } from "@tiller/store";
import { expireLeases } from "@tiller/work";
import { buildWeb } from "@tiller/web/build.ts";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { rateHeadline } from "../examples/tasks/rate-headline.ts";
import { writing, writing2, postTasks, prompts, strict } from "./fixtures/desk-kinds.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const WAIT = 20_000; // a loaded machine
const other = mkdtempSync(path.join(tmpdir(), "tiller-desk-killed-"));
let site: TestServer;
let store: Store;
let browser: Browser;
let web: string;
let address: string;

beforeAll(async () => {
  web = await buildWeb();
  site = await openServer({ pages: true });
  ({ store, address } = site);
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
  for (const dir of [other]) rmSync(dir, { recursive: true, force: true });
});

/** Only these tasks are open. */
async function only(...posts: Parameters<typeof postTasks>[]): Promise<void> {
  await store.db.run(sql`update lease set expires_at = now() - interval '1 s'`);
  await expireLeases(store.db);
  await store.db.run(sql`update batch set consumed_at = now()`);
  for (const p of posts) await postTasks(...p);
}
const demos = (id: string, n: number) => [store, writing, { id, inputs: prompts(n) }] as never;
async function device(
  id: string,
  o: { role?: "rater" | "researcher"; phone?: boolean; dark?: boolean } = {},
): Promise<{ context: BrowserContext; page: Page }> {
  const me = await ensurePerson(store.db, { id, name: id, pseudonym: id, role: o.role ?? "rater" });
  const token = await issueToken(store.db, me.id, "link");
  const context = await browser.newContext({
    locale: "en-GB",
    timezoneId: "Europe/London",
    viewport: o.phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
    colorScheme: o.dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  await page.goto(`${address}/sign-in?token=${token}`);
  return { context, page };
}
const textbox = (page: Page) => page.getByRole("textbox", { name: "Your answer" });
const prompt = (page: Page) => page.getByTestId("prompt").textContent();
const saved = (page: Page) => page.getByText("Draft saved at").waitFor();
const poll = { timeout: WAIT };
const answers = (person: string) =>
  store.db.many(
    sql`select a.value->>'text' as text, t.input->>'prompt' as prompt from answer a join task t on t.id = a.task
        where a.person = ${person} and a.undone_at is null order by a.at`,
    z.object({ text: z.string().nullable(), prompt: z.string().nullable() }),
  );

test("a server killed in the middle of a text loses no word", async () => {
  const script = fileURLToPath(new URL("fixtures/desk-server.ts", import.meta.url));
  const start = async (port: number) => {
    const child = fork(script, [other, String(port), web, "0"], { stdio: "inherit" });
    const [said] = (await once(child, "message")) as [{ port: number; links: [string] }];
    return { child, ...said };
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals) => {
    child.kill(signal);
    await once(child, "exit");
  };
  const first = await start(0);
  const page = await browser.newPage({ locale: "en-GB" });
  page.setDefaultTimeout(WAIT);
  await page.goto(first.links[0]);
  await textbox(page).focus();
  const words = Array.from({ length: 120 }, (_, i) => `word${i + 1}`);
  const half = words.slice(0, 60).join(" ");
  await page.keyboard.type(half);
  await saved(page);
  // killed while the person goes on typing
  const typing = page.keyboard.type(` ${words.slice(60, 100).join(" ")}`, { delay: 4 });
  await end(first.child, "SIGKILL");
  await typing;
  await page.getByText("What you enter is kept in this browser.").waitFor();
  const second = await start(first.port);
  await page.keyboard.type(` ${words.slice(100).join(" ")}`);
  await saved(page);
  expect(await textbox(page).inputValue()).toBe(words.join(" "));
  await page.reload();
  await expect.poll(() => textbox(page).inputValue(), poll).toBe(words.join(" "));
  await textbox(page).press("Control+Enter");
  await expect.poll(() => prompt(page), poll).toContain("(2)");
  await expect
    .poll(() => page.evaluate("Object.keys(localStorage).filter((k) => /outbox/.test(k)).length"))
    .toBe(0);
  await page.close();
  await end(second.child, "SIGKILL");
  await using after = await openStore({ home: other });
  const stored = await after.db.many(
    sql`select value from answer`,
    z.object({ value: z.unknown() }),
  );
  expect(stored).toEqual([{ value: { text: words.join(" ") } }]);
}, 180_000);

test("offline, the tasks in hand go on; all is sent when the network is back, also after a reload", async () => {
  await only(demos("offline", 4));
  const { context, page } = await device("ofra");
  await textbox(page).waitFor();
  await expect.poll(async () => heldBy("ofra"), poll).toBe(2);
  await context.setOffline(true);
  for (const n of [1, 2]) {
    await textbox(page).fill(`offline ${n}`);
    await textbox(page).press("Control+Enter");
    if (n === 1) await expect.poll(() => prompt(page), poll).toContain("(2)");
  }
  await page.getByText("2 answers wait to be sent: safe in this browser").waitFor();
  expect(await answers("ofra")).toEqual([]);
  // taken back before it ever left
  await page.keyboard.press("u");
  await expect.poll(() => textbox(page).inputValue(), poll).toBe("offline 2");
  await textbox(page).fill("offline 2, better");
  await textbox(page).press("Control+Enter");
  await page.getByText("2 answers wait to be sent").waitFor();
  await page.route("**/api/desk/answers", (r) => r.abort());
  await context.setOffline(false);
  await page.reload();
  await page.getByText("2 answers wait to be sent").waitFor();
  await page.unroute("**/api/desk/answers");
  await expect
    .poll(async () => (await answers("ofra")).map((a) => a.text).join("; "), poll)
    .toMatch(/^(?=.*offline 1)(?=.*offline 2, better)/);
  await page.getByText("All 2 answers that waited are safe on the server.").waitFor();
  await context.close();
}, 120_000);
const heldBy = (person: string) =>
  store.db.value(
    sql`select count(*)::int from lease where person = ${person} and state = 'live'`,
    z.number(),
  );

test("two windows have different tasks; a closed one leaves its draft to the other", async () => {
  await only(demos("windows", 4));
  const { context, page: one } = await device("wim");
  await textbox(one).fill("begun in the first window");
  await saved(one);
  const two = await context.newPage();
  await two.goto(`${address}/desk`);
  await textbox(two).waitFor();
  expect(await prompt(two)).not.toBe(await prompt(one));
  await expect.poll(() => heldBy("wim"), poll).toBe(4);
  const third = await context.newPage();
  await third.goto(`${address}/desk`);
  await third.getByText("Your tasks are open in other windows").waitFor();
  await third.close();
  await textbox(two).fill("from the second");
  await textbox(two).press("Control+Enter");
  await one.close();
  const all = new Set<string>();
  for (let i = 0; i < 3; i++) {
    await expect.poll(() => prompt(two), poll).not.toBe([...all].at(-1));
    all.add((await prompt(two))!);
    const text = await textbox(two).inputValue();
    if ((await prompt(two))!.includes("(1)")) expect(text).toBe("begun in the first window");
    else await textbox(two).fill(`text ${i}`);
    await textbox(two).press("Control+Enter");
  }
  await expect.poll(async () => (await answers("wim")).length, poll).toBe(4);
  const texts = (await answers("wim")).map((a) => a.text);
  expect(texts).toContain("begun in the first window");
  expect(texts).toContain("from the second");
  await context.close();
}, 120_000);

test("two devices on one task: the draft follows, nobody is overwritten in silence, one answer stands", async () => {
  await only(demos("devices", 2));
  const { context: desktop, page: a } = await device("dana");
  await textbox(a).fill("written at the desktop");
  await saved(a);
  const { context: phone, page: b } = await device("dana", { phone: true });
  await expect.poll(() => textbox(b).inputValue(), poll).toBe("written at the desktop");
  await textbox(b).fill("changed on the phone");
  await saved(b);
  // back at the desktop, which knew nothing of it
  await a.evaluate("dispatchEvent(new Event('focus'))");
  await a.getByText("what another window of yours saved").waitFor();
  expect(await textbox(a).inputValue()).toBe("changed on the phone");
  await a.getByRole("button", { name: "Keep this" }).click();
  // both write: the last writer stands and is told
  await textbox(a).fill("desktop again");
  await saved(a);
  await textbox(b).fill("phone again");
  await b.getByText("had saved something else").waitFor();
  await b.getByRole("button", { name: "Use the other" }).click();
  expect(await textbox(b).inputValue()).toBe("desktop again");
  // both send: the first stands, the second is told and may replace it
  await textbox(a).fill("sent from the desktop");
  await textbox(a).press("Control+Enter");
  await expect.poll(async () => (await answers("dana")).length, poll).toBe(1);
  await textbox(b).fill("sent from the phone");
  await textbox(b).press("Control+Enter");
  await b.getByText("you had sent another answer").waitFor();
  expect((await answers("dana")).map((x) => x.text)).toEqual(["sent from the desktop"]);
  await b.getByRole("button", { name: "Send this one instead" }).click();
  await expect
    .poll(async () => (await answers("dana")).map((x) => x.text), poll)
    .toEqual(["sent from the phone"]);
  await desktop.close();
  await phone.close();
}, 120_000);

test("an answer that the server refuses comes back with the reason; one taken back is as it was", async () => {
  await only([store, strict, { id: "strict", inputs: prompts(2) }] as never);
  const { context, page } = await device("rosa");
  await textbox(page).fill("too short");
  await textbox(page).press("Control+Enter");
  await page.getByText("the answer does not fit strict@1").waitFor();
  expect(await textbox(page).inputValue()).toBe("too short");
  await textbox(page).fill("long enough for anybody's schema");
  await textbox(page).press("Control+Enter");
  await expect.poll(() => prompt(page), poll).toContain("(2)");
  // where the task is to write the focus begins in the box, and no letter is a command, wherever one clicked last
  expect(await page.evaluate("document.activeElement.tagName")).toBe("TEXTAREA");
  expect(await textbox(page).inputValue()).toBe("");
  await page.getByTestId("prompt").click();
  await page.keyboard.type("suggf");
  expect(await textbox(page).inputValue()).toBe("suggf");
  expect(await page.getByRole("dialog").count()).toBe(0);
  await expect.poll(async () => (await answers("rosa")).length, poll).toBe(1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("u");
  await expect.poll(() => prompt(page), poll).toContain("(1)");
  expect(await textbox(page).inputValue()).toBe("long enough for anybody's schema");
  expect(await answers("rosa")).toEqual([]);
  await page.reload();
  await expect
    .poll(() => textbox(page).inputValue(), poll)
    .toBe("long enough for anybody's schema");
  // what only the code of a kind can find, also of a kind that is not among the ready-made ones
  const own = { id: "own", inputs: [rateHeadline.samples[0]] };
  await only([store, rateHeadline, own] as never);
  await page.reload();
  await page.getByRole("heading", { name: rateHeadline.title }).first().waitFor();
  await page.keyboard.press("2");
  await page.getByRole("heading", { name: rateHeadline.title }).first().click();
  await page.keyboard.press("Enter");
  await page.getByText("It misleads: write a better one.").waitFor();
  expect(await answers("rosa")).toEqual([]);
  await only([store, edit, { id: "edit", inputs: [edit.samples[0]] }] as never);
  await page.reload();
  await page.getByRole("heading", { name: edit.title }).waitFor();
  await page.getByRole("radio", { name: "Only how it was said" }).click();
  await page.keyboard.press("Enter");
  await page.getByText("The text is unchanged").waitFor();
  expect(await answers("rosa")).toEqual([]);
  await context.close();
}, 120_000);

test("Enter does what the focused control does and nothing else; elsewhere it sends", async () => {
  const inputs = [comparison.samples[0]!, comparison.samples[0]!];
  await only([store, comparison, { id: "enter", inputs }] as never);
  const { context, page } = await device("enno");
  const given = () =>
    store.db.many(
      sql`select value->>'choice' as choice from answer where person = 'enno' and undone_at is null order by at`,
      z.object({ choice: z.string() }),
    );
  const first = page.locator(".choice").first();
  await first.waitFor();
  // controls outside the form: a button that opens a dialog, one of the bar, a summary
  for (const name of ["Guidelines", "Flag", "Skip"]) {
    await page.getByRole("button", { name }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    expect(await page.locator(".said").count()).toBe(0);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }
  const welcome = page.locator("details.welcome");
  await welcome.locator("summary").focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => welcome.getAttribute("open"), poll).toBe(null);
  expect(await page.locator(".said").count()).toBe(0);
  expect(await given()).toEqual([]);
  // nothing has the focus: it would send, and says what is missing
  await page.evaluate("document.activeElement.blur()");
  await page.keyboard.press("Enter");
  await page.locator(".said").waitFor();
  // a side in focus is chosen once
  const side = await store.db.value(
    sql`select case when swap then 'b' else 'a' end from lease where person = 'enno' and state = 'live' order by created_at limit 1`,
    z.string(),
  );
  await first.focus();
  await page.keyboard.press("Enter");
  await expect.poll(given, poll).toEqual([{ choice: side }]);
  // a link of the bar is followed, and sends nothing
  await page.getByRole("link", { name: "My work" }).first().focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/desk/me");
  expect(await given()).toHaveLength(1);
  await context.close();
}, 120_000);

test("each pair of three has its own side, a ranked list is shuffled; answers are in terms of the input", async () => {
  const posts = [
    [store, compareThree, { id: "three", inputs: [compareThree.samples[0]!] }],
    [store, ranking, { id: "ranks", inputs: [ranking.samples[1]!] }],
  ] as const;
  const { context, page } = await device("shira");
  const seen = new Set<string>();
  for (const [n, post] of posts.entries()) {
    await only(post as never);
    await page.goto(`${address}/desk`);
    await page.getByRole("heading", { name: post[1].title }).first().waitFor();
    const { shown, swap } = await store.db.one(
      sql`select shown, swap from lease where person = 'shira' and state = 'live'`,
      z.object({ shown: Shown, swap: z.boolean() }),
    );
    // what stands on the page is what is on record
    const input = post[1].samples[n]!;
    const texts = await page.locator(n ? ".option .read" : ".choice .read").allTextContents();
    const placed = n
      ? shown["order"]!.map((i) => (input as (typeof ranking.samples)[0]).answers[Number(i)])
      : ["first", "second", "third"].flatMap((name, i) =>
          shown[name]!.map(
            (s) => (input as (typeof compareThree.samples)[0]).pairs[i]![s as "a" | "b"],
          ),
        );
    expect(texts).toEqual(placed);
    if (!n) expect(shown["first"]![0]).toBe(swap ? "b" : "a");
    // the same after a reload
    await page.reload();
    await page.getByRole("heading", { name: post[1].title }).first().waitFor();
    expect(await page.locator(n ? ".option .read" : ".choice .read").allTextContents()).toEqual(
      placed,
    );
    for (const key of n ? ["3", "1", "5", "2", "4", "Enter"] : ["1", "2", "1", "Enter"])
      await page.keyboard.press(key);
    const value = () =>
      store.db.maybe(
        sql`select a.value from answer a join task t on t.id = a.task where a.person = 'shira' and t.type = ${post[1].name}`,
        z.object({ value: z.record(z.string(), z.unknown()) }),
      );
    await expect
      .poll(async () => (await value())?.value, poll)
      .toEqual(
        n
          ? { order: [3, 1, 5, 2, 4].map((key) => shown["order"]![key - 1]) }
          : { first: shown["first"]![0], second: shown["second"]![1], third: shown["third"]![0] },
      );
    seen.add(JSON.stringify(shown));
  }
  expect(seen.size).toBe(2);
  await context.close();
}, 120_000);

test("a skip says its fate first; a researcher settles it; a concern gets its answer", async () => {
  await only(demos("skips", 3));
  const { context, page } = await device("sara");
  await textbox(page).waitFor();
  const first = await prompt(page);
  await textbox(page).press("Escape");
  await page.keyboard.press("f");
  await page.getByRole("dialog").getByRole("textbox").fill("This names a real person.");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Skip" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("someone else will get it").waitFor();
  await dialog.getByText("It is upsetting").click();
  await dialog.getByText("nobody else will be shown it").waitFor();
  await dialog.getByText("I cannot read it").click();
  await dialog.getByText("It goes to a researcher").waitFor();
  await page.getByRole("button", { name: "Skip the task" }).click();
  await expect.poll(() => prompt(page), poll).not.toBe(first);

  const { context: lab, page: ruth } = await device("ruth", { role: "researcher" });
  await ruth.goto(`${address}/desk/inbox`);
  await ruth.getByText("This names a real person.").waitFor();
  expect(await faults(ruth)).toEqual([]);
  await ruth.getByLabel("Your answer to this concern").fill("Taken out, thank you.");
  await ruth.getByRole("button", { name: "Answer", exact: true }).click();
  await ruth.getByText("answered").waitFor();
  await ruth.getByRole("button", { name: "Answer it myself" }).click();
  await expect.poll(() => prompt(ruth), poll).toBe(first);
  await lab.close();

  await page.getByRole("contentinfo").or(page.locator("footer")).getByText("My work").click();
  await page.getByText("Taken out, thank you.").waitFor();
  await page.getByText("How your time is measured").waitFor();
  await context.close();
}, 120_000);

test("changed guidelines come first, and once", async () => {
  await only(demos("old", 1));
  const { context, page } = await device("gita");
  await page.getByText("Guidelines for this kind of work").waitFor(); // the first time they stand open
  await textbox(page).fill("an answer");
  await textbox(page).press("Control+Enter");
  await page.getByText("All caught up").waitFor();
  await only([store, writing2, { id: "new", inputs: prompts(2) }] as never);
  await page.getByText("The guidelines have changed").waitFor();
  expect((await page.locator("del").allTextContents()).join("")).toContain("yourown ");
  expect((await page.locator("ins").allTextContents()).join("")).toContain("plain");
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await textbox(page).fill("another");
  await textbox(page).press("Control+Enter");
  await expect.poll(() => prompt(page), poll).toContain("(2)");
  expect(await page.getByText("The guidelines have changed").count()).toBe(0);
  const read = await store.db.many(
    sql`select version from instructions_read where person = 'gita' order by at`,
    z.object({ version: z.string() }),
  );
  expect(read.map((r) => r.version)).toEqual(["1", "2"]);
  await context.close();
}, 120_000);

test.each([
  { phone: false, dark: false },
  { phone: true, dark: true },
])(
  "axe finds nothing, and nothing scrolls sideways: %o",
  async (o) => {
    const id = `axe-${o.phone}-${o.dark}`;
    await only(
      [store, comparison, { id: `1${id}`, inputs: [{ ...comparison.samples[0]! }] }] as never,
      demos(`2${id}`, 1),
    );
    const { context, page } = await device(id, o);
    const clean = async () => {
      expect(await faults(page)).toEqual([]);
      const wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(wide).toBeLessThanOrEqual(0);
    };
    await page.locator(".choice").first().waitFor();
    await clean();
    for (const key of ["g", "s", "f"]) {
      await page.keyboard.press(key);
      await page.getByRole("dialog").waitFor();
      await clean();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await page.keyboard.press("1");
    await textbox(page).fill("words");
    await saved(page);
    await clean();
    await textbox(page).press("Control+Enter");
    await page.getByText("All caught up").waitFor();
    await clean();
    await page.goto(`${address}/desk/me`);
    await page.getByText("Kinds of work").waitFor();
    await clean();
    await context.close();
  },
  120_000,
);
