/** What a room asks before anything of it is shown: one side may have to argue for a wrong answer. Declining gives the seat back. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, asking, keyOf } from "../api.ts";
import { Dialog, FormEnd, Loaded, Refused } from "../design/components.tsx";
import { useState } from "react";
import "./rooms.css";

export function Consent({ id }: { id: string }) {
  const client = useQueryClient();
  const terms = useQuery({ ...asking("seatTerms", { id }), staleTime: Infinity });
  const [declining, decline] = useState(false);
  const answer = useMutation({
    mutationFn: (agree: boolean) =>
      api.answerTerms({ id, body: { agree, version: terms.data!.version } }),
    onSuccess: () => {
      decline(false);
      return Promise.all(
        (["seatPage", "seatTerms"] as const).map((name) =>
          client.invalidateQueries({ queryKey: keyOf(name, { id }) }),
        ),
      );
    },
  });
  return (
    <main className="room alone">
      <Loaded query={terms}>
        {(t) => (
          <section className="card stack room-terms">
            <p className="quiet small">
              {t.rules} · your seat is {t.seat}
              {t.role !== t.seat && `, ${t.role}`}
            </p>
            <h1>Before you sit down</h1>
            <ul>
              {t.points.map((p) => (
                <li key={p}>{p}</li>
              ))}
            </ul>
            <p>
              You are free to decline. The seat then goes to somebody else, you are shown nothing of
              the room, and it does not count against you.
            </p>
            <div className="row">
              <button
                className="button primary"
                disabled={answer.isPending}
                onClick={() => answer.mutate(true)}
              >
                I agree and sit down
              </button>
              <button className="button" onClick={() => decline(true)}>
                I do not agree…
              </button>
            </div>
            <Refused error={declining ? null : answer.error} />
          </section>
        )}
      </Loaded>
      <Dialog open={declining} close={() => decline(false)} title="Give the seat back?">
        <form
          className="stack"
          onSubmit={(e) => {
            e.preventDefault();
            answer.mutate(false);
          }}
        >
          <p>
            The work lead sees that you declined, and seats somebody else. You cannot take this seat
            again by yourself.
          </p>
          <FormEnd error={answer.error} close={() => decline(false)} disabled={answer.isPending}>
            Give it back
          </FormEnd>
        </form>
      </Dialog>
    </main>
  );
}
