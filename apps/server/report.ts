/** The report as one self-contained HTML file: tables, and plots drawn as SVG here, so that it opens anywhere. */
import { createHash } from "node:crypto";
import { largest, type MetricPoint, own, type Report, smallest } from "@tiller/schema";

const escape = (s: string) =>
  s.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);
const fixed = (x: number, digits = 2) => (Number.isFinite(x) ? x.toFixed(digits) : "–");
const percent = (x: number | null) => (x === null ? "–" : `${(100 * x).toFixed(0)} %`);

interface Line {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
  readonly color: string;
  readonly dots?: boolean;
}
const W = 520;
const H = 240;
const M = { left: 52, right: 14, top: 14, bottom: 36 };

/** Round numbers between a and b, about four steps of 1, 2 or 5 times a power of ten. */
function niceTicks(a: number, b: number): number[] {
  const rough = (b - a) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((m) => m * power >= rough * 0.999) ?? 10) * power;
  const first = Math.ceil(a / step - 1e-9);
  return Array.from(
    { length: Math.floor(b / step + 1e-9) - first + 1 },
    (_, i) => (first + i) * step,
  );
}

/** A line chart with axes, as an SVG string. */
function chart(title: string, xLabel: string, lines: readonly Line[]): string {
  const all = lines
    .flatMap((l) => l.points)
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (!all.length)
    return `<figure><figcaption>${escape(title)}</figcaption><p class="quiet">No points.</p></figure>`;
  const [x0, x1] = [smallest(all.map((p) => p[0])), largest(all.map((p) => p[0]))];
  let [y0, y1] = [smallest(all.map((p) => p[1])), largest(all.map((p) => p[1]))];
  if (y0 === y1) [y0, y1] = [y0 - 0.5, y1 + 0.5];
  const X = (x: number) => M.left + ((x - x0) / (x1 - x0 || 1)) * (W - M.left - M.right);
  const Y = (y: number) => H - M.bottom - ((y - y0) / (y1 - y0)) * (H - M.top - M.bottom);
  const axes = [
    ...niceTicks(y0, y1).map(
      (y) =>
        `<line class="grid" x1="${M.left}" x2="${W - M.right}" y1="${Y(y)}" y2="${Y(y)}"/><text x="${M.left - 8}" y="${Y(y) + 4}" text-anchor="end">${Number(y.toPrecision(3))}</text>`,
    ),
    ...niceTicks(x0, x1).map(
      (x) =>
        `<text x="${X(x)}" y="${H - M.bottom + 18}" text-anchor="middle">${Number(x.toPrecision(3))}</text>`,
    ),
    `<text x="${(W + M.left) / 2}" y="${H - 2}" text-anchor="middle" class="quiet">${escape(xLabel)}</text>`,
  ].join("");
  const drawn = lines
    .map((l) => {
      const at = l.points
        .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
        .map(([x, y]) => `${X(x).toFixed(1)},${Y(y).toFixed(1)}`);
      return `<polyline points="${at.join(" ")}" fill="none" stroke="${l.color}" stroke-width="2"/>${l.dots ? at.map((p) => `<circle cx="${p.split(",")[0]}" cy="${p.split(",")[1]}" r="3.5" fill="${l.color}"/>`).join("") : ""}`;
    })
    .join("");
  const legend =
    lines.length > 1
      ? `<p class="legend">${lines.map((l) => `<span><svg width="14" height="3"><rect width="14" height="3" fill="${l.color}"/></svg>${escape(l.label)}</span>`).join("")}</p>`
      : "";
  return `<figure><figcaption>${escape(title)}</figcaption>${legend}<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${escape(title)}">${axes}${drawn}</svg></figure>`;
}
const series = (points: readonly MetricPoint[], key: string) =>
  points.flatMap((p) => {
    const value = own(p.values, key);
    return value === undefined ? [] : [[p.step, value] as const];
  });

const css = `:root{color-scheme:light dark;--ink:#1c2420;--quiet:#5d6a63;--line:#d9ded9;--page:#fbfaf7;--card:#fff;--good:#1f6f54;--bad:#a3452f}
@media(prefers-color-scheme:dark){:root{--ink:#e6eae6;--quiet:#9aa7a0;--line:#323a36;--page:#141816;--card:#1b211e;--good:#6fc3a3;--bad:#e08c76}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,sans-serif}main{max-width:1120px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:18px;margin:40px 0 12px}.quiet{color:var(--quiet)}svg text{font:12px system-ui;fill:var(--quiet)}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0}.stats div,figure{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px;margin:0}
.stats b{display:block;font-size:24px;font-weight:600;font-variant-numeric:tabular-nums}.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px}figcaption{font-weight:600}
.grid{stroke:var(--line)}.legend{margin:4px 0;display:flex;gap:16px;flex-wrap:wrap;font-size:13px}.legend svg{margin-right:6px;vertical-align:middle}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th{text-align:left;color:var(--quiet);font-weight:500;font-size:13px}td,th{padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:16px;padding:14px 0;border-bottom:1px solid var(--line)}.pair p{margin:0}.up{color:var(--good)}.down{color:var(--bad)}@media print{body{background:#fff}figure,.stats div{break-inside:avoid}}`;
/** The file runs no script and fetches nothing; its one style sheet is named by its hash. */
export const REPORT_POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(css).digest("base64")}'; base-uri 'none'`;

