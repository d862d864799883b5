/**
 * The door under pressure: guesses at the same moment, links that make one person another, replies that outlive the
 * right to them, a proxy in front, bodies without end. On a listening server and the real database.
 */
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Me, type Role, Session } from "@tiller/schema";
import { bounded } from "@tiller/server/bodies.ts";
import { networkOf } from "@tiller/server/security.ts";
import { ensurePerson, issueToken, setPassword, sql, takeGuess } from "@tiller/store";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
beforeAll(async () => {
  site = await openServer();
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});
afterEach(() => {
  delete process.env["TILLER_TRUST_PROXY"];
});

const person = (role: Role, id: string = role) =>
  ensurePerson(site.store.db, { id, name: `Name of ${id}`, pseudonym: `alias-${id}`, role });
const session = (me: Me) => issueToken(site.store.db, me.id, "session");
const call = async (
  method: string,
  url: string,
  o: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
) =>
  site.app.request(url, {
    method,
    headers: {
      ...(o.token ? { authorization: `Bearer ${o.token}` } : {}),
      ...(o.body === undefined ? {} : { "content-type": "application/json" }),
      ...o.headers,
    },
    ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
  });

// --- who is who ---

test("a sign-in link for somebody is an admin's to make, on record, and its owner sees who made it", async () => {
  const rater = await person("rater", "linked");
  for (const role of ["lead", "researcher", "service", "rater"] as const) {
    const reply = await call("POST", `/api/people/${rater.id}/link`, {
      token: await session(await person(role)),
    });
    expect(reply.status, role).toBe(403);
  }
  const admin = await session(await person("admin"));
  const made = await call("POST", `/api/people/${rater.id}/link`, { token: admin });
  const { link } = z.object({ link: z.url() }).parse(await made.json());
  const opened = await call("GET", link.replace("http://localhost", ""));
  const cookie = opened.headers.getSetCookie()[0]!.split(";")[0]!;
  const seen = z
    .array(Session)
    .parse(await (await call("GET", "/api/account/sessions", { headers: { cookie } })).json());
  expect(seen.map((s) => `${s.kind} ${s.madeBy}`).toSorted()).toEqual([
    "link alias-admin",
    "session alias-admin",
  ]);
  const acts = await call("GET", "/api/people/audit?action=person.link", { token: admin });
  expect(await acts.json()).toMatchObject([{ actor: "alias-admin", target: "alias-linked" }]);
});

test("who handed an invitation out does not learn which pseudonym took it", async () => {
  const lead = await session(await person("lead"));
  const made = await call("POST", "/api/people/invitations", {
    token: lead,
    body: { role: "rater", note: "for Anna" },
  });
  const { link } = z.object({ link: z.url() }).parse(await made.json());
  const joined = await call("POST", `/api${new URL(link).pathname}`, { body: { name: "Anna" } });
  const { pseudonym } = z.object({ pseudonym: z.string() }).parse(await joined.json());
  const [list, acts] = await Promise.all(
    ["/api/people/invitations", "/api/people/audit?action=invitation.use"].map(async (url) =>
      (await call("GET", url, { token: lead })).json(),
    ),
  );
  expect(list).toMatchObject([{ state: "used", usedBy: null, note: "for Anna" }]);
  expect(acts).toMatchObject([{ actor: pseudonym, target: "an invitation" }]);
  const admin = await session(await person("admin"));
  const known = await call("GET", "/api/people/invitations", { token: admin });
  expect(await known.json()).toMatchObject([{ usedBy: pseudonym }]);
});

// --- guesses ---

