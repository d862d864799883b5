/** What judging again came to: all, as one, each. */
import type { JudgesReport } from "@tiller/crowd";
import type { NewReport } from "@tiller/schema";

type Row = Pick<JudgesReport["all"], "n" | "accuracy" | "score" | "coin" | "rescaled" | "ece">;
export function judgesTable(report: JudgesReport | null, careless: readonly string[]): NewReport {
  const row = (name: string, s: Row) => [
    name,
    s.n,
    s.accuracy.at,
    s.score,
    s.coin,
    s.rescaled,
    s.ece,
  ];
  const left = careless.length
    ? `without ${careless.join(", ")}, who missed an evident answer`
    : "";
  const { all, pooled, judges } = report ?? {};
  return {
    summary: [
      {
        name: "accuracy",
        label: "Right answer thought likelier",
        value: all?.accuracy.at ?? null,
        unit: "fraction",
        better: "up",
        note: report ? left : "no verdict counts",
      },
      {
        name: "score",
        label: "Mean log2 score",
        value: all?.score ?? null,
        better: "up",
        note: all ? `a coin earns ${all.coin.toFixed(2)}` : "",
      },
      { name: "careless", label: "Left out for attention", value: careless.length },
    ],
    blocks: report
      ? [
          {
            kind: "table",
            title: "Judges",
            columns: [
              { label: "Judge" },
              { label: "Verdicts" },
              { label: "Right", unit: "fraction", better: "up" },
              { label: "Score", better: "up" },
              { label: "A coin's" },
              { label: "Recalibrated", better: "up" },
              { label: "Calibration error", better: "down" },
            ],
            rows: [
              row("all", report.all),
              ...(pooled ? [row(`as one (${pooled.judgesEach.toFixed(1)} each)`, pooled)] : []),
              ...(judges ?? []).map((j) => row(j.judge, j)),
            ],
          },
        ]
      : [],
  };
}
