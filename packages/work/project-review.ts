/**
 * What a lead decides about items: a label is accepted, the lead's own answer is put in its place, or the item is sent back:
 * its answers count no longer and as many are asked for again, of whoever may have the task, those who answered included.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  type Me,
  type ProjectPerson,
  type ReviewedItems,
  type ReviewItems,
  TillerError,
} from "@tiller/schema";
import { median } from "@tiller/crowd/statistics.ts";
import { canonical, type Db, sql } from "@tiller/store";
import { at, readAnswer } from "@tiller/task";
import { openThread } from "./feedback.ts";
import { goldAnswers } from "./gold.ts";
import type { ItemWithAnswers, Results } from "./project-results.ts";
import { laneOfProject } from "./projects.ts";

/** Of an item, what a decision about it needs. */
export interface Reviewable {
  readonly place: number;
  readonly task: string | null;
  readonly answers: number;
  /** label by question; what is undecided is not in it */
  readonly labels: Readonly<Record<string, unknown>>;
  readonly undecided: readonly string[];
}
export const reviewable = (i: ItemWithAnswers): Reviewable => ({
  place: i.place,
  task: i.task,
  answers: i.answers,
  labels: Object.fromEntries(
    i.labels.flatMap((l) => (l.value === undefined ? [] : [[l.field, l.value]])),
  ),
  undecided: i.labels.filter((l) => l.undecided).map((l) => l.field),
});

type Left = ReviewedItems["left"];
/** Why an item cannot be judged so; undefined: it can. */
function refused(act: ReviewItems["act"], i: Reviewable): string | undefined {
  if (i.task === null) return "it is hidden gold";
  if (act === "fix") return undefined;
  if (i.answers === 0) return "nobody has answered it";
  if (act === "accept" && i.undecided.length)
    return `${i.undecided.join(", ")} is undecided: fix it, or send it back`;
  return undefined;
}

/** Does an act on items and keeps what it takes to undo it. `fix` is checked by the caller, who has its kind of work. */
export const reviewItems = (
  db: Db,
  me: Pick<Me, "id" | "role">,
  o: { project: string; asked: ReviewItems; items: readonly Reviewable[] },
): Promise<ReviewedItems> =>
  db.transaction(async (tx) => {
    const { project, asked } = o;
    await locked(tx, project);
    const review = randomUUID();
    const left: Left = [];
    const rows: { place: number; value: unknown; leases: string[] }[] = [];
    for (const i of o.items) {
      const why = refused(asked.act, i);
      if (why) {
        left.push({ place: i.place, why });
        continue;
      }
      rows.push({
        place: i.place,
        value: asked.act === "accept" ? i.labels : asked.act === "fix" ? asked.value : null,
        leases: asked.act === "return" ? await sendBack(tx, project, i.task!) : [],
      });
    }
    const items = rows.length;
    await tx.run(
      sql`insert into review (id, project, place, act, value, leases, note, person)
          select ${review}, ${project}, place, ${asked.act}, nullif(value, 'null'), array(select jsonb_array_elements_text(leases)), ${"note" in asked ? asked.note : ""}, ${me.id}
          from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as x(place int, value jsonb, leases jsonb) order by place`,
    );
    if (!items && left.length === 1)
      throw new TillerError("not_reviewable", `item ${left[0]!.place}: ${left[0]!.why}.`);
    if (asked.act !== "accept" && asked.note) await tell(tx, me, review, asked.note);
    return { review, items, left };
  });

const locked = async (tx: Db, project: string): Promise<void> => {
  const found = await tx.run(sql`select 1 from project where id = ${project} for update`);
  if (!found)
    throw new TillerError(
      "not_found",
      `there is no project ${project}. Look at the list of projects.`,
    );
};

const Lease = z.object({ id: z.string() });
/** The task's answers lose their places; returns their leases. */
async function sendBack(tx: Db, project: string, task: string): Promise<string[]> {
  const leases = (
    await tx.many(
      sql`update lease set state = 'returned' where task = ${task} and state = 'answered' returning id`,
      Lease,
    )
  ).map((l) => l.id);
  await tx.run(
    sql`update answer set returned_at = now() where lease = any(${leases}) and undone_at is null`,
  );
  await movePlaces(tx, { project, task, n: -leases.length });
  return leases;
}
const movePlaces = async (
  tx: Db,
  o: { project: string; task: string; n: number },
): Promise<void> => {
  await tx.run(
    sql`update task set taken = taken + ${o.n}, lane = ${laneOfProject(o.project)} where id = ${o.task}`,
  );
  await tx.run(
    sql`update batch set done = done + ${o.n} where id = (select batch from task where id = ${o.task})`,
  );
};

/** Whoever answered gets the note as feedback on their answer; under a fix only who said otherwise. */
async function tell(tx: Db, me: Pick<Me, "id" | "role">, review: string, note: string) {
  const answers = await tx.many(
    sql`select a.id from review r join project_item i on i.project = r.project and i.place = r.place join answer a on a.task = i.task and a.undone_at is null
        join lease l on l.id = a.lease join person p on p.id = a.person
        where r.id = ${review} and not p.simulated and case r.act when 'return' then a.lease = any(r.leases) else l.state = 'answered' and a.value <> r.value end order by a.at`,
    Lease,
  );
  for (const { id } of answers)
    await openThread(tx, me, {
      kind: "feedback",
      answer: id as never,
      title: "The work lead looked at your answer",
      text: note,
    });
}

