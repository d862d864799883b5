/**
 * The door: every route with every role and with none, what a rater can reach of others, names and pseudonyms, headers,
 * invitations, sessions, passwords, rates, and the audit log. In process, on the real database.
 */
import type { Hono } from "hono";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { AuditEntry, ExperimentId, type Me, NextReply, type Role, roles } from "@tiller/schema";
import { defineTask } from "@tiller/task";
import { access, isAdministrative, ruleOf } from "@tiller/server/access.ts";
import type { Env } from "@tiller/server/context.ts";
import { Limiter } from "@tiller/server/security.ts";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { postBatch } from "@tiller/work";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let app: Hono<Env>;

beforeAll(async () => {
  site = await openServer();
  ({ store, app } = site);
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const person = (role: Role, id: string = role) =>
  ensurePerson(store.db, { id, name: `Name of ${id}`, pseudonym: `alias-${id}`, role });
const session = (me: Me) => issueToken(store.db, me.id, "session");
const call = async (
  method: string,
  url: string,
  o: { token?: string | undefined; body?: unknown; headers?: Record<string, string> } = {},
) =>
  app.request(url, {
    method,
    headers: {
      ...(o.token ? { authorization: `Bearer ${o.token}` } : {}),
      ...(o.body === undefined ? {} : { "content-type": "application/json" }),
      ...o.headers,
    },
    ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
  });
const as = async (role: Role, method: string, url: string, body?: unknown) =>
  call(method, url, { token: await session(await person(role)), body });

/** Every route that answers; middleware takes a second argument. */
const routes = () => {
  const found = app.routes
    .filter((r) => r.handler.length < 2)
    .map((r) => ({ method: r.method, path: r.path }));
  return [...new Map(found.map((r) => [`${r.method} ${r.path}`, r])).values()];
};
const filled = (pattern: string, value = "none") => pattern.replaceAll(/:\w+/g, value);

test("every route has its line in the table, and every line its route", () => {
  const found = routes()
    .map((r) => `${r.method} ${r.path}`)
    .filter((r) => !["ALL /api/*", "ALL /v1/*"].includes(r)); // say that there is no such route
  expect(found.filter((r) => !(r in access))).toEqual([]);
  expect(Object.keys(access).filter((r) => !found.includes(r))).toEqual([]);
});

test("every route lets in whom the table says, and nobody else", async () => {
  const wrong: string[] = [];
  for (const { method, path: pattern } of routes()) {
    if (method === "ALL") continue;
    const rule = ruleOf(method, pattern);
    for (const role of ["none", ...roles] as const) {
      const token = role === "none" ? undefined : await session(await person(role));
      const reply = await call(method, filled(pattern), { token });
      const text = reply.headers.get("content-type")?.includes("event-stream")
        ? (void reply.body?.cancel(), "")
        : await reply.text();
      const refused =
        (reply.status === 401 && /signed_out|invalid_api_key/.test(text)) ||
        (reply.status === 403 && text.includes("not_allowed"));
      const may = rule === "public" || (role !== "none" && rule.includes(role));
      if (refused === may) wrong.push(`${method} ${pattern} as ${role}: ${reply.status} ${text}`);
    }
  }
  expect(wrong).toEqual([]);
}, 120_000);

test("programs start experiments and read them; what changes an experiment under way is a person's act", () => {
  const experiments = Object.entries(access).filter(([route]) =>
    /\/api\/studio\/(experiments\b|progress|workflows|triggers|traces)/.test(route),
  );
  const open = experiments.filter(([, rule]) => rule !== "public" && rule.includes("service"));
  expect(open.map(([route]) => route)).toEqual([
    "GET /api/studio/experiments/:id/trace",
    "GET /api/studio/experiments/:id/trace/experiment",
    "GET /api/studio/experiments/:id/trace/run",
    "GET /api/studio/progress",
    "GET /api/studio/experiments/:id/progress",
    "GET /api/studio/workflows",
    "POST /api/studio/experiments",
    "POST /api/studio/experiments/:id/labels", // its name, note and tags
    "GET /api/studio/triggers",
    "POST /api/studio/triggers",
    "POST /api/studio/triggers/:name/active",
    "DELETE /api/studio/triggers/:name",
  ]);
});

test("what is open to raters is theirs, and little is open to everybody", () => {
  const keys = Object.entries(access);
  const forRaters = keys.filter(([, rule]) => rule !== "public" && rule.includes("rater"));
  for (const [route] of forRaters)
    expect(route).toMatch(
      / \/api\/(desk|account|joining|tasks|notices|me\b|rooms\/(mine|practice|:id\/(seat|terms|debriefing|moves|undo|draft|beat|leave|events|read)$))/,
    );
  expect(keys.filter(([, rule]) => rule === "public").map(([route]) => route)).toEqual([
    "POST /api/sign-in",
    "GET /api/join/:token",
    "POST /api/join/:token",
    "GET /api/account/here",
    "GET /sign-in",
    "GET /api/openapi.json",
    "GET /api/docs",
    "GET /healthz",
    "GET /*",
  ]);
  // a route that was forgotten opens nothing
  expect(ruleOf("GET", "/api/something")).not.toContain("rater");
  expect(ruleOf("GET", "/somewhere")).toEqual(["admin"]);
});

test("HEAD, other spellings of a path and unknown routes are no way around", async () => {
  const token = await session(await person("rater"));
  for (const [method, url] of [
    ["HEAD", "/api/people"],
    ["GET", "/api/people/"],
    ["GET", "/api//people"],
    ["GET", "/api/studio/../people"],
    ["GET", "/API/people"],
    ["GET", "/api/people/audit.jsonl"],
    ["PUT", "/api/people/x"],
    ["DELETE", "/api/people/x"],
    ["OPTIONS", "/api/people"],
  ] as const) {
    const reply = await call(method, url, { token });
    expect(await reply.text(), `${method} ${url}`).not.toContain("alias-");
    expect(reply.status, `${method} ${url}`).toBeGreaterThanOrEqual(400);
  }
});

const essay = defineTask({
  name: "essay",
  version: "1",
  title: "Write",
  instructions: "",
  input: z.strictObject({ text: z.string() }),
  output: z.strictObject({ essay: z.string() }),
  view: { show: [], ask: [{ kind: "text", name: "essay", label: "Essay" }] },
  simulate: () => ({ essay: "" }),
  samples: [],
});

/** A rater whose work others want to see: what is theirs says SECRET. */
async function victim() {
  const id = ExperimentId.parse("secret-study");
  await createExperiment(store.db, {
    id,
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  const inputs = [0, 1, 2].map((i) => ({ id: `${i}`, input: { text: `Subject ${i}` } }));
  await postBatch(store.db, {
    id: "secret-batch",
    experiment: id,
    type: essay,
    people: 1,
    inputs,
  });
  const me = await ensurePerson(store.db, {
    id: "victim",
    name: "SECRET-NAME",
    pseudonym: "alias-victim",
    role: "rater",
  });
  const token = await session(me);
  const next = async () => {
    const reply = await call("POST", "/api/desk/next", { token, body: {} });
    const got = NextReply.parse(await reply.json());
    if (got.kind !== "task") throw new Error("no task");
    return got.lease;
  };
  const first = await next();
  const sent = await call("POST", "/api/desk/answers", {
    token,
    body: {
      lease: first.lease,
      value: { essay: "SECRET-ANSWER" },
      activeSeconds: 1,
      idleSeconds: 0,
    },
  });
  const { answer } = z.object({ answer: z.string() }).parse(await sent.json());
  const held = await next();
  const desk = (route: string, body: object) =>
    call("POST", `/api/desk/${route}`, { token, body: { lease: held.lease, ...body } });
  const words = { base: 0, tab: "t", activeSeconds: 1, idleSeconds: 0 };
  expect((await desk("drafts", { value: { essay: "SECRET-DRAFT" }, ...words })).status).toBe(200);
  expect((await desk("concerns", { text: "SECRET-CONCERN" })).status).toBe(200);
  const ids = z
    .array(z.object({ id: z.string() }))
    .parse(await (await call("GET", "/api/account/sessions", { token })).json());
  return { me, token, answer, first, held, session: ids[0]!.id };
}

test("a rater reaches nothing of another's: answers, leases, sessions, names", async () => {
  const v = await victim();
  const attacker = await person("rater", "attacker");
  const ids = [
    v.me.id,
    "alias-victim",
    v.answer,
    v.first.lease,
    v.first.task,
    v.held.lease,
    v.held.task,
    v.session,
    "secret-study",
    "secret-batch",
  ];
  const bodies: unknown[] = [
    {},
    ...[v.held.lease, v.first.lease].flatMap((lease) => [
      { lease },
      { lease, reason: "other" },
      { lease, value: { essay: "mine now" }, activeSeconds: 1, idleSeconds: 0 },
      { lease, value: {}, base: 0, tab: "t", activeSeconds: 1, idleSeconds: 0 },
      { leases: [lease], active: true },
      { lease, text: "mine now" },
    ]),
    { answer: v.answer },
    { answer: v.answer, text: "mine now" },
    { task: v.held.task, text: "mine now" },
    { person: v.me.id },
    { holding: [] },
  ];
  const seen: string[] = [];
  for (const { method, path: pattern } of routes()) {
    const rule = ruleOf(method, pattern);
    if (method === "ALL" || pattern === "/*" || rule === "public" || !rule.includes("rater"))
      continue;
    for (const id of pattern.includes(":") ? ids : ["none"])
      for (const body of method === "GET" ? [undefined] : bodies) {
        const token = await session(attacker); // one of the routes signs out
        const query = method === "GET" ? `?person=${v.me.id}&answer=${v.answer}` : "";
        const reply = await call(method, `${filled(pattern, encodeURIComponent(id))}${query}`, {
          token,
          body,
        });
        const text = reply.headers.get("content-type")?.includes("event-stream")
          ? (void reply.body?.cancel(), "")
          : await reply.text();
        if (/SECRET/.test(text)) seen.push(`${method} ${pattern} ${JSON.stringify(body)}: ${text}`);
      }
  }
  expect(seen).toEqual([]);
  // and nothing of it was moved
  const left = await store.db.one(
    sql`select a.value->>'essay' as essay, a.undone_at is null as stands, (select state from lease where id = ${v.held.lease}) as held,
          (select revoked_at is null from token where id = ${v.session}) as session,
          (select value->>'essay' from draft where lease = ${v.held.lease}) as draft
        from answer a where a.id = ${v.answer}`,
    z.object({
      essay: z.string(),
      stands: z.boolean(),
      held: z.string(),
      session: z.boolean(),
      draft: z.string(),
    }),
  );
  expect(left).toEqual({
    essay: "SECRET-ANSWER",
    stands: true,
    held: "live",
    session: true,
    draft: "SECRET-DRAFT",
  });
}, 120_000);

test("only admins see names", async () => {
  const shows = async (role: Role) => {
    const found: string[] = [];
    for (const { method, path: pattern } of routes()) {
      const rule = ruleOf(method, pattern);
      if (method !== "GET" || pattern === "/*" || rule === "public" || !rule.includes(role))
        continue;
      for (const id of pattern.includes(":") ? ["victim", "secret-study", "secret-batch"] : ["-"]) {
        const reply = await as(role, "GET", filled(pattern, id));
        if (reply.headers.get("content-type")?.includes("event-stream")) void reply.body?.cancel();
        else if ((await reply.text()).includes("SECRET-NAME")) found.push(pattern);
      }
    }
    return found;
  };
  for (const role of ["lead", "researcher", "service"] as const)
    expect(await shows(role)).toEqual([]);
  expect(await shows("admin")).toContain("/api/people");
}, 120_000);

test("an invitation works once, by one person, until it expires or is withdrawn", async () => {
  const invited = async (body: object, role: Role = "lead") => {
    const reply = await as(role, "POST", "/api/people/invitations", body);
    const { link, invitation } = z
      .object({ link: z.url(), invitation: z.object({ id: z.string() }) })
      .parse(await reply.json());
    return { join: `/api${new URL(link).pathname}`, id: invitation.id };
  };
  const { join, id } = await invited({ role: "rater", groups: ["evening"], languages: ["en"] });
  expect(await (await call("GET", join)).json()).toMatchObject({
    role: "rater",
    groups: ["evening"],
    languages: ["en"],
  });
  // twenty at once: one gets in
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) => call("POST", join, { body: { name: `N ${i}` } })),
  );
  expect(replies.filter((r) => r.status === 200)).toHaveLength(1);
  expect(replies.filter((r) => r.status === 410)).toHaveLength(19);
  const winner = replies.find((r) => r.status === 200)!;
  const cookie = winner.headers.getSetCookie()[0]!;
  expect(cookie).toMatch(/HttpOnly/);
  expect(cookie).toMatch(/SameSite=Lax/);
  const me = await call("GET", "/api/me", { headers: { cookie: cookie.split(";")[0]! } });
  expect(await me.json()).toMatchObject({ role: "rater" });
  const listed = await (await as("lead", "GET", "/api/people/invitations")).json();
  expect(listed).toContainEqual(expect.objectContaining({ id, state: "used" }));

  const late = await invited({ role: "rater" });
  await store.db.run(
    sql`update invitation set expires_at = now() - interval '1 second' where id = ${late.id}`,
  );
  expect((await call("POST", late.join, { body: { name: "N" } })).status).toBe(410);
  const withdrawn = await invited({ role: "rater" });
  await as("lead", "POST", `/api/people/invitations/${withdrawn.id}/revoke`);
  expect((await call("POST", withdrawn.join, { body: { name: "N" } })).status).toBe(410);

  // a lead makes raters only
  const lead = await as("lead", "POST", "/api/people/invitations", { role: "admin" });
  expect(lead.status).toBe(403);
  const admin = await as("admin", "POST", "/api/people/invitations", { role: "lead" });
  expect(admin.status).toBe(200);
});

test("sessions end by age, without use, by hand, and with the account", async () => {
  const me = await person("rater", "sleepy");
  const works = async (token: string) => (await call("GET", "/api/me", { token })).status === 200;
  const age = (set: ReturnType<typeof sql>) =>
    store.db.run(sql`update token set ${set} where person = ${me.id} and revoked_at is null`);
  const old = await session(me);
  expect(await works(old)).toBe(true);
  await age(sql`expires_at = now() - interval '1 second'`);
  expect(await works(old)).toBe(false);

  const idle = await session(me);
  await age(sql`seen_at = now() - interval '13 days'`);
  expect(await works(idle)).toBe(true); // and is seen again
  await age(sql`seen_at = now() - interval '15 days'`);
  expect(await works(idle)).toBe(false);

  const [here, there] = [await session(me), await session(me)];
  const list = z
    .array(z.object({ id: z.string(), current: z.boolean() }))
    .parse(await (await call("GET", "/api/account/sessions", { token: here })).json());
  expect(list.filter((s) => s.current)).toHaveLength(1);
  expect(list).toHaveLength(2);
  const other = list.find((s) => !s.current)!.id;
  await call("POST", `/api/account/sessions/${other}/revoke`, { token: here });
  expect([await works(here), await works(there)]).toEqual([true, false]);
  // nobody ends a stranger's
  const stranger = await session(await person("rater", "stranger"));
  const mine = list.find((s) => s.current)!.id;
  await call("POST", `/api/account/sessions/${mine}/revoke`, { token: stranger });
  expect(await works(here)).toBe(true);

  await as("admin", "POST", "/api/people/sleepy/sessions/revoke", {});
  expect(await works(here)).toBe(false);
  const again = await session(me);
  await as("admin", "POST", "/api/people/sleepy", { disabled: true });
  expect(await works(again)).toBe(false);
  expect(await works(await session(me))).toBe(false);
  await as("admin", "POST", "/api/people/sleepy", { disabled: false });
  expect(await works(await session(me))).toBe(true);
});

test("sign-in links expire, except those made to last", async () => {
  const me = await person("rater", "linked");
  const opens = async (token: string) =>
    (await call("GET", `/sign-in?token=${token}`)).status === 302;
  const [week, forever] = [
    await issueToken(store.db, me.id, "link"),
    await issueToken(store.db, me.id, "link", { forever: true }),
  ];
  expect([await opens(week), await opens(forever)]).toEqual([true, true]);
  await store.db.run(
    sql`update token set expires_at = expires_at - interval '8 days' where person = ${me.id} and kind = 'link'`,
  );
  expect([await opens(week), await opens(forever)]).toEqual([false, true]);
  // it leads to our own pages only
  const to = await call(
    "GET",
    `/sign-in?token=${forever}&next=https://evil.example&redirect=//evil`,
  );
  expect(to.headers.get("location")).toBe("/desk");
});

test("passwords: argon2id, wrong ones are slowed down, a change ends other sessions", async () => {
  const me = await person("rater", "worded");
  const [here, there] = [await session(me), await session(me)];
  const set = (body: object) => call("POST", "/api/account/password", { token: here, body });
  expect((await set({ handle: "worded", password: "short" })).status).toBe(400);
  expect((await set({ handle: "Worded", password: "a long enough one" })).status).toBe(200);
  const stored = await store.db.value(
    sql`select password from person where id = ${me.id}`,
    z.string(),
  );
  expect(stored).toMatch(/^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$/);
  expect((await call("GET", "/api/me", { token: there })).status).toBe(401);
  expect((await set({ handle: "worded", password: "another long one" })).status).toBe(400);
  const changed = { handle: "worded", password: "another long one", current: "a long enough one" };
  expect((await set(changed)).status).toBe(200);
  const taken = await call("POST", "/api/account/password", {
    token: await session(await person("rater", "second")),
    body: { handle: "worded", password: "a third long one" },
  });
  expect(await taken.json()).toMatchObject({ code: "handle_taken" });

  const fresh = site.another();
  const signIn = async (handle: string, password: string) =>
    fresh.request("/api/sign-in", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ handle, password }),
    });
  expect((await signIn("worded", "another long one")).status).toBe(200);
  const statuses: number[] = [];
  for (let i = 0; i < 9; i++) statuses.push((await signIn("worded", "guess")).status);
  expect(statuses).toEqual([...new Array(8).fill(401), 429]);
  expect((await signIn("worded", "another long one")).status).toBe(429); // for now
}, 60_000);

