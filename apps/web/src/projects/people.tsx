/** A project's answers by person: how many, how fast, how often as the label says. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ControlPerson, ProjectPerson } from "@tiller/schema";
import { asking } from "../api.ts";
import {
  Badge,
  Card,
  fixed,
  Interval,
  Loaded,
  percent,
  Scroll,
  Term,
  when,
} from "../design/components.tsx";
import { VerdictBadge } from "../design/verdict.tsx";

export function PeopleOfProject({ id }: { id: string }) {
  const people = useQuery({ ...asking("projectPeople", { id }), refetchInterval: 10_000 });
  const room = useQuery(asking("controlRoom"));
  const quality = new Map(room.data?.people.map((p) => [p.pseudonym, p.quality]));
  return (
    <Card title="Answers by person">
      <Loaded query={people} empty={<p className="quiet">Nobody has answered yet.</p>}>
        {(rows) => (
          <Scroll label="Answers by person">
            <table>
              <thead>
                <tr>
                  <th>Rater</th>
                  <th>Answers</th>
                  <th>Sent back</th>
                  <th>Seconds</th>
                  <th>As the label</th>
                  <th>
                    <Term>Reliability</Term>
                  </th>
                  <th>Gold right</th>
                  <th>Last</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((p) => (
                  <Row key={p.rater} id={id} person={p} quality={quality.get(p.rater) ?? null} />
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
    </Card>
  );
}
const Row = ({
  id,
  person: p,
  quality: q,
}: {
  id: string;
  person: ProjectPerson;
  /** over all their work, as on every page */
  quality: ControlPerson["quality"];
}) => (
  <tr>
    <td>
      <Link to="/projects/$id" params={{ id }} search={{ person: p.rater }}>
        {p.rater}
      </Link>{" "}
      {p.simulated && <Badge>simulated</Badge>}
    </td>
    <td className="num">{p.answers}</td>
    <td className="num">{p.returned || "–"}</td>
    <td className="num">{fixed(p.seconds, 0)}</td>
    <td className="num">
      {percent(p.agreement)} <span className="quiet small">of {p.compared}</span>
    </td>
    <td>
      {q ? (
        <>
          <Interval
            low={q.reliabilityLow}
            at={q.reliability}
            high={q.reliabilityHigh}
            bad={q.flag === "careless"}
          />
          <VerdictBadge of={q.flag} concerns={q.concerns} />
        </>
      ) : (
        "–"
      )}
    </td>
    <td className="num">{p.gold.of ? `${p.gold.right} of ${p.gold.of}` : "–"}</td>
    <td className="num quiet">{when(p.last)}</td>
  </tr>
);
