/** A person's own work: hours by day, kinds of work, agreement with its interval, concerns, how time is measured. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { type Concern, type OwnWork, raterBounds } from "@tiller/schema";
import { asking } from "../api.ts";
import {
  Badge,
  Card,
  duration,
  Empty,
  Failed,
  Interval,
  Loaded,
  percent,
  Stat,
  when,
} from "../design/components.tsx";
import { OwnAnswers } from "./own-answers.tsx";
import { RoomPay } from "./room-pay.tsx";
import "./desk.css";

type Day = OwnWork["days"][number];
// "en": a browser whose own language tag is not valid throws at the default
const zone = Intl.DateTimeFormat("en").resolvedOptions().timeZone;
const sum = (days: readonly Day[], of: (d: Day) => number) =>
  days.reduce((total, d) => total + of(d), 0);

export function MyWork() {
  const own = useQuery(asking("ownWork", { zone }));
  const concerns = useQuery(asking("listConcerns"));
  return (
    <main>
      <div className="row spread">
        <h1>My work</h1>
        <Link className="button" to="/desk">
          Back to the desk
        </Link>
      </div>
      <Loaded query={own}>
        {(data) =>
          data.days.length === 0 ? (
            <Empty title="Nothing yet">
              Your hours and answers appear here after your first task.
            </Empty>
          ) : (
            <Figures own={data} />
          )
        }
      </Loaded>
      <PayCard />
      <Card title="My answers">
        <OwnAnswers />
      </Card>
      <Card title="My concerns">
        <Loaded query={concerns}>{(data) => <Concerns concerns={data} />}</Loaded>
      </Card>
      <HowTimeCounts />
    </main>
  );
}

const todayHere = (): string =>
  new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date());

function Figures({ own }: { own: OwnWork }) {
  const [today] = useState(todayHere);
  const week = own.days.filter((d) => Date.parse(today) - Date.parse(d.day) < 7 * 86_400_000);
  const lapsed = sum(own.days, (d) => d.lapsedSeconds);
  const most = Math.max(1, ...own.days.map((d) => d.activeSeconds + d.idleSeconds));
  return (
    <>
      <div className="stats">
        <Stat
          name="Active today"
          value={duration(
            sum(
              own.days.filter((d) => d.day === today),
              (d) => d.activeSeconds,
            ),
          )}
        />
        <Stat name="Active in 7 days" value={duration(sum(week, (d) => d.activeSeconds))} />
        <Stat name="Answers in 7 days" value={String(sum(week, (d) => d.answers))} />
        <Stat name="Skipped in 7 days" value={String(sum(week, (d) => d.skipped))} />
        <Stat
          name="Reliability"
          value={own.reliability ? percent(own.reliability.at) : "–"}
          note={
            own.reliability
              ? `between ${percent(own.reliability.low)} and ${percent(own.reliability.high)}`
              : `after ${raterBounds.enough} answers`
          }
        />
      </div>
      <Card title="Hours by day" aside={<span className="quiet small">{zone}</span>}>
        <div className="scroll">
          <table className="hours">
            <thead>
              <tr>
                <th>Day</th>
                <th>Active</th>
                <th>Idle</th>
                <th>Answers</th>
                <th>Skipped</th>
                <th>
                  <span className="unseen">Active beside idle</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {own.days.slice(0, 31).map((d) => (
                <tr key={d.day}>
                  <td>{d.day}</td>
                  <td>{duration(d.activeSeconds)}</td>
                  <td>{duration(d.idleSeconds)}</td>
                  <td>{d.answers}</td>
                  <td>{d.skipped}</td>
                  <td aria-hidden="true">
                    <span className="span">
                      <i style={{ width: `${(100 * d.activeSeconds) / most}%` }} />
                      <i style={{ width: `${(100 * d.idleSeconds) / most}%` }} />
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {lapsed >= 1 && (
          <p className="quiet small">
            Not in the table: {duration(lapsed)} of active time on tasks that went back unfinished.
            Tell the work lead when that was not your doing.
          </p>
        )}
      </Card>
      <Card title="Kinds of work">
        <ul className="threads kinds">
          {own.kinds.map((k) => (
            <li key={k.type}>
              <b>{k.title}</b>
              <span className="num">
                {k.answers} {k.answers === 1 ? "answer" : "answers"}, {duration(k.activeSeconds)}{" "}
                active, usually {duration(k.medianSeconds)} each
              </span>
              {k.low === null || k.high === null ? (
                <span className="quiet">Agreement: no shared tasks yet</span>
              ) : (
                <span className="row num">
                  Agreement: {k.agreed} of {k.shared}
                  <Interval low={k.low} at={k.agreed / k.shared} high={k.high} />
                  <span className="quiet small">
                    between {percent(k.low)} and {percent(k.high)}
                  </span>
                </span>
              )}
            </li>
          ))}
        </ul>
        <p className="quiet small">
          Agreement is with the majority of the others, on tasks where at least two others answered
          and most of them said the same. The interval is where your agreement lies with 95 %
          certainty: the fewer the tasks, the wider. Disagreeing is not a fault in itself.
          Reliability is how often your answers to closed questions are the right ones, as all
          answers together suggest; those who run the work see the same figure.
        </p>
      </Card>
    </>
  );
}

/** This month's pay so far, where this person is paid through Tiller. Its days are UTC, as the ledger's are. */
function PayCard() {
  const [period] = useState(monthSoFar);
  const pay = useQuery(asking("ownPay", { from: period.from, to: period.to }));
  if (pay.error)
    return (
      <Card title="Pay this month">
        <Failed error={pay.error} retry={() => void pay.refetch()} />
      </Card>
    );
  if (!pay.data?.paid || pay.data.currency === null) return null;
  const { currency, due, seconds, pieces, corrections } = pay.data;
  const money = (minor: number) =>
    new Intl.NumberFormat("en", { style: "currency", currency }).format(minor / 100);
  const corrected = corrections.reduce((total, c) => total + c.amount, 0);
  return (
    <Card title="Pay this month" aside={<span className="quiet small">days in UTC</span>}>
      <p>
        <b>{money(due)}</b> so far, for {duration(seconds)} of active time
        {pieces > 0 && ` and ${pieces} pieces`}
        {corrected !== 0 && `, ${money(corrected)} of it by correction`}.
      </p>
      <RoomPay pay={pay.data} />
      {corrections.map((c) => (
        <p key={c.at} className="quiet small">
          {when(c.at)}: {money(c.amount)}, {c.reason}
        </p>
      ))}
    </Card>
  );
}
function monthSoFar(): { from: string; to: string } {
  const now = new Date();
  const day = (d: number) => new Date(d).toISOString().slice(0, 10);
  return {
    from: day(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)),
    to: day(now.getTime() + 86_400_000),
  };
}