test("of a hundred wrong passwords at the same moment eight are looked at, on two servers together", async () => {
  const me = await person("rater", "guessed");
  await setPassword(site.store.db, me.id, { handle: "guessed", password: "a long enough one" });
  const other = site.another();
  const replies = await Promise.all(
    Array.from({ length: 100 }, async (_, i) =>
      (i % 2 ? other : site.app).request("/api/sign-in", {
        method: "POST",
        body: JSON.stringify({ handle: i % 3 ? "guessed" : " Guessed ", password: `wrong ${i}` }),
      }),
    ),
  );
  const counts = Object.groupBy(replies, (r) => String(r.status));
  expect(counts["401"]).toHaveLength(8);
  expect(counts["429"]).toHaveLength(92);
  expect(Number(counts["429"]![0]!.headers.get("retry-after"))).toBeGreaterThan(60);
}, 60_000);

test("right passwords count for nothing; those of a new account and of a change are bounded", async () => {
  const me = await person("rater", "regular");
  await setPassword(site.store.db, me.id, { handle: "regular", password: "a long enough one" });
  for (let i = 0; i < 12; i++) {
    const body = { handle: "regular", password: "a long enough one" };
    expect((await call("POST", "/api/sign-in", { body })).status).toBe(200);
  }
  const token = await session(me);
  const changes = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      call("POST", "/api/account/password", {
        token,
        body: { handle: "regular", password: "another long one", current: `wrong ${i}` },
      }),
    ),
  );
  expect(changes.filter((r) => r.status === 400)).toHaveLength(7); // one went for setting it above
  expect(changes.filter((r) => r.status === 429)).toHaveLength(13);
}, 60_000);

test("without an invitation nothing is hashed, and guesses at links are slowed down", async () => {
  const app = site.another();
  const began = performance.now();
  const replies = await Promise.all(
    Array.from({ length: 200 }, async () =>
      app.request("/api/join/nothing", {
        method: "POST",
        body: JSON.stringify({ name: "x", handle: "abc", password: "correct horse battery" }),
      }),
    ),
  );
  // 200 hashes one after the other would take several times this
  expect(performance.now() - began).toBeLessThan(10_000);
  const counts = Object.groupBy(replies, (r) => String(r.status));
  expect(counts["410"]).toHaveLength(120);
  expect(counts["429"]).toHaveLength(80);
  const keys = await Promise.all(
    Array.from({ length: 5 }, async () =>
      app.request("/api/me", { headers: { authorization: "Bearer sk-tiller-nothing" } }),
    ),
  );
  expect(keys.map((r) => r.status)).toEqual(Array(5).fill(429));
});

test("a bucket fills with time, and none is a list of names", async () => {
  const { db } = site.store;
  const guess = [{ rate: "account", key: "somebody" }] as const;
  for (let i = 0; i < 8; i++) expect(await takeGuess(db, guess)).toBe(0);
  expect(await takeGuess(db, guess)).toBe(120);
  await db.run(sql`update attempt set at = at - interval '2 minutes'`);
  expect(await takeGuess(db, guess)).toBe(0);
  const names = await db.many(sql`select key from attempt`, z.object({ key: z.string() }));
  const sum = createHash("sha256").update("somebody").digest("hex");
  expect(names.map((n) => n.key)).toContain(`account ${sum}`);
});

