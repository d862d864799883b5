/**
 * The table of operations against what the server does: every operation says what comes back, names what it takes without
 * two meanings, and replies what it says. In process, on the real database; a wrong reply is a 500 here (operate.ts).
 */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { ExperimentId, type Me, type Operation, operations } from "@tiller/schema";
import type { Env } from "@tiller/server/context.ts";
import { type Handlers, operationRoutes } from "@tiller/server/operate.ts";
import { answerTo } from "@tiller/server/problems.ts";
import { createExperiment, endExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { postBatch } from "@tiller/work";
import { openServer, type TestServer } from "./fixtures/server.ts";

const table = Object.entries(operations as Readonly<Record<string, Operation>>);
const jsonSchema = (s: z.ZodType) => z.toJSONSchema(s, { io: "output", unrepresentable: "any" });

describe("the table", () => {
  test("every operation says what comes back", () => {
    const silent = table.filter(([, o]) =>
      o.replyAs ? o.reply : !Object.keys(jsonSchema(o.reply!)).some((k) => k !== "$schema"),
    );
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  test("what stands in the path and in the query has names of its own", () => {
    const twice = table.filter(([, o]) =>
      [...o.path.matchAll(/:(\w+)/g)].some(([, name]) => name! in (o.query?.shape ?? {})),
    );
    expect(twice.map(([name]) => name)).toEqual([]);
  });

  test("no two operations stand at one place", () => {
    const places = table.map(([, o]) => `${o.method} ${o.path.replaceAll(/:\w+/g, ":")}`);
    expect(new Set(places).size).toBe(places.length);
  });
});

test("pages ask by operation: no path of one is written in them", () => {
  const pages = path.join(import.meta.dirname, "../apps/web/src");
  const written = globSync("**/*.{ts,tsx}", { cwd: pages }).filter((file) =>
    /(fetch|EventSource|href=\{?)\(?\s*["'`](\$\{base\})?\/api\/(?!docs)/.test(
      readFileSync(path.join(pages, file), "utf8"),
    ),
  );
  expect(written).toEqual([path.join("task", "previews.tsx")]); // `tiller task preview` has a server of its own
});

describe("a handler", () => {
  const me = { id: "p", name: "P", pseudonym: "p", role: "admin" } as unknown as Me;
  const answering = (handlers: Partial<Record<keyof Handlers, unknown>>, strict = true) =>
    new Hono<Env>()
      .onError(answerTo)
      .use(async (c, next) => {
        c.set("me", me);
        await next();
      })
      .route("/", operationRoutes(handlers as unknown as Handlers, { strict }));
  const wrong = { renewLease: () => ({ renewed: "yes" }) };
  const renew = { method: "POST", body: JSON.stringify({ lease: "l" }) };

  test("that replies what its schema does not allow is a 500 that names the field", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => {});
    const reply = await answering(wrong).request("/api/desk/renew", renew);
    quiet.mockRestore();
    expect(reply.status).toBe(500);
    expect(await reply.json()).toEqual({
      code: "wrong_reply",
      message: expect.stringMatching(
        /^renewLease \(POST \/api\/desk\/renew\) .*renewed: .*boolean/,
      ),
    });
    const text = {
      renewLease: () =>
        new Response('{"renewed":1}', { headers: { "content-type": "application/json" } }),
    };
    expect((await answering(text).request("/api/desk/renew", renew)).status).toBe(500);
  });

  test("in production is answered as it said, and the log has it once", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const app = answering(wrong, false);
    for (let i = 0; i < 3; i++)
      expect(await (await app.request("/api/desk/renew", renew)).json()).toEqual({
        renewed: "yes",
      });
    expect(log.mock.calls.map(([line]) => String(line))).toEqual([
      expect.stringContaining("renewed: "),
    ]);
    log.mockRestore();
  });

  test("gets what the table says, parsed: path, query with its defaults, body", async () => {
    const asked: unknown[] = [];
    const app = answering({
      nextTask: (_: unknown, a: unknown) => (
        asked.push(a),
        { kind: "empty", message: "", retryAfterMs: 1 }
      ),
      listSamples: (_: unknown, a: unknown) => (asked.push(a), []),
    });
    await app.request("/api/desk/next", { method: "POST" });
    await app.request("/api/studio/experiments/a%2Fb/samples?limit=7");
    expect(asked).toEqual([{ body: { holding: [] } }, { id: "a/b", limit: 7 }]);
    for (const [url, init, said] of [
      ["/api/desk/next", { method: "POST", body: "{" }, /not JSON/],
      ["/api/desk/next", { method: "POST", body: '{"holding":1}' }, /^holding: /],
      ["/api/studio/experiments/x/samples?limit=9999", {}, /^limit: .*500/],
      ["/api/studio/experiments/x/samples?limt=9", {}, /limt/],
    ] as const) {
      const reply = await app.request(url, init);
      expect(reply.status, url).toBe(400);
      expect(await reply.json()).toMatchObject({ message: expect.stringMatching(said) });
    }
    expect(asked).toHaveLength(2);
  });

  test("of a literal path comes before one that takes any name there", async () => {
    const app = answering({
      changePerson: () => new Response("a person", { status: 418 }),
      invite: () => new Response("an invitation", { status: 418 }),
    });
    const body = JSON.stringify({ role: "rater" });
    const at = async (path: string) =>
      (await app.request(`/api/people/${path}`, { method: "POST", body })).text();
    expect(await at("invitations")).toBe("an invitation");
    expect(await at("somebody")).toBe("a person");
  });
});

describe("the server", () => {
  let site: TestServer;
  let token: string;
  const experiment = ExperimentId.parse("study");
  const ask = async (url: string, body?: unknown) => {
    const reply = await site.app.request(url, {
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
    return { status: reply.status, value: (await reply.json()) as Record<string, unknown> };
  };

  beforeAll(async () => {
    site = await openServer();
    const { db } = site.store;
    const admin = await ensurePerson(db, {
      id: "ada",
      name: "Ada",
      pseudonym: "alias-ada",
      role: "admin",
    });
    token = await issueToken(db, admin.id, "session");
    await ensurePerson(db, { id: "mary", name: "Mary", pseudonym: "alias-mary", role: "rater" });
    await createExperiment(db, {
      id: experiment,
      recipe: "r@1",
      title: "Study",
      seed: 1,
      config: {},
      stages: [{ name: "people", title: "People" }],
    });
    const pair = (i: number) => ({
      passage: `p${i}`,
      a: { text: " x", sample: "1" },
      b: { text: " y", sample: "2" },
    });
    await postBatch(db, {
      id: "batch",
      experiment,
      type: comparison,
      people: 1,
      inputs: [0, 1, 2].map((i) => ({ id: `${i}`, input: pair(i) })),
    });
  });
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  test("a row that no longer fits is our fault, and no bad request", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => {});
    const set = (state: string) => site.store.db.run(sql`update experiment set state = ${state}`);
    await set("of another version");
    const { status, value } = await ask(`/api/studio/experiments/${experiment}`);
    await set("running");
    quiet.mockRestore();
    expect(status).toBe(500);
    expect(value).toEqual({
      code: "unreadable_row",
      message: expect.stringMatching(/^the database holds what .* cannot read \(state: Invalid/),
    });
  });

  test("people's work, from a task to its gold, and every list beside it, reply what they say", async () => {
    const failed: string[] = [];
    const good = async (url: string, body?: unknown) => {
      const { status, value } = await ask(url, body);
      if (status !== 200) failed.push(`${url}: ${status} ${JSON.stringify(value)}`);
      return value;
    };
    const next = (await good("/api/desk/next", {})) as { lease: { lease: string; task: string } };
    const { lease, task } = next.lease;
    const time = { activeSeconds: 1, idleSeconds: 0 };
    await good("/api/desk/drafts", { lease, value: {}, base: 0, tab: "t", ...time });
    await good(`/api/desk/drafts/${lease}`);
    await good("/api/desk/renew", { lease });
    await good("/api/desk/preview");
    await good("/api/notices");
    await good("/api/data/mail");
    await good("/api/desk/leave", { leases: [lease], soon: true }); // begun: it stays
    await good("/api/desk/beat", { leases: [lease], active: true });
    const concern = await good("/api/desk/concerns", { lease, text: "odd" });
    await good(`/api/desk/concerns/${String(concern["id"])}/reply`, { reply: "so it is" });
    const sent = await good("/api/desk/answers", { lease, value: { choice: "a" }, ...time });
    await good("/api/desk/me/answers");
    await good(`/api/desk/answers/${String(sent["answer"])}`);
    await good("/api/desk/feedback");
    await good("/api/desk/feedback/seen", { until: new Date().toISOString() });
    await good("/api/desk/undo", { answer: sent["answer"] });
    await good("/api/desk/answers", { lease, value: { choice: "b" }, ...time });
    await good("/api/quality/decisions", {
      task,
      value: { choice: "a" },
      reason: "clear",
      gold: true,
    });
    const [gold] = (await good("/api/quality/gold")) as unknown as { id: string }[];
    await good(`/api/quality/gold/${gold!.id}`);
    await good(`/api/quality/gold/${gold!.id}/active`, { active: false, reason: "done" });
    const note = await good("/api/quality/threads", {
      kind: "note",
      about: "ada",
      title: "t",
      text: "x",
    });
    await good(`/api/quality/threads/${String(note["id"])}`);
    await good(`/api/quality/threads/${String(note["id"])}`, { action: "reply", text: "y" });
    await good("/api/quality/threads?states=open,resolved&about=ada");
    const which = "type=comparison&field=choice";
    for (const page of ["report", "live", "populations", "disagreements", "raters/ada"])
      await good(`/api/quality/${page}?${which}`);
    await good("/api/quality/weights", { type: "comparison", field: "choice" });
    await good(`/api/data/export/schema?experiment=${experiment}`);

    const { id: rule } = await good("/api/work/rules", {
      kind: "comparison",
      body: { rule: "reserved" },
    });
    await good("/api/work/rules");
    await good(`/api/work/rules/${String(rule)}/end`, {});
    const { ready } = (await good("/api/work/delegation-rules")) as { ready: { body: object }[] };
    await good("/api/work/delegation-rules", { name: "mine", body: ready[0]!.body });
    await good("/api/work/delegation-rules?kind=comparison");
    const move = { who: { person: "ada" }, to: { kind: "comparison", experiment } };
    await good("/api/control/preview", move);
    const moved = await good("/api/control/move", move);
    await good("/api/control");
    await good(`/api/control/moves/${String(moved["id"])}/undo`, {});
    await good("/api/control/people/mary", { paused: true, why: "lunch" });
    await good("/api/control/people/mary", { paused: false });
    await good("/api/control/queues", { kind: "comparison", experiment, priority: 3 });
    await good("/api/control/answers/ada");
    const rate = {
      per: "hour",
      amount: 2000,
      currency: "EUR",
      validFrom: "2026-01-01T00:00:00.000Z",
    };
    await good("/api/pay/rates", rate);
    const period = "from=2026-01-01&to=2027-01-01";
    await good("/api/pay/people/ada/corrections", { amount: 5, reason: "a gift" });
    for (const url of ["/api/pay/people/ada", "/api/pay", "/api/account/pay"])
      await good(`${url}?${period}`);
    await good("/api/people/invitations", { role: "rater" });
    await good("/api/people/ada", { paid: true });
    await good("/api/people/ada/link", {});
    await good("/api/tasks/check", { key: "comparison@1", sample: 0, value: {} });

    // every other list: nothing in its place but its query, which has defaults
    for (const [, o] of table)
      if (
        o.method === "GET" &&
        o.reply &&
        !o.path.includes(":") &&
        (!o.query || o.query.safeParse({}).success)
      )
        await good(o.path);
    for (const page of ["", "/runs", "/raters", "/samples", "/trace/comments", "/trace/digests"])
      await good(`/api/studio/experiments/${experiment}${page}`);
    await endExperiment(site.store.db, experiment, { state: "done" });
    await good(`/api/studio/experiments/${experiment}`);
    expect(failed).toEqual([]);
  }, 60_000);

  test("a path that is no more says what does the same", async () => {
    const { status, value } = await ask("/api/work/moves", {});
    expect(status).toBe(404);
    expect(value["message"]).toBe(
      "There is no POST /api/work/moves any more. Use POST /api/control/move.",
    );
  });
});
