/**
 * The API from outside: the typed client against a real server, every route in the OpenAPI document, idempotent
 * requests, and webhooks from the database's trigger to a receiver that checks the signature.
 */
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createClient, formerMethods, type TillerClient } from "@tiller/client";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import {
  ExperimentId,
  type Operation,
  operations,
  own,
  pathsOf,
  WebhookMessage,
} from "@tiller/schema";
import { createExperiment, endExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { createWebhook, parseAllowed, setWebhookEnabled, startWebhooks } from "@tiller/data";
import { postBatch } from "@tiller/work";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let app: TestServer["app"];
let baseURL: string;
let staff: TillerClient;
let rater: TillerClient;
const experiment = ExperimentId.parse("api");

beforeAll(async () => {
  site = await openServer();
  ({ store, app, address: baseURL } = site);
  const client = async (id: string, role: "service" | "rater", kind: "key" | "session") => {
    const me = await ensurePerson(store.db, { id, name: id, pseudonym: id, role });
    return createClient({ baseURL, token: await issueToken(store.db, me.id, kind) });
  };
  staff = await client("robot", "service", "key");
  rater = await client("mary", "rater", "session");
  await createExperiment(store.db, {
    id: experiment,
    recipe: "r@1",
    title: "API",
    seed: 1,
    config: {},
    stages: [],
  });
  await post("one", 3);
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});
const post = (id: string, n: number) =>
  postBatch(store.db, {
    id,
    experiment,
    type: comparison,
    people: 1,
    inputs: Array.from({ length: n }, (_, i) => ({
      id: `${i}`,
      input: { passage: `p${i}`, a: { text: " x", sample: "1" }, b: { text: " y", sample: "2" } },
    })),
  });
const answer = async () => {
  const next = await rater.nextTask({ body: {} });
  if (next.kind !== "task") throw new Error("no task");
  const sent = {
    lease: next.lease.lease,
    value: { choice: "a" },
    activeSeconds: 1,
    idleSeconds: 0,
  };
  return { sent, reply: await rater.submitAnswer({ body: sent }) };
};

test("every route of the server is in the table, and nothing else is", () => {
  const routes = new Set(
    app.routes
      .filter(
        (r) =>
          ["GET", "POST", "PUT", "PATCH", "DELETE"].includes(r.method) &&
          r.path.startsWith("/api/"),
      )
      .map((r) => `${r.method} ${r.path}`),
  );
  routes.delete("GET /api/openapi.json");
  routes.delete("GET /api/docs");
  const table = Object.values(operations).flatMap((o) =>
    pathsOf(o).map((at) => `${o.method} ${at}`),
  );
  const missing = [...routes].filter((r) => !table.includes(r));
  expect(missing, "add a line for each to packages/schema/api.ts").toEqual([]);
  expect(
    table.filter((o) => !routes.has(o)),
    "no such route",
  ).toEqual([]);
});

test("an operation also answers where it was before, for the same roles", async () => {
  const me = await ensurePerson(store.db, {
    id: "lead",
    name: "lead",
    pseudonym: "lead",
    role: "lead",
  });
  const sent = {
    [me.id]: await issueToken(store.db, me.id, "session"),
    nobody: "none",
  };
  const all: readonly Operation[] = Object.values(operations);
  const moved = all.filter((o) => o.formerly !== undefined);
  expect(moved.map((o) => o.formerly)).toEqual(
    expect.arrayContaining([
      "/api/joining/programmes",
      "/api/studio/experiments/:id/trace/run",
      "/api/work/policies",
    ]),
  );
  for (const o of moved)
    for (const token of Object.values(sent)) {
      const replies = await Promise.all(
        pathsOf(o).map(async (path) => {
          const at = path.replace(":id", experiment);
          const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
          const r = await app.request(at, {
            method: o.method,
            headers,
            ...(o.method === "POST" && { body: JSON.stringify({ name: "Not a name" }) }),
          });
          return { status: r.status, body: await r.text() };
        }),
      );
      expect(replies[1]).toEqual(replies[0]);
      expect(replies[0]!.status === 401).toBe(token === "none");
      expect(replies[0]!.status).not.toBe(404);
    }
});

/** docs/api.md names them. */
const dropped = ["moveWork", "previewWorkMove", "pauseWorker"];
test("what the API was on 26 November is still there, by method and path and by the client's names", () => {
  const was = readFileSync(new URL("fixtures/api-2026-11-26.txt", import.meta.url), "utf8");
  const before = was.trim().split("\n");
  const now = (name: string): Operation | undefined => {
    const today = own(formerMethods, name) ?? name;
    return own<Operation>(operations, today);
  };
  const shape = (path: string) => path.replaceAll(/:\w+/g, ":");
  const gone = before.filter((line) => {
    const [name = "", method, path = ""] = line.split(" ");
    const o = now(name);
    return !o || o.method !== method || !pathsOf(o).map(shape).includes(shape(path));
  });
  expect(gone.map((line) => line.split(" ")[0])).toEqual(dropped.toSorted());
});

test("methods answer under the names that earlier releases had", async () => {
  for (const [was, name] of Object.entries(formerMethods)) {
    expect(operations).not.toHaveProperty(was);
    expect(staff[was as keyof typeof formerMethods]).toBe(staff[name]);
  }
  expect(await staff.tracedRun({ id: experiment })).toMatchObject({
    id: experiment,
    recipe: "r@1",
  });
});

test("the document is OpenAPI 3.1 with parameters, bodies and replies; the page needs nothing from elsewhere", async () => {
  const Schema = z.looseObject({
    openapi: z.literal("3.1.0"),
    paths: z.record(z.string(), z.record(z.string(), z.looseObject({ operationId: z.string() }))),
  });
  const reply = await fetch(`${baseURL}/api/openapi.json`);
  const { paths } = Schema.parse(await reply.json());
  expect(paths["/api/desk/answers"]!["post"]).toMatchObject({
    operationId: "submitAnswer",
    requestBody: {
      content: {
        "application/json": {
          schema: { required: ["lease", "value", "activeSeconds", "idleSeconds"] },
        },
      },
    },
    responses: {
      200: {
        content: { "application/json": { schema: { properties: { answer: { type: "string" } } } } },
      },
    },
  });
  expect(paths["/api/studio/datasets/{id}/rows"]!["get"]).toMatchObject({
    parameters: [
      { name: "id", in: "path" },
      { name: "offset", in: "query" },
      { name: "limit", in: "query" },
    ],
  });
  const page = await fetch(`${baseURL}/api/docs`);
  const html = await page.text();
  expect(html).toContain("/api/data/export");
  expect(html).not.toMatch(/<script|src=|https?:\/\/(?!json-schema)/);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
});

test("the typed client: a rater answers, a service exports and imports; refusals are the server's words", async () => {
  const { reply } = await answer();
  const [row] = z.array(z.looseObject({ answer: z.string(), rater: z.string() })).parse(
    (await text(await staff.exportAnswers({ experiment })))
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l) as unknown),
  );
  expect(row).toMatchObject({ answer: reply.answer, rater: "mary", value: { choice: "a" } });
  expect(await staff.exportSchema({ experiment })).toMatchObject({
    types: [{ name: "comparison" }],
  });
  const csv = await text(await staff.exportAnswers({ experiment, as: "csv" }));
  expect(csv).toMatch(/^answer,task,type,/);

  const line = JSON.stringify({ prompt: "p", chosen: " a", rejected: " b" });
  const request = { format: "trl", experiment: "uploaded", name: "up.jsonl" } as const;
  expect(await staff.importAnswers({ ...request, body: line, dry: true })).toMatchObject({
    answers: 1,
    dry: true,
  });
  expect(await staff.importAnswers({ ...request, body: line })).toMatchObject({ answers: 1 });
  expect(await staff.importAnswers({ ...request, body: line })).toMatchObject({
    answers: 0,
    known: 1,
  });
  await expect(staff.importAnswers({ ...request, body: "{" })).rejects.toThrow(
    "up.jsonl: line 1: not JSON",
  );

  await expect(rater.exportAnswers()).rejects.toMatchObject({ code: "not_allowed" });
  await expect(staff.exportAnswers({ format: "none" as "trl" })).rejects.toThrow(
    "format: Invalid option",
  );
  await expect(staff.getExperiment({ id: "a/b" })).rejects.toMatchObject({ code: "not_allowed" }); // not for services
});

