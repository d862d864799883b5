/**
 * The way in: consent, training items with the researchers' choice and reason, a screening test with a bar, probation,
 * levels. A newcomer gets no other work before the test is passed; every step is an event.
 */
import { z } from "zod";
import { standingOf } from "@tiller/crowd";
import {
  type Joining,
  type JoiningAnswer,
  type JoiningReply,
  JoiningRow,
  joiningSteps,
  type PersonId,
  type QualificationType,
  StoredQualificationType,
  TillerError,
  View,
} from "@tiller/schema";
import { goldAnswers, meetsGold } from "./gold.ts";
import { recordWork, setPaused, setQualification } from "./rules.ts";
import { type Db, sql } from "@tiller/store";

const columns = sql`g.name, g.version, g.active, g.body`;

/** Saves a new version and sends newcomers through it; those on their way finish the one they began. */
export const saveQualificationType = (
  db: Db,
  by: PersonId,
  o: { name: string; body: QualificationType },
): Promise<StoredQualificationType> =>
  db.transaction(async (tx) => {
    await tx.run(sql`update programme set active = false where active`);
    const saved = await tx.one(
      sql`insert into programme as g (name, version, active, body, by)
          select ${o.name}, coalesce(max(version), 0) + 1, true, ${JSON.stringify(o.body)}::jsonb, ${by} from programme where name = ${o.name} returning ${columns}`,
      StoredQualificationType,
    );
    await recordWork(tx, by, "qualification type", { name: o.name, version: saved.version });
    return saved;
  });
/** Newcomers get work at once again. */
export const endQualificationType = (db: Db, by: PersonId): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(sql`update programme set active = false where active`);
    await recordWork(tx, by, "qualification type ended", {});
  });
export const listQualificationTypes = (db: Db): Promise<StoredQualificationType[]> =>
  db.many(
    sql`select ${columns} from programme g order by g.name, g.version desc`,
    StoredQualificationType,
  );

/** Sends a newcomer through the active type of qualification; without one there is nothing to go through. */
export const startJoining = (db: Db, person: PersonId): Promise<boolean> =>
  db.transaction(async (tx) => {
    const started = await tx.run(
      sql`insert into joining (person, programme, version) select ${person}, name, version from programme where active on conflict do nothing`,
    );
    if (!started) return false;
    await tx.run(
      sql`insert into worker (person, stage) values (${person}, 'joining') on conflict (person) do update set stage = 'joining'`,
    );
    await recordWork(tx, person, "joining", { person });
    return true;
  });

const Way = z.object({
  step: z.enum(joiningSteps),
  attempt: z.number(),
  body: StoredQualificationType.shape.body,
  answered: z.number(),
  right: z.number(),
});
const wayOf = (db: Db, person: PersonId, o: { lock?: boolean } = {}) =>
  db.maybe(
    sql`select j.step, j.attempt, g.body,
          (select count(*)::int from joining_answer a where a.person = j.person and a.step = j.step and a.attempt = j.attempt) as answered,
          (select count(*)::int from joining_answer a where a.person = j.person and a.step = 'screening' and a.attempt = j.attempt and a.was_right) as right
        from joining j join programme g on g.name = j.programme and g.version = j.version where j.person = ${person} ${o.lock ? sql`for update of j` : sql``}`,
    Way,
  );

/** What comes next for this person. */
export async function joiningOf(db: Db, person: PersonId): Promise<Joining> {
  const way = await wayOf(db, person);
  if (!way) return { step: "none" };
  const { step, body } = way;
  const { title } = body;
  if (step === "consent") return { step, title, consent: body.consent };
  if (step !== "training" && step !== "screening")
    return { step, title, right: way.right, of: body.screening.length, bar: body.bar };
  const type = await db.maybe(
    sql`select instructions, view from task_type where name = ${body.kind} and view is not null order by length(version) desc, version desc limit 1`,
    z.object({ instructions: z.string(), view: View }),
  );
  if (!type)
    throw new TillerError(
      "unknown_kind",
      `nothing is known yet about the kind of work ${body.kind}. Post a task of it first.`,
    );
  const items = body[step];
  return {
    step,
    title,
    item: way.answered,
    of: items.length,
    input: items[way.answered]?.input,
    ...type,
  };
}

/** Goes on to the first step that has something to do. */
async function goTo(
  db: Db,
  person: PersonId,
  way: z.infer<typeof Way>,
  step: "training" | "screening" | "probation",
) {
  const { body } = way;
  const next = step === "training" && !body.training.length ? "screening" : step;
  const then = next === "screening" && !body.screening.length ? "probation" : next;
  await db.run(sql`update joining set step = ${then}, at = now() where person = ${person}`);
  if (then === "probation") {
    await db.run(sql`update worker set stage = 'probation' where person = ${person}`);
    await setQualification(db, null, {
      person,
      name: body.qualification,
      level: 1,
      why: "passed the test",
    });
  }
  await recordWork(db, person, `joining ${then}`, { person });
}

export const giveConsent = (db: Db, person: PersonId): Promise<void> =>
  db.transaction(async (tx) => {
    const way = await wayOf(tx, person, { lock: true });
    if (way?.step === "consent") await goTo(tx, person, way, "training");
  });

