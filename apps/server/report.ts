/** The report as one self-contained HTML file: tables, and plots drawn as SVG here, so that it opens anywhere. */
import { createHash } from "node:crypto";
import {
  type Cell,
  largest,
  readInterval,
  readNumber,
  type Report,
  type ReportBlock,
  smallest,
  type SummaryMetric,
} from "@tiller/schema";

const escape = (s: string) =>
  s.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);

type Of<K extends ReportBlock["kind"]> = Extract<ReportBlock, { kind: K }>;
const colors = ["#1f6f54", "#a3452f", "#4a5fa5", "#8a6d1c", "#7b4f8f", "#3b7f91"];
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

const axisLabel = ({ label, unit }: { readonly label: string; readonly unit: string }) =>
  [label, unit === "fraction" ? "" : unit].filter(Boolean).join(", ");

/** A line chart with axes, as an SVG string. */
function chart({ title, note, x, y, lines }: Of<"curve">): string {
  const name = [title, axisLabel(y)].filter(Boolean).join(": ");
  const caption = `<figcaption>${escape(name)}</figcaption>${note ? `<p class="quiet">${escape(note)}</p>` : ""}`;
  const all = lines.flatMap((l) => l.points);
  if (!all.length) return `<figure>${caption}<p class="quiet">No points.</p></figure>`;
  const [x0, x1] = [smallest(all.map((p) => p[0])), largest(all.map((p) => p[0]))];
  let [y0, y1] = [smallest(all.map((p) => p[1])), largest(all.map((p) => p[1]))];
  if (y0 === y1) [y0, y1] = [y0 - 0.5, y1 + 0.5];
  const X = (v: number) => M.left + ((v - x0) / (x1 - x0 || 1)) * (W - M.left - M.right);
  const Y = (v: number) => H - M.bottom - ((v - y0) / (y1 - y0)) * (H - M.top - M.bottom);
  const tick = (v: number, unit: string) =>
    unit === "fraction" ? readNumber(v, unit) : String(Number(v.toPrecision(3)));
  const axes = [
    ...niceTicks(y0, y1).map(
      (v) =>
        `<line class="grid" x1="${M.left}" x2="${W - M.right}" y1="${Y(v)}" y2="${Y(v)}"/><text x="${M.left - 8}" y="${Y(v) + 4}" text-anchor="end">${tick(v, y.unit)}</text>`,
    ),
    ...niceTicks(x0, x1).map(
      (v) =>
        `<text x="${X(v)}" y="${H - M.bottom + 18}" text-anchor="middle">${tick(v, x.unit)}</text>`,
    ),
    `<text x="${(W + M.left) / 2}" y="${H - 2}" text-anchor="middle" class="quiet">${escape(axisLabel(x))}</text>`,
  ].join("");
  const drawn = lines
    .map((l, i) => {
      const color = colors[i % colors.length];
      const at = l.points.map(([px, py]) => [X(px).toFixed(1), Y(py).toFixed(1)] as const);
      const dots = at.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${color}"/>`);
      return `<polyline points="${at.map((p) => p.join(",")).join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>${l.dots ? dots.join("") : ""}`;
    })
    .join("");
  const legend =
    lines.length > 1
      ? `<p class="legend">${lines.map((l, i) => `<span><svg width="14" height="3"><rect width="14" height="3" fill="${colors[i % colors.length]}"/></svg>${escape(l.label)}</span>`).join("")}</p>`
      : "";
  return `<figure>${caption}${legend}<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${escape(name)}">${axes}${drawn}</svg></figure>`;
}

const quiet = (text: string) => (text ? `<span class="quiet">${escape(text)}</span>` : "");
function cellText(cell: Cell, unit: string): string {
  if (cell === null) return "–";
  if (typeof cell === "string") return escape(cell);
  if (typeof cell === "number") return escape(readNumber(cell, unit));
  return `${escape(readNumber(cell.value, unit))} ${quiet(`(${readInterval(cell, unit)})`)}`;
}
/** The unit of a column stands in its head, but for per cent and time, which each number says. */
const inCell = (unit: string) => (unit === "fraction" || unit === "s" ? unit : "");
const table = ({ columns, rows }: Of<"table">) =>
  `<div class="scroll"><table><tr>${columns.map((c) => `<th>${escape([c.label, inCell(c.unit) ? "" : c.unit].filter(Boolean).join(", "))}`).join("")}</tr>${rows
    .map(
      (row) =>
        `<tr>${row.map((cell, i) => `<td>${cellText(cell, inCell(columns[i]!.unit))}</td>`).join("")}</tr>`,
    )
    .join("")}</table></div>`;

