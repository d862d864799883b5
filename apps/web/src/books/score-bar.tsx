/** Whether a tree's summaries are so, in one line: shares with intervals; where nobody has checked any, how to begin. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ClaimVerdict, TreeShare } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Interval, percent, Refused } from "../design/components.tsx";
import "./faith.css";

const EVERY_MS = 10_000;
/** What stands at a sentence: a sign and a word, and not colour alone. */
const verdictSigns: Readonly<Record<ClaimVerdict, { sign: string; says: string }>> = {
  yes: { sign: "✓", says: "so" },
  partly: { sign: "~", says: "partly so" },
  no: { sign: "✗", says: "not so" },
  "cannot say": { sign: "?", says: "cannot be told" },
};
const classOf = (v: ClaimVerdict) => `verdict-${v.replace(" ", "-")}`;
export const VerdictChip = ({ verdict, who }: { verdict: ClaimVerdict; who?: string }) => (
  <span className={`verdict-chip ${classOf(verdict)}`}>
    <span aria-hidden="true">{verdictSigns[verdict].sign}</span> {verdictSigns[verdict].says}
    {who && `, says ${who}`}
  </span>
);

/** After a sentence of a summary: the worst that anybody said of it. */
export const VerdictMark = ({ verdict }: { verdict: ClaimVerdict }) => (
  <span className={`verdict-mark ${classOf(verdict)}`} title={verdictSigns[verdict].says}>
    <span aria-hidden="true">{verdictSigns[verdict].sign}</span>
    <span className="sr">{verdictSigns[verdict].says} </span>
  </span>
);

/** Begins the recipe that checks the tree, by people or by the tree's own model. */
export function StartCheck({ id, model }: { id: string; model: string | undefined }) {
  const client = useQueryClient();
  const start = useMutation({
    mutationFn: (by: "people" | "model") => api.checkTree({ id, body: { by } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("getTreeScore", { id }) }),
  });
  if (start.data)
    return (
      <span className="small">
        30 summaries at most are being checked:{" "}
        <Link to="/studio/experiments/$id" params={{ id: start.data.experiment }}>
          the check's run
        </Link>
      </span>
    );
  return (
    <span className="row book-ways">
      <button
        type="button"
        className="link"
        disabled={start.isPending}
        onClick={() => start.mutate("people")}
      >
        have people check 30
      </button>
      {model !== undefined && (
        <button
          type="button"
          className="link"
          disabled={start.isPending}
          onClick={() => start.mutate("model")}
        >
          have {model} check 30
        </button>
      )}
      <Refused error={start.error} />
    </span>
  );
}

const Share = ({ name, of, what }: { name: string; of: TreeShare; what: string }) => (
  <span className="score-share">
    <span>
      {name}: <b className="num">{percent(of.mean)}</b>{" "}
      <span className="quiet num">
        ({of.n} {what}, {of.nodes} {of.nodes === 1 ? "summary" : "summaries"}
        {of.low !== null && of.high !== null && `, 95 %: ${percent(of.low)} to ${percent(of.high)}`}
        )
      </span>
    </span>
    {of.low !== null && <Interval low={of.low} at={of.mean} high={of.high} />}
  </span>
);

export function ScoreBar({ id, model }: { id: string; model: string | undefined }) {
  const score = useQuery({ ...asking("getTreeScore", { id }), refetchInterval: EVERY_MS });
  const s = score.data;
  if (!s) return score.error ? <Refused error={score.error} /> : null;
  const all = <T extends { height: number | null }>(rows: readonly T[]) =>
    rows.filter((r) => r.height === null);
  return (
    <section className="score-bar small" aria-label="Is it true?">
      {s.judged === 0 && <span>Nobody has checked whether these summaries are so.</span>}
      {all(s.claims).map((c) => (
        <Share key={c.by} name={`Claims that are so, by ${c.by}`} of={c.so} what="verdicts" />
      ))}
      {all(s.coherence).map((c) => (
        <Share
          key={c.by}
          name={`Sentences that can be followed, by ${c.by}`}
          of={c.free}
          what="sentences"
        />
      ))}
      {s.agreement && (
        <Share name="People and models say the same" of={s.agreement.same} what="claims" />
      )}
      <StartCheck id={id} model={model} />
    </section>
  );
}
