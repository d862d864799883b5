/** The payroll of a period, its export, rates, and corrections as further entries. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Me, PayLine } from "@tiller/schema";
import { api, asking, keyOf, linkTo } from "../api.ts";
import { hours } from "../control/format.ts";
import { Tools } from "../control/tools.tsx";
import { Card, Dialog, Empty, FormEnd, Loaded, Stat, when } from "../design/components.tsx";
import { money, thisMonth } from "./format.ts";

export function PayPage({ me }: { me: Me }) {
  const [period, setPeriod] = useState(thisMonth);
  const pay = useQuery(asking("payroll", period.from < period.to ? period : undefined));
  const [correcting, setCorrecting] = useState<PayLine>();
  const lines = pay.data?.lines ?? [];
  const currency = pay.data?.currency ?? "";
  const total = (of: (l: PayLine) => number) => lines.reduce((sum, l) => sum + of(l), 0);
  return (
    <main className="control">
      <h1>Pay</h1>
      <div className="row spread form">
        <div className="pair-fields">
          <label>
            From
            <input
              type="date"
              value={period.from}
              onChange={(e) => setPeriod({ ...period, from: e.target.value })}
            />
          </label>
          <label>
            Up to, not including
            <input
              type="date"
              value={period.to}
              onChange={(e) => setPeriod({ ...period, to: e.target.value })}
            />
          </label>
        </div>
        <div className="actions">
          <a className="button" href={linkTo("payEntries", period)}>
            Ledger as CSV
          </a>
          <a className="button" href={linkTo("payrollFile", period)}>
            Payroll by pseudonym
          </a>
          {me.role === "admin" && (
            <a className="button primary" href={linkTo("payrollFile", { ...period, names: "1" })}>
              Payroll by name
            </a>
          )}
        </div>
      </div>
      <Loaded query={pay}>
        {() =>
          lines.length === 0 ? (
            <Card>
              <Empty title="Nothing in this period">
                Every answer and skip of a paid person makes an entry here.
              </Empty>
            </Card>
          ) : (
            <>
              <div className="stats">
                <Stat
                  name="Due"
                  value={
                    currency
                      ? money(
                          total((l) => l.due),
                          currency,
                        )
                      : "no rate yet"
                  }
                />
                <Stat name="Paid time" value={`${hours(total((l) => l.seconds))} h`} />
                <Stat name="Pieces" value={String(total((l) => l.pieces))} />
                <Stat name="People" value={String(lines.length)} />
              </div>
              <Card>
                <div className="scroll">
                  <table>
                    <thead>
                      <tr>
                        <th>Person</th>
                        <th className="right">Paid time</th>
                        <th className="right">Pieces</th>
                        <th className="right">Corrections</th>
                        <th className="right">Due</th>
                        <th>
                          <span className="sr">Actions</span>
                        </th>
                      </tr>
                    </thead>
                    <tbody>
                      {lines.map((l) => (
                        <tr key={l.person}>
                          <td>
                            {l.pseudonym} {l.name && <span className="quiet small">{l.name}</span>}
                          </td>
                          <td data-label="Paid time" className="right num">
                            {hours(l.seconds)}
                          </td>
                          <td data-label="Pieces" className="right num">
                            {l.pieces}
                          </td>
                          <td data-label="Corrections" className="right num">
                            {l.corrections ? money(l.corrections, currency) : "–"}
                          </td>
                          <td data-label="Due" className="right num">
                            <b>{currency ? money(l.due, currency) : "–"}</b>
                          </td>
                          <td className="wide" aria-label="Actions">
                            <Tools>
                              <button
                                className="button"
                                disabled={!currency}
                                onClick={() => setCorrecting(l)}
                              >
                                Correct
                              </button>
                            </Tools>
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </Card>
            </>
          )
        }
      </Loaded>
      <Rates me={me} />
      {correcting && (
        <CorrectionDialog
          line={correcting}
          currency={currency}
          close={() => setCorrecting(undefined)}
        />
      )}
    </main>
  );
}

/** Minor units of what somebody typed; undefined when it is no amount of this currency. */
function minor(text: string, currency: string): number | undefined {
  const digits =
    new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions()
      .maximumFractionDigits ?? 2;
  const found = /^(-?)(\d+)(?:[.,](\d+))?$/.exec(text.trim());
  if (!found || (found[3]?.length ?? 0) > digits) return undefined;
  const amount = Number(`${found[2]}${(found[3] ?? "").padEnd(digits, "0")}`);
  return found[1] ? -amount : amount;
}

