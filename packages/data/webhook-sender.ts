/**
 * Sends what is in the outbox. Signed as Standard Webhooks says (github.com/standard-webhooks): webhook-id,
 * webhook-timestamp, webhook-signature over "id.timestamp.body". The connection goes to the address that was checked;
 * redirects are not followed. Several server processes may send from one outbox.
 */
import { createHmac } from "node:crypto";
import http from "node:http";
import https from "node:https";
import pg from "pg";
import { type Allowed, checkedAddress } from "./addresses.ts";
import { type Mailer, noMail } from "./mail.ts";
import type { Store } from "@tiller/store";
import {
  type Attempt,
  BACK_OFF,
  type Claimed,
  claimDeliveries,
  forgetOld,
  nextDue,
  recordAttempt,
} from "./webhooks.ts";

const TIMEOUT_MS = 10_000;
const AT_ONCE = 16;
const LONGEST_SLEEP_MS = 30_000; // the word of a new event may be lost with its connection
const FORGET_MS = 3_600_000;

/** v1,base64(HMAC-SHA256(secret, "id.timestamp.body")); the secret is base64 behind "whsec_". */
export const signature = (
  secret: string,
  m: { id: string; timestamp: number; body: string },
): string =>
  `v1,${createHmac("sha256", Buffer.from(secret.replace(/^whsec_/, ""), "base64"))
    .update(`${m.id}.${m.timestamp}.${m.body}`)
    .digest("base64")}`;

async function send(d: Claimed, allowed: Allowed): Promise<Attempt> {
  const began = performance.now();
  const done = (status: number | null, error: string | null): Attempt => ({
    status,
    error,
    milliseconds: Math.round(performance.now() - began),
  });
  try {
    const url = new URL(d.url);
    const { address, family } = await checkedAddress(url, allowed); // anew each time: a name may change
    const body = JSON.stringify({ type: d.type, timestamp: d.at, data: d.data });
    const timestamp = Math.floor(Date.now() / 1000);
    const status = await new Promise<number>((resolve, reject) => {
      const request = (url.protocol === "https:" ? https : http).request(url, {
        method: "POST",
        agent: false,
        timeout: TIMEOUT_MS,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        lookup: (_, o, found) =>
          o.all ? found(null, [{ address, family }]) : found(null, address, family),
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          "user-agent": "Tiller-Webhooks/1",
          "webhook-id": d.event,
          "webhook-timestamp": timestamp,
          "webhook-signature": signature(d.secret, { id: d.event, timestamp, body }),
        },
      });
      request.on("response", (reply) => {
        resolve(reply.statusCode ?? 0);
        reply.destroy(); // what it says beside the status is of no use to us
      });
      request.on("error", reject);
      request.end(body);
    });
    const ok = status >= 200 && status < 300;
    const moved = status >= 300 && status < 400;
    return done(
      status,
      ok
        ? null
        : `HTTP ${status}${moved ? ": redirects are not followed; give the final address" : ""}`,
    );
  } catch (e) {
    return done(
      null,
      (e as Error).name === "TimeoutError"
        ? `no answer within ${TIMEOUT_MS / 1000} s`
        : (e as Error).message,
    );
  }
}

const isMail = (d: Claimed) => d.url.startsWith("mailto:");

/** Begins to send; ends when it is disposed, after what is under way. */
export async function startWebhooks(
  store: Store,
  o: { allowed: Allowed; backOff?: readonly number[]; mailer?: Mailer | undefined },
): Promise<AsyncDisposable> {
  const stopping = new AbortController();
  let wake = () => {};
  const listener = new pg.Client({ ...store.config, application_name: "tiller webhooks" });
  listener.on("notification", () => wake());
  listener.on("error", () => {}); // then the clock alone wakes us
  await listener.connect();
  await listener.query("listen tiller_webhook");
  let forgotten = 0;
  const run = async () => {
    while (!stopping.signal.aborted) {
      let word = false;
      const heard = new Promise<void>((resolve) => {
        wake = () => {
          word = true;
          resolve();
        };
      });
      try {
        const due = await claimDeliveries(store.db, AT_ONCE);
        const record = (d: Claimed, what: Attempt) =>
          recordAttempt(store.db, d, what, o.backOff ?? BACK_OFF);
        const [mails, posts] = [due.filter(isMail), due.filter((d) => !isMail(d))];
        await Promise.all([
          ...posts.map(async (d) => record(d, await send(d, o.allowed))),
          ...[...Map.groupBy(mails, (d) => d.webhook).values()].map(async (all) => {
            const what = (await o.mailer?.send(all)) ?? {
              status: null,
              error: noMail(all[0]!.url).message,
              milliseconds: 0,
            };
            for (const d of all) await record(d, what);
          }),
        ]);
        if (due.length) continue;
        if (Date.now() - forgotten > FORGET_MS) {
          forgotten = Date.now();
          await forgetOld(store.db);
        }
        const wait = Math.min(
          LONGEST_SLEEP_MS,
          Math.max(0, (await nextDue(store.db)) ?? LONGEST_SLEEP_MS),
        );
        if (!word) await sleepUntil(heard, wait, stopping.signal);
      } catch {
        await sleepUntil(heard, 2000, stopping.signal); // the database is away: it comes back or the server ends
      }
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
      await listener.end().catch(() => {});
    },
  };
}

async function sleepUntil(heard: Promise<void>, ms: number, stop: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let stopped = () => {};
  await Promise.race([
    heard,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    }),
    new Promise<void>((resolve) => {
      stopped = resolve;
      if (stop.aborted) resolve();
      else stop.addEventListener("abort", stopped, { once: true });
    }),
  ]);
  clearTimeout(timer);
  stop.removeEventListener("abort", stopped);
}
