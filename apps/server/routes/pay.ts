/** Pay: rates, the payroll of a period, its export, entries and corrections. People see their own at /api/account/pay. */
import { streamText } from "hono/streaming";
import { type Payroll, TillerError } from "@tiller/schema";
import { csvLine } from "@tiller/data";
import { addRate, correctPay, ledgerEntries, listRates, payOf, payroll } from "@tiller/work";
import { recordAct } from "@tiller/store";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

/** Minor units as the currency writes them: 1234 is 12.34 in euros, 1234 in yen. */
const money = (minor: number, currency: string): string => {
  const digits =
    new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions()
      .maximumFractionDigits ?? 2;
  return (minor / 10 ** digits).toFixed(digits);
};

function payrollCsv(p: Payroll, names: boolean): string {
  const currency = p.currency ?? "";
  const amount = (minor: number) => (currency ? money(minor, currency) : String(minor));
  const total = p.lines.reduce((sum, l) => sum + l.due, 0);
  return [
    csvLine([
      "pseudonym",
      ...(names ? ["name"] : []),
      "from",
      "to",
      "hours",
      "pieces",
      "corrections",
      "due",
      "due_minor",
      "currency",
    ]),
    ...p.lines.map((l) =>
      csvLine([
        l.pseudonym,
        ...(names ? [l.name ?? ""] : []),
        p.from,
        p.to,
        (l.seconds / 3600).toFixed(4),
        l.pieces,
        amount(l.corrections),
        amount(l.due),
        l.due,
        currency,
      ]),
    ),
    csvLine([
      "total",
      ...(names ? [""] : []),
      p.from,
      p.to,
      (p.lines.reduce((s, l) => s + l.seconds, 0) / 3600).toFixed(4),
      p.lines.reduce((s, l) => s + l.pieces, 0),
      amount(p.lines.reduce((s, l) => s + l.corrections, 0)),
      amount(total),
      total,
      currency,
    ]),
  ].join("");
}

export const payRoutes = (d: Deps) => {
  const { db } = d.store;
  return {
    payroll: (c, { from, to }) => payroll(db, { from, to }, { names: c.var.me.role === "admin" }),
    payrollFile: async (c, { names: named, ...period }) => {
      const names = named === "1";
      if (names && c.var.me.role !== "admin")
        throw new TillerError(
          "not_allowed",
          "only an admin exports pay by name. Leave names out, or ask an admin.",
        );
      const body = payrollCsv(await payroll(db, period, { names }), names);
      await recordAct(db, {
        actor: c.var.me.id,
        action: names ? "pay.export by name" : "pay.export",
        target: `${period.from} to ${period.to}`,
      });
      c.header("content-type", "text/csv; charset=utf-8");
      c.header(
        "content-disposition",
        `attachment; filename="payroll-${period.from}-to-${period.to}.csv"`,
      );
      return c.body(body);
    },
    payEntries: (c, { from, to }) => {
      const period = { from, to };
      c.header("content-disposition", `attachment; filename="ledger-${from}-to-${to}.csv"`);
      return streamText(c, async (out) => {
        const names = [
          "seq",
          "at",
          "day",
          "pseudonym",
          "kind",
          "answer",
          "room",
          "taskType",
          "milliseconds",
          "pieces",
          "parts",
          "reason",
        ] as const;
        await out.write(csvLine(names));
        for (let after = 0; ;) {
          const page = await ledgerEntries(db, { period, after, limit: 5000 });
          await out.write(page.map((e) => csvLine(names.map((n) => e[n] ?? ""))).join(""));
          if (page.length < 5000) return;
          after = page.at(-1)!.seq;
        }
      });
    },
    payRates: () => listRates(db),
    setPayRate: async (c, { body }) => {
      const booked = await addRate(db, c.var.me.id, body);
      c.set("recorded", true);
      return booked;
    },
    payOf: (_, { id, from, to }) =>
      ledgerEntries(db, { period: { from, to }, person: id, limit: 500 }),
    correctPay: async (c, { id, body }) => {
      await correctPay(db, c.var.me.id, id, body);
      c.set("recorded", true);
      return ok;
    },
    ownPay: (c, { from, to }) => payOf(db, c.var.me.id, { from, to }),
  } satisfies Partial<Handlers>;
};
