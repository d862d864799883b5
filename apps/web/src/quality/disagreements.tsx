/** Tasks on which people said different things: the texts, who said what, and the place to settle it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Decide, type Disagreement } from "@tiller/schema";
import { at, inWords, put } from "@tiller/task";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Empty, Failed, Missing } from "../design/components.tsx";
import { answerInWords, AsSeen } from "../task/as-seen.tsx";
import { Page, PopulationLine, asked, useWhich, type Which } from "./parts.tsx";

const PAGE = 10;

export function DisagreementsPage() {
  const { fields, which, picker, about } = useWhich();
  const counted = useQuery({
    ...asking("qualityReport", which && asked(which)),
    placeholderData: (old) => old, // the choice stays open while another is looked for
  });
  return (
    <Page title="Disagreements" aside={picker}>
      <p className="quiet">
        The most doubtful first. What you settle leaves the list; a rater who said otherwise sees
        your reason.
      </p>
      {counted.error && <Missing query={counted} />}
      {which && counted.data && (
        <PopulationLine of={counted.data.population} which={which} about={about} />
      )}
      {which ? (
        <DisagreementList key={JSON.stringify(which)} which={which} />
      ) : !fields.data ? (
        <Missing query={fields} />
      ) : (
        <Empty title="Nothing to review">
          People have not answered anything that can be compared.
        </Empty>
      )}
    </Page>
  );
}

export function DisagreementList({
  which,
  pair,
}: {
  which: Which;
  pair?: { first: string; second: string };
}) {
  const [offset, setOffset] = useState(0);
  const list = useQuery({
    ...asking("disagreements", { ...asked(which), ...pair, offset, limit: PAGE }),
    placeholderData: (old) => old,
  });
  if (!list.data) return <Missing query={list} />;
  if (!list.data.length)
    return (
      <Empty title={offset ? "No more" : "No disagreements"}>
        {offset
          ? "You have seen all of them."
          : "Everyone who met on a task said the same, or it is settled."}
      </Empty>
    );
  return (
    <>
      {list.data.map((d) => (
        <Item
          key={d.task}
          d={d}
          highlight={pair && new Set([pair.first, pair.second])}
          field={which.field}
        />
      ))}
      <div className="row">
        <button
          className="button"
          disabled={offset === 0}
          onClick={() => setOffset(Math.max(0, offset - PAGE))}
        >
          Earlier
        </button>
        <button
          className="button"
          disabled={list.data.length < PAGE}
          onClick={() => setOffset(offset + PAGE)}
        >
          Later
        </button>
      </div>
    </>
  );
}

function Item({
  d,
  highlight,
  field,
}: {
  d: Disagreement;
  highlight?: Set<string> | undefined;
  field: string;
}) {
  const [settling, settle] = useState(false);
  const words = (value: unknown) => answerInWords(d.view, d.input, value);
  return (
    <article className="card stack disagreement">
      <AsSeen view={d.view} input={d.input} swap={false} shown={null} />
      <div className="voices">
        {d.said.map((s) => (
          <div key={s.answer} className={s.staff ? "staff" : ""}>
            <span className="quiet small">
              {s.by}
              {s.staff && ", researcher"}
            </span>
            <br />
            <span style={{ fontWeight: highlight?.has(s.person) ? 650 : 450 }}>
              {words(s.value)}
            </span>
            <details>
              <summary className="small">as {s.by} saw it</summary>
              <AsSeen {...s} view={d.view} input={d.input} />
            </details>
          </div>
        ))}
      </div>
      {d.decision ? (
        <p>
          <Badge tone="good">settled: {words(d.decision.value)}</Badge>{" "}
          <span className="quiet">
            {d.decision.by}: {d.decision.reason}
          </span>
        </p>
      ) : settling ? (
        <Settle d={d} field={field} done={() => settle(false)} />
      ) : (
        <div>
          <button className="button" onClick={() => settle(true)}>
            Settle it
          </button>
        </div>
      )}
    </article>
  );
}

/** One of the values that were given, why, and whether it becomes gold. */
function Settle({ d, field, done }: { d: Disagreement; field: string; done: () => void }) {
  const client = useQueryClient();
  const key = (v: unknown) =>
    d.view
      ? inWords(d.view, d.input, field, at(v, field))
      : answerInWords(null, d.input, at(v, field));
  const options = [...new Set(d.said.map((s) => key(s.value)))];
  const [choice, choose] = useState(options[0] ?? "");
  const [reason, setReason] = useState("");
  const [gold, setGold] = useState(false);
  const save = useMutation({
    mutationFn: () => {
      const given = d.said.find((s) => key(s.value) === choice)!.value as Record<string, unknown>;
      const body = Decide.parse({
        task: d.task,
        value: put({}, field, at(given, field)),
        reason,
        gold,
      });
      return api.decide({ body });
    },
    onSuccess: async () => {
      done();
      await client.invalidateQueries({ queryKey: keyOf("disagreements") });
    },
  });
  return (
    <form
      className="form"
      onSubmit={(e) => {
        e.preventDefault();
        save.mutate();
      }}
    >
      <label>
        The right answer
        <select value={choice} onChange={(e) => choose(e.target.value)}>
          {options.map((o) => (
            <option key={o}>{o}</option>
          ))}
        </select>
      </label>
      <label>
        Why, in words a rater can learn from
        <textarea required rows={3} value={reason} onChange={(e) => setReason(e.target.value)} />
      </label>
      <span className="row">
        <input
          type="checkbox"
          id={`gold ${d.task}`}
          checked={gold}
          onChange={(e) => setGold(e.target.checked)}
        />
        <label htmlFor={`gold ${d.task}`} style={{ display: "inline" }}>
          Use it as hidden gold from now on
        </label>
      </span>
      {save.error && <Failed error={save.error} />}
      <div className="row">
        <button className="button primary" disabled={save.isPending || !reason.trim()}>
          Save
        </button>
        <button type="button" className="button plain" onClick={done}>
          Cancel
        </button>
      </div>
    </form>
  );
}
