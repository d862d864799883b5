/** What bench/rewards measured, as the tables of bench/results/DATE-rewards.md. */
import type { RewardTable } from "@tiller/crowd";

type Arm = Pick<RewardTable, "accuracy" | "low" | "high" | "lengthMatched">;
type HeldOut = Pick<RewardTable, "n" | "accuracy" | "low" | "high"> & {
  readonly longer: number;
  readonly bagOfWords: number | null;
};
export interface MeasuredSet extends Pick<
  RewardTable,
  | "n"
  | "accuracy"
  | "low"
  | "high"
  | "lengthMatched"
  | "matched"
  | "ahead"
  | "ties"
  | "byAgreement"
  | "heldOutBy"
  | "interval"
> {
  readonly set: string;
  readonly longer: number;
  readonly bagOfWords: number | null | undefined;
  readonly onePerson: number | null | undefined;
  /** by a head, of topics it did not learn from; null: the file names none, or too few */
  readonly topics: HeldOut | null;
  /** and by people whose votes it did not learn from, of texts that it did not either */
  readonly raters: (HeldOut & { readonly raters: number }) | null;
  readonly ece: number;
  readonly pairs: number;
  /** by a head on the base as it is, and with the whole base trained */
  readonly head: Arm & { readonly chosen: readonly string[] };
  readonly all: Arm | undefined;
  readonly seconds: number;
}

const three = (x: number | null | undefined) => (typeof x === "number" ? x.toFixed(3) : "-");
const signed = (a: { at: number; low: number; high: number } | null | undefined) =>
  a ? `${a.at < 0 ? "" : "+"}${three(a.at)} (${three(a.low)} to ${three(a.high)})` : "-";
const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");

export const rewardsReport = (
  rows: readonly MeasuredSet[],
  about: { readonly command: string; readonly date: string; readonly machine: string },
): string => `# Rewards on public sets of comparisons

Command: \`${about.command}\`. Date: ${about.date}. Machine: ${about.machine}. What it says: docs/results/rewards.md.

${table(
  [
    "set",
    "held out by",
    "decided pairs",
    "reward",
    "95 %",
    "longer",
    "bag of words",
    "one person",
    "ahead of the longer",
    "ahead of the words",
    "of one length: reward, longer (pairs)",
    "ahead of the longer there",
  ],
  rows.map((r) => [
    r.set,
    r.heldOutBy.replace(/^\d+ folds of /, ""),
    r.n,
    three(r.accuracy),
    `${three(r.low)} to ${three(r.high)}`,
    three(r.longer),
    three(r.bagOfWords),
    three(r.onePerson),
    signed(r.ahead.longer),
    signed(r.ahead.bagOfWords),
    r.matched ? `${three(r.matched.accuracy)}, ${three(r.matched.longer)} (${r.matched.n})` : "-",
    signed(r.matched?.ahead),
  ]),
)}

${table(
  ["set", "held out", "decided pairs", "a head (95 %)", "longer", "bag of words"],
  rows.flatMap((r) =>
    [
      r.topics && { what: "topics", ...r.topics },
      r.raters && { what: `texts, and each of ${r.raters.raters} raters`, ...r.raters },
    ].flatMap((h) =>
      h
        ? [
            [
              r.set,
              h.what,
              h.n,
              `${three(h.accuracy)} (${three(h.low)} to ${three(h.high)})`,
              three(h.longer),
              three(h.bagOfWords),
            ],
          ]
        : [],
    ),
  ),
)}

${table(
  [
    "set",
    "expected calibration error",
    "margin of ties over that of decided pairs (ties)",
    "chosen on inner folds, by fold",
    "reward by agreement of people",
    "seconds",
  ],
  rows.map((r) => [
    r.set,
    three(r.ece),
    r.ties ? `${three(r.ties.margin)} (${r.ties.n})` : "-",
    r.head.chosen.join("; "),
    r.byAgreement.map((g) => `${g.name} ${three(g.accuracy)} of ${g.n}`).join("; ") ||
      "one vote a pair",
    r.seconds,
  ]),
)}
`;
