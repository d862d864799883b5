/** Figures of several experiments with their intervals, each beside the first; and what people judged between their texts. */
import { useQuery } from "@tanstack/react-query";
import {
  type Experiment,
  type JudgedPair,
  readInterval,
  readNumber,
  type SummaryMetric,
  wilson,
} from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Card, percent, Scroll } from "../design/components.tsx";
import { letter, Mark } from "./compare-mark.tsx";

/** Whether a figure is better than the first one's, where it is known which way is better and how sure each is. */
export function against(
  first: SummaryMetric | undefined,
  m: SummaryMetric,
): { word: string; tone?: "good" | "bad" } | undefined {
  if (!first || first.value === null || m.value === null || m.better === null) return undefined;
  const up = m.value - first.value;
  if (up === 0) return { word: "the same" };
  const better = m.better === "up" ? up > 0 : up < 0;
  const sure =
    first.low !== null && first.high !== null && m.low !== null && m.high !== null
      ? m.low > first.high || m.high < first.low
      : undefined;
  if (sure === false) return { word: `${better ? "better" : "worse"}, within the intervals` };
  const word = `${better ? "better" : "worse"}${sure ? "" : ", interval not known"}`;
  return { word, ...(sure && { tone: better ? "good" : "bad" }) };
}

export function Figures({ experiments }: { experiments: readonly Experiment[] }) {
  const names = [...new Set(experiments.flatMap((e) => (e.summary ?? []).map((m) => m.name)))];
  if (!names.length)
    return (
      <Card title="Figures">
        <p className="quiet">None of them has a report yet.</p>
      </Card>
    );
  const find = (e: Experiment, name: string) => e.summary?.find((m) => m.name === name);
  return (
    <Card title="Figures" aside={<span className="quiet small">95 % intervals; beside A</span>}>
      <Scroll label="Figures">
        <table className="compare-figures">
          <thead>
            <tr>
              <th>Figure</th>
              {experiments.map((e, i) => (
                <th key={e.id}>
                  <Mark i={i} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((name) => {
              const all = experiments.map((e) => find(e, name));
              const some = all.find((m) => m !== undefined)!;
              return (
                <tr key={name}>
                  <td title={some.help}>
                    {some.label}
                    {some.better && (
                      <span className="quiet small"> {some.better === "up" ? "↑" : "↓"}</span>
                    )}
                  </td>
                  {all.map((m, i) => (
                    <td key={i}>{m ? <Figure of={m} first={i ? all[0] : undefined} /> : "–"}</td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}
function Figure({ of: m, first }: { of: SummaryMetric; first: SummaryMetric | undefined }) {
  const verdict = against(first, m);
  return (
    <>
      <b>{readNumber(m.value, m.unit)}</b>{" "}
      <span className="quiet small">{readInterval(m, m.unit)}</span>
      {verdict && (
        <>
          <br />
          {verdict.tone ? (
            <Badge tone={verdict.tone}>{verdict.word}</Badge>
          ) : (
            <span className="quiet small">{verdict.word}</span>
          )}
        </>
      )}
    </>
  );
}

export function JudgedBetween({ experiments }: { experiments: readonly Experiment[] }) {
  const pairs = useQuery(
    asking("judgedPairs", { body: { experiments: experiments.map((e) => e.id) } }),
  );
  if (!pairs.data?.length)
    return (
      <Card title="Judged between them">
        <p className="quiet">
          {pairs.error?.message ??
            (pairs.data
              ? "Nobody has compared a text of one with a text of another."
              : "It is looked up.")}
        </p>
      </Card>
    );
  const place = (id: string) => experiments.findIndex((e) => e.id === id);
  return (
    <Card title="Judged between them">
      {pairs.data.map((p) => (
        <Judged key={`${p.a} ${p.b}`} of={p} a={place(p.a)} b={place(p.b)} />
      ))}
    </Card>
  );
}
function Judged({ of: p, a, b }: { of: JudgedPair; a: number; b: number }) {
  const n = p.winsA + p.winsB + p.ties;
  const won = p.winsA + p.ties / 2;
  const { low, high } = wilson(won, n);
  return (
    <div className="stack" style={{ gap: 8 }}>
      <p>
        <Mark i={a} /> was better than <Mark i={b} /> in <b>{percent(won / n)}</b> of {n} judgments
        (95 %: {percent(low)} to {percent(high)}; ties count half
        {p.simulated > 0 && `; ${p.simulated} by simulated people`}).
      </p>
      {p.shown.map((s) => (
        <div key={s.task} className="compare-texts">
          <p className="quiet">{s.passage}</p>
          <div className="pair">
            <p>
              {letter(a)} ({s.winsA}): {s.a}
            </p>
            <p>
              {letter(b)} ({s.winsB}): {s.b}
            </p>
          </div>
        </div>
      ))}
    </div>
  );
}
