/** tiller book score TREE: figures of what was said of a tree on the server, by height, with intervals over its nodes. */
import { claimVerdicts, ErrorType, type TreeScore, type TreeShare } from "@tiller/schema";
import { table } from "./table.ts";

const percent = (x: number | null) => (x === null ? "-" : (100 * x).toFixed(1));
const share = ({ mean, low, high }: TreeShare) =>
  `${percent(mean)}${low === null ? "" : ` (${percent(low)} to ${percent(high)})`}`;
const named = (f: { by: string; height: number | null }) =>
  `${f.by}, ${f.height === null ? "all heights" : `height ${f.height}`}`;

/** As tables; nothing was judged: how to begin. */
export function toldScore(tree: string, s: TreeScore): string {
  const older =
    s.older > 0 ? `\n${s.older} judgments are of summaries that no longer stand: not counted.` : "";
  if (s.judged === 0)
    return `Nobody has checked ${tree}.${older}\nBegin: tiller experiment start check-book@1 --input '{"tree": "${tree}"}'`;
  const tables: string[] = [];
  if (s.claims.length > 0)
    tables.push(
      table(
        [
          "claims",
          "true, % of decided",
          ...claimVerdicts.map((v) => `${v}, %`),
          "shown, %",
          "verdicts",
          "nodes",
        ],
        s.claims.map((f) => [
          named(f),
          share(f.so),
          ...claimVerdicts.map((v) => share(f.verdicts[v])),
          share(f.shown),
          `${f.verdicts.yes.n}`,
          `${f.verdicts.yes.nodes}`,
        ]),
      ),
    );
  if (s.coherence.length > 0)
    tables.push(
      table(
        ["coherence", "without error, %", ...ErrorType.options, "sentences", "nodes"],
        s.coherence.map((c) => [
          named(c),
          share(c.free),
          ...ErrorType.options.map((t) => percent(c.errors[t].mean)),
          `${c.free.n}`,
          `${c.free.nodes}`,
        ]),
      ),
    );
  const a = s.agreement;
  const alpha =
    a?.alpha == null
      ? "alpha is undefined"
      : `Krippendorff's alpha ${a.alpha.toFixed(2)}${a.alphaLow === null || a.alphaHigh === null ? "" : ` (${a.alphaLow.toFixed(2)} to ${a.alphaHigh.toFixed(2)})`}`;
  const agreed = a
    ? `\nPeople and models judged ${a.claims} claims of ${a.same.nodes} nodes both: the same verdict in ${share(a.same)} %, ${alpha}; claims drawn with replacement.`
    : "";
  return `${tables.join("\n\n")}\n\nOf what was judged. In brackets: 95 %, nodes drawn with replacement.${agreed}${older}`;
}
