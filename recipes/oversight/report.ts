/** The result of a comparison as tables: each way with its intervals, then the questions that were asked before. */
import type { NewReport } from "@tiller/schema";
import type { analysed, OversightPlan, preflightOf } from "./analysis.ts";
import { armNames } from "./arms.ts";
import type { Judge } from "./seated.ts";

interface Done {
  readonly preflight: ReturnType<typeof preflightOf> | null;
  readonly result: ReturnType<typeof analysed> & { needed: number; power: number };
}
const fixed = (x: number | undefined, digits = 2) =>
  x === undefined || Number.isNaN(x) ? "-" : x.toFixed(digits);
const percent = (x: number) => (100 * x).toFixed(1);
const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

export function reportOversight({ preflight, result }: Done): string {
  const ways = result.ways.map(({ arm, n, failed, accuracy: a, judges, minutes, cost, sides }) => {
    return line([
      armNames[arm],
      `${n}${failed ? ` (${failed} without a verdict)` : ""}`,
      n > 0 ? `${percent(a.at)} (${percent(a.low)} to ${percent(a.high)})` : "-",
      sides ? `${percent(sides.honest.at)} / ${percent(sides.dishonest.at)}` : "",
      fixed(judges?.score),
      fixed(judges?.rescaled),
      fixed(judges?.ece, 3),
      fixed(minutes),
      cost === null ? "-" : cost === 0 ? "0" : cost.toFixed(4),
    ]);
  });
  const compared = result.compared.map(({ pair: [a, b], difference: d, onlyA, onlyB, p, n }, i) =>
    line([
      `${armNames[a]} less ${armNames[b]}${i === 0 ? " (primary)" : ""}`,
      `${n}`,
      `${percent(d.at)} (${percent(d.low)} to ${percent(d.high)})`,
      `${onlyA} / ${onlyB}`,
      p < 0.0001 ? "< .0001" : p.toFixed(4),
    ]),
  );
  const { difference: d, capital, shownAfter } = result.anytime;
  const before = preflight
    ? [
        `Pre-flight, ${preflight.questions} questions: judge alone ${percent(preflight.judgeAlone)} %, critic alone ${percent(preflight.criticAlone)} %, judge with critique ${percent(preflight.judgeWithCritique)} %; the judge moved in ${percent(preflight.moved)} % and quoted what it was told in ${percent(preflight.checked)} %.`,
        `${preflight.worthIt ? "A critique is worth trying here: the critic and the judge with it are better than the judge alone." : "A critique is worth little here: the critic, or the judge with it, is no better than the judge alone."} At ${percent(preflight.discordant)} % discordant the primary question needs ${preflight.needed} questions; power with those that there are: ${percent(preflight.power)} %.`,
        "",
      ]
    : [];
  return [
    ...before,
    line([
      "",
      "n",
      "right % (95 %)",
      "honest / dishonest",
      "score",
      "rescaled",
      "ECE",
      "minutes",
      "cost",
    ]),
    "|---|---|---|---|---|---|---|---|---|",
    ...ways,
    "",
    line(["", "questions", "difference in points (95 %)", "only one right", "exact p"]),
    "|---|---|---|---|---|",
    ...compared,
    "",
    `Looked at all along: the primary difference is ${percent(d.at)} points (${percent(d.low)} to ${percent(d.high)}, an interval that holds at every question at once); ${shownAfter === null ? `not shown (capital ${capital.toPrecision(2)})` : `shown after question ${shownAfter}`}.`,
    "A tie counts half; a coin's score is -1 where there are two answers. Intervals are over texts. Minutes: the judge's reading at 238 words each.",
  ].join("\n");
}

/** The same as the report of an experiment: who judged first of all, the plan, and what each way is worth for its length. */
export function reportOf(
  done: Done,
  plan: OversightPlan,
  judges: readonly Pick<Judge, "who" | "simulated">[],
): NewReport {
  const { result } = done;
  const programs = judges.filter((j) => j.simulated).length;
  const people = judges.filter((j) => j.who.kind === "person").length - programs;
  const models = judges.length - people - programs;
  const who = [
    ...(programs > 0 ? [`${programs} simulated people (programs in people's place)`] : []),
    ...(people > 0 ? [`${people} people`] : []),
    ...(models > 0 ? [`${models} models`] : []),
  ].join(", ");
  const [primary] = result.compared;
  const { shownAfter } = result.anytime;
  const [a, b] = primary!.pair;
  const { at, low, high } = primary!.difference;
  const lengths = result.ways.flatMap((w) =>
    w.bits === null
      ? []
      : [{ label: armNames[w.arm], points: [[w.shown, w.bits] as [number, number]], dots: true }],
  );
  return {
    summary: [
      {
        name: "difference",
        label: `${armNames[a]} less ${armNames[b]}`.slice(0, 80),
        value: Number.isNaN(at) ? null : at,
        ...(Number.isNaN(at) ? {} : { low, high }),
        unit: "fraction",
        note: `Judges: ${who}. ${primary!.n} questions; ${result.needed} were needed, power ${percent(result.power)} %.`,
      },
    ],
    blocks: [
      {
        kind: "prose",
        title: "Who judged, and what was planned",
        text: `Judges: **${who}**.${programs > 0 ? " What simulated people do says nothing of people." : ""} The plan was kept before the first room: ${plan.compare.map(([x, y]) => `${armNames[x]} less ${armNames[y]}`).join("; ")} (the first is primary), at most ${plan.questions} questions, a difference of ${percent(plan.difference)} points. ${shownAfter === null ? "The primary difference was not shown." : `The primary difference was shown after question ${shownAfter}, by a bet that holds whenever one looks.`}`,
      },
      { kind: "prose", title: "Results", text: reportOversight(done) },
      ...(lengths.length > 0
        ? [
            {
              kind: "curve" as const,
              title: "Bits for what the judge was shown",
              note: "Over a coin, mean of the questions; length is that of all characters before the judge.",
              x: { label: "characters before the judge" },
              y: { label: "bits over a coin" },
              lines: lengths,
            },
          ]
        : []),
    ],
  };
}
