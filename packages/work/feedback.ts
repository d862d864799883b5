/**
 * Threads between staff and raters: comment, reply, resolved, gold changed. Every step is a message and none is changed;
 * the state is where the last step led by the table in schema/feedback.ts. A rater sees the threads about them, and no
 * notes.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  DeskFeedback,
  type Me,
  movesOf,
  Notices,
  type OpenThread,
  type PersonId,
  Thread,
  type ThreadAct,
  type ThreadState,
  TillerError,
} from "@tiller/schema";
import { getGold, saveGold } from "./gold.ts";
import { type Db, sql, type Sql } from "@tiller/store";

const columns = sql`h.id, h.kind, h.state, h.about, (select pseudonym from person where id = h.about) as pseudonym, h.answer, h.task, h.gold, h.title,
  h.created_at as "createdAt", h.updated_at as "updatedAt",
  (select jsonb_agg(jsonb_build_object('seq', m.seq, 'by', p.pseudonym, 'staff', p.role <> 'rater', 'action', m.action, 'text', m.text,
     'at', to_char(m.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by m.seq)
   from thread_message m join person p on p.id = m.person where m.thread = h.id) as messages`;

const side = (me: Pick<Me, "role">) => (me.role === "rater" ? "rater" : "staff");
const visible = (me: Pick<Me, "id" | "role">): Sql =>
  me.role === "rater" ? sql`h.about = ${me.id} and h.kind <> 'note'` : sql`true`;

export interface ThreadFilter {
  readonly about?: PersonId | undefined;
  readonly task?: string | undefined;
  readonly gold?: string | undefined;
  readonly states?: readonly ThreadState[] | undefined;
  readonly limit?: number;
}
/** Newest first; for a rater their own. */
export const listThreads = (
  db: Db,
  me: Pick<Me, "id" | "role">,
  f: ThreadFilter = {},
): Promise<Thread[]> =>
  db.many(
    sql`select ${columns} from thread h where ${visible(me)}
          and (${f.about ?? null}::text is null or h.about = ${f.about ?? null})
          and (${f.task ?? null}::text is null or h.task = ${f.task ?? null})
          and (${f.gold ?? null}::text is null or h.gold = ${f.gold ?? null})
          and (${f.states ? [...f.states] : null}::text[] is null or h.state = any(${f.states ? [...f.states] : null}))
        order by h.updated_at desc, h.id limit ${f.limit ?? 200}`,
    Thread,
  );
export async function getThread(db: Db, me: Pick<Me, "id" | "role">, id: string): Promise<Thread> {
  const found = await db.maybe(
    sql`select ${columns} from thread h where h.id = ${id} and ${visible(me)}`,
    Thread,
  );
  if (!found)
    throw new TillerError("not_found", `there is no thread ${id} for you. Look at the list.`);
  return found;
}

const say = (db: Db, thread: string, by: PersonId, action: string, text: string) =>
  db.run(
    sql`insert into thread_message (thread, person, action, text) values (${thread}, ${by}, ${action}, ${text})`,
  );

/** What a thread is tied to: named directly, or by the answer. */
const Tied = z.object({
  person: z.string(),
  task: z.string(),
  gold: z.string().nullable(),
});

/** Opens a thread. Raters open disputes about their own answers; staff open notes and feedback. */
export async function openThread(
  db: Db,
  me: Pick<Me, "id" | "role">,
  o: OpenThread,
): Promise<Thread> {
  const rater = side(me) === "rater";
  if (rater !== (o.kind === "dispute"))
    throw new TillerError(
      "not_allowed",
      rater
        ? "raters open disputes; notes and feedback are the staff's. Send kind dispute."
        : "a dispute is opened by the rater it is about. Open a note or feedback.",
    );
  const tied = o.answer
    ? await db.maybe(
        sql`select a.person, a.task, t.gold from answer a join task t on t.id = a.task where a.id = ${o.answer}`,
        Tied,
      )
    : undefined;
  if (o.answer && (!tied || (rater && tied.person !== me.id)))
    throw new TillerError("not_found", `there is no answer ${o.answer} of yours. Check its id.`);
  if (rater && !tied)
    throw new TillerError(
      "bad_request",
      "a dispute is about one of your answers. Name the answer.",
    );
  const about = rater ? me.id : (o.about ?? tied?.person ?? null);
  if (o.kind === "feedback" && !about)
    throw new TillerError("bad_request", "feedback is for somebody. Name the person or an answer.");
  const id = randomUUID();
  await db.transaction(async (tx) => {
    await tx.run(
      sql`insert into thread (id, kind, about, answer, task, gold, title, opened_by)
          values (${id}, ${o.kind}, ${about}, ${o.answer ?? null}, ${o.task ?? tied?.task ?? null}, ${o.gold ?? tied?.gold ?? null}, ${o.title}, ${me.id})`,
    );
    await say(tx, id, me.id, "open", o.text);
  });
  return getThread(db, me, id);
}