test("a request with the same Idempotency-Key is answered as before and does nothing twice", async () => {
  const hook = { url: "https://8.8.8.8/", events: ["answer.created" as const] };
  const first = await staff.createWebhook({ body: hook, idempotencyKey: "k1" });
  expect(await staff.createWebhook({ body: hook, idempotencyKey: "k1" })).toEqual(first);
  expect(await staff.listWebhooks()).toHaveLength(1);
  await expect(
    staff.createWebhook({ body: { ...hook, note: "other" }, idempotencyKey: "k1" }),
  ).rejects.toMatchObject({ code: "key_reused" });
  const both = await Promise.allSettled([
    staff.createWebhook({ body: hook, idempotencyKey: "k2" }),
    staff.createWebhook({ body: hook, idempotencyKey: "k2" }),
  ]);
  expect(both.some((r) => r.status === "fulfilled")).toBe(true);
  expect(await staff.listWebhooks()).toHaveLength(2);
  for (const { id } of await staff.listWebhooks())
    await staff.setWebhook({ id, body: { enabled: false } });
  // at the desk the lease itself is the key
  const { sent, reply } = await answer();
  expect(await rater.submitAnswer({ body: sent })).toEqual(reply);
});

test("no webhook into the own network, unless it is allowed", async () => {
  for (const url of [
    "http://127.0.0.1:9/",
    "https://localhost/",
    "https://[::1]/",
    "https://169.254.169.254/",
  ])
    await expect(
      staff.createWebhook({ body: { url, events: ["answer.created"] } }),
    ).rejects.toMatchObject({ code: "address_refused" });
});

