/** The graph of a protocol's rounds, as check.ts found it: as Mermaid text, or as an SVG that needs nothing else. */
import type { Checked, Edge } from "./check.ts";
import type { Rules } from "./rules.ts";
import type { Ending } from "./state.ts";

const endingNames: Readonly<Record<Ending, string>> = {
  judge: "the judge ends it",
  agreement: "ended by agreement",
  rounds: "rounds are over",
  annulled: "annulled",
};
interface Node {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly end: boolean;
}
function nodesOf(rules: Rules, checked: Checked): Node[] {
  const rounds = rules.rounds.flatMap((r): Node[] => {
    if (r.do === "again") return [];
    const who = r.do === "examine" ? `${r.seats[0]} asks ${r.witness}` : r.seats.join(", ");
    const how = "together" in r && r.together && r.seats.length > 1 ? ", at once" : "";
    return [{ id: r.label, title: r.label, note: `${r.do}: ${who}${how}`, end: false }];
  });
  const ends = checked.endings.map((e) => ({ id: e, title: endingNames[e], note: "", end: true }));
  return [...rounds, ...ends];
}
/** Rounds on the shortest way from the first to an end. */
export function shortest(rules: Rules, { edges, endings }: Checked): number {
  const first = rules.rounds.find((r) => r.do !== "again")!.label;
  const far = new Map([[first, 1]]);
  for (const at of far.keys())
    for (const e of edges) if (e.from === at && !far.has(e.to)) far.set(e.to, far.get(at)! + 1);
  return Math.min(...endings.map((e) => far.get(e) ?? Infinity)) - 1;
}

/** Why an edge leads back. */
const loopOf = (rules: Rules, e: Edge): string => {
  const again = rules.rounds.find((r) => r.do === "again" && r.to === e.to);
  return again?.do === "again" ? `${again.deeper ? "deeper, " : ""}at most ${again.most}×` : "";
};

export function mermaid(rules: Rules, checked: Checked): string {
  const id = (name: string) => `n_${name.replaceAll("-", "_")}`;
  const nodes = nodesOf(rules, checked);
  const at = new Map(nodes.map((n, i) => [n.id, i]));
  return [
    "flowchart TD",
    ...nodes.map((n) =>
      n.end ? `  ${id(n.id)}(["${n.title}"])` : `  ${id(n.id)}["${n.title}<br>${n.note}"]`,
    ),
    ...checked.edges.map((e) => {
      const back = at.get(e.to)! <= at.get(e.from)!;
      const label = back ? loopOf(rules, e) : "";
      return `  ${id(e.from)} -->${label ? `|${label}|` : ""} ${id(e.to)}`;
    }),
    "",
  ].join("\n");
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const light = "svg{--ink:#1c1b19;--soft:#6b665e;--line:#8a847a;--box:#f6f3ee}";
const dark = "svg{--ink:#ece8e1;--soft:#a8a196;--line:#7d766b;--box:#26241f}";
const palettes = {
  light,
  dark,
  system: `${light}@media(prefers-color-scheme:dark){${dark}}`,
} as const;

/** Rounds from the top down, ways back on the left, ways around on the right; readable in light and dark. */
export function svg(
  rules: Rules,
  checked: Checked,
  theme: "light" | "dark" | "system" = "system",
): string {
  const nodes = nodesOf(rules, checked);
  const at = new Map(nodes.map((n, i) => [n.id, i]));
  const [width, height, gap] = [300, 48, 32];
  const lanes = { left: 0, right: 0 };
  const paths: string[] = [];
  const y = (i: number) => 16 + i * (height + gap);
  const far = checked.edges.filter((e) => at.get(e.to)! !== at.get(e.from)! + 1).length;
  const margin = 60 + far * 18;
  const x = margin;
  for (const e of checked.edges) {
    const [from, to] = [at.get(e.from)!, at.get(e.to)!];
    if (to === from + 1) {
      paths.push(`<path d="M${x + width / 2} ${y(from) + height}V${y(to) - 2}"/>`);
      continue;
    }
    const back = to <= from;
    const lane = 30 + 18 * (back ? lanes.left++ : lanes.right++);
    const [side, out] = back ? [x, x - lane] : [x + width, x + width + lane];
    const [y1, y2] = [y(from) + height / 2 + (back ? 8 : 8), y(to) + height / 2 - 8];
    paths.push(`<path d="M${side} ${y1}H${out}V${y2}H${back ? side - 2 : side + 2}"/>`);
    if (back && loopOf(rules, e))
      paths.push(
        `<text class="loop" transform="translate(${out - 6} ${(y1 + y2) / 2}) rotate(-90)">${escaped(loopOf(rules, e))}</text>`,
      );
  }
  const boxes = nodes.map((n, i) => {
    const middle = x + width / 2;
    const radius = n.end ? height / 2 : 8;
    const words = n.end
      ? `<text x="${middle}" y="${y(i) + height / 2 + 5}">${escaped(n.title)}</text>`
      : `<text x="${middle}" y="${y(i) + 20}" class="title">${escaped(n.title)}</text><text x="${middle}" y="${y(i) + 38}" class="note">${escaped(n.note)}</text>`;
    return `<rect x="${x}" y="${y(i)}" width="${width}" height="${height}" rx="${radius}"/>${words}`;
  });
  const size = { w: width + 2 * margin, h: y(nodes.length) - gap + 16 };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.w} ${size.h}" width="${size.w}" height="${size.h}" role="img" aria-label="Rounds of ${escaped(rules.name)}">
<style>svg{font:14px system-ui,sans-serif}${palettes[theme]}rect{fill:var(--box);stroke:var(--line)}path{fill:none;stroke:var(--line);stroke-width:1.5;marker-end:url(#to)}text{fill:var(--ink);text-anchor:middle}.title{font-weight:600}.note,.loop{fill:var(--soft);font-size:12px}</style>
<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:var(--line);stroke:none;marker-end:none"/></marker></defs>
${[...paths, ...boxes].join("\n")}
</svg>
`;
}
