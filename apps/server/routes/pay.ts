/** Pay: rates, the payroll of a period, its export, entries and corrections. People see their own at /api/account/pay. */
import { Hono } from "hono";
import { streamText } from "hono/streaming";
import { z } from "zod";
import { Correction, NewRate, type Payroll, Period, TillerError } from "@tiller/schema";
import { csvLine } from "@tiller/data";
import {
  addRate,
  correctPay,
  ledgerEntries,
  listRates,
  payOf,
  payroll,
  recordAct,
} from "@tiller/store";
import type { Deps, Env } from "../context.ts";

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

/** `names=1` puts real names in: for admins only. */
const Query = z.object({ from: z.string(), to: z.string(), names: z.enum(["0", "1"]).optional() });

export const payRoutes = (d: Deps) => {
  const { db } = d.store;
  return new Hono<Env>()
    .get("/", async (c) => {
      const { from, to } = Query.parse(c.req.query());
      const names = c.var.me.role === "admin";
      return c.json(await payroll(db, Period.parse({ from, to }), { names }));
    })
    .get("/payroll.csv", async (c) => {
      const q = Query.parse(c.req.query());
      const period = Period.parse({ from: q.from, to: q.to });
      const names = q.names === "1";
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
    })
    .get("/entries.csv", (c) => {
      const { from, to } = Query.parse(c.req.query());
      const period = Period.parse({ from, to });
      c.header("content-disposition", `attachment; filename="ledger-${from}-to-${to}.csv"`);
      return streamText(c, async (out) => {
        const names = [
          "seq",
          "at",
          "day",
          "pseudonym",
          "kind",
          "answer",
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
    })
    .get("/rates", async (c) => c.json(await listRates(db)))
    .post("/rates", async (c) => {
      const booked = await addRate(db, c.var.me.id, NewRate.parse(await c.req.json()));
      c.set("recorded", true);
      return c.json(booked);
    })
    .get("/people/:id", async (c) => {
      const { from, to } = Query.parse(c.req.query());
      const person = c.req.param("id");
      return c.json(
        await ledgerEntries(db, { period: Period.parse({ from, to }), person, limit: 500 }),
      );
    })
    .post("/people/:id/corrections", async (c) => {
      await correctPay(db, c.var.me.id, c.req.param("id"), Correction.parse(await c.req.json()));
      c.set("recorded", true);
      return c.json({ ok: true });
    });
};

/** A person's own pay, mounted beside the account. */
export const ownPayRoutes = (d: Deps) =>
  new Hono<Env>().get("/", async (c) => {
    const { from, to } = Query.parse(c.req.query());
    return c.json(await payOf(d.store.db, c.var.me.id, Period.parse({ from, to })));
  });
