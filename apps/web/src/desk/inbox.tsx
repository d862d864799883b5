/** For the work lead and researchers: concerns that raters flagged, and skipped tasks that wait for a decision. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { own, type Referral, type SettleReferral } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Card, Empty, Missing, when } from "../design/components.tsx";
import { AsSeen } from "../task/as-seen.tsx";
import { reasonNames } from "./dialogs.tsx";
import { ConcernThread } from "./me.tsx";
import "./desk.css";

export function InboxPage() {
  const inbox = useQuery({
    ...asking("inbox"),
    refetchInterval: 15_000,
  });
  if (!inbox.data)
    return (
      <main>
        <Missing query={inbox} />
      </main>
    );
  const { concerns, referrals } = inbox.data;
  return (
    <main>
      <h1>From the desk</h1>
      <Card title="Skipped, for a researcher to decide">
        {referrals.length === 0 ? (
          <Empty title="Nothing waits">
            Tasks that a rater could not read come here before anyone else gets them.
          </Empty>
        ) : (
          <ul className="threads">
            {referrals.map((r) => (
              <ReferralRow key={r.lease} referral={r} />
            ))}
          </ul>
        )}
      </Card>
      <Card title="Concerns">
        {concerns.length === 0 ? (
          <Empty title="No concerns">What raters flag at a task appears here.</Empty>
        ) : (
          <ul className="threads">
            {concerns.map((c) => (
              <ConcernThread key={c.id} concern={{ ...c, title: `${c.title} · ${c.pseudonym}` }}>
                {c.reply === null && <ReplyForm id={c.id} />}
                <details open={c.reply === null}>
                  <summary>The task as {c.pseudonym} saw it</summary>
                  <AsSeen {...c} />
                </details>
              </ConcernThread>
            ))}
          </ul>
        )}
      </Card>
    </main>
  );
}

const acts: Record<SettleReferral["act"], string> = {
  take: "Answer it myself",
  others: "Give it to the others",
  drop: "Drop it",
};
function ReferralRow({ referral: r }: { referral: Referral }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const settle = useMutation({
    mutationFn: (act: SettleReferral["act"]) =>
      api.settleReferral({ lease: r.lease, body: { act } }),
    onSuccess: async (_, act) => {
      await client.invalidateQueries({ queryKey: keyOf("inbox") });
      if (act === "take") await navigate({ to: "/desk" });
    },
  });
  return (
    <li>
      <span className="quiet small">
        {r.title} · {r.pseudonym} · {when(r.at)}
      </span>
      <p className="words">
        <b>{own(reasonNames, r.reason) ?? r.reason}</b>
        {r.comment && `: ${r.comment}`}
      </p>
      <AsSeen {...r} />
      <div className="row">
        {(["take", "others", "drop"] as const).map((act) => (
          <button
            key={act}
            className="button"
            disabled={settle.isPending}
            onClick={() => settle.mutate(act)}
          >
            {acts[act]}
          </button>
        ))}
      </div>
      {settle.error && (
        <p role="alert" className="over">
          {settle.error.message}
        </p>
      )}
    </li>
  );
}

function ReplyForm({ id }: { id: string }) {
  const [reply, setReply] = useState("");
  const client = useQueryClient();
  const send = useMutation({
    mutationFn: () => api.answerConcern({ id, body: { reply } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("inbox") }),
  });
  return (
    <form
      className="stack tight"
      onSubmit={(e) => {
        e.preventDefault();
        send.mutate();
      }}
    >
      <textarea
        rows={2}
        aria-label="Your answer to this concern"
        placeholder="The rater reads this"
        value={reply}
        onChange={(e) => setReply(e.target.value)}
      />
      <div className="row">
        <button className="button" type="submit" disabled={send.isPending || !reply.trim()}>
          Answer
        </button>
      </div>
      {send.error && (
        <p role="alert" className="over">
          {send.error.message}
        </p>
      )}
    </form>
  );
}
