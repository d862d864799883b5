/**
 * Finished rooms by condition (people or models, debate or consultancy), in the figures of Michael et al. 2023: accuracy, the
 * judge's mean score, calibration, rounds, bits a round (all bits over all rounds), and what was said and quoted.
 */
import { earned } from "./credence.ts";
import { own } from "@tiller/schema";
import type { Log } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { said, score } from "./score.ts";
import { seatsOf } from "./state.ts";

export interface Room {
  readonly name: string;
  readonly human: boolean;
  readonly debate: boolean;
  readonly rules: Rules;
  readonly log: Log;
}
interface Verdicts {
  readonly n: number;
  /** share in which the right answer had more than half of the credence; a tie is not right */
  readonly accuracy: number | null;
  readonly ties: number;
  /** the judge's, by the room's own rule */
  readonly score: number | null;
  /** what even credences would have earned in the same rounds */
  readonly coin: number | null;
}
/** What was said in a round of speeches, on average over all rounds of all rooms. */
interface Speech {
  readonly characters: number;
  readonly quoted: number;
  /** of the quoted, what no earlier round of the room had */
  readonly newlyQuoted: number;
}
export interface Condition extends Verdicts {
  readonly human: boolean;
  readonly debate: boolean;
  /** expected calibration error, 10 bins of the credence in the likelier answer */
  readonly ece: number | null;
  /** rounds of speeches a room */
  readonly rounds: number | null;
  /** log2 of the credence in the right answer, gained from the first word to the last, of all rooms over all their rounds */
  readonly bitsPerRound: number | null;
  /** both sides together, a round */
  readonly speech: Speech | null;
  /** by who spoke; of a consultancy also how such rooms ended */
  readonly honest: (Partial<Verdicts> & { readonly speech: Speech | null }) | null;
  readonly dishonest: (Partial<Verdicts> & { readonly speech: Speech | null }) | null;
}

/** Expected calibration error: bins of equal width over [0, 1], each by its share. */
export function calibrationError(
  rows: readonly { confidence: number; right: number }[],
  bins = 10,
): number | null {
  if (rows.length === 0) return null;
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, right: 0 }));
  for (const { confidence, right } of rows) {
    // 0.7999999999999999 was entered as 0.8
    const bin = sums[Math.min(bins - 1, Math.floor(confidence * bins + 1e-9))]!;
    bin.confidence += confidence;
    bin.right += right;
  }
  return sums.reduce((sum, b) => sum + Math.abs(b.confidence - b.right), 0) / rows.length;
}

const mean = (xs: readonly number[]) =>
  xs.length === 0 ? null : xs.reduce((a, b) => a + b, 0) / xs.length;
const TIE = 1e-9;

/** The four conditions, in the paper's order; rooms without a verdict are left out. */
export function conditions(rooms: readonly Room[]): Condition[] {
  const finished = rooms.flatMap((room) => {
    const result = score(room.rules, room.log);
    if (!result) return [];
    const { credence, truth, prior } = result;
    const { scoring } = room.rules;
    const p = credence[truth]!;
    const most = Math.max(...credence);
    const tie = credence.filter((x) => most - x < TIE).length > 1;
    const judges = seatsOf(room.rules, "judge").flatMap((s) => own(result.seats, s) ?? []);
    return [
      {
        ...room,
        speeches: said(room.rules, room.log),
        rounds: result.rounds,
        score: mean(judges)!,
        coin:
          earned(
            scoring,
            credence.map(() => 1 / credence.length),
            truth,
          ) -
          scoring.turnCost * result.continues,
        bits: Math.log2(p) - Math.log2(prior[truth]!),
        confidence: most,
        tie,
        right: !tie && most - p < TIE,
      },
    ];
  });
  type Finished = (typeof finished)[number];
  const verdicts = (of: readonly Finished[]): Verdicts => ({
    n: of.length,
    accuracy: mean(of.map((r) => Number(r.right))),
    ties: of.filter((r) => r.tie).length,
    score: mean(of.map((r) => r.score)),
    coin: mean(of.map((r) => r.coin)),
  });
  const speech = (of: readonly Finished[], who?: boolean): Speech | null => {
    const said = of.flatMap((r) => r.speeches).filter((s) => who === undefined || s.honest === who);
    // a round in which both spoke is one round; of one side, each of its speeches
    const rounds = who === undefined ? of.reduce((sum, r) => sum + r.rounds, 0) : said.length;
    if (rounds === 0) return null;
    const total = (key: "characters" | "quoted" | "fresh") =>
      said.reduce((sum, s) => sum + s[key], 0) / rounds;
    return {
      characters: total("characters"),
      quoted: total("quoted"),
      newlyQuoted: total("fresh"),
    };
  };
  const side = (of: readonly Finished[], debate: boolean, honest: boolean) => {
    const own = of.filter((r) => r.speeches.some((s) => s.honest === honest));
    if (own.length === 0) return null;
    return { ...(debate ? {} : verdicts(own)), speech: speech(own, honest) };
  };
  return [true, false].flatMap((human) =>
    [true, false].map((debate): Condition => {
      const of = finished.filter((r) => r.human === human && r.debate === debate);
      const rounds = of.reduce((sum, r) => sum + r.rounds, 0);
      return {
        human,
        debate,
        ...verdicts(of),
        ece: calibrationError(
          of.map((r) => ({ confidence: r.confidence, right: r.tie ? 0.5 : Number(r.right) })),
        ),
        rounds: mean(of.map((r) => r.rounds)),
        bitsPerRound: rounds === 0 ? null : of.reduce((sum, r) => sum + r.bits, 0) / rounds,
        speech: speech(of),
        honest: side(of, debate, true),
        dishonest: side(of, debate, false),
      };
    }),
  );
}
