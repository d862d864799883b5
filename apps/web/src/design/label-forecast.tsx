/** What more labels would buy, in words and as a curve: accuracy so far, and of twice and four times the pairs with intervals. */
import type { LabelCurve } from "@tiller/schema";
import "./label-forecast.css";

const two = (x: number) => x.toFixed(2).replace(/^0/, "");
const range = (p: { low: number; high: number }) => `${two(p.low)} to ${two(p.high)}`;

export function Forecast({ accuracy, heldOutBy }: { accuracy: LabelCurve; heldOutBy: string }) {
  const { now, more, check } = accuracy;
  const words: Readonly<Record<number, string>> = { 2: "Twice", 4: "Four times" };
  return (
    <>
      <p>
        A reward model from the {now.pairs} pairs that are decided names the better of two texts in{" "}
        <b>{two(now.at)}</b> of cases that it has not seen.
      </p>
      <ul className="forecast-list">
        {more.map((m) => (
          <li key={m.times}>
            {words[m.times] ?? `${m.times} times`} the pairs, {m.pairs}: <b>{two(m.at)}</b>, and in
            nine of ten cases from {range(m)}.
          </li>
        ))}
      </ul>
      <Curve bought={accuracy} />
      <p className="small quiet">
        Of {heldOutBy} that were held out; the reward is linear in a small model's reading of the
        texts, so a larger one may gain more.
        {check &&
          ` A forecast from ${check.from} pairs said ${range(check.forecast)} for today: ${check.within ? "it came true" : "it did not come true"}.`}
      </p>
    </>
  );
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BELOW] = [420, 210, 40, 20, 12, 40];
function Curve({ bought: { curve, now, more } }: { bought: LabelCurve }) {
  const points = [now, ...more];
  const xs = [...curve, ...more].map((p) => Math.log2(p.pairs));
  const ys = [...curve.map((p) => p.value), ...points.flatMap((p) => [p.low, p.high]), 0.5];
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const y0 = Math.floor(Math.min(...ys) * 20) / 20;
  const y1 = Math.ceil(Math.max(...ys) * 20) / 20;
  const X = (pairs: number) =>
    LEFT + ((Math.log2(pairs) - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - RIGHT);
  const Y = (v: number) => HEIGHT - BELOW - ((v - y0) / (y1 - y0 || 1)) * (HEIGHT - BELOW - TOP);
  const line = (of: readonly (readonly [number, number])[]) =>
    of.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("");
  const step = y1 - y0 > 0.3 ? 0.1 : 0.05;
  const ticks = Array.from({ length: Math.round((y1 - y0) / step) + 1 }, (_, i) => y0 + i * step);
  const band = [
    ...points.map((p) => [p.pairs, p.high] as const),
    ...points.toReversed().map((p) => [p.pairs, p.low] as const),
  ];
  return (
    <svg
      className="forecast-curve"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Accuracy by pairs: ${two(now.at)} with ${now.pairs}; ${more.map((m) => `${two(m.at)} (${range(m)}) with ${m.pairs}`).join("; ")}`}
    >
      {ticks.map((t) => (
        <g key={t}>
          <line x1={LEFT} x2={WIDTH - RIGHT} y1={Y(t)} y2={Y(t)} className="grid" />
          <text x={LEFT - 6} y={Y(t) + 4} textAnchor="end">
            {two(t)}
          </text>
        </g>
      ))}
      <path d={`${line(band)}Z`} className="band" />
      <path d={line(curve.map((p) => [p.pairs, p.value]))} className="measured" />
      <path d={line(points.map((p) => [p.pairs, p.at]))} className="ahead" />
      {curve.map((p) => (
        <circle key={p.pairs} cx={X(p.pairs)} cy={Y(p.value)} r={3} className="dot" />
      ))}
      {[...curve.slice(0, 1), ...points].map((p) => (
        <text key={p.pairs} x={X(p.pairs)} y={HEIGHT - BELOW + 16} textAnchor="middle">
          {p.pairs}
        </text>
      ))}
      <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 4} textAnchor="middle">
        pairs judged
      </text>
    </svg>
  );
}
