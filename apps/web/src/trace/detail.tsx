/** One node in full: what went in and came out, who answered, the prompt with its filled parts, errors, links, comments. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { LargePart, NodeAnswer, NodeLink, NodeView, NodeWait, Prompt } from "@tiller/schema";
import { Badge, Empty, Loaded, when } from "../design/components.tsx";
import { ActionBar } from "./actions.tsx";
import { ago, compact, kindNames, money, span, stateNames, stateTone } from "./format.ts";
import type { TraceSource } from "./source.ts";
import { asText, TextDiff } from "./text-diff.tsx";
import type { Branch, Change } from "./tree.ts";
import { Value } from "./value.tsx";

export interface DetailProps {
  readonly source: TraceSource;
  readonly branch: Branch;
  readonly now: number;
  readonly choose: (id: string) => void;
  /** how links out of the trace are made; undefined: this file stands alone */
  readonly link: ((link: NodeLink) => ReactNode) | undefined;
  readonly compared: { readonly experiment: string; readonly change: Change } | undefined;
}

/** Reads a node; the same one again when it has changed. */
const useNode = (
  source: TraceSource,
  id: string,
  seq: number,
  experiment = source.experiment.id as string,
) =>
  useQuery({
    queryKey: ["trace-node", experiment, id, seq],
    queryFn: () =>
      experiment === source.experiment.id ? source.node(id) : source.compare!.node(experiment, id),
    placeholderData: (old) => (old?.id === id ? old : undefined),
    staleTime: Infinity,
    gcTime: 60_000, // outputs may be large
  });

export function Detail(p: DetailProps) {
  const { node } = p.branch;
  const only = p.compared?.change === "there" ? p.compared.experiment : undefined;
  const there = (id: string) => p.compared!.experiment + id.slice(p.source.experiment.id.length);
  const shown = useNode(p.source, only ? there(node.id) : node.id, node.seq, only);
  return (
    <article className="trace-detail stack" aria-label={`Details of ${node.name}`}>
      <Head {...p} />
      <Loaded query={shown}>
        {(data) => (
          <>
            {p.compared?.change === "changed" && (
              <Compared
                source={p.source}
                here={data}
                experiment={p.compared.experiment}
                id={there(node.id)}
              />
            )}
            <Body {...p} node={data} />
          </>
        )}
      </Loaded>
    </article>
  );
}

function Head({ branch: b, choose, now, source }: DetailProps) {
  const n = b.node;
  const ways: Branch[] = [];
  for (let up = b.parent; up; up = up.parent) ways.unshift(up);
  const seconds = ((b.end ?? now) - b.begin) / 1000;
  const below = b.children.length > 0;
  const facts: [string, string][] = [
    ["Started", when(n.startedAt)],
    [b.end === undefined ? "So far" : "Took", span(Math.max(0, seconds))],
    ["Cost", money(below ? b.sum.cost : n.cost) || "none"],
    ["Tokens", compact(below ? b.sum.tokens : n.tokens) || "none"],
    ["Answers", b.sum.wanted ? `${b.sum.answers} of ${b.sum.wanted}` : "none asked"],
  ];
  return (
    <header className="stack" style={{ gap: 8 }}>
      {ways.length > 0 && (
        <nav aria-label="Way to this step" className="small trace-way">
          {ways.map((w) => (
            <button key={w.node.id} className="link" onClick={() => choose(w.node.id)}>
              {w.node.name}
            </button>
          ))}
        </nav>
      )}
      <div className="row">
        <h2>{n.name}</h2>
        <Badge>{kindNames[n.kind]}</Badge>
        <Badge tone={stateTone[n.state]}>{stateNames[n.state]}</Badge>
        {n.agent && <Badge>{n.agent}</Badge>}
        {n.cached && <Badge>cached</Badge>}
      </div>
      <dl className="trace-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="num">{value}</dd>
          </div>
        ))}
      </dl>
      {!source.experiment.imported && source.actions && <ActionBar source={source} branch={b} />}
    </header>
  );
}

