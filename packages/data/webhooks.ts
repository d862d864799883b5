/**
 * Webhooks: who is told of what, and the outbox that the triggers of 008b-webhooks.sql fill. A delivery is tried until
 * it is taken or given up; one may arrive twice, with the same id.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import {
  type NewWebhook,
  type PersonId,
  TillerError,
  Webhook,
  WebhookDelivery,
  type WebhookEvent,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

/** Seconds from one attempt to the next; after the last the delivery is given up. About a day and a half in all. */
export const BACK_OFF: readonly number[] = [5, 30, 120, 600, 3600, 10_800, 28_800, 86_400];
/** Failed attempts in a row after which the whole webhook is switched off. */
const GIVE_UP = 20;
/** A claimed delivery that nobody reported on is free again after this. */
const CLAIM_SECONDS = 60;
const KEEP_DAYS = 30;

export async function createWebhook(
  db: Db,
  by: PersonId,
  w: z.infer<typeof NewWebhook>,
): Promise<{ id: string; secret: string }> {
  const id = `wh_${randomUUID().slice(0, 8)}`;
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  await db.run(
    sql`insert into webhook (id, url, events, secret, note, created_by) values (${id}, ${w.url}, ${[...new Set<WebhookEvent>(w.events)]}, ${secret}, ${w.note}, ${by})`,
  );
  return { id, secret };
}

export const listWebhooks = (db: Db): Promise<Webhook[]> =>
  db.many(
    sql`select id, url, events, note, created_at as "createdAt", failures, disabled_at as "disabledAt", disabled_reason as "disabledReason",
          (select count(*)::int from webhook_delivery d where d.webhook = w.id and d.state = 'pending') as waiting
        from webhook w order by created_at`,
    Webhook,
  );

const found = (n: number, what: string, id: string | number): void => {
  if (!n)
    throw new TillerError("not_found", `there is no ${what} ${id}. Look it up in the studio.`);
};

/** Off: nothing new is kept for it, and what waits stays. On: its failures are forgotten and what waits goes out. */
export const setWebhookEnabled = async (
  db: Db,
  id: string,
  o: { enabled: boolean; reason?: string },
): Promise<void> =>
  found(
    await db.run(
      o.enabled
        ? sql`update webhook set disabled_at = null, disabled_reason = null, failures = 0 where id = ${id}`
        : sql`update webhook set disabled_at = coalesce(disabled_at, now()), disabled_reason = coalesce(disabled_reason, ${o.reason ?? "switched off by hand"}) where id = ${id}`,
    ),
    "webhook",
    id,
  );

export const listDeliveries = (
  db: Db,
  webhook: string,
  o: { before?: number | undefined; limit: number },
): Promise<WebhookDelivery[]> =>
  db.many(
    sql`select d.id, d.event, e.type, e.at, d.state, d.attempts, case when d.state = 'pending' then d.next_at end as "nextAt", a.status, a.error, a.milliseconds, e.data
        from webhook_delivery d join webhook_event e on e.id = d.event
        left join lateral (select * from webhook_attempt a where a.delivery = d.id order by n desc limit 1) a on true
        where d.webhook = ${webhook} and (${o.before ?? null}::bigint is null or d.id < ${o.before ?? null}) order by d.id desc limit ${o.limit}`,
    WebhookDelivery,
  );

/** Sends it again, whatever became of it, with the same event id. */
export async function redeliver(db: Db, webhook: string, delivery: number): Promise<void> {
  found(
    await db.run(
      sql`update webhook_delivery set state = 'pending', next_at = now() where id = ${delivery} and webhook = ${webhook}`,
    ),
    "delivery",
    delivery,
  );
  await db.run(sql`select pg_notify('tiller_webhook', '')`);
}

const Claimed = z.object({
  id: z.number(),
  event: z.string(),
  type: z.string(),
  at: z.string(),
  data: z.unknown(),
  attempts: z.number(),
  webhook: z.string(),
  url: z.string(),
  secret: z.string(),
});
export type Claimed = z.infer<typeof Claimed>;

