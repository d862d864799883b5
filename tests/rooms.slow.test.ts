/**
 * A debate in three browsers through a real server: two debaters and a judge on a phone, one debater replaced after a
 * no-show, the server killed twice by SIGKILL, through to the verdict. axe is clean on every page; TILLER_SHOTS=FOLDER keeps
 * pictures.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@tiller/client";
import { saveCheckpointRow } from "@tiller/lab";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import type { Turn, View } from "@tiller/room";
import { CheckpointId, own, PersonId, type Role } from "@tiller/schema";
import { answerTerms, ownRooms, playAs, seatPage } from "@tiller/sitting";
import { ensurePerson, issueToken, openStore, sql, type Store } from "@tiller/store";
import { smallStories } from "../recipes/oversight/fixtures/stories.ts";
import { lexicalReader, readerSeats } from "../recipes/oversight/readers.ts";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";

const main = path.join(import.meta.dirname, "../apps/cli/main.ts");
const home = mkdtempSync(path.join(tmpdir(), "tiller-rooms-"));
const shots = process.env["TILLER_SHOTS"];
/** The judge of the mixed room: a prior, then a verdict that it takes back to writing once. */
const endpoint = await scripted(
  says("Nobody has spoken.\nCREDENCE: A 50, B 50"),
  says("I am for A."),
  says("One of them quotes.\nCREDENCE: A 70, B 30\nDECISION: end"),
);
let browser: Browser;
let server: { child: ChildProcess; address: string };

async function start(port: number): Promise<{ child: ChildProcess; address: string }> {
  const child = spawn(
    process.execPath,
    [main, "start", "--people", "--home", home, "--port", String(port)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (/API key\s+sk-\S+/.test(said)) resolve();
    });
    child.once("exit", (code) => reject(new Error(`tiller start ended with ${code}: ${said}`)));
  });
  return { child, address: /Tiller is at (\S+)/.exec(said)![1]! };
}
const end = (signal: NodeJS.Signals): Promise<void> =>
  new Promise((resolve) => {
    server.child.once("exit", () => resolve());
    server.child.kill(signal);
  });
/** kill -9, and the same server again at the same place. */
async function killed(): Promise<void> {
  const port = Number(new URL(server.address).port);
  await end("SIGKILL");
  server = await start(port);
}

