/** /v1 at the door, in OpenAI's shape: bodies that are too large, too many requests, keys that nobody has; and how long a stored completion stays. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { publishCheckpoint, saveCheckpointRow } from "@tiller/lab";
import { CheckpointId, ServedModel } from "@tiller/schema";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { forgetOldCompletions, storeCompletion, storedDays } from "@tiller/serve";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let key: string;
let person: string;
beforeAll(async () => {
  site = await openServer();
  const { id } = await ensurePerson(site.store.db, {
    id: "api",
    name: "API",
    pseudonym: "api",
    role: "service",
  });
  person = id;
  key = await issueToken(site.store.db, id, "key");
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const Refusal = z.strictObject({
  error: z.strictObject({
    message: z.string().min(10),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
});
type App = TestServer["app"];
async function ask(
  app: App,
  body: BodyInit,
  o: { key?: string; path?: string; headers?: Record<string, string> } = {},
) {
  const reply = await app.request(o.path ?? "/v1/chat/completions", {
    method: "POST",
    headers: {
      authorization: `Bearer ${o.key ?? key}`,
      "content-type": "application/json",
      ...o.headers,
    },
    body,
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  });
  return {
    status: reply.status,
    after: reply.headers.get("retry-after"),
    body: (await reply.json()) as unknown,
  };
}
const text = JSON.stringify({
  model: "none",
  messages: [{ role: "user", content: "x".repeat(3 * 2 ** 20) }],
});

test.each(["/v1/chat/completions", "/v1/completions"])(
  "a body above 2 MB at %s is a 413, its length said or not",
  async (path) => {
    const pieces = () =>
      new ReadableStream<Uint8Array>({
        start: (out) => {
          for (let at = 0; at < text.length; at += 65_536)
            out.enqueue(Buffer.from(text.slice(at, at + 65_536)));
          out.close();
        },
      });
    for (const [body, headers] of [
      [text, { "content-length": String(text.length) }],
      [pieces(), {}],
    ] as const) {
      const got = await ask(site.app, body, { path, headers });
      expect(got.status).toBe(413);
      expect(Refusal.parse(got.body).error).toMatchObject({
        type: "invalid_request_error",
        code: "too_large",
        message: expect.stringContaining("larger than 2 MB"),
      });
    }
  },
);

test("/v1/models names what is served; a version that a researcher promotes takes the name's place", async () => {
  const { app, store } = site;
  const [first, second] = ["a", "b"].map((x) => CheckpointId.parse(x.repeat(64)));
  const row = { name: "policy", role: "policy", path: store.home, run: null, parent: null };
  for (const [id, winRate] of [
    [first!, 0.9],
    [second!, 0.4],
  ] as const) {
    await saveCheckpointRow(store.db, { ...row, id, metrics: {} });
    const compare = { metric: "winRate", better: "up" } as const;
    await publishCheckpoint(store.db, id, { name: "policy", metrics: { winRate }, compare });
  }
  const Model = z.object({ id: z.string(), checkpoint: z.string() });
  const get = async (path: string) =>
    (await app.request(path, { headers: { authorization: `Bearer ${key}` } })).json();
  const listed = async () => z.object({ data: z.array(Model) }).parse(await get("/v1/models")).data;
  expect(await listed()).toEqual([{ id: "policy", checkpoint: first }]);
  expect(Model.parse(await get("/v1/models/policy@2"))).toEqual({
    id: "policy@2",
    checkpoint: second,
  });
  const by = async (role: "researcher" | "lead", model: string) => {
    const me = await ensurePerson(store.db, { id: role, name: role, pseudonym: role, role });
    const token = await issueToken(store.db, me.id, "key");
    return app.request("/api/studio/served", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ model, why: "reads better" }),
    });
  };
  expect((await by("lead", "policy@2")).status).toBe(403);
  expect((await by("researcher", "policy@3")).status).toBe(404);
  const promoted = ServedModel.parse(await (await by("researcher", "policy@2")).json());
  expect(promoted.history[0]).toMatchObject({ version: 2, by: "researcher", why: "reads better" });
  expect(await listed()).toEqual([{ id: "policy", checkpoint: second }]);
});

test("too many requests are a 429 that says when to come back", async () => {
  const app = site.another();
  const small = JSON.stringify({ model: "none", messages: [{ role: "user", content: "Hi" }] });
  const got = await Promise.all(Array.from({ length: 500 }, () => ask(app, small)));
  const refused = got.filter((g) => g.status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(got.filter((g) => g.status === 404).length).toBeGreaterThanOrEqual(200); // no such model, and let in
  expect(Number(refused[0]!.after)).toBeGreaterThan(0);
  expect(Refusal.parse(refused[0]!.body).error).toMatchObject({
    type: "requests",
    code: "rate_limit_exceeded",
  });
  // reading what there is has a rate of its own
  expect(
    (await app.request("/v1/models", { headers: { authorization: `Bearer ${key}` } })).status,
  ).toBe(200);
}, 60_000);

test("keys that nobody has are 401, then 429, in the same shape", async () => {
  const app = site.another();
  const statuses = new Map<number, unknown>();
  for (let n = 0; n < 140; n++) {
    const got = await ask(app, "{}", { key: `tk_${n}` });
    statuses.set(got.status, got.body);
  }
  expect([...statuses.keys()]).toEqual([401, 429]);
  expect(Refusal.parse(statuses.get(401)).error.code).toBe("invalid_api_key");
  expect(Refusal.parse(statuses.get(429)).error.code).toBe("rate_limit_exceeded");
}, 60_000);

test("a stored completion stays for the days that the setting says", async () => {
  const { db } = site.store;
  for (const [id, days] of [
    ["old", 31],
    ["new", 29],
  ] as const) {
    await storeCompletion(db, {
      id,
      person,
      checkpoint: "c",
      labels: { metadata: {} },
      messages: [],
      reply: { id, model: "m" },
    });
    await db.run(
      sql`update stored_completion set at = at - make_interval(days => ${days}) where id = ${id}`,
    );
  }
  expect(storedDays({})).toBe(30);
  expect([
    storedDays({ TILLER_STORED_DAYS: "0" }),
    storedDays({ TILLER_STORED_DAYS: "0.5" }),
  ]).toEqual([0, 0.5]);
  for (const bad of ["-1", "many", "1e3", "Infinity", "99999"])
    expect(() => storedDays({ TILLER_STORED_DAYS: bad })).toThrow(
      /days that stored chat completions are kept/,
    );
  expect(await forgetOldCompletions(db, storedDays({}))).toBe(1);
  const list = await site.app.request("/v1/chat/completions", {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(((await list.json()) as { data: { id: string }[] }).data.map((d) => d.id)).toEqual([
    "new",
  ]);
});