test("webhooks: signed, from the change's own transaction, tried again, switched off with a reason, sent again by hand", async () => {
  const got: { id: string; message: z.infer<typeof WebhookMessage>; valid: boolean }[] = [];
  let secret = "";
  let status = 500;
  const receiver = http.createServer((request, reply) => {
    void text(request).then((body) => {
      const [id, at, given] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(
        (h) => request.headers[h] as string,
      );
      const mac = createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
        .update(`${id}.${at}.${body}`)
        .digest("base64");
      got.push({
        id: id!,
        message: WebhookMessage.parse(JSON.parse(body)),
        valid: given === `v1,${mac}`,
      });
      reply.writeHead(status, { location: "/elsewhere" }).end("whatever");
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const me = (
    await ensurePerson(store.db, { id: "robot", name: "", pseudonym: "", role: "service" })
  ).id;
  const hook = await createWebhook(store.db, me, {
    url,
    events: [
      "answer.created",
      "answer.undone",
      "batch.completed",
      "experiment.ended",
      "checkpoint.saved",
    ],
    note: "",
  });
  secret = hook.secret;
  await post("two", 1);
  const sending = await startWebhooks(store, {
    allowed: parseAllowed("127.0.0.1"),
    backOff: [0, 0, 0, 0, 0],
  });
  try {
    const deliveries = () => staff.listDeliveries({ id: hook.id });
    // one task is left of the first batch, one is new
    await answer();
    await expect.poll(() => got.length, { timeout: 20_000 }).toBeGreaterThan(1); // refused, and sent again
    status = 204;
    await expect
      .poll(async () => (await deliveries()).every((d) => d.state === "delivered"), {
        timeout: 20_000,
      })
      .toBe(true);
    const { reply } = await answer();
    await rater.undoAnswer({ body: { answer: reply.answer } });
    await endExperiment(store.db, experiment, { state: "done" });
    await store.db.run(
      sql`insert into checkpoint (id, name, kind, path, metrics) values ('c1', 'policy', 'lm', '/', '{}')`,
    );
    const types = () => new Set(got.map((g) => g.message.type));
    await expect.poll(() => types().size, { timeout: 20_000 }).toBe(5);
    expect(got.every((g) => g.valid)).toBe(true);
    const created = got.find((g) => g.message.type === "answer.created")!;
    expect(created.message.data).toMatchObject({
      experiment,
      rater: "mary",
      value: { choice: "a" },
    });
    expect(JSON.stringify(got)).not.toContain('"person"'); // pseudonyms only
    expect(got.filter((g) => g.id === created.id).length).toBeGreaterThan(1); // again with the same id

    // an import tells nobody
    const before = (await deliveries()).length;
    await staff.importAnswers({
      format: "trl",
      experiment: "quiet",
      body: '{"prompt":"q","chosen":"a","rejected":"b"}',
    });
    expect((await deliveries()).length).toBe(before);

    // a rolled back change has no event
    await expect(
      store.db.transaction(async (tx) => {
        await tx.run(
          sql`insert into checkpoint (id, name, kind, path, metrics) values ('c2', 'policy', 'lm', '/', '{}')`,
        );
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect((await deliveries()).length).toBe(before);

    // redirects are not followed; a delivery is sent again by hand; gone means off
    status = 302;
    const [newest] = await deliveries();
    const seen = got.length;
    await staff.redeliver({ id: hook.id, delivery: newest!.id });
    await expect.poll(() => got.length, { timeout: 20_000 }).toBeGreaterThan(seen);
    await expect
      .poll(async () => (await deliveries())[0]!.error, { timeout: 20_000 })
      .toMatch(/HTTP 302: redirects/);
    status = 410;
    await staff.redeliver({ id: hook.id, delivery: newest!.id });
    const shown = async () => (await staff.listWebhooks()).find((w) => w.id === hook.id)!;
    await expect
      .poll(async () => (await shown()).disabledReason, { timeout: 20_000 })
      .toMatch(/gone \(HTTP 410\)/);

    // and many failures in a row switch it off as well
    await setWebhookEnabled(store.db, hook.id, { enabled: true });
    status = 500;
    await store.db.run(sql`update webhook set failures = 19 where id = ${hook.id}`);
    await staff.redeliver({ id: hook.id, delivery: newest!.id });
    await expect
      .poll(async () => (await shown()).disabledReason, { timeout: 20_000 })
      .toMatch(/20 attempts in a row failed; the last one: HTTP 500/);
  } finally {
    await sending[Symbol.asyncDispose]();
    receiver.close();
    receiver.closeAllConnections();
  }
}, 120_000);
