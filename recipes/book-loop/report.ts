/** The loop over books as a report: what each round brought, by height, and how judging changes with height. */
import type { Cell, NewReport } from "@tiller/schema";
import type { measured } from "./measured.ts";

type Round = Awaited<ReturnType<typeof measured>> & { readonly round: number };
interface Figured {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}
const cell = (f: Figured | null | undefined): Cell => {
  if (!f || f.value === null) return null;
  const { value, low, high } = f;
  return low === null || high === null ? value : { value, low, high };
};
const plain = (label: string) => ({ label });
const share = (label: string, better: "up" | null = "up") => ({ label, unit: "fraction", better });

export function reportOf(rounds: readonly Round[]): NewReport {
  const last = rounds.at(-1)!;
  const heights = (of: Round["beats"], height: number) => of.find((f) => f.height === height);
  return {
    summary: last.beats.slice(0, 1).map((f) => ({
      name: "beatsStored",
      label: "Passages whose new summary beats the stored one, by the reward",
      value: f.value,
      low: f.low,
      high: f.high,
      unit: "fraction",
      better: "up",
    })),
    blocks: [
      {
        kind: "table",
        title: "New beside stored, by height",
        note: "By the reward: greedy outputs about the same direct input; a draw counts half. By people: of the nodes whose reward changed most. Intervals draw books (of one book, nodes).",
        columns: [
          plain("round"),
          plain("height"),
          plain("nodes"),
          share("new beats stored, by the reward"),
          plain("votes"),
          share("new wins, by people"),
        ],
        rows: rounds.flatMap((r) =>
          r.beats.map((f) => {
            const votes = heights(r.wins, f.height);
            return [r.round, f.height, f.n, cell(f), votes?.n ?? 0, cell(votes)];
          }),
        ),
      },
      {
        kind: "table",
        title: "Whether judging drifts with height",
        note: "Two people who say the same of the same two; the rating of the one found better; judgments that the reward says too, of those it has not learned from. Change: less the passages' figure.",
        columns: [
          plain("round"),
          plain("height"),
          share("agreement"),
          share("change", null),
          plain("rating, 1 to 7"),
          plain("change"),
          share("reward's accuracy"),
          share("change", null),
        ],
        rows: rounds.flatMap((r) =>
          r.drift.map(({ height, ...of }) => [
            r.round,
            height,
            ...[of.agreement, of.likert, of.reward].flatMap((f) => [cell(f), cell(f?.change)]),
          ]),
        ),
      },
    ],
  };
}
