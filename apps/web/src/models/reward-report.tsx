/** A reward model's page: how often it is right beside what is cheap, whether it is as sure as it is right, what more labels would buy. */
import { useQuery } from "@tanstack/react-query";
import type { RewardReport as Report } from "@tiller/schema";
import { asking } from "../api.ts";
import { Card, Scroll, Term } from "../design/components.tsx";
import { Forecast } from "../design/label-forecast.tsx";
import "./reward-report.css";

const WAITS_MS = 3000;
const two = (x: number | null) => (x === null ? "–" : x.toFixed(2).replace(/^0/, ""));
const range = (p: { low: number; high: number }) => `${two(p.low)} to ${two(p.high)}`;
const signed = (x: number) =>
  Math.abs(x) < 0.005 ? "0" : `${x < 0 ? "−" : "+"}${two(Math.abs(x))}`;
const ahead = (a: { at: number; low: number; high: number } | null) =>
  a && `${signed(a.at)} (${signed(a.low)} to ${signed(a.high)})`;

export function RewardReport({ id }: { id: string }) {
  const query = useQuery({
    ...asking("rewardReport", { id }),
    refetchInterval: ({ state }) => (state.data?.state === "working" ? WAITS_MS : false),
  });
  const found = query.data;
  if (!found) return null;
  if (found.state !== "made")
    return (
      <Card title="How good it is">
        {found.state === "working" ? (
          <p role="status" className="quiet">
            Being worked out…
          </p>
        ) : (
          <p className="quiet">{found.why}</p>
        )}
      </Card>
    );
  const { table, pairs, forecast } = found.report;
  return (
    <>
      <Card title="How good it is">
        {table ? (
          <Table table={table} learned={pairs} />
        ) : (
          <p className="quiet">
            Its training kept no decided pair back, so there is nothing here to hold it to.
          </p>
        )}
      </Card>
      {table && (
        <Card title="Is it as sure as it is right?">
          <Calibration of={table.calibration} />
        </Card>
      )}
      {forecast && (
        <Card title="What more labels would buy">
          <Forecast accuracy={forecast.accuracy} heldOutBy={forecast.heldOutBy} />
        </Card>
      )}
    </>
  );
}

type Table = NonNullable<Report["table"]>;
function Table({ table: t, learned }: { table: Table; learned: number }) {
  const { longer, bagOfWords, onePerson } = t.baselines;
  const rows = [
    ["This model", `${two(t.accuracy)} (${range(t)})`, null],
    ["The longer text wins", two(longer), ahead(t.ahead.longer)],
    ["A bag of words", two(bagOfWords), ahead(t.ahead.bagOfWords)],
    ["One person against the others", two(onePerson), null],
  ] as const;
  return (
    <>
      <p>
        It learned from {learned} pairs. Of {t.n} others, which its training kept back and of which
        people chose a side, it names the better text in <b>{two(t.accuracy)}</b>.
        {t.ties > 0 && ` ${t.ties} more are ties.`}
      </p>
      <Scroll label="Beside what is cheap">
        <table>
          <thead>
            <tr>
              <th>Who says which is better</th>
              <th>Right (95 %)</th>
              <th>This model is ahead by</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([who, right, by]) => (
              <tr key={who}>
                <td>{who}</td>
                <td className="num one-line">{right}</td>
                <td className="num one-line">{by ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {t.matched && (
        <p>
          <Term>Length-matched</Term> pairs: it is right in <b>{two(t.matched.accuracy)}</b> (
          {range(t.matched)}) of {t.matched.n}; the longer text in {two(t.matched.longer)}.
        </p>
      )}
      <p className="small quiet">
        Guessing is right in .50. An interval of “ahead” that holds 0 means that they may be as good
        as each other.
      </p>
    </>
  );
}

const [SIZE, LEFT, TOP, BELOW] = [260, 40, 10, 40];
function Calibration({ of: c }: { of: Table["calibration"] }) {
  const low = Math.min(0.4, ...c.bins.map((b) => Math.floor(b.low * 10) / 10));
  const X = (p: number) => LEFT + (p - 0.5) * 2 * SIZE;
  const Y = (p: number) => TOP + ((1 - p) / (1 - low)) * SIZE;
  const ticks = (from: number) =>
    Array.from({ length: Math.round((1 - from) * 10) + 1 }, (_, i) => from + i / 10);
  const more = c.scale / c.best;
  const sure =
    c.best <= 0
      ? "On these pairs its margins say nothing."
      : more > 1.25
        ? `It is too sure: its margins are ${more.toFixed(1)} times what these pairs bear out.`
        : more < 0.8
          ? `It is less sure than it could be: these pairs bear out ${(1 / more).toFixed(1)} times its margins.`
          : "Its margins mean about what they say.";
  return (
    <>
      <p>
        {sure} Expected calibration error: <b>{two(c.ece)}</b>.
      </p>
      <svg
        className="calibration"
        viewBox={`0 0 ${LEFT + SIZE + 12} ${TOP + SIZE + BELOW}`}
        role="img"
        aria-label={`How often it is right by how sure it is: ${c.bins.map((b) => `sure ${two(b.confidence)}, right ${two(b.accuracy)} of ${b.n}`).join("; ")}`}
      >
        {ticks(low).map((p) => (
          <g key={p}>
            <line x1={LEFT} x2={LEFT + SIZE} y1={Y(p)} y2={Y(p)} className="grid" />
            <text x={LEFT - 6} y={Y(p) + 4} textAnchor="end">
              {two(p)}
            </text>
          </g>
        ))}
        {ticks(0.5).map((p) => (
          <text key={p} x={X(p)} y={TOP + SIZE + 16} textAnchor="middle">
            {two(p)}
          </text>
        ))}
        <line x1={X(0.5)} y1={Y(0.5)} x2={X(1)} y2={Y(1)} className="even" />
        {c.bins.map((b) => (
          <g key={b.from}>
            <line
              x1={X(b.confidence)}
              x2={X(b.confidence)}
              y1={Y(b.low)}
              y2={Y(b.high)}
              className="interval"
            />
            <circle cx={X(b.confidence)} cy={Y(b.accuracy)} r={3.5} className="dot" />
          </g>
        ))}
        <text x={LEFT + SIZE / 2} y={TOP + SIZE + BELOW - 4} textAnchor="middle">
          how sure it is
        </text>
      </svg>
      <p className="small quiet">
        A point is a tenth of how sure one can be, with the 95 % interval of how often the model is
        right there; on the dashed line it is right as often as it says.
      </p>
    </>
  );
}