/** One step in a thread. An upheld dispute with `expected` changes the gold item in the same transaction. */
export async function actOnThread(
  db: Db,
  me: Pick<Me, "id" | "role">,
  id: string,
  act: ThreadAct,
): Promise<Thread> {
  return db.transaction(async (tx) => {
    await tx.run(sql`select 1 from thread where id = ${id} for update`);
    const thread = await getThread(tx, me, id);
    const moves = movesOf(thread, side(me));
    const move = moves.find((m) => m.action === act.action);
    if (!move)
      throw new TillerError(
        "too_late",
        `a ${thread.kind} that is ${thread.state} cannot take ${act.action}. You may ${moves.map((m) => m.action).join(", ") || "only read it"}.`,
      );
    if (act.action === "reply" && !act.text)
      throw new TillerError("bad_request", "a reply needs words. Write some.");
    if (act.expected) {
      if (act.action !== "uphold" || !thread.gold)
        throw new TillerError(
          "bad_request",
          "gold changes by upholding a dispute about a gold item. Leave out expected, or change the gold itself.",
        );
      const gold = await getGold(tx, thread.gold);
      await saveGold(tx, me.id, {
        id: gold.id,
        type: gold.type,
        input: gold.input,
        expected: act.expected,
        tolerance: gold.tolerance,
        reason: act.text || gold.reason,
        thread: id,
      });
    }
    await say(tx, id, me.id, act.action, act.text);
    await tx.run(sql`update thread set state = ${move.to}, updated_at = now() where id = ${id}`);
    return getThread(tx, me, id);
  });
}

/** What a rater sees of all this: their threads, and tasks that a researcher settled otherwise than they answered. */
export async function deskFeedback(db: Db, me: Pick<Me, "id">): Promise<DeskFeedback> {
  const { at, seenAt } = await db.one(
    sql`select now() as at, (select s.at from feedback_seen s where s.person = ${me.id}) as "seenAt"`,
    z.object({ at: z.iso.datetime(), seenAt: z.iso.datetime().nullable() }),
  );
  const threads = await listThreads(db, { id: me.id, role: "rater" });
  const settled = await db.many(
    sql`select a.id as answer, t.id as task, k.title, k.view, t.input, l.swap, l.shown, a.value as said, d.value as decided, d.reason, d.at
        from answer a join lease l on l.id = a.lease join task t on t.id = a.task join task_type k on k.name = t.type and k.version = t.type_version
          join lateral (select * from decision where task = t.id order by at desc limit 1) d on true
        where a.person = ${me.id} and a.undone_at is null and not a.value @> d.value
        order by d.at desc limit 100`,
    DeskFeedback.shape.settled.element,
  );
  return { at, seenAt, threads, settled };
}

export const seeFeedback = (db: Db, me: Pick<Me, "id">, until: string): Promise<number> =>
  db.run(
    sql`insert into feedback_seen (person, at) values (${me.id}, ${until}) on conflict (person) do update set at = greatest(feedback_seen.at, excluded.at)`,
  );

/** What waits for somebody, but for the control room's alerts. */
export const noticesFor = (
  db: Db,
  me: Pick<Me, "id" | "role">,
): Promise<Omit<Notices, "control" | "rooms">> => {
  const staff = side(me) === "staff";
  return db.one(
    sql`with seen as (select coalesce((select at from feedback_seen where person = ${me.id}), '-infinity'::timestamptz) as at)
        select case when ${staff} then (select count(*)::int from concern where replied_at is null)
            + (select count(*)::int from skip where fate = 'researcher' and settled_at is null) else 0 end as inbox,
          case when ${staff} then (select count(*)::int from thread where (kind = 'dispute' and state = 'open') or (kind = 'feedback' and state = 'replied')) else 0 end as threads,
          (select count(*)::int from thread h, seen where h.about = ${me.id} and h.kind <> 'note' and h.updated_at > seen.at
             and exists (select 1 from thread_message m where m.thread = h.id and m.person <> ${me.id} and m.at > seen.at))
          + (select count(distinct d.task)::int from seen, decision d join answer a on a.task = d.task and a.person = ${me.id} and a.undone_at is null
             where d.at > seen.at and not a.value @> d.value
               and not exists (select 1 from decision later where later.task = d.task and later.at > d.at)) as feedback`,
    Notices.omit({ control: true, rooms: true }),
  );
};