export function renderReport(r: Report): string {
  const { summary: s } = r;
  const stats = [
    ["Win rate", percent(s.winRate), "of held-out comparisons against the base, ties half"],
    ["KL", `${fixed(s.kl, 1)} nats`, "a continuation, policy against base"],
    [
      "Reward model",
      percent(s.rewardAccuracy),
      `right on ${r.rewardModel.n} held-out pairs (${percent(r.rewardModel.low)} to ${percent(r.rewardModel.high)})`,
    ],
    ["Distinct bigrams", percent(s.distinct2Ratio), "of the base's"],
    [
      "Judgments",
      String(s.judgments),
      `careless raters found: ${s.carelessFound.join(", ") || "none"}`,
    ],
    ["Time", `${fixed(s.seconds / 60, 1)} min`, "from start to here"],
  ];
  const table = r.table.map(
    (a) =>
      `<tr><td>${escape(a.arm)}</td><td>${a.n}</td><td>${a.winRate === null ? "–" : `${percent(a.winRate)} <span class="quiet">(${percent(a.winRateLow)} to ${percent(a.winRateHigh)})</span>`}</td><td>${fixed(a.reward)}</td><td>${fixed(a.preference)}</td><td>${fixed(a.kl, 1)}</td><td>${fixed(a.length, 1)}</td><td>${fixed(a.distinct1)}</td><td>${fixed(a.distinct2)}</td></tr>`,
  );
  const policy = r.table.find((a) => a.arm === "policy");
  const plots = [
    chart("Score during PPO", "iteration", [
      { label: "score", points: series(r.ppo, "score"), color: "#1f6f54" },
    ]),
    chart("KL to the base, nats", "iteration", [
      { label: "KL", points: series(r.ppo, "kl"), color: "#a3452f" },
    ]),
    chart("Entropy a token, nats", "iteration", [
      { label: "entropy", points: series(r.ppo, "entropy"), color: "#4a5fa5" },
    ]),
    chart("Clip fraction", "iteration", [
      { label: "clip fraction", points: series(r.ppo, "clipFraction"), color: "#8a6d1c" },
    ]),
    chart("Reward model loss", "step", [
      { label: "training", points: series(r.rewardModel.curve, "loss"), color: "#7b8a83" },
      {
        label: "validation",
        points: series(r.rewardModel.curve, "validationLoss"),
        color: "#a3452f",
        dots: true,
      },
    ]),
    chart("Win rate against KL", "KL, nats", [
      {
        label: "best of n",
        points: r.bestOfN.map((b) => [b.kl, b.winRate] as const),
        color: "#4a5fa5",
        dots: true,
      },
      {
        label: "PPO",
        points: policy?.winRate ? [[policy.kl, policy.winRate]] : [],
        color: "#1f6f54",
        dots: true,
      },
    ]),
  ];
  const raters = r.raters.map(
    (x) =>
      `<tr><td>${escape(x.pseudonym)}</td><td>${x.answers}</td><td>${percent(x.reliability)} <span class="quiet">(${percent(x.low)} to ${percent(x.high)})</span></td><td>${percent(x.agreement)}</td><td class="${x.flag === "careless" ? "down" : ""}">${escape(x.flag)}</td></tr>`,
  );
  const pairs = r.sideBySide.map(
    (x) =>
      `<div class="pair"><p class="quiet">${escape(x.passage)}</p><p>${escape(x.base)} <span class="quiet">${fixed(x.basePreference, 1)}</span></p><p>${escape(x.policy)} <span class="${x.policyPreference > x.basePreference ? "up" : "down"}">${fixed(x.policyPreference, 1)}</span></p></div>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(r.title)} · Tiller report</title><style>${css}</style><main>
<h1>${escape(r.title)}</h1><p class="quiet">Experiment ${escape(r.experiment)}, seed ${r.seed}, ${escape(r.createdAt.slice(0, 16).replace("T", " "))} UTC</p>
<div class="stats">${stats.map(([name, value, note]) => `<div><span class="quiet">${name}</span><b>${escape(value!)}</b><span class="quiet">${escape(note!)}</span></div>`).join("")}</div>
<h2>Held-out passages</h2><div class="scroll"><table><tr><th>Arm<th>Passages<th>Wins against base (95 %)<th>Reward<th>Tone<th>KL<th>Tokens<th>Distinct-1<th>Distinct-2</tr>${table.join("")}</table></div>
<h2>Training</h2><div class="plots">${plots.join("")}</div>
<h2>Raters</h2><div class="scroll"><table><tr><th>Rater<th>Answers<th>Reliability (95 %)<th>Agreement<th>Flag</tr>${raters.join("")}</table></div>
<h2>Side by side</h2><div class="pair quiet"><p>Passage</p><p>Base, with its hidden tone score</p><p>Policy, with its hidden tone score</p></div>${pairs.join("")}
</main></html>`;
}
