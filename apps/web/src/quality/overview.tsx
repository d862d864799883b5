/** How far people agree, with each other and with researchers; who needs a look; the matrix that leads to disagreements. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type {
  AgreementReport,
  Estimated,
  LiveQuality,
  QualityReport,
  RaterQuality,
} from "@tiller/schema";
import { api, asking } from "../api.ts";
import {
  Card,
  Dialog,
  Empty,
  Interval,
  Missing,
  percent,
  together,
  when,
  Scroll,
  Term,
} from "../design/components.tsx";
import { HowRatersAreJudged, VerdictBadge } from "../design/verdict.tsx";
import { DisagreementList } from "./disagreements.tsx";
import { Matrix } from "./matrix.tsx";
import {
  Estimate,
  Figure,
  Page,
  PopulationLine,
  asked,
  Trend,
  useWhich,
  type Which,
} from "./parts.tsx";

export function QualityPage() {
  const { fields, which, picker, about } = useWhich();
  const report = useQuery({
    ...asking("qualityReport", which && asked(which)),
    refetchInterval: 15_000,
  });
  return (
    <Page title="Quality" aside={picker}>
      {fields.data?.length === 0 ? (
        <Empty title="Nothing to measure yet">
          Figures appear when people have answered a kind of work with a choice, a rating or a
          number.
        </Empty>
      ) : !report.data ? (
        <Missing query={together(fields, report)} />
      ) : (
        <>
          <PopulationLine of={report.data.population} which={which!} about={about} />
          {report.data.answers === 0 ? (
            <Empty title="No answers here">
              {report.data.population.elsewhere > 0
                ? "Nobody of this choice answered; choose others above."
                : `Figures appear with the first answers to ${which!.type}.`}
            </Empty>
          ) : (
            <Report r={report.data} which={which!} />
          )}
        </>
      )}
    </Page>
  );
}

function Report({ r, which }: { r: QualityReport; which: Which }) {
  const [pair, look] = useState<{ first: string; second: string }>();
  const name = new Map(r.people.map((p) => [p.person as string, p.pseudonym]));
  const live = useQuery({
    ...asking("liveQuality", r.scale === "interval" ? undefined : asked(which)),
    refetchInterval: 3000,
  });
  return (
    <>
      <p className="quiet small">
        {r.answers} answers to {r.tasks} tasks, as of {when(r.computedAt)}; worked out in{" "}
        {r.seconds.toFixed(1)} s. Every figure has a 95 % interval.
      </p>
      <div className="figure-grid">
        <Figure name="Raters agree, pair by pair" term="agreement" of={r.raters.raw} />
        <Figure name="Krippendorff's alpha" of={r.raters.krippendorff} as="number" />
        <Figure name="Gwet's AC1" of={r.raters.gwet} as="number" />
        <Figure
          name="Raters with researchers, blind"
          term="with researchers"
          of={r.researchers.raw}
        />
        <Figure name="Researchers with each other" term="agreement" of={r.amongResearchers.raw} />
      </div>
      {live.data && live.data.latest.length > 0 && (
        <Card
          title="With the newest answers"
          aside={<span className="quiet small num">{live.data.answers} by raters so far</span>}
        >
          <Newest live={live.data} />
        </Card>
      )}
      <Card title="Raters">
        <People list={r.people.filter((p) => p.role === "rater")} />
        <HowRatersAreJudged />
      </Card>
      <Card
        title="Who agrees with whom"
        aside={<span className="quiet small">a cell leads to the disagreements</span>}
      >
        <Matrix r={r} open={(first, second) => look({ first, second })} />
      </Card>
      {r.groups.length > 0 && (
        <Card title="Groups">
          <Coefficients
            rows={r.groups.map((g) => [
              g.first === g.second ? `within ${g.first}` : `${g.first} with ${g.second}`,
              g.agreement,
            ])}
          />
        </Card>
      )}
      <div className="grid">
        <Card title="Agreement over time">
          <Trend parts={r.overTime} label="Agreement of raters over time" />
        </Card>
        <Card title="By version of the task">
          <Splits rows={r.byVersion} head="version" />
        </Card>
        {r.bySource.length > 0 && (
          <Card title="By source of the texts">
            <Splits rows={r.bySource} head="source" />
          </Card>
        )}
      </div>
      <Card title="Coefficients">
        <Coefficients
          rows={[
            ["raters with each other", r.raters],
            ["raters with researchers", r.researchers],
            ["researchers with each other", r.amongResearchers],
          ]}
        />
        <p className="quiet small">
          The column On this question and the weights come from {r.method}, which predicts held-out
          answers best here. An answer that is doubted stays and weighs less.
          {!r.converged &&
            ` ${r.method} was cut off at its limit of steps: with more, these figures would move.`}
        </p>
        <Weights which={which} />
      </Card>
      <Dialog
        open={pair !== undefined}
        close={() => look(undefined)}
        title={
          pair
            ? `${name.get(pair.first) ?? "?"} and ${name.get(pair.second) ?? "?"} said different things`
            : ""
        }
      >
        {pair && <DisagreementList which={which} pair={pair} />}
      </Dialog>
    </>
  );
}

/** Where the newest tasks stand, with every answer. What people come to is below, as all pages have it. */
function Newest({ live }: { live: LiveQuality }) {
  return (
    <table className="plain newest">
      <thead>
        <tr>
          <th>Task</th>
          <th>Answers</th>
          <th>Most likely</th>
        </tr>
      </thead>
      <tbody>
        {live.latest.slice(0, 6).map((t) => {
          const best = t.posterior.reduce((a, b) => (b.p > a.p ? b : a));
          return (
            <tr key={t.task}>
              <td className="clipped" title={t.task}>
                {t.task}
              </td>
              <td className="num">{t.answers}</td>
              <td>
                {best.label} <span className="quiet small num">{percent(best.p)}</span>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Exports and data sets carry the weights that are stored here. */
function Weights({ which }: { which: Which }) {
  const store = useMutation({
    mutationFn: () => api.setWeights({ body: asked(which) }),
  });
  return (
    <div className="row">
      <button className="button" disabled={store.isPending} onClick={() => store.mutate()}>
        Store the weights
      </button>
      <span className="quiet small" role="status">
        {store.data
          ? `${store.data.changed} answers have a new weight.`
          : store.error
            ? store.error.message
            : "Exports and data sets carry them; no answer is removed."}
      </span>
    </div>
  );
}

const Splits = ({
  rows,
  head,
}: {
  rows: readonly { name: string; agreement: Estimated }[];
  head: string;
}) => (
  <Scroll label={`By ${head}`}>
    <table>
      <thead>
        <tr>
          <th>{head}</th>
          <th>
            <Term>Agreement</Term>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((s) => (
          <tr key={s.name}>
            <td>{s.name}</td>
            <td>
              <Estimate of={s.agreement} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

const Coefficients = ({ rows }: { rows: readonly (readonly [string, AgreementReport])[] }) => (
  <Scroll label={rows.map(([n]) => n).join(", ")}>
    <table>
      <thead>
        <tr>
          <th>Between</th>
          <th>Tasks</th>
          <th>
            <Term>Raw</Term>
          </th>
          <th>
            <Term>Cohen</Term>
          </th>
          <th>
            <Term>Fleiss</Term>
          </th>
          <th>
            <Term of="Krippendorff's alpha">Krippendorff</Term>
          </th>
          <th>
            <Term of="Gwet's AC1">Gwet AC1</Term>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, a]) => (
          <tr key={name}>
            <td>{name}</td>
            <td>{a.tasks}</td>
            <td>
              <Estimate of={a.raw} />
            </td>
            <td>
              {a.cohen ? <Estimate of={a.cohen} as="number" /> : <span className="quiet">–</span>}
            </td>
            <td>
              <Estimate of={a.fleiss} as="number" />
            </td>
            <td>
              <Estimate of={a.krippendorff} as="number" />
            </td>
            <td>
              <Estimate of={a.gwet} as="number" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

function People({ list }: { list: readonly RaterQuality[] }) {
  const [all, showAll] = useState(false);
  const sorted = list.toSorted((a, b) => (a.reliability.at ?? 1) - (b.reliability.at ?? 1));
  const shown = all ? sorted : sorted.slice(0, 20);
  return (
    <>
      <Scroll label="Raters">
        <table>
          <thead>
            <tr>
              <th>Rater</th>
              <th>Answers</th>
              <th>
                <Term>Reliability</Term>
              </th>
              <th>95 %</th>
              <th>On this question</th>
              <th>
                <Term>With others</Term>
              </th>
              <th>
                <Term>With researchers</Term>
              </th>
              <th>
                <Term of="hidden gold">Gold</Term>
              </th>
              <th>
                <Term>Weight</Term>
              </th>
              <th>Worth a talk</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((p) => (
              <tr key={p.person}>
                <td>
                  <Link to="/quality/raters/$id" params={{ id: p.person }}>
                    {p.pseudonym}
                  </Link>
                </td>
                <td>{p.answers}</td>
                <td>
                  <Estimate of={p.reliability} />
                </td>
                <td>
                  <Interval
                    low={p.reliability.low}
                    at={p.reliability.at}
                    high={p.reliability.high}
                  />
                </td>
                <td>
                  <Estimate of={p.onQuestion} />
                </td>
                <td>
                  <Estimate of={p.others} />
                </td>
                <td>
                  <Estimate of={p.researchers} />
                </td>
                <td>
                  <Estimate of={p.gold} />
                </td>
                <td>{p.weight.toFixed(2)}</td>
                <td>
                  <VerdictBadge of={p.flag} concerns={p.concerns} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {sorted.length > shown.length && (
        <div>
          <button className="button" onClick={() => showAll(true)}>
            Show all {sorted.length}
          </button>
        </div>
      )}
    </>
  );
}
