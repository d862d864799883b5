/** Models by name: every version with its figures, which one is served, who decided it, and how that is changed. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { own, readNumber, type ServedModel } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import {
  Badge,
  Card,
  Dialog,
  Empty,
  FormEnd,
  Loaded,
  SimulatedNote,
  Term,
  when,
} from "../design/components.tsx";

export function ModelsPage() {
  const served = useQuery({ ...asking("listServed"), refetchInterval: 5000 });
  return (
    <main>
      <div className="row spread">
        <h1>Models</h1>
        <Link className="button" to="/playground">
          Try them
        </Link>
      </div>
      <p className="quiet">
        A model is asked for by its name, which stands for the version that is served; by{" "}
        <code>name@version</code>; or by its id. Publishing serves a version only if it is the first
        of its name or no worse by the figure that its workflow compares.
      </p>
      <Loaded query={served}>
        {(models) =>
          models.length === 0 ? (
            <Empty title="No models yet">Training makes them, and they stay.</Empty>
          ) : (
            <>
              {models.some((m) => m.versions.some((v) => v.simulated)) && (
                <SimulatedNote>
                  Figures of the versions marked so were made by programs in people’s place.
                </SimulatedNote>
              )}
              {models.map((m) => (
                <Model key={m.name} model={m} />
              ))}
            </>
          )
        }
      </Loaded>
    </main>
  );
}

/** A metric's name as words: winRate is a win rate. */
const wordsOf = (name: string) =>
  name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

function Model({ model: m }: { model: ServedModel }) {
  const figures = [...new Set(m.versions.flatMap((v) => Object.keys(v.checkpoint.metrics)))];
  return (
    <Card title={m.name} aside={<Badge>{m.versions[0]!.checkpoint.role}</Badge>}>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>Version</th>
              <th>Id</th>
              {figures.map((f) => (
                <th key={f}>
                  <Term>{wordsOf(f)}</Term>
                </th>
              ))}
              <th>Made</th>
              <th>Served</th>
            </tr>
          </thead>
          <tbody>
            {m.versions.map(({ version, checkpoint: c, simulated }) => (
              <tr key={c.id}>
                <td>
                  <Link to="/studio/checkpoints/$id" params={{ id: c.id }}>
                    {m.name}@{version}
                  </Link>{" "}
                  {simulated && <Badge tone="warn">simulated</Badge>}
                </td>
                <td>
                  <code>{c.id.slice(0, 12)}</code>
                </td>
                {figures.map((f) => (
                  <td key={f}>{readNumber(own(c.metrics, f))}</td>
                ))}
                <td>{when(c.createdAt)}</td>
                <td>
                  <Serving model={m} version={version} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Decisions model={m} />
    </Card>
  );
}

/** Whether a version is served, or the button that serves it. */
export function Serving({ model: m, version }: { model: ServedModel; version: number }) {
  const [asked, ask] = useState(false);
  const me = useQuery(asking("me")).data;
  const found = m.versions.find((v) => v.version === version);
  if (!found || found.checkpoint.role === "reward") return null;
  if (found.checkpoint.id === m.served) return <Badge tone="good">served as {m.name}</Badge>;
  if (me?.role !== "researcher" && me?.role !== "admin") return null;
  return (
    <>
      <button className="button" onClick={() => ask(true)}>
        Serve {m.name}@{version}
      </button>
      {asked && <PromoteDialog model={m} version={version} close={() => ask(false)} />}
    </>
  );
}

function PromoteDialog(p: { model: ServedModel; version: number; close: () => void }) {
  const { model: m, version, close } = p;
  const client = useQueryClient();
  const [why, setWhy] = useState("");
  const act = useMutation({
    mutationFn: () =>
      api.promoteModel({ body: { model: `${m.name}@${version}`, name: m.name, why } }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("listServed") });
      await client.invalidateQueries({ queryKey: ["/v1/models"] });
      close();
    },
  });
  const now = m.versions.find((v) => v.checkpoint.id === m.served);
  const next = m.versions.find((v) => v.version === version);
  return (
    <Dialog open close={close} title={`Serve ${m.name}@${version} as ${m.name}`}>
      <form
        className="stack"
        onSubmit={(e) => {
          e.preventDefault();
          act.mutate();
        }}
      >
        <p>
          Whoever asks for <code>{m.name}</code> gets it from now
          {now && `, in place of ${m.name}@${now.version}`}.
        </p>
        {now && next && (
          <table>
            <thead>
              <tr>
                <th>Figure</th>
                <th>Served, @{now.version}</th>
                <th>This, @{version}</th>
              </tr>
            </thead>
            <tbody>
              {[...new Set([now, next].flatMap((v) => Object.keys(v.checkpoint.metrics)))].map(
                (f) => (
                  <tr key={f}>
                    <td>{wordsOf(f)}</td>
                    <td>{readNumber(own(now.checkpoint.metrics, f))}</td>
                    <td>{readNumber(own(next.checkpoint.metrics, f))}</td>
                  </tr>
                ),
              )}
            </tbody>
          </table>
        )}
        <label className="stack" style={{ gap: 4 }}>
          <span className="small quiet">Why (the record says it)</span>
          <input value={why} maxLength={500} onChange={(e) => setWhy(e.target.value)} />
        </label>
        <FormEnd error={act.error} close={close} disabled={act.isPending}>
          Serve it
        </FormEnd>
      </form>
    </Dialog>
  );
}

/** What was decided about a name, newest first. */
function Decisions({ model: m }: { model: ServedModel }) {
  if (!m.history.length) return null;
  return (
    <details>
      <summary className="small">Who decided</summary>
      <ul className="small">
        {m.history.map((p) => (
          <li key={`${p.at} ${p.version}`}>
            {when(p.at)}: {m.name}@{p.version} {p.promoted ? "served" : "published, not served"}, by{" "}
            {p.by ?? "a rule"}
            {p.why && `: ${p.why}`}
          </li>
        ))}
      </ul>
    </details>
  );
}