const Section = ({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}) => (
  <section className="stack trace-section">
    <div className="row spread">
      <h3>{title}</h3>
      {aside}
    </div>
    {children}
  </section>
);
const nothing = (value: unknown) => value === null || value === undefined;

function Body(p: DetailProps & { node: NodeView }) {
  const { node: n } = p;
  return (
    <>
      {n.error && (
        <div className="trace-error" role="alert">
          <b>{n.error.code.replaceAll("_", " ")}</b>
          <p>{n.error.message}</p>
          {n.attempts > 1 && <p className="small">Tried {n.attempts} times.</p>}
        </div>
      )}
      {n.wait && <Waiting wait={n.wait} now={p.now} />}
      {n.answered.length > 0 && <Answers list={n.answered} />}
      {n.large.map((l) => (
        <LargeValue key={l.part} node={n.id} large={l} source={p.source} />
      ))}
      {!nothing(n.output) && (
        <Section title="Output" aside={<Copy value={n.output} />}>
          <Value value={n.output} />
        </Section>
      )}
      {n.prompt && (
        <Section
          title="Prompt"
          aside={<span className="small quiet">what was filled in is marked</span>}
        >
          <Filled prompt={n.prompt} />
        </Section>
      )}
      {!nothing(n.input) && (
        <Section title="Input" aside={<Copy value={n.input} />}>
          <Value value={n.input} />
        </Section>
      )}
      {n.links.length > 0 && p.link && (
        <Section title="Links">
          <ul className="plain-list">
            {n.links.map((l) => (
              <li key={`${l.kind} ${l.id}`}>{p.link!(l)}</li>
            ))}
          </ul>
        </Section>
      )}
      {n.large.length === 0 &&
        nothing(n.output) &&
        nothing(n.input) &&
        !n.prompt &&
        !n.wait &&
        n.answered.length === 0 && (
          <p className="quiet small">
            {p.branch.children.length
              ? `${p.branch.sum.nodes - 1} steps are inside.`
              : "Nothing went in or came out."}
          </p>
        )}
      {n.attempts > 1 && !n.error && <p className="small quiet">Tried {n.attempts} times.</p>}
      <Comments source={p.source} node={n} />
    </>
  );
}

const partNames = {
  input: "Input",
  output: "Output",
  prompt: "Prompt",
  answers: "People's answers",
};

function LargeValue({
  node,
  large: l,
  source,
}: {
  node: string;
  large: LargePart;
  source: TraceSource;
}) {
  const size = `${(l.bytes / 1e6).toFixed(1)} MB`;
  return (
    <Section
      title={partNames[l.part]}
      aside={
        source.part && (
          <a className="button plain small" href={source.part(node, l.part)} download>
            Download ({size})
          </a>
        )
      }
    >
      {l.begins && <div className="value-text trace-begins">{l.begins} …</div>}
      <p className="quiet small">
        {source.part
          ? `${l.part === "answers" ? "Together they are" : "It is"} too large to be shown whole.`
          : `It is too large for this file (${size}). It is on the server that the experiment is from.`}
      </p>
    </Section>
  );
}

const Copy = ({ value }: { value: unknown }) => (
  <button
    className="button plain small"
    onClick={() => void navigator.clipboard?.writeText(asText(value))}
  >
    Copy
  </button>
);

function Waiting({ wait: w, now }: { wait: NodeWait; now: number }) {
  const missing = w.wanted - w.done;
  return (
    <div className="trace-wait stack" style={{ gap: 6 }}>
      <b>
        Waits for {missing} of {w.wanted} answers ({w.type}), asked {ago(w.since, now)}
      </b>
      {w.held.length > 0 ? (
        <p>
          At work now: {w.held.map((h) => `${h.pseudonym} (since ${ago(h.since, now)})`).join(", ")}
          .
        </p>
      ) : (
        <p>Nobody works on it at the moment.</p>
      )}
      {w.free > 0 && (
        <p>
          {w.free} {w.free === 1 ? "answer is" : "answers are"} free to take: ask a rater to open
          the desk, or move people to this kind of work.
        </p>
      )}
      {w.deadline && <p>Its deadline is {when(w.deadline)}.</p>}
    </div>
  );
}

