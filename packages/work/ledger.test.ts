/**
 * The pay ledger against a recomputation from the answers, under random sequences of work, undo, skips, corrections and
 * rates (seed printed by fast-check); payslips add up; nothing is edited in place.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentId, LeaseId, type Me, type Period } from "@tiller/schema";
import { pairType } from "./fixtures/pair.ts";
import { addRate, correctPay, ledgerEntries, payOf, payroll, PARTS } from "./ledger.ts";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { takeLease } from "./take.ts";
import { postBatch, skipTask, submitAnswer, undoAnswer } from "./work.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-ledger-"));
let store: Store;
let admin: Me;
const experiment = ExperimentId.parse("pay");
beforeAll(async () => {
  store = await openStore({ home });
  admin = await ensurePerson(store.db, { id: "a", name: "A", pseudonym: "a", role: "admin" });
  await createExperiment(store.db, {
    id: experiment,
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
});
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

const input = { passage: "p", a: { text: "x", sample: "1" }, b: { text: "y", sample: "2" } };
let made = 0;
/** Two kinds of work with enough tasks for one run. */
async function tasks(n: number) {
  const run = ++made;
  for (const name of ["long", "short"])
    await postBatch(store.db, {
      id: `${name}-${run}`,
      experiment,
      type: { ...pairType, name },
      people: 3,
      inputs: Array.from({ length: n }, (_, i) => ({ id: `${i}`, input })),
    });
  return run;
}
const person = (id: string, o: { simulated?: boolean } = {}) =>
  ensurePerson(store.db, { id, name: id, pseudonym: id, role: "rater", ...o });

const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const everything = (): Period => ({ from: "2000-01-01", to: tomorrow() });

/** Time passes for a lease: paid time is never more than what the clock allows. */
const old = (lease: string) =>
  store.db.run(
    sql`update lease set created_at = created_at - interval '1 hour' where id = ${lease}`,
  );

interface Rate {
  kind: string | null;
  per: "hour" | "piece";
  amount: number;
  validFrom: number;
}
/** What an answer is worth, told once more in other words than the database's. */
function worth(rates: readonly Rate[], kind: string, at: number, ms: number, pieces: number) {
  let parts = 0;
  for (const per of ["hour", "piece"] as const) {
    const fits = rates.filter((r) => r.per === per && r.validFrom <= at);
    const own = fits.filter((r) => r.kind === kind);
    const pick = (own.length ? own : fits.filter((r) => r.kind === null))
      .map((r, i) => ({ r, i }))
      .toSorted((a, b) => b.r.validFrom - a.r.validFrom || b.i - a.i)[0]?.r;
    if (pick) parts += pick.amount * (per === "hour" ? ms : PARTS * pieces);
  }
  return parts;
}

const Act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      ms: fc.integer({ min: 0, max: 900_000 }),
      who: fc.nat(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("skip" as const),
      ms: fc.integer({ min: 0, max: 90_000 }),
      who: fc.nat(1),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("undo" as const), which: fc.nat(50) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("correct" as const),
      amount: fc.integer({ min: -500, max: 500 }).filter((a) => a !== 0),
      who: fc.nat(1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("rate" as const),
      kind: fc.constantFrom(null, "long", "short"),
      per: fc.constantFrom("hour" as const, "piece" as const),
      amount: fc.integer({ min: 0, max: 4000 }),
      hours: fc.integer({ min: -3, max: 1 }),
    }),
  },
);