function CorrectionDialog({
  line,
  currency,
  close,
}: {
  line: PayLine;
  currency: string;
  close: () => void;
}) {
  const client = useQueryClient();
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const amount = minor(text, currency);
  const correct = useMutation({
    mutationFn: (amount: number) => api.correctPay({ id: line.person, body: { amount, reason } }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("payroll") });
      close();
    },
  });
  return (
    <Dialog open close={close} title={`Correct the pay of ${line.pseudonym}`}>
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (amount) correct.mutate(amount);
        }}
      >
        <p className="quiet small">
          This adds an entry dated today, with your name in the audit log. What is there stays.
        </p>
        <label>
          Amount in {currency}; with a minus to take away
          <input
            inputMode="decimal"
            required
            value={text}
            aria-invalid={text !== "" && !amount}
            onChange={(e) => setText(e.target.value)}
          />
        </label>
        {text !== "" && !amount && <p className="bad-text small">Write it like 12.50 or -3.</p>}
        <label>
          Reason, which the person sees
          <input
            required
            minLength={3}
            maxLength={500}
            value={reason}
            onChange={(e) => setReason(e.target.value)}
          />
        </label>
        <FormEnd error={correct.error} close={close} disabled={!amount || correct.isPending}>
          Book it
        </FormEnd>
      </form>
    </Dialog>
  );
}

function Rates({ me }: { me: Me }) {
  const [adding, setAdding] = useState(false);
  const rates = useQuery(asking("payRates"));
  return (
    <Card
      title="Rates"
      aside={
        me.role === "admin" && (
          <button className="button" onClick={() => setAdding(true)}>
            Set a rate
          </button>
        )
      }
    >
      <Loaded
        query={rates}
        empty={
          <Empty title="No rates yet">
            Time is in the ledger all the same; a rate may be set for the past.
          </Empty>
        }
      >
        {(data) => (
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th>Kind of work</th>
                  <th className="right">Amount</th>
                  <th>Valid from</th>
                  <th>Set by</th>
                </tr>
              </thead>
              <tbody>
                {data.map((r) => (
                  <tr key={r.seq}>
                    <td>{r.project ? `project ${r.project}` : (r.kind ?? "every other kind")}</td>
                    <td data-label="Amount" className="right num">
                      {money(r.amount, r.currency)} {r.per === "hour" ? "an hour" : "a piece"}
                    </td>
                    <td data-label="Valid from">{when(r.validFrom)}</td>
                    <td data-label="Set by" className="quiet">
                      {r.by}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
      {adding && <RateDialog currency={rates.data?.[0]?.currency} close={() => setAdding(false)} />}
    </Card>
  );
}

function RateDialog({
  currency: fixed,
  close,
}: {
  currency: string | undefined;
  close: () => void;
}) {
  const client = useQueryClient();
  const [kind, setKind] = useState("");
  const [per, setPer] = useState<"hour" | "piece">("hour");
  const [text, setText] = useState("");
  const [currency, setCurrency] = useState(fixed ?? "EUR");
  const [from, setFrom] = useState(() => thisMonth().from);
  const known = /^[A-Z]{3}$/.test(currency);
  const amount = known ? minor(text, currency) : undefined;
  const add = useMutation({
    mutationFn: (amount: number) =>
      api.setPayRate({
        body: {
          kind: kind.trim() || null,
          per,
          amount,
          currency,
          validFrom: `${from}T00:00:00.000Z`,
        },
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("payRates") });
      await client.invalidateQueries({ queryKey: keyOf("payroll") });
      close();
    },
  });
  return (
    <Dialog open close={close} title="Set a rate">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (amount !== undefined) add.mutate(amount);
        }}
      >
        <div className="pair-fields">
          <label>
            Kind of work; empty for every other kind
            <input value={kind} onChange={(e) => setKind(e.target.value)} />
          </label>
          <label>
            For
            <select
              value={per}
              onChange={(e) => setPer(e.target.value === "piece" ? "piece" : "hour")}
            >
              <option value="hour">an hour of active time</option>
              <option value="piece">a piece</option>
            </select>
          </label>
          <label>
            Amount
            <input
              inputMode="decimal"
              required
              value={text}
              onChange={(e) => setText(e.target.value)}
            />
          </label>
          <label>
            Currency
            <input
              required
              pattern="[A-Z]{3}"
              maxLength={3}
              disabled={fixed !== undefined}
              value={currency}
              onChange={(e) => setCurrency(e.target.value.toUpperCase())}
            />
          </label>
        </div>
        <label>
          Valid from (UTC)
          <input type="date" required value={from} onChange={(e) => setFrom(e.target.value)} />
        </label>
        <p className="quiet small">
          For a date in the past, the difference is booked today: months that were paid stay as they
          were.
        </p>
        <FormEnd error={add.error} close={close} disabled={amount === undefined || add.isPending}>
          Set it
        </FormEnd>
      </form>
    </Dialog>
  );
}
