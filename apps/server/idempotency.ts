/**
 * Idempotency-Key: a request that changes something and is sent again with the same key gets the first answer. Kept
 * for a day, by who sent it. Submissions at the desk need none: a lease is answered once.
 */
import { createHash } from "node:crypto";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { z } from "zod";
import { type Db, sql } from "@tiller/store";
import { takesFile } from "./bodies.ts";
import { type Deps, type Env, routeOf, tokenOf } from "./context.ts";
import { say } from "./problems.ts";

const KEEP_HOURS = 24;
const BEAT_MS = 30_000;
const ABANDONED_SECONDS = 120; // without a beat: a request whose server died may be sent again after this
const LARGEST = 1 << 20;
const hash = (s: string) => createHash("sha256").update(s).digest("hex");

export const idempotent = (d: Deps) =>
  createMiddleware<Env>(async (c, next) => {
    const given = c.req.header("idempotency-key");
    if (!given || c.req.method !== "POST") return next();
    if (given.length > 255)
      return say(c, 400, "bad_key", "The Idempotency-Key is longer than 255 characters.");
    const { db } = d.store;
    const key = hash([tokenOf(c, d.store.home) ?? "", c.req.method, c.req.path, given].join("\n"));
    const { method, path } = routeOf(c);
    const asked = new URL(c.req.url).search;
    // a file is hashed on its way; what it was is known at its end
    const file = takesFile(method, path) ? hashed(c) : undefined;
    const request = () => hash(`${asked}\n${file?.digest() ?? ""}`);
    const first = file ? "" : hash(`${asked}\n${await c.req.text()}`);
    const known = await claim(db, key, first);
    if (known?.status === null) {
      c.header("retry-after", "1");
      return say(
        c,
        409,
        "in_progress",
        "The same request is being answered. Ask again in a second.",
      );
    }
    if (known) {
      await file?.drain();
      if (known.request !== (file ? request() : first))
        return say(
          c,
          422,
          "key_reused",
          "This Idempotency-Key came with another request before. Use a new key.",
        );
      return new Response(known.reply, {
        status: known.status,
        headers: { "content-type": "application/json", "idempotency-replayed": "true" },
      });
    }
    const beat = setInterval(() => {
      void db
        .run(sql`update idempotency set at = now() where key = ${key} and status is null`)
        .catch(() => {}); // the next one says it
    }, BEAT_MS);
    await next().finally(() => clearInterval(beat));
    const reply = c.res.headers.get("content-type")?.includes("json")
      ? await c.res.clone().text()
      : undefined;
    // not kept: what failed on our side, what was refused at the door, what is no small JSON
    const kept =
      c.res.status < 500 &&
      (!file || file.ended()) &&
      ![401, 403, 408, 429].includes(c.res.status) &&
      reply !== undefined &&
      reply.length <= LARGEST;
    await db.run(
      kept
        ? sql`update idempotency set status = ${c.res.status}, reply = ${reply}, request = ${file ? request() : first} where key = ${key}`
        : sql`delete from idempotency where key = ${key}`,
    );
  });

/** The same body, hashed as it is read and never gathered. */
function hashed(c: Context<Env>) {
  const sum = createHash("sha256");
  let [ended, digest] = [!c.req.raw.body, ""];
  const through = new TransformStream<Uint8Array, Uint8Array>({
    transform: (piece, out) => {
      sum.update(piece);
      out.enqueue(piece);
    },
    flush: () => void (ended = true),
  });
  const body = c.req.raw.body?.pipeThrough(through);
  const init: RequestInit & { duplex: "half" } = { body: body ?? null, duplex: "half" };
  c.req.raw = new Request(c.req.raw, init);
  return {
    ended: () => ended,
    digest: () => (digest ||= sum.digest("hex")),
    drain: async () => {
      for await (const _ of body ?? []) void _;
    },
  };
}

/** undefined: this request is the first and is to be answered. */
async function claim(db: Db, key: string, request: string) {
  await db.run(
    sql`delete from idempotency where at < now() - make_interval(hours => ${KEEP_HOURS}) or (status is null and at < now() - make_interval(secs => ${ABANDONED_SECONDS}))`,
  );
  if (
    await db.run(
      sql`insert into idempotency (key, request) values (${key}, ${request}) on conflict do nothing`,
    )
  )
    return undefined;
  return db.maybe(
    sql`select request, status, reply from idempotency where key = ${key}`,
    z.object({ request: z.string(), status: z.number().nullable(), reply: z.string().nullable() }),
  );
}