const Undone = z.object({
  place: z.number(),
  task: z.string(),
  act: z.enum(["accept", "fix", "return"]),
  leases: z.array(z.string()),
});
/** Takes an act back on all of its items; those that were answered anew, or judged again since, are named. */
export const undoReview = (
  db: Db,
  me: Pick<Me, "id">,
  o: { project: string; review: string },
): Promise<ReviewedItems> =>
  db.transaction(async (tx) => {
    await locked(tx, o.project);
    const rows = await tx.many(
      sql`select r.place, i.task, r.act, r.leases from review r join project_item i on i.project = r.project and i.place = r.place
          where r.id = ${o.review} and r.project = ${o.project} and r.undone_at is null order by r.place`,
      Undone,
    );
    if (!rows.length)
      throw new TillerError(
        "not_found",
        `there is no such act ${o.review} on ${o.project} that could be taken back. Look at the items again.`,
      );
    const left: Left = [];
    for (const r of rows) {
      const why = await keptFromUndo(tx, o, r);
      if (why) {
        left.push({ place: r.place, why });
        continue;
      }
      if (r.leases.length) {
        await tx.run(
          sql`update lease set state = 'answered' where id = any(${r.leases}) and state = 'returned'`,
        );
        await tx.run(sql`update answer set returned_at = null where lease = any(${r.leases})`);
        await movePlaces(tx, { project: o.project, task: r.task, n: r.leases.length });
      }
      await tx.run(
        sql`update review set undone_at = now(), undone_by = ${me.id} where id = ${o.review} and place = ${r.place}`,
      );
    }
    if (left.length === rows.length)
      throw new TillerError(
        "too_late",
        `nothing was taken back: item ${left[0]!.place}: ${left[0]!.why}.`,
      );
    return { review: o.review, items: rows.length - left.length, left };
  });
async function keptFromUndo(
  tx: Db,
  o: { project: string; review: string },
  r: z.infer<typeof Undone>,
): Promise<string | undefined> {
  const later = await tx.value(
    sql`select exists (select 1 from review n where n.project = ${o.project} and n.place = ${r.place} and n.undone_at is null
          and n.seq > (select seq from review where id = ${o.review} and place = ${r.place}))`,
    z.boolean(),
  );
  if (later) return "it was decided anew since; take that back first";
  if (!r.leases.length) return undefined;
  const taken = await tx.value(
    sql`select t.taken + ${r.leases.length} > t.people or exists (select 1 from lease l join lease b on b.id = any(${r.leases}) and b.person = l.person
          where l.task = t.id and l.state in ('live', 'answered', 'skipped')) from task t where t.id = ${r.task} for update of t`,
    z.boolean(),
  );
  return taken ? "people are at it again, or have answered" : undefined;
}

/** The lead's own answer against the rules of its kind of work. */
export function checkFix(item: ItemWithAnswers, value: unknown): void {
  const read = readAnswer(item.kind, item.input, value);
  if ("problems" in read)
    throw new TillerError(
      "bad_answer",
      `item ${item.place}: ${read.problems.join("; ")}. Correct it and send it again.`,
    );
}

/** Answers by person: how many, how fast, how often as the label says, and how often right on the project's gold. */
export async function projectPeople(
  db: Db,
  project: string,
  { items }: Results,
): Promise<ProjectPerson[]> {
  const gold = new Set(
    (
      await db.many(
        sql`select gold as id from project_item where project = ${project} and gold is not null`,
        Lease,
      )
    ).map((g) => g.id),
  );
  const known = gold.size ? (await goldAnswers(db)).filter((a) => gold.has(a.gold)) : [];
  const rows = items.flatMap((item) => item.said.map((said) => ({ ...said, item })));
  return [...Map.groupBy(rows, (r) => r.rater)]
    .map(([rater, own]) => {
      const counted = own.filter((r) => !r.returned);
      const compared = counted.flatMap((r) => {
        if (r.item.answers < 2) return [];
        return r.item.labels.flatMap((l) =>
          l.confidence === null || l.value === undefined || at(r.value, l.field) === undefined
            ? []
            : [canonical(at(r.value, l.field)) === canonical(l.value)],
        );
      });
      const tried = known.filter((g) => g.pseudonym === rater);
      return {
        rater,
        simulated: own[0]!.simulated,
        answers: own.length,
        returned: own.length - counted.length,
        seconds: own.length ? median(own.map((r) => r.seconds)) : null,
        agreement: compared.length ? compared.filter(Boolean).length / compared.length : null,
        compared: compared.length,
        gold: { right: tried.filter((g) => g.right).length, of: tried.length },
        last: own.reduce((last, r) => (r.at > last ? r.at : last), ""),
      };
    })
    .toSorted((a, b) => b.answers - a.answers || (a.rater < b.rater ? -1 : 1));
}
