/**
 * One verdict on a rater's quality, the same on every page and in every alert: how often their answers to closed questions
 * name the true class, by the one-coin model, and whether that calls for a talk.
 */
import {
  type Estimated,
  type FieldAnswer,
  raterBounds,
  type RaterQuality,
  type Verdict,
} from "@tiller/schema";
import { labelTable } from "./labels.ts";
import { oneCoin } from "./one-coin.ts";
import { estimateOf, type Evidence, evidences } from "./reliability.ts";
import { type Estimate, median } from "./statistics.ts";

/** `guess`: how often somebody is right who tosses a coin. `middle`: of the group; who is surely under it is watched. */
export function verdictOf(e: Estimate, o: { guess: number; middle: number }): Verdict {
  if (e.n < raterBounds.enough) return "new";
  if (e.high < o.guess + raterBounds.careless * (1 - o.guess)) return "careless";
  return e.high < o.middle ? "watch" : "ok";
}

/** What of an answer to one closed question the verdict needs. */
export interface Judged extends Pick<
  FieldAnswer,
  "type" | "field" | "sides" | "classes" | "label"
> {
  readonly task: string;
  readonly person: string;
}
export interface Judgement {
  /** over all questions; `n`: answers that name a class, so no ties */
  readonly reliability: Estimate;
  readonly verdict: Verdict;
}

/**
 * Everyone who answered a closed question. Every question is fitted by itself, since its classes are its own, and what each
 * says of a person is added up. One answer a person a task and question, the last given.
 */
export function judge(answers: readonly Judged[]): Map<string, Judgement> {
  const evidence = new Map<string, Evidence & { guess: number }>();
  const questions = Map.groupBy(
    answers.filter((a) => (a.sides ? namesSide(a.label) : a.label !== null)),
    (a) => `${a.type}\n${a.field}`,
  );
  for (const rows of questions.values()) {
    const t = labelTable(
      rows.map((r) => ({ task: r.task, worker: r.person, label: r.label! })),
      rows[0]!.sides ? { labels: ["a", "b"] } : {},
    );
    const { posterior } = oneCoin(t);
    const guess = 1 / Math.max(2, rows[0]!.classes ?? t.labels.length);
    for (const [rater, e] of evidences(t, posterior)) {
      const sum = evidence.get(rater) ?? { n: 0, right: 0, doubt: 0, guess: 0 };
      evidence.set(rater, {
        n: sum.n + e.n,
        right: sum.right + e.right,
        doubt: sum.doubt + e.doubt,
        guess: sum.guess + e.n * guess,
      });
    }
  }
  const estimates = [...evidence].map(([rater, { guess, ...e }]) => ({
    rater,
    guess: guess / e.n,
    reliability: estimateOf(e),
  }));
  const middle = median(estimates.map((e) => e.reliability.at));
  return new Map(
    estimates.map(({ rater, guess, reliability }) => [
      rater,
      { reliability, verdict: verdictOf(reliability, { guess, middle }) },
    ]),
  );
}

/** The figures beside reliability that may be worth a talk. */
type Figures = Pick<RaterQuality, "gold" | "left" | "longer" | "fast" | "copied" | "drift">;
const { gold: GOLD, side: SIDE, fast: FAST, copied: COPIED } = raterBounds;

/** A tie names neither; what else stands in answers of other tools names nothing here. */
export const namesSide = (label: string | null): boolean => label === "a" || label === "b";

/** What else is worth a talk, each only where even the interval says so. `everyone`: the longer text may be the better one. */
export function concernsOf(p: Figures, everyone: { longer: Estimated } | null): string[] {
  const above = (e: Estimated | null, bound: number) =>
    e !== null && e.n > 0 && (e.low ?? 0) > bound;
  const below = (e: Estimated | null, bound: number) =>
    e !== null && e.n > 0 && (e.high ?? 1) < bound;
  const found: readonly (readonly [boolean, string])[] = [
    [below(p.gold, GOLD), "gold"],
    [above(p.left, 0.5 + SIDE), "takes the left"],
    [below(p.left, 0.5 - SIDE), "takes the right"],
    [everyone !== null && above(p.longer, everyone.longer.high ?? 1), "takes the longer"],
    [above(p.fast, FAST), "too fast"],
    [above(p.copied, COPIED), "copies"],
    [p.drift === "falling", "falling"],
  ];
  return found.flatMap(([is, word]) => (is ? [word] : []));
}

/** Signs in how somebody answers, whatever they answer: the side and the speed. */
export interface Signs {
  /** choices of the left among decided pairs */
  readonly left: Estimate | null;
  /** answers that came faster than their task can be read */
  readonly fast: Estimate;
}
/** Nobody reads so many characters, and answers, in less. */
export const leastSeconds = (characters: number): number =>
  Math.max(raterBounds.leastSeconds, characters / raterBounds.readPerSecond);
export const tooFastToRead = (a: { activeSeconds: number; characters: number }): boolean =>
  a.activeSeconds < leastSeconds(a.characters);

/** What the signs say in words, once there are enough answers for it. */
export function signsInWords({ left, fast }: Signs): string[] {
  const { named, side } = raterBounds;
  const found: string[] = [];
  if (left && left.n >= named && left.low > 0.5 + side) found.push("takes the left");
  if (left && left.n >= named && left.high < 0.5 - side) found.push("takes the right");
  if (fast.n >= named && fast.low > FAST) found.push("too fast");
  return found;
}

/**
 * The verdict on a person, who is never "ok" with a sign against them: with one the verdict is watch, and careless where
 * most answers come too fast, or nearly all from one side. `n`: answers of any kind.
 */
export function verdictWith(by: Verdict, signs: Signs, n: number): Verdict {
  const { enough, mostlyFast, mostlySide } = raterBounds;
  if (n < enough) return "new";
  const { left, fast } = signs;
  const oneSided =
    left !== null &&
    left.n >= enough &&
    (left.low > 0.5 + mostlySide || left.high < 0.5 - mostlySide);
  if (oneSided || fast.low > mostlyFast) return "careless";
  return by === "ok" && signsInWords(signs).length ? "watch" : by;
}
