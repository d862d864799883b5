/**
 * Every route and every parameter with what the database cannot keep, and with ids of nothing: a 400 that names the
 * place, a 404, never "our side". In process, on the real database.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentId, NextReply } from "@tiller/schema";
import { defineTask } from "@tiller/task";
import { depthOf } from "@tiller/server/readable.ts";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken } from "@tiller/store";
import { postBatch } from "@tiller/work";
import { openServer, type TestServer } from "./fixtures/server.ts";
import { places, put, shapes, urlOf } from "./fixtures/requests.ts";

let site: TestServer;
const keys = new Map<string, string>();
const tokenOf = async (role: string | undefined, id = role) => {
  if (!role || !id) return undefined;
  const me = await ensurePerson(site.store.db, {
    id,
    name: id,
    pseudonym: `alias-${id}`,
    role: role as "admin",
  });
  return issueToken(site.store.db, me.id, role === "service" ? "key" : "session");
};
const send = async (method: string, url: string, role: string | undefined, body?: string) => {
  const leaves = /sign-out|password|revoke/.test(url); // these routes end sessions
  const token = leaves ? await tokenOf(role, `leaving-${role}`) : keys.get(role ?? "");
  const reply = await site.app.request(url, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: reply.status, text: await reply.text() };
};

beforeAll(async () => {
  site = await openServer();
  for (const role of ["rater", "lead", "researcher", "admin", "service"])
    keys.set(role, (await tokenOf(role))!);
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const NUL = "a\0b";
const HALF = "cut \ud83d";

test("NUL and half of a surrogate pair are 400 with the place, on every route and in every parameter", async () => {
  const wrong: string[] = [];
  const refused = (what: string, r: { status: number; text: string }, place: string) => {
    if (r.status !== 400 || !r.text.includes("unstorable_text") || !r.text.includes(place))
      wrong.push(`${what}: ${r.status} ${r.text.slice(0, 150)}`);
  };
  for (const s of shapes) {
    if (s.path.includes(":")) {
      const name = /:(\w+)/.exec(s.path)![1]!;
      const url = urlOf(s, { param: "a%00b" });
      refused(`${s.name} path`, await send(s.method, url, s.role, JSON.stringify(s.body)), name);
    }
    for (const key of Object.keys(s.query)) {
      const url = urlOf(s, { query: { ...s.query, [key]: NUL } });
      refused(`${s.name} ${key}`, await send(s.method, url, s.role), `query.${key}`);
    }
    if (s.body === undefined) continue;
    for (const place of places(s.body)) {
      const bad = place.length % 2 ? NUL : HALF;
      const body = JSON.stringify(put(s.body, place, bad));
      const at = ["body", ...place].join(".");
      refused(`${s.name} ${at}`, await send(s.method, urlOf(s), s.role, body), at);
    }
  }
  expect(wrong).toEqual([]);
}, 120_000);

test("ids of nothing, absurd ids and a plausible body of nonsense are nobody's 500", async () => {
  const wrong: string[] = [];
  for (const s of shapes) {
    const params = s.path.includes(":")
      ? ["none", "x".repeat(3000), "constructor", "%E0%A4", "..%2F..%2Fetc%2Fpasswd"]
      : ["none"];
    for (const param of params) {
      const body = s.body === undefined ? undefined : JSON.stringify(s.body);
      const r = await send(s.method, urlOf(s, { param }), s.role, body);
      if (r.status >= 500) wrong.push(`${s.name} ${param.slice(0, 20)}: ${r.status} ${r.text}`);
    }
    if (s.body === undefined) continue;
    const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`;
    const r = await send(s.method, urlOf(s), s.role, deep);
    if (r.status !== 400 || !r.text.includes("too_deep")) wrong.push(`${s.name} deep: ${r.status}`);
  }
  expect(wrong).toEqual([]);
}, 120_000);

/** What every object inherits: as an id, in every parameter, as every text of a body and as a key of it. */
test("names that every object inherits are names like others, on every route", async () => {
  const wrong: string[] = [];
  const seen = (what: string, r: { status: number; text: string }) => {
    if (r.status >= 500) wrong.push(`${what}: ${r.status} ${r.text.slice(0, 150)}`);
  };
  for (const name of ["constructor", "__proto__"])
    for (const s of shapes) {
      const query = Object.fromEntries(Object.keys(s.query).map((k) => [k, name]));
      const url = urlOf(s, { param: name, query: { ...query, [name]: name } });
      if (s.body === undefined) {
        seen(`${s.name} ${name}`, await send(s.method, url, s.role));
        continue;
      }
      let body: unknown = s.body;
      for (const place of places(s.body))
        if (
          typeof place.reduce<unknown>((x, k) => (x as Record<string, unknown>)[k], s.body) ===
          "string"
        )
          body = put(body, place, name);
      const keyed = JSON.stringify({ ...(body as object), [name]: "x" });
      seen(`${s.name} ${name}`, await send(s.method, url, s.role, JSON.stringify(body)));
      seen(`${s.name} key ${name}`, await send(s.method, urlOf(s), s.role, keyed));
    }
  expect(wrong).toEqual([]);
  expect(Object.keys(Object.prototype)).toEqual([]); // nothing was written there either
}, 120_000);

