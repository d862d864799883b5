/** What was true in a room that is over: told in full until it has been read once, and there to be read again. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { letter } from "@tiller/room/words.ts";
import type { Debriefing } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { fixed, Refused, Scroll } from "../design/components.tsx";
import { hue } from "./content.ts";

export function Debriefed({ id, told }: { id: string; told: Debriefing }) {
  const client = useQueryClient();
  const read = useMutation({
    mutationFn: () => api.debriefed({ id }),
    onSuccess: () =>
      Promise.all(
        (["seatPage", "roomDebriefing"] as const).map((name) =>
          client.invalidateQueries({ queryKey: keyOf(name, { id }) }),
        ),
      ),
  });
  if (told.seen)
    return (
      <details>
        <summary>What was true, and who argued for what</summary>
        <Told told={told} />
      </details>
    );
  return (
    <section className="stack">
      <h2>What was true</h2>
      <Told told={told} />
      <div className="row">
        <button className="button primary" disabled={read.isPending} onClick={() => read.mutate()}>
          I have read it
        </button>
      </div>
      <Refused error={read.error} />
    </section>
  );
}

function Told({ told }: { told: Debriefing }) {
  const { answers, truth, seats } = told;
  const falsely = seats.filter((s) => s.answer !== null && s.answer !== truth);
  return (
    <div className="stack">
      <p className={`room-truth ${hue(truth)}`}>
        <b>{letter(truth)}</b> is right: {answers[truth]}
      </p>
      {falsely.length > 0 && (
        <p>
          {falsely.map((s) => (s.who === "you" ? "You" : s.seat)).join(" and ")} had to argue for a
          wrong answer. That was drawn by lot: it says nothing of anybody's honesty.
        </p>
      )}
      <Scroll label="Who sat where">
        <table className="small">
          <thead>
            <tr>
              {["seat", "who", "argued for", "earned"].map((h) => (
                <th key={h}>{h}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {seats.map((s) => (
              <tr key={s.seat}>
                <td>{s.seat}</td>
                <td>{s.who}</td>
                <td>
                  {s.answer === null
                    ? ""
                    : `${letter(s.answer)}, ${s.answer === truth ? "right" : "wrong"}`}
                </td>
                <td className="num">{s.earned === null ? "" : fixed(s.earned)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}

/** For whoever sat there and left: nothing while the room goes on. */
export function LeftDebriefing({ id }: { id: string }) {
  const told = useQuery({ ...asking("roomDebriefing", { id }), retry: false });
  return told.data ? (
    <div className="card stack">
      <p className="quiet">{told.data.question}</p>
      <Debriefed id={id} told={told.data} />
    </div>
  ) : null;
}
