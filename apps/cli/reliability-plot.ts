/** A reliability diagram as SVG: how often a reward is right where it says how sure it is, with 95 % intervals. */
import type { RewardTable } from "@tiller/crowd";
import { largest } from "@tiller/schema";

const [SIZE, LEFT, TOP, BOTTOM, RIGHT] = [360, 56, 44, 92, 20];
const escape = (s: string) => s.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

export function reliabilityPlot(title: string, { calibration: c, n }: RewardTable): string {
  const [W, H] = [LEFT + SIZE + RIGHT, TOP + SIZE + BOTTOM];
  const low = Math.min(0.4, ...c.bins.map((b) => Math.floor(b.low * 10) / 10));
  const X = (p: number) => (LEFT + (p - 0.5) * 2 * SIZE).toFixed(1);
  const Y = (p: number) => (TOP + ((1 - p) / (1 - low)) * SIZE).toFixed(1);
  const most = largest(c.bins.map((b) => b.n));
  const ticks = (from: number) =>
    Array.from({ length: Math.round((1 - from) * 10) + 1 }, (_, i) => from + i / 10);
  const grid = [
    ...ticks(0.5).map(
      (p) =>
        `<line x1="${X(p)}" x2="${X(p)}" y1="${TOP}" y2="${TOP + SIZE}" stroke="#e2e8f0"/><text x="${X(p)}" y="${TOP + SIZE + 16}" text-anchor="middle">${p.toFixed(1)}</text>`,
    ),
    ...ticks(low).map(
      (p) =>
        `<line x1="${LEFT}" x2="${LEFT + SIZE}" y1="${Y(p)}" y2="${Y(p)}" stroke="#e2e8f0"/><text x="${LEFT - 8}" y="${(Number(Y(p)) + 4).toFixed(1)}" text-anchor="end">${p.toFixed(1)}</text>`,
    ),
  ];
  const bars = c.bins.map((b) => {
    const height = (26 * b.n) / most;
    const width = SIZE / 10 - 2;
    return `<rect x="${(Number(X(b.from)) + 1).toFixed(1)}" y="${(TOP + SIZE + 60 - height).toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="#94a3b8"><title>${b.n} pairs</title></rect>`;
  });
  const points = c.bins.flatMap((b) => [
    `<line x1="${X(b.confidence)}" x2="${X(b.confidence)}" y1="${Y(b.low)}" y2="${Y(b.high)}" stroke="#0b6e99" stroke-width="1.4"/>`,
    `<circle cx="${X(b.confidence)}" cy="${Y(b.accuracy)}" r="3.5" fill="#0b6e99"><title>sure ${b.confidence.toFixed(3)}, right ${b.accuracy.toFixed(3)}, ${b.n} pairs</title></circle>`,
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${W} ${H}" width="${W}" height="${H}" font-family="system-ui, sans-serif" font-size="12" fill="#334155">`,
    `<rect width="${W}" height="${H}" fill="#fff"/><text x="${LEFT}" y="18" font-size="14" font-weight="600">${escape(title)}</text>`,
    `<text x="${LEFT}" y="35">${n} decided pairs; expected calibration error ${c.ece.toFixed(3)}</text>`,
    ...grid,
    `<line x1="${X(0.5)}" y1="${Y(0.5)}" x2="${X(1)}" y2="${Y(1)}" stroke="#64748b" stroke-dasharray="4 4"/>`,
    ...bars,
    ...points,
    `<text x="${LEFT + SIZE / 2}" y="${H - 8}" text-anchor="middle">how sure it is (bars: how many pairs)</text>`,
    `<text transform="translate(16 ${TOP + SIZE / 2}) rotate(-90)" text-anchor="middle">how often it is right</text>`,
    "</svg>",
    "",
  ].join("\n");
}