test("a reference to nothing is a 404 that names it", async () => {
  const r = await send(
    "POST",
    "/api/work/rules",
    "lead",
    JSON.stringify({ kind: null, experiment: "no-such", body: { rule: "paused" } }),
  );
  expect([r.status, r.text]).toEqual([404, expect.stringContaining("no-such")]);
});

test("bytes that are no UTF-8 are refused, not replaced in silence", async () => {
  const reply = await site.app.request("/api/desk/concerns", {
    method: "POST",
    headers: { authorization: `Bearer ${keys.get("rater")}`, "content-type": "application/json" },
    body: new Uint8Array([...Buffer.from('{"text":"caf'), 0xe9, ...Buffer.from('"}')]),
  });
  expect([reply.status, await reply.text()]).toEqual([400, expect.stringContaining("UTF-8")]);
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

test("a rater's NUL out of a PDF is told, and the answer goes through once it is out", async () => {
  const { db } = site.store;
  const id = ExperimentId.parse("essays");
  await createExperiment(db, { id, recipe: "r@1", title: "t", seed: 1, config: {}, stages: [] });
  const batch = (input: string) => ({
    id: `batch-${input.length}`,
    experiment: id,
    type: essay,
    people: 1,
    inputs: [{ id: "0", input: { text: input } }],
  });
  // what a workflow asks is checked by the same rule, before anything is posted
  await expect(postBatch(db, batch(NUL))).rejects.toThrow(
    /input.*text has a NUL character after "a"/,
  );
  await postBatch(db, batch("Subject"));
  const next = await send("POST", "/api/desk/next", "rater", "{}");
  const got = NextReply.parse(JSON.parse(next.text));
  if (got.kind !== "task") throw new Error("no task");
  const answer = (essay: string) =>
    send(
      "POST",
      "/api/desk/answers",
      "rater",
      JSON.stringify({
        lease: got.lease.lease,
        value: { essay },
        activeSeconds: 1,
        idleSeconds: 0,
      }),
    );
  const bad = await answer("from a PDF:\0 end");
  expect(bad.status).toBe(400);
  expect(JSON.parse(bad.text)).toEqual({
    code: "unstorable_text",
    message:
      'body.value.essay has a NUL character after "from a PDF:", which the database does not keep. Take it out.',
  });
  expect((await answer("from a PDF: end 😀")).status).toBe(200);
});

test("depth is counted outside of texts", () => {
  expect(depthOf('{"a":[1,{"b":"]]][[[\\"[["}]}')).toBe(3);
  expect(depthOf('"[[["')).toBe(0);
});
