/** Hidden gold: the items, their history and how people did on them; add, change, retire, each with a reason. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Gold, wilson } from "@tiller/schema";
import { kindOfField } from "@tiller/task";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Empty, Failed, Loaded, Missing, when, Scroll } from "../design/components.tsx";
import { InputTexts } from "../task/as-seen.tsx";
import { ItemForm, type KnownAnswer } from "./item-form.tsx";
import { Estimate, Page, short } from "./parts.tsx";

export function GoldPage() {
  const list = useQuery(asking("listGold"));
  const [adding, add] = useState(false);
  return (
    <Page
      title="Hidden gold"
      aside={
        <button className="button primary" onClick={() => add(!adding)}>
          {adding ? "Close" : "Add an item"}
        </button>
      }
    >
      <p className="quiet">
        One task in twenty is one of these, and a rater cannot tell. A quick way to add one: settle
        a disagreement and tick the box.
      </p>
      {adding && <Editor done={() => add(false)} />}
      <Loaded
        query={list}
        empty={
          <Empty title="No gold yet">Without gold, reliability rests on agreement alone.</Empty>
        }
      >
        {(data) => data.map((g) => <Item key={g.id} g={g} />)}
      </Loaded>
    </Page>
  );
}

function Item({ g }: { g: Gold }) {
  const client = useQueryClient();
  const [mode, setMode] = useState<"closed" | "history" | "edit" | "retire">("closed");
  const [reason, setReason] = useState("");
  const details = useQuery({
    ...asking("getGold", { id: g.id }),
    enabled: mode === "history",
  });
  const retire = useMutation({
    mutationFn: () => api.setGoldActive({ id: g.id, body: { active: !g.active, reason } }),
    onSuccess: async () => {
      setMode("closed");
      await client.invalidateQueries({ queryKey: keyOf("listGold") });
    },
  });
  const right = details.data?.answers.filter((a) => a.right).length ?? 0;
  const n = details.data?.answers.length ?? 0;
  return (
    <article className="card stack">
      <div className="row spread">
        <span>
          <b>{short(g.expected)}</b> <span className="quiet">in {g.type}</span>
        </span>
        <span className="row">
          <span className="quiet small">version {g.version}</span>
          <Badge {...(g.active ? { tone: "good" as const } : {})}>
            {g.active ? "in use" : "retired"}
          </Badge>
        </span>
      </div>
      <InputTexts input={g.input} />
      <p className="quiet">{g.reason}</p>
      <div className="row">
        {(["history", "edit", "retire"] as const).map((m) => (
          <button
            key={m}
            className="button"
            aria-expanded={mode === m}
            onClick={() => setMode(mode === m ? "closed" : m)}
          >
            {
              {
                history: "History and answers",
                edit: "Change",
                retire: g.active ? "Retire" : "Use again",
              }[m]
            }
          </button>
        ))}
      </div>
      {mode === "edit" && <Editor of={g} done={() => setMode("closed")} />}
      {mode === "retire" && (
        <form
          className="form"
          onSubmit={(e) => {
            e.preventDefault();
            retire.mutate();
          }}
        >
          <label>
            Why
            <input required value={reason} onChange={(e) => setReason(e.target.value)} />
          </label>
          {retire.error && <Failed error={retire.error} />}
          <div>
            <button className="button primary" disabled={!reason.trim() || retire.isPending}>
              {g.active ? "Retire" : "Use again"}
            </button>
          </div>
        </form>
      )}
      {mode === "history" &&
        (!details.data ? (
          <Missing query={details} />
        ) : (
          <>
            <p>
              Right: <Estimate of={{ at: n ? right / n : null, ...wilson(right, n), n }} />
            </p>
            <Scroll label="History and answers">
              <table>
                <tbody>
                  {details.data.events.map((e) => (
                    <tr key={e.seq}>
                      <td className="quiet">{when(e.at)}</td>
                      <td>{e.action}</td>
                      <td>{short(e.expected)}</td>
                      <td>{e.by}</td>
                      <td>
                        {e.reason}
                        {e.thread && " (after a dispute)"}
                      </td>
                    </tr>
                  ))}
                  {details.data.answers.slice(0, 50).map((a) => (
                    <tr key={a.answer}>
                      <td className="quiet">{when(a.at)}</td>
                      <td>{a.right ? "right" : <Badge tone="warn">otherwise</Badge>}</td>
                      <td>{short(a.value)}</td>
                      <td>{a.pseudonym}</td>
                      <td>version {a.version}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          </>
        ))}
    </article>
  );
}

function Editor({ of, done }: { of?: Gold; done: () => void }) {
  const client = useQueryClient();
  const kinds = useQuery(asking("listKinds"));
  const [type, setType] = useState(of?.type ?? "");
  const kind = kinds.data?.find((k) => k.name === (type || kinds.data?.[0]?.name));
  const [item, setItem] = useState<KnownAnswer>({
    input: of?.input ?? {},
    expected: of?.expected ?? {},
  });
  const [tolerance, setTolerance] = useState(of?.tolerance ?? 0);
  const [reason, setReason] = useState(of?.reason ?? "");
  const save = useMutation({
    mutationFn: () =>
      api.addGold({
        body: {
          ...(of ? { id: of.id } : {}),
          type: kind!.name,
          input: item.input,
          expected: { ...item.expected },
          tolerance,
          reason,
        },
      }),
    onSuccess: async () => {
      done();
      await client.invalidateQueries({ queryKey: keyOf("listGold") });
    },
  });
  const numeric = kind?.view.ask.some((f) => kindOfField(f).cell === "number");
  return (
    <form
      className="form"
      onSubmit={(e) => {
        e.preventDefault();
        save.mutate();
      }}
    >
      {!of && (
        <label>
          Kind of work
          <select
            value={kind?.name ?? ""}
            onChange={(e) => {
              setType(e.target.value);
              setItem({ input: {}, expected: {} });
            }}
          >
            {kinds.data?.map((k) => (
              <option key={k.name} value={k.name}>
                {k.title} ({k.name})
              </option>
            ))}
          </select>
        </label>
      )}
      {kind ? <ItemForm kind={kind} item={item} change={setItem} /> : <Missing query={kinds} />}
      {numeric && (
        <label>
          How far a number may be away
          <input
            type="number"
            min={0}
            step="any"
            value={tolerance}
            onChange={(e) => setTolerance(Number(e.target.value))}
          />
        </label>
      )}
      <label>
        Why this is right, in words a rater can learn from
        <textarea required rows={3} value={reason} onChange={(e) => setReason(e.target.value)} />
      </label>
      {save.error && <Failed error={save.error} />}
      <div className="row">
        <button
          className="button primary"
          disabled={save.isPending || !kind || !Object.keys(item.expected).length}
        >
          Save
        </button>
        <button type="button" className="button plain" onClick={done}>
          Cancel
        </button>
      </div>
    </form>
  );
}
