/** Asking the book: what a question would take, then a tree of its own that answers it, and the answer down to the book's words. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { WayDown } from "@tiller/book/down.ts";
import type { TreeForecast, TreeQuestion } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Dialog, Failed, fixed, Loading, Meter, Refused } from "../design/components.tsx";
import { type BookTree, type Lead, sentences } from "./book-tree.ts";
import { inBook } from "./places.ts";
import "./faith.css";

const EVERY_MS = 2000;
const takes = ({ nodes, people, policy }: TreeForecast): string =>
  [
    `${nodes} short answers at most`,
    people.nodes > 0 && `${people.nodes} by people, ${Math.round(people.minutes)} minutes`,
    policy.nodes > 0 &&
      `${policy.nodes} by the model, ${Math.round(policy.tokens).toLocaleString("en-GB")} tokens, $${fixed(policy.money)}`,
  ]
    .filter(Boolean)
    .join("; ");

interface Props {
  readonly id: string;
  readonly tree: BookTree;
  readonly follow: (lead: Lead) => void;
}
export function AskBook(p: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="button" onClick={() => setOpen(true)}>
        Ask the book
      </button>
      <Dialog open={open} close={() => setOpen(false)} title="Ask the book">
        <Asking
          {...p}
          follow={(lead) => {
            setOpen(false);
            p.follow(lead);
          }}
        />
      </Dialog>
    </>
  );
}

function Asking(p: Props) {
  const { id } = p;
  const client = useQueryClient();
  const [question, setQuestion] = useState("");
  const body = { question };
  const forecast = useMutation({ mutationFn: () => api.forecastTreeQuestion({ id, body }) });
  const ask = useMutation({
    mutationFn: () => api.askTree({ id, body }),
    onSuccess: async () => {
      setQuestion("");
      forecast.reset();
      await client.invalidateQueries({ queryKey: keyOf("treeQuestions", { id }) });
    },
  });
  const asked = useQuery({
    ...asking("treeQuestions", { id }),
    refetchInterval: ({ state: { data } }) =>
      data?.some((q) => q.state === "growing") ? EVERY_MS : false,
  });
  return (
    <div className="stack book">
      <form
        className="stack tight"
        onSubmit={(e) => {
          e.preventDefault();
          if (forecast.data) ask.mutate();
          else forecast.mutate();
        }}
      >
        <label className="stack tight">
          Your question
          <textarea
            rows={2}
            maxLength={1000}
            value={question}
            onChange={(e) => {
              setQuestion(e.target.value);
              forecast.reset();
            }}
          />
        </label>
        {forecast.data && <p className="small num">{takes(forecast.data)}.</p>}
        <div className="row">
          <button
            type="submit"
            className={`button ${forecast.data ? "primary" : ""}`}
            disabled={!question.trim() || forecast.isPending || ask.isPending}
          >
            {forecast.data ? "Ask it" : "What would it take?"}
          </button>
          <Refused error={forecast.error ?? ask.error} />
        </div>
      </form>
      {asked.error && <Failed error={asked.error} retry={() => void asked.refetch()} />}
      <ul className="book-questions">
        {asked.data?.map((q) => (
          <li key={q.tree} className="card stack tight">
            <div className="row spread">
              <h3>{q.question}</h3>
              <Badge tone={q.state === "whole" ? "good" : undefined}>{q.state}</Badge>
            </div>
            {q.state === "growing" && (
              <Meter done={q.written} total={q.nodes} label={`Written for: ${q.question}`} />
            )}
            {q.state === "stopped" && <p className="small">{q.why}</p>}
            {q.answer === "" && <p>Nothing in the book bears on it.</p>}
            {q.answer && <Answer {...p} asked={q} answer={q.answer} />}
            <Link className="small" to="/books/$id" params={{ id: q.tree }}>
              its tree
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Each sentence of the answer opens the way down to the words that it came from. */
function Answer({
  tree,
  follow,
  asked,
  answer,
}: Props & { readonly asked: TreeQuestion; readonly answer: string }) {
  const [open, setOpen] = useState<number>();
  const id = asked.tree;
  const wanted = open === undefined ? undefined : { id };
  const nodes = useQuery({ ...asking("treeNodes", wanted), staleTime: Infinity });
  const text = useQuery({ ...asking("treeText", wanted), staleTime: Infinity });
  const way = useMemo(
    () => nodes.data && text.data && new WayDown(nodes.data.nodes, text.data.text),
    [nodes.data, text.data],
  );
  const error = nodes.error ?? text.error;
  return (
    <ol className="faith">
      {sentences(answer).map((s, i) => (
        <li key={s.from} className="stack tight">
          <button
            type="button"
            className="sentence read"
            aria-expanded={open === i}
            onClick={() => setOpen(open === i ? undefined : i)}
          >
            {s.text}
          </button>
          {open === i &&
            (way ? (
              <Way steps={way.root ? way.from(way.root, s.text) : []} {...{ tree, follow }} />
            ) : error ? (
              <Failed error={error} retry={() => void nodes.refetch()} />
            ) : (
              <Loading />
            ))}
        </li>
      ))}
    </ol>
  );
}
function Way({
  steps,
  tree,
  follow,
}: Pick<Props, "tree" | "follow"> & { readonly steps: ReturnType<WayDown["from"]> }) {
  if (steps.length === 0)
    return <p className="quiet small">No words of the book behind it were found.</p>;
  return (
    <ol className="book-way small">
      {steps.map((s) => {
        const lead = s.node === null ? inBook(tree, s.from, s.to, s.text) : undefined;
        return (
          <li key={`${s.node} ${s.from}`}>
            {lead ? (
              <button type="button" className="link" onClick={() => follow(lead)}>
                “{s.text}”
              </button>
            ) : (
              s.text
            )}
          </li>
        );
      })}
    </ol>
  );
}
