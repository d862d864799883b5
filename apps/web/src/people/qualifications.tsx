/** Joining as leads see it: the qualifications that newcomers work for, version by version, and who stands where. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { JoiningRow, Me, StoredQualificationType } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import {
  Badge,
  Card,
  Dialog,
  Empty,
  FormEnd,
  Missing,
  percent,
  Refused,
  together,
  when,
} from "../design/components.tsx";
import { QualificationForm } from "./qualification-form.tsx";

const many = (n: number, one: string) => `${n} ${one}${n === 1 ? "" : "s"}`;
const tone = {
  consent: undefined,
  training: undefined,
  screening: undefined,
  probation: "warn",
  done: "good",
  failed: "bad",
  left: undefined,
} as const;

export function QualificationsPage({ me }: { me: Me }) {
  const client = useQueryClient();
  const list = useQuery(asking("listQualificationTypes"));
  const newcomers = useQuery(asking("listJoining"));
  const [editing, setEditing] = useState<{ from?: StoredQualificationType }>();
  const [admitting, setAdmitting] = useState<JoiningRow>();
  const end = useMutation({
    mutationFn: () => api.endQualificationType(),
    onSettled: () => client.invalidateQueries({ queryKey: keyOf("listQualificationTypes") }),
  });
  return (
    <main className="control">
      <h1>Joining</h1>
      {!list.data || !newcomers.data ? (
        <Missing query={together(list, newcomers)} />
      ) : (
        <>
          <Card
            title="Qualifications"
            aside={
              <button className="button primary" onClick={() => setEditing({})}>
                New qualification
              </button>
            }
          >
            {list.data.length === 0 ? (
              <Empty title="No qualification">
                Whoever uses an invitation gets work at once. A qualification puts consent,
                training, a test and a probation before it.
              </Empty>
            ) : (
              <ul className="alerts plain-rows">
                {list.data.map((p) => (
                  <li key={`${p.name}@${p.version}`}>
                    <div>
                      <b>{p.body.title}</b>{" "}
                      <span className="quiet small">
                        {p.name}, version {p.version}, for {p.body.kind}
                      </span>{" "}
                      {p.active && <Badge tone="good">newcomers go through it</Badge>}
                      <br />
                      <span className="small">
                        {p.body.training.length
                          ? many(p.body.training.length, "training item")
                          : "no training"}
                        ;{" "}
                        {p.body.screening.length
                          ? `a test of ${p.body.screening.length}, ${percent(p.body.bar)} right to pass, ${many(p.body.attempts, "attempt")}`
                          : "no test"}
                        ; probation of {many(p.body.probation.gold, "known answer")}, paused when
                        surely below {percent(p.body.probation.bar)}
                      </span>
                    </div>
                    <div className="tools">
                      {p.active && (
                        <button
                          className="button"
                          disabled={end.isPending}
                          onClick={() => end.mutate()}
                        >
                          End
                        </button>
                      )}
                      <button
                        className="button"
                        aria-label={`New version of ${p.name}, from version ${p.version}`}
                        onClick={() => setEditing({ from: p })}
                      >
                        New version
                      </button>
                    </div>
                  </li>
                ))}
              </ul>
            )}
            <Refused error={end.error} />
          </Card>
          <Card title="On the way in">
            <Newcomers
              rows={newcomers.data}
              admit={me.role === "researcher" ? undefined : setAdmitting}
            />
          </Card>
        </>
      )}
      {editing && <QualificationForm from={editing.from} close={() => setEditing(undefined)} />}
      {admitting && <AdmitDialog row={admitting} close={() => setAdmitting(undefined)} />}
    </main>
  );
}

function Newcomers(p: {
  rows: readonly JoiningRow[];
  admit: ((row: JoiningRow) => void) | undefined;
}) {
  if (p.rows.length === 0)
    return <Empty title="Nobody yet">Newcomers appear here with their first step.</Empty>;
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Person</th>
            <th>Step</th>
            <th>Qualification</th>
            <th>Test</th>
            <th>Since</th>
            <th>
              <span className="sr">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {p.rows.map((r) => (
            <tr key={r.person}>
              <td>{r.pseudonym}</td>
              <td data-label="Step">
                <Badge tone={tone[r.step]}>{r.step}</Badge>
              </td>
              <td data-label="Qualification">{r.qualification}</td>
              <td data-label="Test" className="num">
                {r.of ? `${r.right} of ${r.of} right` : "–"}
              </td>
              <td data-label="Since" className="quiet nowrap">
                {when(r.at)}
              </td>
              <td className="wide" aria-label="Actions">
                {p.admit && !["done", "left"].includes(r.step) && (
                  <div className="tools">
                    <button className="button" onClick={() => p.admit!(r)}>
                      Admit
                    </button>
                  </div>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function AdmitDialog({ row, close }: { row: JoiningRow; close: () => void }) {
  const client = useQueryClient();
  const [why, setWhy] = useState("");
  const admit = useMutation({
    mutationFn: () => api.admit({ body: { person: row.person, why } }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("listJoining") });
      close();
    },
  });
  return (
    <Dialog open close={close} title={`Admit ${row.pseudonym}`}>
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          admit.mutate();
        }}
      >
        <p>They get work at once, whatever step they are on ({row.step}).</p>
        <label>
          Why, for the record
          <input required maxLength={2000} value={why} onChange={(e) => setWhy(e.target.value)} />
        </label>
        <FormEnd error={admit.error} close={close} disabled={admit.isPending}>
          Admit
        </FormEnd>
      </form>
    </Dialog>
  );
}