const Concerns = ({ concerns }: { concerns: readonly Concern[] }) =>
  concerns.length === 0 ? (
    <p className="quiet">None. Flag a task to tell the researchers what worries you about it.</p>
  ) : (
    <ul className="threads">
      {concerns.map((c) => (
        <ConcernThread key={c.id} concern={c} />
      ))}
    </ul>
  );
export const ConcernThread = ({
  concern: c,
  children,
}: {
  concern: Concern;
  children?: ReactNode;
}) => (
  <li>
    <div className="row spread">
      <span className="quiet small">
        {c.title} · {when(c.at)}
      </span>
      {c.reply === null ? <Badge tone="warn">open</Badge> : <Badge tone="good">answered</Badge>}
    </div>
    <p className="words">{c.text}</p>
    {c.reply !== null && (
      <div className="reply">
        <p className="words">{c.reply}</p>
        <p className="quiet small">
          {c.repliedBy} · {c.repliedAt && when(c.repliedAt)}
        </p>
      </div>
    )}
    {children}
  </li>
);

const HowTimeCounts = () => (
  <Card title="How your time is measured">
    <ul className="time-rules">
      <li>
        Time counts from the moment a task is on your screen, for each task by itself. The next one
        is loaded ahead and does not count yet.
      </li>
      <li>
        <b>Active</b> is every second with this window in view and a key, click, scroll or pointer
        movement in the last 30 seconds. Where a task gives more to read it is longer: what reading
        all of it takes at 120 words a minute, up to 5 minutes. The rest is <b>idle</b>.
      </li>
      <li>Reading the guidelines, flagging and skipping count like the task they belong to.</li>
      <li>
        Your browser measures; the server allows no more than passed by its own clock since it gave
        you the task, and no second twice when you have two windows open.
      </li>
      <li>What was measured is stored with each answer and is not changed afterwards.</li>
    </ul>
  </Card>
);