test("a bucket of requests empties and fills again; old ones are forgotten", () => {
  let now = 0;
  const limiter = new Limiter(() => now);
  for (let i = 0; i < 120; i++) {
    expect(limiter.wait("unknown", "a")).toBe(0);
    limiter.take("unknown", "a");
  }
  expect(limiter.wait("unknown", "a")).toBe(5);
  expect(limiter.wait("unknown", "b")).toBe(0);
  now += 5000;
  expect(limiter.wait("unknown", "a")).toBe(0);
});

test("headers: nothing inline, nothing from elsewhere, no framing; https marks the cookie", async () => {
  const page = await call("GET", "/healthz");
  const policy = page.headers.get("content-security-policy")!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
  expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  expect(page.headers.get("x-frame-options")).toBe("DENY");
  expect(page.headers.get("strict-transport-security")).toBeNull();
  const mine = await as("rater", "GET", "/api/me");
  expect(mine.headers.get("cache-control")).toBe("no-store");

  const token = await issueToken(store.db, (await person("rater")).id, "link");
  const plain = await call("GET", `http://localhost/sign-in?token=${token}`);
  expect(plain.headers.getSetCookie()[0]).not.toMatch(/Secure/);
  const safe = await call("GET", `https://localhost/sign-in?token=${token}`);
  expect(safe.headers.getSetCookie()[0]).toMatch(/Secure/);
  expect(safe.headers.get("strict-transport-security")).toContain("max-age");
  // nobody's word for it, unless a proxy is trusted
  const said = await call("GET", `http://localhost/sign-in?token=${token}`, {
    headers: { "x-forwarded-proto": "https" },
  });
  expect(said.headers.getSetCookie()[0]).not.toMatch(/Secure/);
});

