/** One rater: how reliable, on gold, with researchers, how sure, how biased, how fast, how steady; and what was said to them. */
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { RaterReport } from "@tiller/schema";
import { asking } from "../api.ts";
import {
  Badge,
  Card,
  duration,
  Empty,
  Loaded,
  percent,
  when,
  Scroll,
  WayOn,
} from "../design/components.tsx";
import { HowRatersAreJudged, VerdictBadge } from "../design/verdict.tsx";
import { Estimate, Figure, Page, PopulationLine, asked, Trend, useWhich } from "./parts.tsx";
import { NewThread, ThreadView } from "./threads.tsx";

export function RaterPage() {
  const { id } = useParams({ from: "/quality/raters/$id" });
  const { fields, which, picker, about: choose } = useWhich();
  const report = useQuery({
    ...asking("raterQuality", which && { id, ...asked(which) }),
    placeholderData: (old) => old, // the choice stays open while another is looked for
  });
  const threads = useQuery(asking("listThreads", { about: id }));
  const people = useQuery(asking("listPeople"));
  if (people.data && !people.data.some((p) => p.id === id))
    return (
      <main>
        <WayOn title="There is nothing here">There is no person {id}.</WayOn>
      </main>
    );
  return (
    <Page title={report.data?.summary.pseudonym ?? "Rater"} aside={picker}>
      {fields.data?.length === 0 ? (
        <Empty title="No answers yet">Figures appear here with the first answers.</Empty>
      ) : (
        <Loaded query={report}>
          {(r) => (
            <>
              <PopulationLine of={r.population} which={which!} about={choose} />
              <Body r={r} />
            </>
          )}
        </Loaded>
      )}
      <Card title="Notes and feedback">
        {threads.data?.map((t) => (
          <ThreadView key={t.id} thread={t} as="staff" />
        ))}
        <NewThread about={{ about: id as never }} kinds={["feedback", "note"]} />
      </Card>
    </Page>
  );
}

function Body({ r }: { r: RaterReport }) {
  const s = r.summary;
  const drift = { steady: "good", falling: "bad", "not enough data": undefined } as const;
  return (
    <>
      <div className="row">
        <VerdictBadge of={s.flag} concerns={s.concerns} />
        <HowRatersAreJudged />
      </div>
      <p className="quiet small">
        {s.answers} answers, weight {s.weight.toFixed(2)}, median{" "}
        {s.medianSeconds === null ? "–" : duration(s.medianSeconds)} a task; as of{" "}
        {when(r.computedAt)}
      </p>
      <div className="figure-grid">
        <Figure name="Reliability" of={s.reliability} note="answers of any kind" />
        <Figure name="On this question" term="reliability" of={s.onQuestion} note="answers" />
        <Figure name="On hidden gold" term="hidden gold" of={s.gold} note="items" />
        <Figure name="With researchers, blind" term="with researchers" of={s.researchers} />
        <Figure name="With other raters" term="with others" of={s.others} />
      </div>
      <div className="grid">
        <Card title="What their confidence is worth">
          <Threshold r={r} />
          {r.calibration.curve.length > 0 && (
            <Scroll label="Confidence">
              <table>
                <thead>
                  <tr>
                    <th>Confidence</th>
                    <th>Right at this level</th>
                    <th>Right at or above it</th>
                  </tr>
                </thead>
                <tbody>
                  {r.calibration.curve.map((c, i) => (
                    <tr key={c.confidence}>
                      <td>{c.confidence}</td>
                      <td>
                        <Estimate of={c} />
                      </td>
                      <td>
                        <Estimate of={r.calibration.atLeast[i] ?? null} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )}
        </Card>
        <Card
          title="Over time"
          aside={
            <Badge {...(drift[r.drift.verdict] ? { tone: drift[r.drift.verdict]! } : {})}>
              {r.drift.verdict}
            </Badge>
          }
        >
          <Trend parts={r.overTime} label="Agreement with other raters" />
          <p className="quiet small">
            {r.drift.verdict === "not enough data"
              ? `Drift is judged on hidden gold: ${r.drift.n} of 40 items so far.`
              : `On gold: ${percent(r.drift.before.at)} before, ${percent(r.drift.recent.at)} in the last ${r.drift.recent.n}; change ${Math.round(100 * (r.drift.change.at ?? 0))} points, ${Math.round(100 * (r.drift.change.low ?? 0))} to ${Math.round(100 * (r.drift.change.high ?? 0))}${r.drift.since ? `, since ${when(new Date(r.drift.since).toISOString())}` : ""}.`}
          </p>
          {r.testRetest.own.same.n > 0 && (
            <p className="small">
              Asked again after a week or more, they said the same:{" "}
              <Estimate of={r.testRetest.own.same} />
              <span className="quiet"> (everyone: {percent(r.testRetest.everyone.same.at)})</span>
              {r.testRetest.own.shift && (
                <>
                  ; the second number was higher by{" "}
                  <Estimate of={r.testRetest.own.shift} as="number" />
                </>
              )}
            </p>
          )}
        </Card>
        <Card title="Pulls and signs">
          <Scroll label="Pulls and signs">
            <table>
              <tbody>
                {(
                  [
                    ["Takes the left", s.left],
                    ["Takes the longer", s.longer],
                    ["Calls it a tie", r.ties],
                    ["Too fast on this question", s.fast],
                    ["Copied or pasted text", s.copied],
                  ] as const
                ).map(([name, e]) => (
                  <tr key={name}>
                    <td>{name}</td>
                    <td>
                      <Estimate of={e} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </Card>
        <Card title="With researchers, by version and source">
          {r.researchers.length ? (
            <Scroll label="With researchers">
              <table>
                <tbody>
                  {r.researchers.map((x) => (
                    <tr key={`${x.version} ${x.source}`}>
                      <td>
                        version {x.version}
                        {x.source && `, ${x.source}`}
                      </td>
                      <td>
                        <Estimate of={x.agreement} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          ) : (
            <p className="quiet">
              No researcher has answered one of their tasks. Researchers get them at their desk.
            </p>
          )}
        </Card>
      </div>
    </>
  );
}

function Threshold({ r }: { r: RaterReport }) {
  const t = r.calibration.threshold;
  if (t.kind === "not enough data")
    return (
      <p className="quiet">
        Not enough data: {t.answers} of {t.needed} answers with a stated confidence that a
        researcher or gold can check.
      </p>
    );
  if (t.kind === "not reached")
    return (
      <p>
        At no level do they agree with researchers four times in five. At best:{" "}
        <Estimate of={t.best} />
      </p>
    );
  return (
    <p>
      From confidence <b>{t.level}</b> on ({t.low} to {t.high ?? "never"}) they agree with
      researchers four times in five: <Estimate of={t.agreement} />
      {!t.sure && " (the lower end is still under 80 %)"}
    </p>
  );
}
