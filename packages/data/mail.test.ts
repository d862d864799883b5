/** Mail through a real SMTP server: what waits for those who run the work comes in words, with where to go. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExperimentId, LeaseId } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import {
  actOnThread,
  openThread,
  postBatch,
  raiseConcern,
  skipTo,
  submitAnswer,
  takeLease,
} from "@tiller/work";
import { createExperiment } from "@tiller/lab";
import { forcedComparison } from "@tiller/crowd";
import { openMailer } from "./mail.ts";
import { startWebhooks } from "./webhook-sender.ts";
import { createWebhook, listDeliveries, listWebhooks } from "./webhooks.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-mail-"));
const mails: { to: string[]; text: string }[] = [];
let refused = 0;
const smtp = new SMTPServer({
  authOptional: false,
  disabledCommands: ["STARTTLS"],
  onAuth: ({ username, password }, _, done) =>
    username === "tiller" && password === "p@ss"
      ? done(null, { user: username })
      : done(new Error("wrong password")),
  onRcptTo: (_address, _session, done) => {
    if (refused-- > 0) return done(Object.assign(new Error("try later"), { responseCode: 451 }));
    done();
  },
  onData: (stream, session, done) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => {
      const to = session.envelope.rcptTo.map((r) => r.address);
      mails.push({ to, text: Buffer.concat(parts).toString() });
      done();
    });
  },
});
let store: Store;
let url: string;

beforeAll(async () => {
  store = await openStore({ home });
  smtp.listen(0, "127.0.0.1");
  await once(smtp.server, "listening");
  url = `smtp://tiller:p%40ss@127.0.0.1:${(smtp.server.address() as AddressInfo).port}`;
}, 60_000);
afterAll(async () => {
  await store?.close();
  await new Promise<void>((done) => smtp.close(() => done()));
  rmSync(home, { recursive: true, force: true });
});

/** Quoted-printable as it was meant. */
const plain = (text: string) =>
  Buffer.from(
    text
      .replace(/=\r?\n/g, "")
      .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    "latin1",
  ).toString();

test("what waits for a lead is mailed, several at once in one mail, again after a refusal; nothing else is", async () => {
  const { db } = store;
  const person = async (id: string, role: "rater" | "lead") =>
    (await ensurePerson(db, { id, name: id, pseudonym: id, role })).id;
  const [rita, lead] = [await person("rita", "rater"), await person("lena", "lead")];
  const { id } = await createWebhook(db, lead, {
    url: "mailto:lena@example.org",
    events: ["concern.raised", "task.referred", "thread.waiting", "batch.completed"],
    note: "",
  });
  const experiment = ExperimentId.parse("study");
  const row = { recipe: "r@1", title: "Study", seed: 1, config: {}, stages: [] };
  await createExperiment(db, { id: experiment, ...row });
  const inputs = [0, 1].map((i) => ({ id: String(i), input: forcedComparison.samples[0] }));
  await postBatch(db, { id: "study/1", experiment, type: forcedComparison, people: 1, inputs });
  const take = async () => LeaseId.parse((await takeLease(db, rita, { swap: false }))!.lease);
  const time = { activeSeconds: 1, idleSeconds: 0 };
  const first = await take();
  await raiseConcern(db, rita, { lease: first, text: "It names a real person." });
  const { answer } = await submitAnswer(db, rita, {
    lease: first,
    value: { choice: "a" },
    ...time,
  });
  const referral = { reason: "unreadable", fate: "researcher", ...time } as const;
  await skipTo(db, rita, { lease: await take(), comment: "only signs", ...referral });
  const me = { id: rita, role: "rater" } as const;
  const asked = {
    kind: "dispute",
    answer: answer as never,
    title: "Why?",
    text: "It is true.",
  } as const;
  const thread = await openThread(db, me, asked);
  await actOnThread(db, { id: lead, role: "lead" }, thread.id, { action: "reply", text: "So?" });

  refused = 1;
  await using mailer = openMailer({
    smtp: url,
    from: "tiller@example.org",
    address: () => "https://tiller.example.org",
  });
  await using _ = await startWebhooks(store, { allowed: [] as never, mailer, backOff: [0.1, 0.1] });
  await expect.poll(() => mails.length, { timeout: 20_000 }).toBe(1);
  const [mail] = mails;
  expect(mail!.to).toEqual(["lena@example.org"]);
  const text = plain(mail!.text);
  expect(text).toContain("From: tiller@example.org");
  expect(text).toContain("Subject: Tiller: 3 things wait");
  expect(text).toContain(`rita raised a concern about “${forcedComparison.title}”`);
  expect(text).toContain("It names a real person.");
  expect(text).toContain("https://tiller.example.org/desk/inbox");
  expect(text).toContain("only signs");
  expect(text).toContain("rita waits for your answer: Why?");
  await expect
    .poll(async () => (await listDeliveries(db, id, { limit: 9 })).map((d) => d.state))
    .toEqual(["delivered", "delivered", "delivered"]);
  // the rater speaks again
  await actOnThread(db, me, thread.id, { action: "reply", text: "It says so." });
  await expect.poll(() => mails.length, { timeout: 20_000 }).toBe(2);
  expect(plain(mails[1]!.text)).toContain("Subject: Tiller: rita waits for your answer: Why?");
}, 60_000);

test("a wrong password, and no mail server, are kept with the delivery; a bad address or sender is refused at once", async () => {
  const { db } = store;
  const wrong = openMailer({ smtp: url.replace("p%40ss", "no"), from: "a@b.c", address: () => "" });
  const due = {
    id: 1,
    event: "evt_1",
    type: "batch.completed",
    at: "",
    data: {},
    attempts: 1,
    webhook: "w",
    url: "mailto:x@y.z",
    secret: "",
  };
  expect(await wrong.send([due])).toMatchObject({ status: 535 });
  await wrong[Symbol.asyncDispose]();
  expect(() => openMailer({ smtp: "mail.example.org", address: () => "" })).toThrow(/smtp:\/\//);
  expect(() => openMailer({ smtp: "smtp://h:25", address: () => "" })).toThrow(/have no sender/);
  await using _ = await startWebhooks(store, { allowed: [] as never, backOff: [] });
  await db.run(sql`update batch set done = wanted where id = 'study/1'`);
  await expect
    .poll(
      async () => (await listDeliveries(db, (await listWebhooks(db))[0]!.id, { limit: 1 }))[0],
      {
        timeout: 20_000,
      },
    )
    .toMatchObject({
      type: "batch.completed",
      state: "failed",
      error: expect.stringContaining("--smtp"),
    });
}, 60_000);
