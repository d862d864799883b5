/**
 * The control room over HTTP: who works on what, queues, alerts, moves with preview and undo, pauses, pay and its
 * export. Then the pages in a browser, on a desktop and a phone, light and dark.
 */
import type { Hono } from "hono";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import {
  ControlRoom,
  ExperimentId,
  LeaseId,
  type Me,
  MovePreview,
  OwnPay,
  Payroll,
  type Role,
} from "@tiller/schema";
import type { Env } from "@tiller/server/context.ts";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { postBatch, submitAnswer, takeLease } from "@tiller/work";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let app: Hono<Env>;

const person = (role: Role, id: string = role) =>
  ensurePerson(store.db, { id, name: `Name of ${id}`, pseudonym: `alias-${id}`, role });
const call = async (me: Me, method: string, url: string, body?: unknown) => {
  const reply = await app.request(url, {
    method,
    headers: {
      authorization: `Bearer ${await issueToken(store.db, me.id, "session")}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  return { status: reply.status, text, json: (): unknown => JSON.parse(text) };
};
const lead = () => person("lead");
/** A room that was read after now: snapshots are shared for a second. */
const room = async () => {
  const since = Date.now();
  return expect
    .poll(
      async () => {
        const r = await call(await lead(), "GET", "/api/control");
        const parsed = ControlRoom.parse(r.json());
        return Date.parse(parsed.at) >= since ? parsed : undefined;
      },
      { timeout: 20_000 },
    )
    .toBeTruthy()
    .then(async () => ControlRoom.parse((await call(await lead(), "GET", "/api/control")).json()));
};

const study = ExperimentId.parse("reading-study");
const input = (i: number) => ({
  passage: `The ship lay still, for the ${i}th day.`,
  a: { text: ` A ${i}`, sample: `${i}a` },
  b: { text: ` B ${i}`, sample: `${i}b` },
});
const kinds = ["comparison", "critique"];

beforeAll(async () => {
  site = await openServer();
  ({ store, app } = site);
  await createExperiment(store.db, {
    id: study,
    recipe: "r@1",
    title: "Reading study",
    seed: 1,
    config: {},
    stages: [],
  });
  for (const name of kinds)
    await postBatch(store.db, {
      id: `${name}-batch`,
      experiment: study,
      type: { ...comparison, name, title: name === "critique" ? "Critique" : comparison.title },
      people: 2,
      inputs: Array.from({ length: 40 }, (_, i) => ({ id: `${i}`, input: input(i) })),
    });
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

/** Answers `n` tasks as this person, whose clock says `seconds` each. */
async function work(me: Me, n: number, seconds: number) {
  for (let i = 0; i < n; i++) {
    const lease = await takeLease(store.db, me.id, { swap: false });
    if (!lease) return;
    await store.db.run(
      sql`update lease set created_at = greatest(created_at - interval '1 hour', date_trunc('day', now() at time zone 'utc') at time zone 'utc') where id = ${lease.lease}`,
    );
    await submitAnswer(store.db, me.id, {
      lease: LeaseId.parse(lease.lease),
      value: { choice: "a" },
      activeSeconds: seconds,
      idleSeconds: 30,
    });
  }
}

test("the room shows who is on what, today's work, and how the queues stand", async () => {
  const [ann, bob] = [await person("rater", "ann"), await person("rater", "bob")];
  await work(ann, 4, 60);
  await takeLease(store.db, bob.id, { swap: false });
  const r = await room();
  expect(r.people.map((p) => p.pseudonym)).toEqual(["alias-ann", "alias-bob"]);
  expect(r.people[0]).toMatchObject({ answersToday: 4, activeSeconds: 240, idleSeconds: 120 });
  expect(r.people[1]!.doing).toMatchObject({ experiment: study });
  expect(r.queues.map((q) => [q.kind, q.wanted])).toEqual(kinds.map((k) => [k, 80]));
  expect(r.queues.reduce((sum, q) => sum + q.done, 0)).toBe(4);
  expect(r.queues.every((q) => q.may === 2)).toBe(true);
  expect(r.queues.reduce((sum, q) => sum + q.now, 0)).toBe(1);
  expect(JSON.stringify(r)).not.toContain("Name of");
});

test("a person and a queue move in one action, seen before it happens, and back", async () => {
  const me = await lead();
  const ann = await person("rater", "ann");
  const to = { kind: "critique", experiment: study };
  const move = { who: { person: ann.id }, to };
  const preview = MovePreview.parse((await call(me, "POST", "/api/control/preview", move)).json());
  expect(preview.people.map((p) => p.pseudonym)).toEqual(["alias-ann"]);
  expect(preview.people[0]!.availableAfter).toBeLessThan(preview.people[0]!.availableBefore);
  expect((await room()).roster).toEqual([]); // looked at, not done

  const moved = z.object({ id: z.string() });
  const first = moved.parse((await call(me, "POST", "/api/control/move", move)).json()).id;
  let r = await room();
  expect(r.roster).toEqual([{ person: ann.id, group: null, ...to, place: 0 }]);
  expect(r.queues.map((q) => [q.kind, q.may])).toEqual([
    ["comparison", 1],
    ["critique", 2],
  ]);
  expect(r.moves[0]).toMatchObject({ id: first, by: "alias-lead", undoneAt: null });

  const back = { who: { person: ann.id }, to: "everything" };
  const second = moved.parse((await call(me, "POST", "/api/control/move", back)).json()).id;
  // the first can no longer be undone: something came after it
  const late = await call(me, "POST", `/api/control/moves/${first}/undo`);
  expect([late.status, late.json()]).toEqual([409, expect.objectContaining({ code: "too_late" })]);
  await call(me, "POST", `/api/control/moves/${second}/undo`);
  expect((await room()).roster).toHaveLength(1);
  expect((await call(me, "POST", `/api/control/moves/${first}/undo`)).status).toBe(200);
  expect((await call(me, "POST", `/api/control/moves/${first}/undo`)).status).toBe(404);
  r = await room();
  expect(r.roster).toEqual([]);
  expect(r.queues.every((q) => q.may === 2)).toBe(true);

  // a queue to a group
  await call(me, "POST", "/api/control/people/bob", { groups: ["evening"] });
  const queue = { queue: to, to: { group: "evening" } };
  const third = moved.parse((await call(me, "POST", "/api/control/move", queue)).json()).id;
  expect((await room()).roster).toMatchObject([{ person: null, group: "evening", ...to }]);
  await call(me, "POST", `/api/control/moves/${third}/undo`);
  const acts = z
    .array(z.object({ action: z.string(), before: z.unknown(), after: z.unknown() }))
    .parse((await call(me, "GET", "/api/people/audit?action=roster")).json());
  expect(acts.map((a) => a.action)).toEqual([
    "roster.undo",
    "roster.move",
    "roster.undo",
    "roster.undo",
    "roster.move",
    "roster.move",
  ]);
  expect(acts.at(-1)).toMatchObject({ before: [], after: [{ person: ann.id, kind: "critique" }] });
}, 60_000);

test("a pause stops the work and says so; a queue gets its priority and deadline", async () => {
  const me = await lead();
  const bob = await person("rater", "bob");
  await call(me, "POST", "/api/control/people/bob", { paused: true, why: "holiday" });
  let r = await room();
  expect(r.people.find((p) => p.person === bob.id)).toMatchObject({ pausedWhy: "holiday" });
  expect(r.queues[0]!.may).toBe(1);
  await call(me, "POST", "/api/control/people/bob", {
    paused: false,
    languages: ["de"],
    qualification: { name: "critic", level: 2 },
  });
  r = await room();
  expect(r.people.find((p) => p.person === bob.id)).toMatchObject({
    pausedAt: null,
    languages: ["de"],
    qualifications: { critic: 2 },
  });

  const deadline = new Date(Date.now() + 60_000).toISOString();
  await call(me, "POST", "/api/control/queues", {
    kind: "critique",
    experiment: study,
    priority: 5,
    deadline,
  });
  r = await room();
  expect(r.queues[0]).toMatchObject({ kind: "critique", priority: 5, deadline });
  expect(r.alerts).toContainEqual(
    expect.objectContaining({ level: "bad", remedy: expect.stringMatching(/^Add .* people\.$/) }),
  );
  await call(me, "POST", "/api/control/queues", {
    kind: "critique",
    experiment: study,
    deadline: null,
    paused: true,
    why: "wrong text",
  });
  r = await room();
  expect(r.queues[0]).toMatchObject({ deadline: null, paused: "wrong text", may: 0 });
  expect(r.alerts).toEqual([]);
  await call(me, "POST", "/api/control/queues", {
    kind: "critique",
    experiment: study,
    paused: false,
  });
  expect((await room()).queues[0]).toMatchObject({ paused: null, may: 2 });
  const unknown = await call(me, "POST", "/api/control/people/nobody", { paused: true });
  expect(unknown.status).toBe(404);
}, 60_000);

test("pay: rates, corrections and the export, by name for admins alone; a person sees their own", async () => {
  const [admin, me, ann] = [await person("admin"), await lead(), await person("rater", "ann")];
  const day = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString().slice(0, 10);
  const period = `from=${day(0)}&to=${day(1)}`;
  const rate = {
    per: "hour",
    amount: 1800,
    currency: "EUR",
    validFrom: `${day(-30)}T00:00:00.000Z`,
  };
  expect((await call(me, "POST", "/api/pay/rates", rate)).status).toBe(403);
  const booked = await call(admin, "POST", "/api/pay/rates", rate);
  expect(booked.json()).toEqual({ booked: 4 }); // what was answered before there was a rate
  // 4 minutes at 18.00 an hour
  const own = OwnPay.parse((await call(ann, "GET", `/api/account/pay?${period}`)).json());
  expect(own).toMatchObject({ currency: "EUR", due: 120, seconds: 240, pieces: 4 });
  const correction = { amount: 250, reason: "the page hung for a while" };
  await call(me, "POST", "/api/pay/people/ann/corrections", correction);
  const lines = Payroll.parse((await call(me, "GET", `/api/pay?${period}`)).json()).lines;
  expect(lines).toMatchObject([{ pseudonym: "alias-ann", name: null, due: 370, corrections: 250 }]);

  const csv = await call(me, "GET", `/api/pay/payroll.csv?${period}`);
  expect(csv.text.split("\n")).toEqual([
    "pseudonym,from,to,hours,pieces,corrections,due,due_minor,currency",
    `alias-ann,${day(0)},${day(1)},0.0667,4,2.50,3.70,370,EUR`,
    `total,${day(0)},${day(1)},0.0667,4,2.50,3.70,370,EUR`,
    "",
  ]);
  expect((await call(me, "GET", `/api/pay/payroll.csv?${period}&names=1`)).status).toBe(403);
  await store.db.run(sql`update person set name = '=cmd|calc' where id = 'ann'`);
  const named = await call(admin, "GET", `/api/pay/payroll.csv?${period}&names=1`);
  expect(named.text).toContain("alias-ann,'=cmd|calc,"); // a name is no formula
  const entries = await call(me, "GET", `/api/pay/entries.csv?${period}`);
  expect(entries.text.trim().split("\n")).toHaveLength(1 + 4 + 4 + 1);
  expect((await call(me, "GET", `/api/pay?from=${day(1)}&to=${day(0)}`)).status).toBe(400);
  const acts = await call(me, "GET", "/api/people/audit?action=pay");
  expect(
    z
      .array(z.object({ action: z.string() }))
      .parse(acts.json())
      .map((a) => a.action),
  ).toEqual(["pay.export by name", "pay.export", "pay.correction", "pay.rate"]);
});
