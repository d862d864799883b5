/** What iterated feedback found: how far each round went, and how often it won. */
import type { NewReport } from "@tiller/schema";

interface Round {
  readonly id: string;
  readonly winRate: number;
  readonly kl: number;
}
export function reportOf(
  rounds: readonly Round[],
  best: Round | undefined,
  stopped: string,
): NewReport {
  const x = { label: "KL to the base", unit: "nats" };
  const points = rounds.map((r): [number, number] => [r.kl, r.winRate]);
  return {
    summary: [
      {
        name: "winRate",
        label: "Wins against the base",
        value: best?.winRate ?? null,
        unit: "fraction",
        better: "up",
        note: "of the best round, as other people judged it",
      },
      { name: "kl", ...x, value: best?.kl ?? null, note: "a continuation" },
      { name: "rounds", label: "Rounds", value: rounds.length, note: stopped },
    ],
    blocks: [
      {
        kind: "curve",
        title: "Win rate against KL, round by round",
        x,
        y: { label: "win rate", unit: "fraction" },
        lines: [{ label: "rounds", points, dots: true }],
      },
      {
        kind: "table",
        title: "Rounds",
        columns: [
          { label: "Round" },
          { label: "Wins against base", unit: "fraction", better: "up" },
          { label: "KL", unit: "nats" },
          { label: "Checkpoint" },
        ],
        rows: rounds.map((r, i) => [i + 1, r.winRate, r.kl, r.id.slice(0, 12)]),
      },
    ],
  };
}
