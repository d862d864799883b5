/** One's own account: where one is signed in, the password, and for paid people what is due. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Card, Loaded, Missing, Refused, Stat, when } from "../design/components.tsx";
import { RoomPay } from "../desk/room-pay.tsx";
import "../control/control.css";
import { hours } from "../control/format.ts";
import { browserName, money, thisMonth } from "./format.ts";

export function AccountPage() {
  return (
    <main className="control">
      <h1>My account</h1>
      <Pay />
      <Sessions />
      <Password />
    </main>
  );
}

function Pay() {
  const [period] = useState(thisMonth);
  const pay = useQuery(asking("ownPay", { from: period.from, to: period.to }));
  if (!pay.data) return <Missing query={pay} />;
  const p = pay.data;
  if (!p.paid && p.days.length === 0) return null;
  return (
    <Card title="Pay this month" aside={<span className="quiet small">days in UTC</span>}>
      <div className="stats">
        <Stat name="Due so far" value={p.currency ? money(p.due, p.currency) : "no rate yet"} />
        <Stat name="Paid time" value={`${hours(p.seconds)} h`} />
        <Stat name="Pieces" value={String(p.pieces)} />
      </div>
      <RoomPay pay={p} />
      {p.corrections.length > 0 && (
        <ul className="quick">
          {p.corrections.map((c) => (
            <li key={`${c.at} ${c.reason}`}>
              <span>
                <b className="num">{money(c.amount, p.currency ?? "")}</b> {c.reason}{" "}
                <span className="quiet small">{when(c.at)}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
      <p className="quiet small">
        Paid time is active time: input in the last half minute, this page in view. A skipped task
        counts too; an answer you take back does not.
      </p>
    </Card>
  );
}

function Sessions() {
  const client = useQueryClient();
  const sessions = useQuery(asking("ownSessions"));
  const end = useMutation({
    mutationFn: (id: string) => api.revokeOwnSession({ id }),
    onSettled: () => client.invalidateQueries({ queryKey: keyOf("ownSessions") }),
  });
  const out = useMutation({
    mutationFn: () => api.signOut(),
    onSuccess: () => location.assign("/"),
  });
  return (
    <Card
      title="Where I am signed in"
      aside={
        <button className="button" onClick={() => out.mutate()}>
          Sign out here
        </button>
      }
    >
      <Loaded query={sessions}>
        {(data) => (
          <ul className="alerts">
            {data.map((s) => (
              <li key={s.id}>
                <Badge>{s.kind}</Badge>
                <span>
                  {browserName(s.agent, s.kind)} {s.current && <Badge tone="good">this one</Badge>}
                  <br />
                  <span className="quiet small">
                    used {when(s.seenAt)}
                    {s.expiresAt && `, ends ${when(s.expiresAt)}`}
                    {s.madeBy && `, by a link that ${s.madeBy} made`}
                  </span>
                </span>
                {!s.current && (
                  <button
                    className="button"
                    disabled={end.isPending}
                    onClick={() => end.mutate(s.id)}
                  >
                    End it
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}

function Password() {
  const [handle, setHandle] = useState("");
  const [password, setPassword] = useState("");
  const [current, setCurrent] = useState("");
  const change = useMutation({
    mutationFn: () =>
      api.setPassword({ body: { handle, password, ...(current ? { current } : {}) } }),
    onSuccess: () => {
      setPassword("");
      setCurrent("");
    },
  });
  return (
    <Card title="Password">
      <form
        className="form narrow"
        onSubmit={(e) => {
          e.preventDefault();
          change.mutate();
        }}
      >
        <label>
          Name or e-mail address to sign in with
          <input
            autoComplete="username"
            required
            value={handle}
            onChange={(e) => setHandle(e.target.value)}
          />
        </label>
        <label>
          New password, 12 characters or more
          <input
            type="password"
            autoComplete="new-password"
            required
            minLength={12}
            value={password}
            onChange={(e) => setPassword(e.target.value)}
          />
        </label>
        <label>
          Current password, if there is one
          <input
            type="password"
            autoComplete="current-password"
            value={current}
            onChange={(e) => setCurrent(e.target.value)}
          />
        </label>
        <Refused error={change.error} />
        {change.isSuccess && <p role="status">Saved. Your other sessions have ended.</p>}
        <div>
          <button className="button primary" disabled={change.isPending}>
            Save
          </button>
        </div>
      </form>
    </Card>
  );
}