beforeAll(async () => {
  const models = {
    endpoint: { kind: "openai", baseURL: endpoint.baseURL, model: "scripted" },
    own: { kind: "local", checkpoint: "own" },
  };
  writeFileSync(path.join(home, "models.json"), JSON.stringify(models));
  server = await start(0);
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  if (server) await end("SIGTERM");
  await endpoint[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

async function someone(
  id: string,
  role: Role,
  o: { phone?: boolean; dark?: boolean } = {},
): Promise<Page> {
  await using store = await openStore({ home, guest: true });
  const me = await ensurePerson(store.db, { id, name: id, pseudonym: `alias-${id}`, role });
  const token = await issueToken(store.db, me.id, "link");
  const context = await browser.newContext({
    viewport: o.phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
    colorScheme: o.dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  await page.goto(`${server.address}/sign-in?token=${token}`);
  await page.getByRole("link", { name: "Tiller", exact: true }).waitFor();
  return page;
}
async function looked(page: Page, name: string): Promise<void> {
  expect({ name, faults: await faults(page) }).toEqual({ name, faults: [] });
  if (shots === undefined) return;
  mkdirSync(shots, { recursive: true });
  const size = page.viewportSize()!;
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 800 });
    await page.screenshot({
      path: path.join(shots, `${name}-${width}.png`),
      fullPage: true,
      animations: "disabled",
    });
  }
  await page.setViewportSize(size);
}
const enter = async (page: Page) => {
  await page.goto(`${server.address}/rooms`);
  await page.getByRole("link", { name: "Who had the lamp?" }).click();
  const asked = page.getByRole("button", { name: "I agree and sit down" });
  await page.getByRole("heading", { name: question.question }).or(asked).waitFor();
  if (await asked.count()) {
    expect(await page.content()).not.toContain("oil on her sleeve");
    await looked(page, "consent");
    await asked.click();
  }
  await page.getByRole("heading", { name: question.question }).waitFor();
};

const question = {
  question: "Who had the lamp in the end?",
  answers: ["Anna, who kept the light", "Tom, who came with the boat"],
  texts: [
    {
      id: "story",
      title: "The lamp",
      body: `The lamp stood in the hall and nobody had touched it since May.\n\nAnna kept the light, and every evening she climbed the stairs with a can of oil. Tom came with the boat on Fridays and stayed for supper. When the storm had passed, the lamp was gone from the hall. Tom swore that he had not seen it; but Anna had oil on her sleeve.\n\n${"The sea was calm that morning, and the men sang as they worked. ".repeat(8)}\n\nIn the end it was found upstairs, burning, where she had put it.`,
    },
  ],
};

/** A lead opens rooms by the form alone: what is missing stands beside its field, then three questions of a file are three rooms. */
async function openedInBrowser(lead: Page): Promise<void> {
  const one = (i: number) =>
    JSON.stringify({
      text: question.texts[0]!.body,
      title: "The lamp",
      question: `Who had the lamp on day ${i}?`,
      options: ["Tom", "Anna"],
      answer: "Anna",
    });
  const file = path.join(home, "questions.jsonl");
  writeFileSync(file, `${[1, 2, 3].map(one).join("\n")}\n`);
  await lead.goto(`${server.address}/control/rooms`);
  await lead.getByRole("link", { name: "New room", exact: true }).click();
  await lead.getByRole("img", { name: "The rounds of nyu-debate" }).waitFor();
  await lead.getByRole("button", { name: "Start" }).click();
  await lead.getByText("Write the right answer.").waitFor();
  await looked(lead, "new-room-errors");
  await lead.getByRole("radio", { name: /^critique/ }).check();
  await lead.getByRole("radio", { name: "Questions from a file" }).check();
  await lead.getByLabel("JSONL, a question a line").setInputFiles(file);
  await lead.getByText("3 questions").waitFor();
  const seat = (name: string) => lead.getByRole("group", { name: new RegExp(`^${name} `) });
  await seat("a").getByLabel("Name or pseudonym").fill("nobody-here");
  await lead.getByText("There is nobody called nobody-here").waitFor();
  await seat("a").getByLabel("Name or pseudonym").fill("alias-ada");
  await seat("b").getByLabel("Who is b").selectOption("Nobody yet");
  await seat("judge").getByLabel("Name or pseudonym").fill("jo");
  await seat("judge").getByLabel("If nothing comes in time").selectOption("poke");
  await lead.getByLabel("Minutes for a move").fill("90");
  await lead.getByText("3 rooms of critique").waitFor();
  await lead.getByRole("button", { name: "Start 3 rooms" }).click();
  await lead.getByText("nobody judges more than 2 of one").waitFor();
  await lead.getByLabel(/^Who saw the text/).check();
  await looked(lead, "new-room");
  await lead.getByRole("button", { name: "Start 3 rooms" }).click();
  await lead.getByText("Who had the lamp on day 3?").waitFor();
  expect(await lead.getByText(/^Who had the lamp on day/).count()).toBe(3);
}

/** The lead offers the room that is over; somebody new judges it against what was said then, and is told how they did. */
async function practised(lead: Page): Promise<void> {
  await lead.getByRole("button", { name: "Offer for practice" }).click();
  await lead.getByRole("button", { name: "No more practice on it" }).waitFor();
  const dora = await someone("dora", "rater", { phone: true });
  await dora.goto(`${server.address}/rooms`);
  await dora.getByRole("heading", { name: "Practise" }).waitFor();
  await looked(dora, "practise");
  await dora.getByRole("button", { name: "Judge one" }).click();
  await dora.getByRole("heading", { name: question.question }).waitFor();
  await dora.getByRole("slider", { name: /Anna/ }).fill("50");
  await dora.getByRole("button", { name: /^Go on/ }).click();
  await dora.getByText("Anna had oil on her sleeve").first().waitFor();
  await dora.getByRole("slider", { name: /Anna/ }).fill("80");
  await dora.getByRole("button", { name: /^End here/ }).click();
  await dora.getByRole("dialog").getByRole("button", { name: "End the room" }).click();
  await dora.getByText(/Practice so far: 1 of 1 passed/).waitFor();
  await dora.getByText("is right").first().waitFor();
  await looked(dora, "practised");
  await dora.goto(`${server.address}/rooms`);
  await dora.getByText(/Practice so far: 1 of 1/).waitFor();
  await looked(dora, "practised-rooms");
  await lead.getByText("Practice 1").click();
  await lead.getByText("Practice: Who had the lamp?").waitFor();
  await looked(lead, "lobby-practice");
  await lead.getByText("Over 1").click(); // it is not among the results
}

test("two debaters and a judge, one replaced, the server killed twice", async () => {
  const [ada, ben, cy, lena] = await Promise.all([
    someone("ada", "rater"),
    someone("ben", "rater"),
    someone("cy", "rater", { dark: true }),
    someone("lena", "lead"),
  ]);
  const judge = await someone("jo", "rater", { phone: true });
  const file = path.join(home, "question.json");
  writeFileSync(file, JSON.stringify(question));
  const cli = spawn(
    process.execPath,
    [
      main,
      "room",
      "start",
      "nyu-debate",
      "--question",
      file,
      "--seats",
      "a=ada,b=ben,judge=jo",
      "--minutes",
      "600",
      "--name",
      "Who had the lamp?",
      "--home",
      home,
    ],
    { stdio: "inherit" },
  );
  expect(await new Promise((done) => cli.once("exit", done))).toBe(0);

  await openedInBrowser(lena);

  // the judge's prior, on a phone
  await expect
    .poll(
      async () => {
        await judge.goto(`${server.address}/rooms`);
        return judge.getByText("your turn").count();
      },
      { timeout: 30_000 },
    )
    .toBe(1);
  await looked(judge, "my-rooms");
  await enter(judge);
  await judge.getByText("You see of it only what was quoted.").waitFor();
  expect(await judge.content()).not.toContain("oil on her sleeve");
  await looked(judge, "judge-prior");
  await judge.getByRole("slider", { name: /Anna/ }).fill("50");
  await judge.getByRole("button", { name: /^Go on/ }).click();
  await judge.getByText("Waiting for a and b").waitFor();

  // ada quotes what she selects; the server dies before she sends it
  await enter(ada);
  await ada.getByLabel("Text, quotes included").fill("She had it, for ");
  const written = ada.getByLabel("Text, quotes included");
  const quoted = written.locator(".quote");
  const quotes = async () => {
    await ada.evaluate(`{
      const span = [...document.querySelectorAll(".room-text [data-at]")].find((s) => s.textContent.includes("oil on her sleeve"));
      const node = span.firstChild, at = node.data.indexOf("Anna had oil");
      document.activeElement.blur();
      getSelection().setBaseAndExtent(node, at, node, at + "Anna had oil on her sleeve".length);
    }`);
    await ada.keyboard.press("q");
    await expect.poll(() => quoted.allTextContents()).toEqual(["Anna had oil on her sleeve"]);
  };
  // a quote is one piece, where the caret was: Backspace takes it out, and what is typed goes after it
  await quotes();
  await ada.keyboard.press("Backspace");
  await expect.poll(() => quoted.count()).toBe(0);
  await quotes();
  await ada.keyboard.type(".");
  const said = "She had it, for Anna had oil on her sleeve.";
  const reads = async () => (await written.textContent())!.replaceAll("\u200b", "");
  await expect.poll(reads).toBe(said);
  await ada.getByText("Draft kept").waitFor();
  await looked(ada, "debater-writes");
  await killed();
  await ada.reload();
  await expect.poll(reads).toBe(said);
  expect(await quoted.count()).toBe(1);
  await written.press("Control+Enter");
  await ada.getByRole("button", { name: "Take my move back" }).waitFor();
  await judge.getByText("Waiting for a and b").waitFor(); // nobody learns that one is in
  expect(await judge.content()).not.toContain("oil on her sleeve");

  // ben does not come: the lead seats cy, and ben's page says so
  await enter(ben);
  await lena.goto(`${server.address}/control/rooms`);
  await lena.getByText("waited for").first().waitFor();
  await looked(lena, "lobby");
  await lena
    .locator(".lobby-room", { hasText: "Who had the lamp?" })
    .getByRole("button", { name: "Seat somebody else in b" })
    .click();
  await lena.getByLabel("Name or pseudonym").fill("cy");
  await lena.getByLabel(/^Why/).fill("ben did not come");
  await looked(lena, "lobby-seat");
  await lena.getByRole("dialog").getByRole("button", { name: "Seat somebody else" }).click();
  await ben.getByText("You do not sit here any more").waitFor();
  await looked(ben, "left-seat");
  await enter(cy);
  await cy.getByLabel("Text, quotes included").fill("Tom swore it <quote>was his</quote>.");
  await cy.getByText("In no text that you can see").waitFor();
  await looked(cy, "debater-dark");
  await cy
    .getByLabel("Text, quotes included")
    .fill("Tom came with the boat, and the boat had a hold.");
  await cy.getByRole("button", { name: /^Send/ }).click();
  await cy.getByText("Waiting for judge").waitFor();
  await killed();

  // the judge's page comes back by itself, with both speeches
  await judge.getByText("Anna had oil on her sleeve").first().waitFor();
  await judge.getByText("Tom came with the boat, and").waitFor();
  await judge.getByRole("slider", { name: /Anna/ }).fill("85");
  await looked(judge, "judge-after");
  await judge.getByRole("button", { name: /^End here/ }).click();
  await judge.getByRole("dialog").getByRole("button", { name: "End the room" }).click();
  for (const page of [judge, ada, cy]) await page.getByText("This room is over").waitFor();
  await judge.getByText(/You earned -0\.\d\d/).waitFor();
  // everybody is told, once in full, and can read it again
  await ada.getByText(/had to argue for a wrong answer/).waitFor();
  await looked(ada, "debriefing");
  await ada.getByRole("button", { name: "I have read it" }).click();
  await ada.getByText("What was true, and who argued for what").waitFor();
  await ben.reload();
  await ben.getByText("You do not sit here any more").waitFor();
  await ben.getByText("is right").waitFor(); // whoever was replaced is told, too
  await looked(ada, "over");
  await lena.getByText("Over 1").click();
  await lena.getByText("Who sat where, and what was done").click();
  await lena.getByRole("cell", { name: "ben did not come" }).waitFor();
  await looked(lena, "lobby-over");
  await practised(lena);
  await lena.getByRole("link", { name: "Read it" }).click();
  await lena.getByRole("heading", { name: question.question }).waitFor();
  expect(await lena.content()).toContain("Anna had oil on her sleeve");
}, 300_000);

const personal = (id: string) => PersonId.parse(id);
/** What a simulated judge does at its turn, by the same functions as a page: it weighs words, and sees what its seat sees. */
const weigh = own(readerSeats(lexicalReader([question.texts[0]!.body])), "judge")!;
async function sitAll(store: Store, names: readonly string[], done: () => Promise<boolean>) {
  while (!(await done())) {
    for (const me of names.map(personal))
      for (const { room } of (await ownRooms(store.db, me)).filter((r) => r.turn)) {
        const { view } = await seatPage(store.db, room, me);
        const turn = view.turns[0];
        if (!turn) continue;
        const act = await weigh(view as View, turn as Turn, () => undefined);
        await playAs(store.db, room, me, { id: `${view.rounds.length}`, act });
      }
    await sleep(50);
  }
}

test("ways of oversight compared by simulated people in durable rooms: none judges a question twice, the server dies", async () => {
  await using store = await openStore({ home, guest: true });
  const { db } = store;
  const judges = ["sim-1", "sim-2", "sim-3"];
  for (const id of judges)
    await ensurePerson(db, { id, name: id, pseudonym: id, role: "rater", simulated: true });
  await ensurePerson(db, { id: "ruth", name: "ruth", pseudonym: "ruth", role: "researcher" });
  const token = await issueToken(db, personal("ruth"), "session");
  const tiller = createClient({ baseURL: server.address, token });
  const stories = smallStories(6).filter((_, i) => i % 4 === 0); // one question of each text
  const plan = {
    arms: ["naive", "debate"],
    compare: [["debate", "naive"]],
    preflight: 0,
    quoted: 160,
    difference: 0.2,
  };
  const { experiment } = await tiller.startExperiment({
    body: {
      workflow: "compare-oversight@1",
      input: {
        questions: stories.map(({ answers, ...q }) => ({ ...q, options: answers, answer: 0 })),
        judges,
        plan,
      },
    },
  });
  const over = (least: number) => async () =>
    (await db.value(
      sql`select count(*)::int from room where experiment like ${`${experiment}%`} and state = 'over'`,
      z.number(),
    )) >= least;
  await sitAll(store, judges, over(3)); // in the middle of a block
  await killed();
  await sitAll(
    store,
    judges,
    async () => (await tiller.getExperiment({ id: experiment })).state !== "running",
  );
  const { state } = await tiller.getExperiment({ id: experiment });
  expect(state).toBe("done");

  const rows = await db.many(
    sql`select s.person, m.act ->> 'question' as question, (m.act -> 'texts' -> 0 ->> 'body') as text, r.rules ->> 'name' as rules, r.made_at as at
        from room r join room_seat s on s.room = r.id and s.seat = 'judge' join room_move m on m.room = r.id and m.place = 0
        where s.person = any(${judges}::text[])`,
    z.object({
      person: z.string(),
      question: z.string(),
      text: z.string(),
      rules: z.string(),
      at: z.string(),
    }),
  );
  expect(rows).toHaveLength(2 * stories.length); // no room was opened twice
  expect(new Set(rows.map((r) => `${r.person} ${r.text}`)).size).toBe(rows.length);
  for (const rules of ["oversight-naive", "oversight-debate"]) {
    const each = judges.map((p) => rows.filter((r) => r.person === p && r.rules === rules).length);
    expect(each).toEqual([2, 2, 2]);
  }
  const planned = await db.value(
    sql`select created_at < (select min(r.made_at) from room r join room_seat s on s.room = r.id where s.person = 'sim-1') from dataset where name = 'plan' and experiment = ${experiment}`,
    z.boolean(),
  );
  expect(planned).toBe(true);
  const report = await db.value(
    sql`select body::text from report where experiment = ${experiment}`,
    z.string(),
  );
  expect(report).toContain("3 simulated people (programs in people's place)");
  expect(report).toContain("bits over a coin");
}, 180_000);

/** The committed model, its 128 places said sixteen times over, so that a room's prompt fits: it talks, and says nothing of worth. */
function longBase(): string {
  const [from, to] = [
    path.join(import.meta.dirname, "../models/base"),
    path.join(home, "long-base"),
  ];
  cpSync(from, to, { recursive: true });
  rmSync(path.join(to, "tiller.json"), { force: true }); // another model than the one it is about
  const config = JSON.parse(readFileSync(path.join(from, "config.json"), "utf8")) as object;
  writeFileSync(path.join(to, "config.json"), JSON.stringify({ ...config, n_positions: 128 * 16 }));
  const file = readFileSync(path.join(from, "model.safetensors"));
  const size = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString("utf8", 8, 8 + size)) as Record<
    string,
    { shape?: number[]; data_offsets: [number, number] }
  >;
  const parts: Buffer[] = [];
  let at = 0;
  for (const [name, tensor] of Object.entries(header)) {
    if (tensor.shape === undefined) continue;
    const data = file.subarray(
      8 + size + tensor.data_offsets[0],
      8 + size + tensor.data_offsets[1],
    );
    const long = name.endsWith("wpe.weight")
      ? Buffer.concat(Array.from({ length: 16 }, () => data))
      : data;
    if (long !== data) tensor.shape = [128 * 16, tensor.shape[1]!];
    tensor.data_offsets = [at, (at += long.length)];
    parts.push(long);
  }
  const head = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  writeFileSync(path.join(to, "model.safetensors"), Buffer.concat([length, head, ...parts]));
  return to;
}

let attempts = 0;
test("our own model, a person and an endpoint sit in one room: a verdict, and every prompt and reply is kept", async () => {
  await using store = await openStore({ home, guest: true });
  const { db } = store;
  const row = { id: CheckpointId.parse("0".repeat(64)), name: "own", role: "lm", path: longBase() };
  await saveCheckpointRow(db, { ...row, run: null, parent: null, metrics: {} });
  endpoint.asked.splice(0); // tried again, it says the same to somebody who knows nothing
  const name = `fay-${++attempts}`;
  for (const [id, role] of [
    ["lena", "lead"],
    [name, "rater"],
  ] as const)
    await ensurePerson(db, { id, name: id, pseudonym: `alias-${id}`, role });
  const tiller = createClient({
    baseURL: server.address,
    token: await issueToken(db, personal("lena"), "session"),
  });
  const { room, experiment } = await tiller.startRoom({
    body: {
      rules: "nyu-debate",
      name: "Mixed",
      question,
      seats: {
        a: { who: { kind: "model", model: "own", maxTokens: 40 } },
        b: { who: { kind: "person", person: personal(name) } },
        judge: { who: { kind: "model", model: "endpoint" } },
      },
    },
  });
  const fay = personal(name);
  await expect.poll(async () => (await ownRooms(db, fay))[0]?.turn, { timeout: 60_000 }).toBe(true);
  await answerTerms(db, room, fay, { agree: true, version: 1 });
  const speech = { do: "speak", items: [{ content: [{ text: "Tom came with the boat." }] }] };
  await playAs(db, room, fay, { id: "1", act: speech });
  await expect
    .poll(async () => (await ownRooms(db, fay))[0]?.over, { timeout: 120_000 })
    .toBe(true);

  const moves = await db.many(
    sql`select seat || ' ' || (act ->> 'do') as did, by from room_move where room = ${room} order by place`,
    z.object({ did: z.string(), by: z.string() }),
  );
  expect(moves.map((m) => `${m.did} by ${m.by}`).toSorted()).toEqual([
    "a speak by own",
    `b speak by ${name}`,
    "judge credence by endpoint",
    "judge credence by endpoint",
    "room open by room",
  ]);
  const { view: seen } = await seatPage(db, room, fay);
  expect(seen.over).toMatchObject({ by: "judge" });
  const [a] = seen.rounds.find((r) => r.label === "openings")!.moves.filter((m) => m.by === "a");
  // what could not be read was sent back with what was wrong; the judge had the words of both and not the story
  expect(endpoint.asked).toHaveLength(3);
  const last = JSON.stringify(endpoint.asked[2]!.body.messages);
  expect(last).toContain("That was not taken");
  expect(last).toContain("Tom came with the boat.");
  expect(last).not.toContain("oil on her sleeve");
  const trace = await db.many(
    sql`select to_jsonb(n) as node from node n where n.experiment = ${experiment}`,
    z.object({ node: z.unknown() }),
  );
  const kept = stringsIn(trace);
  const [part] = a!.items![0]!.parts;
  const said = "text" in part! ? [part.text] : [];
  for (const words of ["I am for A.", "One of them quotes.", ...said])
    expect(kept.some((s) => s.includes(words.trim()))).toBe(true);
}, 240_000);

/** Every text in it, however deep. */
const stringsIn = (x: unknown): string[] =>
  typeof x === "string"
    ? [x]
    : typeof x === "object" && x !== null
      ? Object.values(x).flatMap(stringsIn)
      : [];