test("ledger sum = recomputation from the answers, whatever was done in whatever order", async () => {
  const rates: Rate[] = [];
  await fc.assert(
    fc.asyncProperty(fc.array(Act, { minLength: 5, maxLength: 30 }), async (acts) => {
      const run = await tasks(30);
      const people = [await person(`r${run}-0`), await person(`r${run}-1`)] as const;
      const given: { answer: string; who: number }[] = [];
      const corrections = [0, 0];
      for (const act of acts) {
        if (act.do === "answer" || act.do === "skip") {
          const me = people[act.who]!.id;
          const lease = await takeLease(store.db, me, { swap: false });
          if (!lease) continue;
          await old(lease.lease);
          const id = LeaseId.parse(lease.lease);
          if (act.do === "answer") {
            const s = {
              lease: id,
              value: { choice: "a" },
              activeSeconds: act.ms / 1000,
              idleSeconds: 1,
            };
            const first = await submitAnswer(store.db, me, s);
            const again = await submitAnswer(store.db, me, s); // a resend is no second entry
            expect(again.answer).toBe(first.answer);
            given.push({ answer: first.answer, who: act.who });
          } else {
            await skipTask(store.db, me, { lease: id, reason: "other" });
            await store.db.run(
              sql`update skip set active_seconds = ${act.ms / 1000} where lease = ${id}`,
            );
          }
        } else if (act.do === "undo") {
          const one = given[act.which % (given.length || 1)];
          if (one) await undoAnswer(store.db, people[one.who]!.id, one.answer).catch(() => {}); // undone before
        } else if (act.do === "correct") {
          if (!rates.length) continue;
          await correctPay(store.db, admin.id, people[act.who]!.id, {
            amount: act.amount,
            reason: "by hand",
          });
          corrections[act.who]! += act.amount;
        } else {
          const validFrom = Date.now() + act.hours * 3_600_000;
          const rate = { kind: act.kind, per: act.per, amount: act.amount, validFrom };
          rates.push(rate);
          await addRate(store.db, admin.id, {
            ...rate,
            currency: "EUR",
            validFrom: new Date(validFrom).toISOString(),
          });
        }
      }
      const Piece = z.object({
        kind: z.string(),
        at: z.string(),
        ms: z.number(),
        pieces: z.number(),
      });
      for (const [who, { id }] of people.entries()) {
        const work = await store.db.many(
          sql`select t.type as kind, a.at, round(a.active_seconds * 1000)::int as ms, 1 as pieces from answer a join task t on t.id = a.task where a.person = ${id} and a.undone_at is null
              union all select t.type, s.at, round(s.active_seconds * 1000)::int, 0 from skip s join lease l on l.id = s.lease join task t on t.id = l.task where l.person = ${id}`,
          Piece,
        );
        const parts =
          work.reduce((sum, w) => sum + worth(rates, w.kind, Date.parse(w.at), w.ms, w.pieces), 0) +
          corrections[who]! * PARTS;
        const entries = await ledgerEntries(store.db, {
          period: everything(),
          person: id,
          limit: 1000,
        });
        expect(entries.reduce((sum, e) => sum + e.parts, 0)).toBe(parts);
        const pay = await payOf(store.db, id, everything());
        expect(pay.due).toBe(Math.floor(parts / PARTS));
        expect(Math.round(pay.seconds * 1000)).toBe(work.reduce((sum, w) => sum + w.ms, 0));
        expect(pay.pieces).toBe(work.reduce((sum, w) => sum + w.pieces, 0));
        expect(pay.corrections.reduce((sum, c) => sum + c.amount, 0)).toBe(corrections[who]);
      }
    }),
    { numRuns: 12 },
  );
  const kinds = await store.db.many(
    sql`select distinct kind from ledger_entry order by kind`,
    z.object({ kind: z.string() }),
  );
  expect(kinds.map((k) => k.kind)).toEqual(["correction", "rate", "skipped", "undone", "work"]);
}, 240_000);

test("payslips of adjacent periods add up to the cent", async () => {
  const me = await person("adder");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: -3 * PARTS, max: 5 * PARTS }), { minLength: 2, maxLength: 12 }),
      async (parts) => {
        const id = `adder-${++made}`;
        await person(id);
        await store.db.run(
          sql`insert into ledger_entry (person, kind, day, parts) select ${id}, 'rate', '2024-01-01'::date + n::int, p from unnest(${parts}::bigint[]) with ordinality as x(p, n)`,
        );
        const day = (n: number) => new Date(Date.UTC(2024, 0, 1 + n)).toISOString().slice(0, 10);
        const due = async (from: string, to: string) =>
          (await payroll(store.db, { from, to }, { names: false })).lines.find(
            (l) => l.person === id,
          )?.due ?? 0;
        let sum = 0;
        for (let n = 1; n <= parts.length; n++) sum += await due(day(n), day(n + 1));
        const whole = await due(day(0), day(parts.length + 1));
        expect(sum).toBe(whole);
        expect(whole).toBe(Math.floor(parts.reduce((a, b) => a + b, 0) / PARTS));
      },
    ),
    { numRuns: 10 },
  );
  expect((await payOf(store.db, me.id, everything())).days).toEqual([]);
}, 120_000);

test("a browser cannot claim more time than passed; simulated raters are not paid; nothing is edited", async () => {
  await tasks(2);
  const me = await person("eager");
  const lease = (await takeLease(store.db, me.id, { swap: false }))!;
  await submitAnswer(store.db, me.id, {
    lease: lease.lease,
    value: { choice: "a" },
    activeSeconds: 80_000,
    idleSeconds: 0,
  });
  expect((await payOf(store.db, me.id, everything())).seconds).toBeLessThan(600);

  await store.db.run(sql`update batch set simulated = true`); // else no simulated rater gets any
  const robot = await person("robot", { simulated: true });
  const other = (await takeLease(store.db, robot.id, { swap: false }))!;
  await submitAnswer(store.db, robot.id, {
    lease: other.lease,
    value: { choice: "a" },
    activeSeconds: 1,
    idleSeconds: 0,
  });
  expect((await payOf(store.db, robot.id, everything())).days).toEqual([]);

  for (const change of [
    sql`update ledger_entry set parts = 0`,
    sql`delete from ledger_entry`,
    sql`update pay_rate set amount = 0`,
    sql`truncate ledger_entry cascade`,
  ])
    await expect(store.db.run(change)).rejects.toThrow("append-only");
  await expect(
    addRate(store.db, admin.id, {
      kind: null,
      per: "hour",
      amount: 1,
      currency: "USD",
      validFrom: new Date().toISOString(),
    }),
  ).rejects.toThrow("pay is in EUR here");
});