/** One training or test item. Only a training item is explained; the test is judged at its end. */
export const answerJoining = (
  db: Db,
  person: PersonId,
  a: z.infer<typeof JoiningAnswer>,
): Promise<JoiningReply> =>
  db.transaction(async (tx) => {
    const way = await wayOf(tx, person, { lock: true });
    if (!way || way.step !== a.step || way.answered !== a.item)
      throw new TillerError(
        "out_of_step",
        `you are at ${way ? `${way.step}, item ${way.answered + 1}` : "no qualification"}, not at ${a.step}, item ${a.item + 1}. Reload the page.`,
      );
    const { body } = way;
    const item = body[a.step][a.item]!;
    const right = meetsGold(a.value, item);
    await tx.run(
      sql`insert into joining_answer (person, step, attempt, item, value, was_right) values (${person}, ${a.step}, ${way.attempt}, ${a.item}, ${JSON.stringify(a.value)}, ${right})`,
    );
    const last = a.item + 1 === body[a.step].length;
    if (a.step === "training") {
      if (last) await goTo(tx, person, way, "screening");
      const { reason } = body.training[a.item]!;
      return { told: { right, expected: item.expected, reason } };
    }
    if (!last) return { told: null };
    const got = way.right + Number(right);
    if (got >= body.bar * body.screening.length - 1e-9) await goTo(tx, person, way, "probation");
    else if (way.attempt < body.attempts) {
      await tx.run(
        sql`update joining set attempt = attempt + 1, step = 'training' where person = ${person}`,
      );
      await recordWork(tx, person, "joining again", { person, right: got });
    } else {
      await tx.run(sql`update joining set step = 'failed', at = now() where person = ${person}`);
      await recordWork(tx, person, "joining failed", { person, right: got });
    }
    return { told: null };
  });

/** Someone leaves: no more work, their answers stay. What they hold goes to others. */
export const leaveWork = (
  db: Db,
  by: PersonId,
  o: { person: PersonId; why: string },
): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(sql`update joining set step = 'left', at = now() where person = ${o.person}`);
    await tx.run(
      sql`insert into worker (person, stage) values (${o.person}, 'left') on conflict (person) do update set stage = 'left'`,
    );
    await tx.run(
      sql`update lease set expires_at = now() where person = ${o.person} and state = 'live'`,
    );
    await recordWork(tx, by, "left", o);
  });

/** Brings someone back to work by hand: after a failed test, a pause, or leaving. */
export const admit = (db: Db, by: PersonId, o: { person: PersonId; why: string }): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(sql`update joining set step = 'done', at = now() where person = ${o.person}`);
    await tx.run(
      sql`insert into worker (person, stage) values (${o.person}, 'active') on conflict (person) do update set stage = 'active', paused_at = null, paused_why = null`,
    );
    await recordWork(tx, by, "admitted", o);
  });

/** After a known answer: whoever is surely under a bar is paused, and probation ends when there were enough. */
export async function judgeStanding(db: Db, person: PersonId): Promise<void> {
  const way = await wayOf(db, person);
  const rules = await db.many(
    sql`select kind, (body->>'below')::float8 as below, (body->>'least')::float8 as least from work_rule where ended_at is null and body->>'rule' = 'suspend'`,
    z.object({ kind: z.string().nullable(), below: z.number(), least: z.number() }),
  );
  const onProbation = way?.step === "probation" ? way.body : undefined;
  if (!onProbation && !rules.length) return;
  const answers = await goldAnswers(db, { person, limit: RECENT });
  const probation = onProbation && { kind: onProbation.kind, ...onProbation.probation };
  const standing = standingOf(answers, { rules, probation });
  if (standing.kind === "paused")
    return setPaused(db, null, { person, paused: true, why: standing.why });
  if (standing.kind === "as before") return;
  const { why } = standing;
  await db.transaction(async (tx) => {
    const ended = await tx.run(
      sql`update joining set step = 'done', at = now() where person = ${person} and step = 'probation'`,
    );
    if (!ended) return;
    await tx.run(sql`update worker set stage = 'active' where person = ${person}`);
    await setQualification(tx, null, { person, name: onProbation!.qualification, level: 2, why });
    await recordWork(tx, null, "joining done", { person, why });
  });
}
const RECENT = 200;

export const listJoining = (db: Db): Promise<JoiningRow[]> =>
  db.many(
    sql`select j.person, p.pseudonym, j.programme as qualification, j.step, j.at,
          (select count(*)::int from joining_answer a where a.person = j.person and a.step = 'screening' and a.attempt = j.attempt and a.was_right) as right,
          (select count(*)::int from joining_answer a where a.person = j.person and a.step = 'screening' and a.attempt = j.attempt) as of
        from joining j join person p on p.id = j.person order by j.at desc limit 500`,
    JoiningRow,
  );

/** Why there is no work, in words for the person. */
export async function whyNothing(db: Db, person: PersonId): Promise<string> {
  const at = await db.maybe(
    sql`select stage, paused_why as why, paused_at is not null as paused from worker where person = ${person}`,
    z.object({ stage: z.string(), why: z.string().nullable(), paused: z.boolean() }),
  );
  if (at?.paused)
    return `Your work is paused: ${at.why || "ask the work lead why"}. Talk to the work lead to go on.`;
  if (at?.stage === "joining") return "Before there is work for you, go through the introduction.";
  if (at?.stage === "left") return "You have left. Talk to the work lead to come back.";
  return "All caught up: there is no work for you right now.";
}