test.each([
  ["2001:db8:1:2:3::1", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
  ["2001:DB8::1", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
  ["10.0.0.1", "10.0.0.1"],
])("%s counts as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

// --- replies that go on ---

async function listening(token: string, url = "/api/studio/events") {
  const reply = await fetch(`${site.address}${url}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(reply.status).toBe(200);
  const reader = reply.body!.getReader();
  const over = (async () => {
    for (;;) if ((await reader.read()).done) return "over";
  })();
  return { over, close: () => reader.cancel() };
}
const admin = async () => session(await person("admin"));

test.each([
  ["signing out", (token: string) => call("POST", "/api/account/sign-out", { token })],
  [
    "another role",
    async () =>
      call("POST", "/api/people/watcher", { token: await admin(), body: { role: "rater" } }),
  ],
  [
    "a closed account",
    async () =>
      call("POST", "/api/people/watcher", { token: await admin(), body: { disabled: true } }),
  ],
  [
    "a session ended elsewhere",
    async () =>
      call("POST", "/api/people/watcher/sessions/revoke", { token: await admin(), body: {} }),
  ],
])("live events end at once with %s, and others' go on", async (_, act) => {
  await site.store.db.run(
    sql`update person set role = 'researcher', disabled_at = null where id = 'watcher'`,
  );
  const me = await person("researcher", "watcher");
  const token = await session(me);
  const [mine, others] = [
    await listening(token),
    await listening(await session(await person("lead"))),
  ];
  expect((await act(token)).status).toBe(200);
  expect(await mine.over).toBe("over");
  const still = await Promise.race([
    others.over,
    new Promise((r) => setTimeout(() => r("open"), 300)),
  ]);
  expect(still).toBe("open");
  await others.close();
});

test("a person has so many live events open, and room again once they are closed", async () => {
  const token = await session(await person("researcher", "many"));
  const open = await Promise.all(Array.from({ length: 24 }, () => listening(token)));
  const headers = { authorization: `Bearer ${token}` };
  const more = () => fetch(`${site.address}/api/studio/events`, { headers });
  expect((await more()).status).toBe(429);
  await Promise.all(open.map((o) => o.close()));
  await expect
    .poll(async () => {
      const reply = await more();
      await reply.body?.cancel();
      return reply.status;
    })
    .toBe(200);
});

// --- a proxy in front ---

test("links and cookies are https where a trusted proxy says so, and nobody else's word counts", async () => {
  const token = await session(await person("lead"));
  const headers = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "tiller.example",
    host: "127.0.0.1:7070",
  };
  const invited = async (more: Record<string, string> = {}) => {
    const reply = await call("POST", "/api/people/invitations", {
      token,
      body: { role: "rater" },
      headers: { ...headers, ...more },
    });
    return z.object({ link: z.string() }).parse(await reply.json()).link;
  };
  expect(await invited()).toMatch(/^http:\/\/127\.0\.0\.1:7070\/join\//);
  process.env["TILLER_TRUST_PROXY"] = "1";
  expect(await invited()).toMatch(/^https:\/\/tiller\.example\/join\//);
  expect(await invited({ "x-forwarded-proto": "https, http" })).toMatch(/^https:/);
  expect(await invited({ "x-forwarded-proto": "HTTPS" })).toMatch(/^https:/);
  expect(await invited({ "x-forwarded-proto": "javascript" })).toMatch(/^http:/);
  // no host at all, or nonsense: the one that was asked
  expect(await invited({ "x-forwarded-host": "evil/path?x" })).toMatch(
    /^https:\/\/127\.0\.0\.1:7070\//,
  );
  // told how people reach it, it is this for everybody, and for pages of that address
  process.env["TILLER_PUBLIC_URL"] = "https://public.example/";
  expect(await invited()).toMatch(/^https:\/\/public\.example\/join\//);
  const page = { ...headers, "x-forwarded-host": "inner", origin: "https://public.example" };
  expect((await call("POST", "/api/desk/next", { token, headers: page, body: {} })).status).toBe(
    200,
  );
  delete process.env["TILLER_PUBLIC_URL"];
  const cookie = `tiller_session=${token}`;
  const own = { ...headers, cookie, origin: "https://tiller.example" };
  const desk = await call("POST", "/api/desk/next", { headers: own, body: {} });
  expect(desk.status).toBe(200);
  const link = await call("POST", "/api/people/linked/link", { token: await admin(), headers });
  const made = z.object({ link: z.string() }).parse(await link.json());
  expect(made.link).toMatch(/^https:\/\/tiller\.example\/sign-in\?token=/);
  const opened = await call("GET", made.link.replace("https://tiller.example", ""), { headers });
  expect(opened.headers.getSetCookie()[0]).toMatch(/Secure/);
});

// --- bodies ---

const pieces = (sizes: readonly number[], ms = 0) => {
  let i = 0;
  let held = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (out) => {
        if (ms) await new Promise((r) => setTimeout(r, ms));
        const size = sizes[i++];
        if (size === undefined) return out.close();
        held++;
        out.enqueue(new Uint8Array(size));
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, asked: () => held };
};
const pace = { wholeMs: 10_000, idleMs: 10_000, slowest: 0 };
const sizeOf = async (s: ReadableStream<Uint8Array>) => {
  let size = 0;
  for await (const piece of s) size += piece.length;
  return size;
};

test("a body is passed on piece by piece, and ends with an error where it is too large or too slow", async () => {
  expect(await sizeOf(bounded(pieces([3, 4]).stream, 7, pace))).toBe(7);
  await expect(sizeOf(bounded(pieces([3, 5]).stream, 7, pace))).rejects.toThrow(/larger than/);
  const slow = { ...pace, idleMs: 20 };
  await expect(sizeOf(bounded(pieces([1, 1], 500).stream, 7, slow))).rejects.toThrow(
    /stopped coming/,
  );
  const late = { ...pace, wholeMs: 100 };
  await expect(sizeOf(bounded(pieces(Array(100).fill(1), 20).stream, 500, late))).rejects.toThrow(
    /took longer than 0\.1 s/,
  );
  // nothing is read ahead of who reads
  const source = pieces(Array(50).fill(1000));
  const reader = bounded(source.stream, 1e6, pace).getReader();
  await reader.read();
  expect(source.asked()).toBeLessThan(3);
});

test("chunked bodies have the same bounds as those with a length, and encoded ones are refused", async () => {
  const token = await session(await person("rater"));
  const [host, port] = new URL(site.address).host.split(":") as [string, string];
  const raw = (head: string, body: Buffer) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(port), host);
      let got = "";
      socket.on("data", (d) => {
        got += d.toString();
        if (got.includes("\r\n\r\n")) socket.destroy();
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(got));
      socket.write(
        `POST /api/desk/next HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${head}\r\n\r\n`,
      );
      socket.write(body);
    });
  const chunk = Buffer.concat([Buffer.from("300000\r\n"), Buffer.alloc(3 << 20, 32)]);
  expect(await raw("Transfer-Encoding: chunked", chunk)).toMatch(/^HTTP\/1\.1 413 /);
  const gzip = await call("POST", "/api/desk/next", {
    token,
    body: {},
    headers: { "content-encoding": "gzip" },
  });
  expect(gzip.status).toBe(415);
});

test("an import with an idempotency key is streamed, hashed on its way, and answered once", async () => {
  const token = await issueToken(site.store.db, (await person("service")).id, "key");
  const row = (answer: string) =>
    JSON.stringify({
      prompt: [{ role: "user", content: "Q?" }],
      chosen: [{ role: "assistant", content: answer }],
      rejected: [{ role: "assistant", content: "no" }],
    });
  const send = (body: string, o: { key?: string; dry?: string } = {}) =>
    fetch(
      `${site.address}/api/data/import?format=trl&as=jsonl&name=f.jsonl&experiment=once&dry=${o.dry ?? "true"}`,
      {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          "idempotency-key": o.key ?? "k1",
        },
        body: new Blob([body]).stream(), // chunked
        duplex: "half",
      } as RequestInit,
    );
  const first = await send(row("yes"));
  expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([200, null]);
  const again = await send(row("yes"));
  expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([200, "true"]);
  expect(await again.json()).toEqual(await first.json());
  expect((await send(row("another"))).status).toBe(422);
  expect((await send(row("yes"), { dry: "false" })).status).toBe(422); // another question
  // what is not the same for another person, or under another key
  const noise = await send(randomBytes(1000).toString("base64"), { key: "k2" });
  expect([noise.status, (await send(row("yes"), { key: "k2" })).status]).toEqual([400, 422]);
});