function Answers({ list }: { list: readonly NodeAnswer[] }) {
  const several = new Set(list.map((a) => a.place)).size > 1;
  return (
    <Section
      title="People's answers"
      aside={<span className="small quiet num">{list.length}</span>}
    >
      <ul className="trace-answers">
        {list.slice(0, 200).map((a, i) => (
          <li key={i}>
            <span className="small quiet">
              <b>{a.by}</b>
              {a.simulated && " (simulated)"}
              {several && `, item ${a.place + 1}`}, {span(a.activeSeconds)}, {when(a.at)}
            </span>
            <Value value={a.value} />
          </li>
        ))}
      </ul>
      {list.length > 200 && <p className="quiet small">{list.length - 200} more in the export.</p>}
    </Section>
  );
}

const Filled = ({ prompt }: { prompt: Prompt }) => (
  <div className="stack">
    {prompt.messages.map((m, i) => (
      <div key={i}>
        <span className="small quiet">{m.role}</span>
        <div className="read value-text trace-prompt">
          {m.parts.map((part, k) =>
            part.filled === undefined ? (
              <span key={k}>{part.text}</span>
            ) : (
              <mark key={k} title={`filled in: ${part.filled}`}>
                {part.text}
              </mark>
            ),
          )}
        </div>
      </div>
    ))}
  </div>
);

function Compared({
  source,
  here,
  experiment,
  id,
}: {
  source: TraceSource;
  here: NodeView;
  experiment: string;
  id: string;
}) {
  const there = useNode(source, id, 0, experiment);
  return (
    <Section
      title="What changed in the output"
      aside={
        <span className="small quiet">
          <del>there</del> <ins>here</ins>
        </span>
      }
    >
      <Loaded query={there}>
        {(data) => (
          <>
            {data.state !== here.state && (
              <p>
                It is {stateNames[here.state]} here and {stateNames[data.state]} there.
              </p>
            )}
            {[here, data].some((n) => n.large.some((l) => l.part === "output")) ? (
              <p>An output is too large to be compared here. Download both.</p>
            ) : (
              <TextDiff before={asText(data.output)} after={asText(here.output)} />
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}

function Comments({ source, node }: { source: TraceSource; node: NodeView }) {
  const client = useQueryClient();
  const [text, set] = useState("");
  const [failed, fail] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    try {
      await source.comment!(node.id, text.trim());
      set("");
      fail(undefined);
      await client.invalidateQueries({ queryKey: ["trace-node", source.experiment.id, node.id] });
    } catch (e) {
      fail(e as Error);
    } finally {
      setBusy(false);
    }
  };
  if (!source.comment && node.comments.length === 0) return null;
  return (
    <Section title="Comments">
      {node.comments.length === 0 && (
        <p className="quiet small">Nobody has commented on this step.</p>
      )}
      <ul className="trace-answers">
        {node.comments.map((c) => (
          <li key={c.id}>
            <span className="small quiet">
              <b>{c.author}</b>, {when(c.at)}
            </span>
            <p className="value-text">{c.text}</p>
          </li>
        ))}
      </ul>
      {source.comment && (
        <form
          className="stack"
          style={{ gap: 8 }}
          onSubmit={(e) => {
            e.preventDefault();
            if (text.trim()) void send();
          }}
        >
          <label className="stack" style={{ gap: 4 }}>
            <span className="small">Say something about this step</span>
            <textarea
              rows={2}
              maxLength={4000}
              value={text}
              onChange={(e) => set(e.target.value)}
              onKeyDown={(e) => {
                if (e.key === "Enter" && (e.ctrlKey || e.metaKey))
                  e.currentTarget.form?.requestSubmit();
              }}
            />
          </label>
          {failed && (
            <p role="alert" className="small" style={{ color: "var(--bad)" }}>
              {failed.message}
            </p>
          )}
          <div>
            <button className="button" disabled={busy || !text.trim()}>
              Comment
            </button>
          </div>
        </form>
      )}
    </Section>
  );
}

export const NoDetail = () => (
  <Empty title="Choose a step">Its input, output, prompt and people appear here.</Empty>
);