/** Deliveries that are due, for this process alone until it reports or its claim ends. Mails come together, so that one is sent. */
export const claimDeliveries = (db: Db, limit: number): Promise<Claimed[]> =>
  db.many(
    sql`with due as (
          select d.id from webhook_delivery d join webhook w on w.id = d.webhook
          where d.state = 'pending' and w.disabled_at is null
            and d.next_at <= now() + case when w.url like 'mailto:%' then interval '2 s' else interval '0' end order by d.next_at, d.id limit ${limit} for update of d skip locked),
        claimed as (
          update webhook_delivery d set attempts = attempts + 1, next_at = now() + make_interval(secs => ${CLAIM_SECONDS}) from due where d.id = due.id returning d.*)
        select c.id, c.event, e.type, e.at, e.data, c.attempts, c.webhook, w.url, w.secret
        from claimed c join webhook_event e on e.id = c.event join webhook w on w.id = c.webhook order by c.id`,
    Claimed,
  );

export interface Attempt {
  readonly status: number | null;
  readonly error: string | null;
  readonly milliseconds: number;
}

/** What came of an attempt. A 2xx is a success; 410 says that nobody wants it any more. */
export async function recordAttempt(
  db: Db,
  d: Pick<Claimed, "id" | "webhook" | "attempts">,
  a: Attempt,
  backOff: readonly number[] = BACK_OFF,
): Promise<void> {
  const taken = a.status !== null && a.status >= 200 && a.status < 300;
  const wait = backOff[d.attempts - 1];
  await db.transaction(async (tx) => {
    await tx.run(
      sql`insert into webhook_attempt (delivery, n, status, error, milliseconds) values (${d.id}, ${d.attempts}, ${a.status}, ${a.error}, ${a.milliseconds}) on conflict do nothing`,
    );
    await tx.run(
      taken
        ? sql`update webhook_delivery set state = 'delivered', delivered_at = now() where id = ${d.id}`
        : wait === undefined
          ? sql`update webhook_delivery set state = 'failed' where id = ${d.id} and state = 'pending'`
          : sql`update webhook_delivery set next_at = now() + make_interval(secs => ${wait}) where id = ${d.id} and state = 'pending'`,
    );
    if (taken) {
      await tx.run(sql`update webhook set failures = 0 where id = ${d.webhook} and failures > 0`);
      return;
    }
    const why = a.error ?? `HTTP ${a.status}`;
    const reason =
      a.status === 410
        ? "the receiver says it is gone (HTTP 410)"
        : `${GIVE_UP} attempts in a row failed; the last one: ${why}`;
    await tx.run(
      sql`update webhook set failures = failures + 1,
            disabled_at = case when ${a.status === 410} or failures + 1 >= ${GIVE_UP} then coalesce(disabled_at, now()) else disabled_at end,
            disabled_reason = case when ${a.status === 410} or failures + 1 >= ${GIVE_UP} then coalesce(disabled_reason, ${reason}) else disabled_reason end
          where id = ${d.webhook}`,
    );
  });
}

/** Milliseconds until the next delivery is due; undefined when none waits. */
export const nextDue = async (db: Db): Promise<number | undefined> =>
  (await db.value(
    sql`select (extract(epoch from min(d.next_at) - now()) * 1000)::float8 from webhook_delivery d join webhook w on w.id = d.webhook where d.state = 'pending' and w.disabled_at is null`,
    z.number().nullable(),
  )) ?? undefined;

/** Forgets what was settled long ago. */
export const forgetOld = (db: Db): Promise<number> =>
  db.run(
    sql`delete from webhook_event e where at < now() - make_interval(days => ${KEEP_DAYS}) and not exists (select 1 from webhook_delivery d where d.event = e.id and d.state = 'pending')`,
  );
