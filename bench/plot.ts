/** A plot as SVG: points with intervals and lines between them, axes with names, a legend. */
export interface Line {
  readonly name: string;
  /** points alone, where nothing lies between them */
  readonly dots?: boolean;
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly low?: number;
    readonly high?: number;
  }[];
}
const colours = ["#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#b91c1c", "#475569"];
const [H, left, bottom, top, inner] = [400, 64, 48, 34, 426];
const LETTER = 7; // wide at most, of a legend in 12 px
const escape = (s: string) => s.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** About `n` round numbers from low to high. */
function ticks(low: number, high: number, n = 6): number[] {
  const raw = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw)!;
  const out: number[] = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step)
    out.push(Number(t.toPrecision(12)));
  return out;
}

export function plot(o: {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly Line[];
  /** names of the places 1, 2 ... in place of numbers */
  readonly places?: readonly string[];
  /** the axis begins at the least x, and not at 0 */
  readonly fromLeast?: boolean;
}): string {
  const right = 40 + LETTER * Math.max(16, ...o.lines.map((l) => l.name.length));
  const W = left + inner + right;
  const all = o.lines.flatMap((l) => l.points);
  const xs = all.map((p) => p.x);
  const ys = all.flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y]);
  const [x0, x1] = o.places
    ? [0.5, o.places.length + 0.5]
    : [Math.min(...(o.fromLeast ? [] : [0]), ...xs), Math.max(...xs)];
  const pad = (Math.max(...ys) - Math.min(...ys)) * 0.06 || 1;
  const [y0, y1] = [Math.min(...ys) - pad, Math.max(...ys) + pad];
  const X = (x: number) => (left + ((x - x0) / (x1 - x0 || 1)) * (W - left - right)).toFixed(1);
  const Y = (y: number) => (H - bottom - ((y - y0) / (y1 - y0)) * (H - bottom - top)).toFixed(1);
  const grid = [
    ...(o.places?.map((_, i) => i + 1) ?? ticks(x0, x1)).map(
      (t) =>
        `<line x1="${X(t)}" x2="${X(t)}" y1="${top}" y2="${H - bottom}" stroke="#e2e8f0"/><text x="${X(t)}" y="${H - bottom + 16}" text-anchor="middle">${escape(o.places?.[t - 1] ?? String(t))}</text>`,
    ),
    ...ticks(y0, y1).map(
      (t) =>
        `<line x1="${left}" x2="${W - right}" y1="${Y(t)}" y2="${Y(t)}" stroke="#e2e8f0"/><text x="${left - 8}" y="${Number(Y(t)) + 4}" text-anchor="end">${t}</text>`,
    ),
  ];
  const drawn = o.lines.flatMap((l, i) => {
    const c = colours[i % colours.length]!;
    const path = l.points.map((p, k) => `${k ? "L" : "M"}${X(p.x)} ${Y(p.y)}`).join("");
    const few = l.points.length <= 20;
    return [
      ...(l.dots ? [] : [`<path d="${path}" fill="none" stroke="${c}" stroke-width="1.6"/>`]),
      ...l.points.flatMap((p) => [
        ...(p.low === undefined || p.high === undefined
          ? []
          : [
              `<line x1="${X(p.x)}" x2="${X(p.x)}" y1="${Y(p.low)}" y2="${Y(p.high)}" stroke="${c}"/>`,
            ]),
        ...(few ? [`<circle cx="${X(p.x)}" cy="${Y(p.y)}" r="3" fill="${c}"/>`] : []),
      ]),
      `<rect x="${W - right + 14}" y="${top + 20 * i}" width="12" height="3" fill="${c}"/><text x="${W - right + 32}" y="${top + 20 * i + 6}">${escape(l.name)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${W} ${H}" width="${W}" height="${H}" font-family="system-ui, sans-serif" font-size="12" fill="#334155">`,
    `<rect width="${W}" height="${H}" fill="#fff"/><text x="${left}" y="20" font-size="14" font-weight="600">${escape(o.title)}</text>`,
    ...grid,
    `<text x="${(left + W - right) / 2}" y="${H - 10}" text-anchor="middle">${escape(o.x)}</text>`,
    `<text transform="translate(16 ${(top + H - bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(o.y)}</text>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}