test("another site's page and a body beyond measure are refused", async () => {
  const token = await session(await person("rater"));
  const cookie = `tiller_session=${token}`;
  const foreign: Record<string, string>[] = [
    { cookie, origin: "https://evil.example", host: "localhost" },
    { cookie, origin: "null", host: "localhost" },
    { cookie, "sec-fetch-site": "cross-site", host: "localhost" },
  ];
  for (const headers of foreign)
    expect((await call("POST", "/api/desk/next", { headers, body: {} })).status).toBe(403);
  const own = { cookie, origin: "http://localhost", host: "localhost" };
  expect((await call("POST", "/api/desk/next", { headers: own, body: {} })).status).toBe(200);
  const huge = await call("POST", "/api/desk/next", {
    token,
    body: { holding: ["x".repeat(3 * 2 ** 20)] },
  });
  expect(huge.status).toBe(413);
  // a key is not a cookie
  const key = await issueToken(store.db, (await person("service")).id, "key");
  expect((await call("GET", "/v1/models", { token: key })).status).toBe(200);
  const asCookie = { cookie: `tiller_session=${key}` };
  expect((await call("GET", "/v1/models", { headers: asCookie })).status).toBe(401);
});

test("administrative acts are on record with before and after, filtered, exported, and never changed", async () => {
  await person("rater", "promoted");
  await as("admin", "POST", "/api/people/promoted", { role: "lead" });
  const read = async (query: string) =>
    z.array(AuditEntry).parse(await (await as("lead", "GET", `/api/people/audit?${query}`)).json());
  expect(await read("action=person.change&target=alias-promoted")).toEqual([
    expect.objectContaining({
      actor: "alias-admin",
      before: { role: "rater", paid: true, disabled: false },
      after: { role: "lead", paid: true, disabled: false },
    }),
  ]);
  expect(await read("actor=alias-nobody")).toEqual([]);
  const exported = await (await as("admin", "GET", "/api/people/audit.jsonl")).text();
  const lines = exported.trim().split("\n");
  expect(lines.length).toBe(await store.db.value(sql`select count(*)::int from audit`, z.number()));
  for (const change of [
    sql`update audit set action = 'nothing'`,
    sql`delete from audit`,
    sql`truncate audit`,
  ])
    await expect(store.db.run(change)).rejects.toThrow("append-only");
  // the last admin stays
  const admins = await as("admin", "POST", "/api/people/admin", { role: "rater" });
  expect(await admins.json()).toMatchObject({ code: "last_admin" });
});

test("every administrative change leaves a trace, also where its code forgot it", () => {
  expect(isAdministrative("POST", "/api/studio/experiments/:id/cancel")).toBe(true);
  expect(isAdministrative("POST", "/api/desk/answers")).toBe(false);
  expect(isAdministrative("GET", "/api/people")).toBe(false);
});
