/** What an experiment is in words: what it asks, what was learned, what it did where it names no stages. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Experiment, TraceNode } from "@tiller/schema";
import { asking } from "../api.ts";
import { Card, Empty, Markdown } from "../design/components.tsx";

/** The workflow's own words and the report's first ones; nothing where there are neither. */
export function InWords({ experiment: e }: { experiment: Experiment }) {
  const workflows = useQuery(asking("listWorkflows"));
  const report = useQuery(asking("getReport", e.summary ? { id: e.id } : undefined));
  const about = workflows.data?.find((w) => w.name === e.recipe)?.about;
  const [first] = report.data?.blocks ?? [];
  const learned = first?.kind === "prose" ? first : undefined;
  if (!about && !learned) return null;
  return (
    <Card title={learned?.title || "What this is"}>
      {learned && <Markdown text={learned.text} />}
      {about && (
        <details open={!learned}>
          <summary className="small">What was asked, who judged, how to read it, what next</summary>
          <Markdown text={about} />
        </details>
      )}
      <p className="row small">
        <Link to="/playground">Playground</Link>
        <Link to="/studio/checkpoints">Models</Link>
        <Link to="/projects/new">Ask people about your own file</Link>
        <Link to="/studio/start" search={{}}>
          Start an experiment
        </Link>
      </p>
    </Card>
  );
}

/** The nodes of an experiment that its trace's first page has. */
const useNodes = (id: string): readonly TraceNode[] =>
  useQuery({ ...asking("tracePage", { id }), refetchInterval: 5000 }).data?.nodes ?? [];

/** Where no person of this home has answered: whether anything was asked, and who answered in people's place. */
export function NobodyAnswered({ experiment: e }: { experiment: Experiment }) {
  const asked = useNodes(e.id).filter((n) => n.kind === "ask");
  const answers = asked.reduce((sum, n) => sum + n.answers, 0);
  const named = asked.flatMap((n) =>
    n.agent === "simulated" ? "simulated people" : (n.agent ?? []),
  );
  const by = [...new Set(named)].join(", ");
  if (answers)
    return (
      <Empty title={answers === 1 ? "1 answer" : `${answers} answers`}>
        By {by}; no rater of this home was needed.
      </Empty>
    );
  return e.endedAt && !asked.length ? (
    <Empty title="Nobody was asked">This experiment asked people nothing.</Empty>
  ) : (
    <Empty title="No answers yet">Raters appear here with their first answer.</Empty>
  );
}
