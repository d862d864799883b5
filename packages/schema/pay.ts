/** Pay: rates, the ledger's entries and payslips. Money is in whole minor units (cents), days are UTC. */
import { z } from "zod";
import { PersonId } from "./ids.ts";

/** What an hour of active time or a piece is worth from a date on. `kind` null: kinds without a rate of their own. */
export const PayRate = z.strictObject({
  seq: z.number(),
  kind: z.string().nullable(),
  project: z.string().nullable().describe("its newest rate alone counts for its work"),
  per: z.enum(["hour", "piece"]),
  amount: z.number().int(),
  currency: z.string(),
  validFrom: z.iso.datetime(),
  by: z.string().describe("pseudonym"),
  at: z.iso.datetime(),
});
export type PayRate = z.infer<typeof PayRate>;
/** POST /api/pay/rates */
export const NewRate = z.strictObject({
  kind: z.string().min(1).nullable().default(null),
  project: z.string().min(1).nullable().default(null),
  per: z.enum(["hour", "piece"]),
  amount: z.number().int().min(0).max(100_000_000).describe("minor units, for example cents"),
  currency: z.string().regex(/^[A-Z]{3}$/, "three capital letters, for example EUR"),
  validFrom: z.iso.datetime(),
});
export type NewRate = z.infer<typeof NewRate>;

/** From one day up to another, the last not included. */
export const Period = z
  .strictObject({ from: z.iso.date(), to: z.iso.date() })
  .refine((p) => p.from < p.to, "the period ends before it begins");
export type Period = z.infer<typeof Period>;

export const ledgerKinds = ["work", "undone", "skipped", "room", "rate", "correction"] as const;
/** `parts`: 3,600,000 are one minor unit, so that nothing is rounded before the payslip. */
export const LedgerEntry = z.strictObject({
  seq: z.number(),
  at: z.iso.datetime(),
  day: z.iso.date(),
  pseudonym: z.string(),
  kind: z.enum(ledgerKinds),
  answer: z.string().nullable(),
  room: z.string().nullable(),
  taskType: z.string().nullable(),
  milliseconds: z.number(),
  pieces: z.number(),
  parts: z.number(),
  reason: z.string(),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;

/** POST /api/pay/people/:id/corrections */
export const Correction = z.strictObject({
  amount: z
    .number()
    .int()
    .min(-10_000_000)
    .max(10_000_000)
    .refine((a) => a !== 0, "a correction is not nothing"),
  reason: z.string().trim().min(3).max(500),
  answer: z.string().optional(),
});
export type Correction = z.infer<typeof Correction>;

/** One line of the payroll: what is due to a person for a period. Adjacent periods add up to the whole to the cent. */
export const PayLine = z.strictObject({
  person: PersonId,
  pseudonym: z.string(),
  name: z.string().nullable().describe("for admins only"),
  seconds: z.number().describe("paid active time"),
  pieces: z.number(),
  corrections: z.number(),
  due: z.number(),
});
export type PayLine = z.infer<typeof PayLine>;
export const Payroll = z.strictObject({
  from: z.iso.date(),
  to: z.iso.date(),
  currency: z.string().nullable().describe("null: no rate was set yet"),
  lines: z.array(PayLine),
});
export type Payroll = z.infer<typeof Payroll>;

/** GET /api/account/pay: a person's own. */
export const OwnPay = z.strictObject({
  from: z.iso.date(),
  to: z.iso.date(),
  currency: z.string().nullable(),
  paid: z.boolean().describe("this person's time goes into the ledger"),
  seconds: z.number(),
  pieces: z.number(),
  due: z.number(),
  days: z.array(
    z.strictObject({ day: z.iso.date(), seconds: z.number(), pieces: z.number(), due: z.number() }),
  ),
  rooms: z
    .array(
      z.strictObject({
        room: z.string(),
        name: z.string(),
        reading: z.number().describe("seconds"),
        writing: z.number(),
        waiting: z.number(),
        due: z.number().describe("minor units, before rounding"),
      }),
    )
    .describe("time in rooms, which the days have in them"),
  corrections: z.array(
    z.strictObject({ at: z.iso.datetime(), amount: z.number(), reason: z.string() }),
  ),
  rates: z.array(
    PayRate.pick({ kind: true, project: true, per: true, amount: true, validFrom: true }),
  ),
});
export type OwnPay = z.infer<typeof OwnPay>;
