/** Curves beside the drawing: smoothed, on one list of steps, and as a picture or a table to take away. */
import type { Curve } from "@tiller/schema";

export interface Line {
  /** stable among the lines of a chart */
  readonly key: string;
  readonly label: string;
  /** its colour among the series; its place in the chart unless said */
  readonly colour?: number | undefined;
  readonly steps: readonly number[];
  readonly values: readonly number[];
  readonly low?: readonly number[] | undefined;
  readonly high?: readonly number[] | undefined;
  /** where `values` are smoothed: what they are of */
  readonly raw?: readonly number[] | undefined;
}
export const lineOf = (
  key: string,
  label: string,
  curve: Curve | undefined,
  colour?: number,
): Line => ({
  key,
  label,
  colour,
  steps: curve?.steps ?? [],
  values: curve?.values ?? [],
  low: curve?.low,
  high: curve?.high,
});

/** An exponential moving average without the pull of its start, as in Adam's moments. */
export function smoothed(line: Line, weight: number): Line {
  if (weight <= 0 || line.values.length < 2) return line;
  let [sum, left] = [0, 1];
  const values = line.values.map((v) => {
    sum = weight * sum + (1 - weight) * v;
    left *= weight;
    return sum / (1 - left);
  });
  return { ...line, values, raw: line.values };
}

type Column = readonly (number | null)[];
/** All lines over the steps that any of them has: low, high, raw and main column of each, where it has them. */
export function alignedTo(lines: readonly Line[]): { steps: number[]; columns: Column[] } {
  const steps = [...new Set(lines.flatMap((l) => l.steps))].toSorted((a, b) => a - b);
  const place = new Map(steps.map((s, i) => [s, i]));
  const spread = (l: Line, of: readonly number[]): Column => {
    const column = Array.from<number | null>({ length: steps.length }).fill(null);
    for (const [i, step] of l.steps.entries()) column[place.get(step)!] = of[i]!;
    return column;
  };
  const columns = lines.flatMap((l) =>
    [l.low, l.low && l.high, l.raw, l.values].flatMap((of) => (of ? [spread(l, of)] : [])),
  );
  return { steps, columns };
}

const MANY_TIMES = 10;
/** A log scale helps where all is above 0 and the largest is many times the smallest. */
export function logFits(lines: readonly Line[]): boolean {
  let [low, high] = [Infinity, -Infinity];
  for (const l of lines)
    for (const values of [l.values, l.low, l.high])
      for (const v of values ?? []) {
        if (v < low) low = v;
        if (v > high) high = v;
      }
  return low > 0 && high > MANY_TIMES * low;
}

/** A line a step, a curve a column. */
export function tableOf(lines: readonly Line[]): string {
  const cell = (x: string) => (/[",\r\n]/.test(x) ? `"${x.replaceAll('"', '""')}"` : x);
  const { steps, columns } = alignedTo(
    lines.map(({ key, label, steps: of, values }) => ({ key, label, steps: of, values })),
  );
  const head = ["step", ...lines.map((l) => cell(l.label))].join(",");
  return [head, ...steps.map((s, i) => [s, ...columns.map((c) => c[i] ?? "")].join(","))]
    .join("\n")
    .concat("\n");
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BELOW] = [640, 360, 64, 16, 34, 64];
const TICKS = 5;
/** The chart as a picture of its own, for papers. */
export function svgOf(o: {
  title: string;
  unit: string;
  log: boolean;
  lines: readonly Line[];
  colours: readonly string[];
}): string {
  const scale = (v: number) => (o.log ? Math.log10(v) : v);
  const all = o.lines.flatMap((l) => [...l.values, ...(l.raw ?? [])].map(scale));
  const steps = o.lines.flatMap((l) => l.steps);
  const [x0, x1] = bounds(steps);
  const [y0, y1] = bounds(all);
  const x = (v: number) => LEFT + ((v - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const y = (v: number) => HEIGHT - BELOW - ((scale(v) - y0) / (y1 - y0)) * (HEIGHT - BELOW - TOP);
  const text = (px: number, py: number, said: string, more = "") =>
    `<text x="${px.toFixed(1)}" y="${py.toFixed(1)}" ${more}>${escaped(said)}</text>`;
  const floor = HEIGHT - BELOW;
  const up = o.log ? logMarks(10 ** y0, 10 ** y1) : marks(y0, y1);
  const ticks = [
    ...up.flatMap((v) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(v).toFixed(1)}" y2="${y(v).toFixed(1)}" stroke="#ddd"/>`,
      text(LEFT - 6, y(v) + 4, short(v), 'text-anchor="end"'),
    ]),
    ...marks(x0, x1, 1).map((s) => text(x(s), floor + 16, String(s), 'text-anchor="middle"')),
  ];
  const path = (l: Line, of: readonly number[], more: string) =>
    `<polyline fill="none" points="${l.steps.map((s, i) => `${x(s).toFixed(1)},${y(of[i]!).toFixed(1)}`).join(" ")}" ${more}/>`;
  const curves = o.lines.map((l, i) =>
    [
      l.raw ? path(l, l.raw, `stroke="${o.colours[i]}" stroke-opacity="0.25"`) : "",
      path(l, l.values, `stroke="${o.colours[i]}" stroke-width="1.75"`),
    ].join(""),
  );
  const legend = o.lines.map((l, i) =>
    text(
      LEFT + (i % 4) * 140,
      HEIGHT - 24 + 14 * Math.floor(i / 4),
      l.label,
      `fill="${o.colours[i]}"`,
    ),
  );
  const tall = HEIGHT + 14 * Math.floor((o.lines.length - 1) / 4);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${tall}" width="${WIDTH}" height="${tall}" font-family="Inter, sans-serif" font-size="11" fill="#333"><rect width="100%" height="100%" fill="#fff"/>${text(LEFT, 20, o.title, 'font-size="14" font-weight="600"')}${ticks.join("")}${curves.join("")}${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BELOW + 30, "step", 'text-anchor="middle"')}${o.unit ? text(0, 0, o.unit, `text-anchor="middle" transform="translate(14 ${(TOP + HEIGHT - BELOW) / 2}) rotate(-90)"`) : ""}${legend.join("")}</svg>\n`;
}
/** Round numbers from low to high: multiples of 1, 2 or 5 times a power of ten, `least` or more apart. */
function marks(low: number, high: number, least = 0): number[] {
  const rough = Math.max(least, (high - low) / TICKS);
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = ten * [1, 2, 5, 10].find((m) => m * ten >= rough * 0.999)!;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}
/** Powers of ten; round numbers where there are not two of them. */
function logMarks(low: number, high: number): number[] {
  const tens = marks(Math.log10(low), Math.log10(high), 1).map((v) => 10 ** v);
  return tens.length > 1 ? tens : marks(low, high).filter((v) => v > 0);
}
const short = (v: number): string => {
  const far = v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e6);
  return far ? v.toExponential(2).replace(/\.?0*e\+?/, "e") : String(Number(v.toPrecision(6)));
};
const escaped = (x: string) =>
  x.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
/** The lowest and highest, apart also where all are the same. */
function bounds(xs: readonly number[]): [number, number] {
  const [low, high] = xs.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [
    Infinity,
    -Infinity,
  ] as [number, number]);
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, low + 0.5] : [low, high];
}

/** Hands a text to the browser as a file. */
export function saveAs(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