const figures = (metrics: readonly SummaryMetric[]) =>
  `<div class="stats">${metrics
    .map((m) => {
      const interval = readInterval(m, m.unit);
      const about = [m.note, interval && `95 %: ${interval}`].filter(Boolean).join("; ");
      return `<div>${quiet(m.label)}<b>${escape(readNumber(m.value, m.unit))}</b>${quiet(about)}</div>`;
    })
    .join("")}</div>${helps(metrics)}`;
/** What each figure is, folded away. */
function helps(metrics: readonly SummaryMetric[]): string {
  const told = metrics.filter((m) => m.help);
  return told.length
    ? `<details><summary>What these figures are</summary><dl>${told.map((m) => `<dt>${escape(m.label)}</dt><dd>${escape(m.help!)}</dd>`).join("")}</dl></details>`
    : "";
}

const tone = (better: boolean | null) => (better === null ? "quiet" : better ? "up" : "down");
const samples = ({ columns, rows }: Of<"samples">) =>
  `<div class="pair quiet"><p>Prompt</p>${columns.map((c) => `<p>${escape(c)}</p>`).join("")}</div>${rows
    .map(
      ({ prompt, texts }) =>
        `<div class="pair"><p class="quiet">${escape(prompt)}</p>${texts.map((t) => `<p>${escape(t.text)}${t.score === null ? "" : ` <span class="${tone(t.better)}">${readNumber(t.score)}</span>`}</p>`).join("")}</div>`,
    )
    .join("")}`;

const paragraphs = (text: string) =>
  text
    .split(/\n\s*\n/)
    .map((p) => `<p>${escape(p)}</p>`)
    .join("");

const drawn: { [K in ReportBlock["kind"]]: (b: Of<K>) => string } = {
  figure: (b) => figures(b.metrics),
  table,
  curve: chart,
  samples,
  prose: (b) => paragraphs(b.text),
};
function block(b: ReportBlock): string {
  const body = (drawn[b.kind] as (b: ReportBlock) => string)(b);
  if (b.kind === "curve") return body; // its title is its caption
  const note = "note" in b && b.note ? `<p class="quiet">${escape(b.note)}</p>` : "";
  return `${b.title ? `<h2>${escape(b.title)}</h2>` : ""}${note}${body}`;
}
/** Curves that follow each other stand side by side. */
function blocks(all: readonly ReportBlock[]): string {
  const out: string[] = [];
  for (let i = 0; i < all.length;) {
    let to = i;
    while (all[to]?.kind === "curve") to++;
    if (to > i) out.push(`<div class="plots">${all.slice(i, to).map(block).join("")}</div>`);
    else out.push(block(all[i]!));
    i = Math.max(to, i + 1);
  }
  return out.join("\n");
}

const css = `:root{color-scheme:light dark;--ink:#1c2420;--quiet:#5d6a63;--line:#d9ded9;--page:#fbfaf7;--card:#fff;--good:#1f6f54;--bad:#a3452f}
@media(prefers-color-scheme:dark){:root{--ink:#e6eae6;--quiet:#9aa7a0;--line:#323a36;--page:#141816;--card:#1b211e;--good:#6fc3a3;--bad:#e08c76}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,sans-serif}main{max-width:1120px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:18px;margin:40px 0 12px}.quiet{color:var(--quiet)}svg text{font:12px system-ui;fill:var(--quiet)}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0}.stats div,figure{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px;margin:0}
.stats b{display:block;font-size:24px;font-weight:600;font-variant-numeric:tabular-nums}.plots{margin:24px 0;display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px}figcaption{font-weight:600}
summary{cursor:pointer;color:var(--quiet)}dt{font-weight:600}dd{margin:0 0 10px;max-width:75ch}.grid{stroke:var(--line)}.legend{margin:4px 0;display:flex;gap:16px;flex-wrap:wrap;font-size:13px}.legend svg{margin-right:6px;vertical-align:middle}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th{text-align:left;color:var(--quiet);font-weight:500;font-size:13px}td,th{padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:16px;padding:14px 0;border-bottom:1px solid var(--line)}.pair p{margin:0}.up{color:var(--good)}.down{color:var(--bad)}@media print{body{background:#fff}figure,.stats div{break-inside:avoid}}`;
/** The file runs no script and fetches nothing; its one style sheet is named by its hash. */
export const REPORT_POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(css).digest("base64")}'; base-uri 'none'`;

export function renderReport(r: Report): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(r.title)} · Tiller report</title><style>${css}</style><main>
<h1>${escape(r.title)}</h1><p class="quiet">Experiment ${escape(r.experiment)}, seed ${r.seed}, ${escape(r.createdAt.slice(0, 16).replace("T", " "))} UTC</p>
${r.summary.length ? figures(r.summary) : ""}${blocks(r.blocks)}
</main></html>`;
}
