/**
 * A reward model held to what people said, beside what is cheap: the longer text wins, a bag of words, one person against the
 * others. Margins are rewards of b less rewards of a. A pair counts once, by the side that most people chose; ties stand
 * apart; where a rule gives both sides the same, half is right.
 */
import { bagOfWords } from "./bag-of-words.ts";
import {
  byPeople,
  onePerson,
  type RatedPair,
  type Side,
  sharesOf,
  sideOf,
  strengthOf,
} from "./comparisons.ts";
import { clusteredMean, comparisonFolds, type Folds, type Interval95 } from "./comparison-folds.ts";
import { calibrationOf, type RewardCalibration } from "./reward-calibration.ts";
import { median } from "./statistics.ts";

/** Of one length to a tenth: the longer has at most 1.1 times the characters of the other. */
const SAME_LENGTH = 1.1;
/** Raters with fewer decided votes are not shown by name. */
const FEW = 20;
const FOLDS = 5;

/** What is known of the pairs that a model learned from. */
interface LearnedFrom {
  readonly pair: (p: RatedPair) => boolean;
  readonly topic: (name: string) => boolean;
  readonly rater: (name: string) => boolean;
}
/** A part of the pairs: how often the reward, the longer text and the bag of words have the side right. */
interface Part {
  readonly name: string;
  readonly n: number;
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  readonly longer: number;
  readonly bagOfWords: number | null;
}
export interface RewardTable {
  /** decided pairs */
  readonly n: number;
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  /** how the interval was found */
  readonly interval: string;
  /** accuracy on pairs of about one length; null: there is none */
  readonly lengthMatched: number | null;
  readonly baselines: {
    readonly longer: number;
    /** null: too few pairs to hold any out */
    readonly bagOfWords: number | null;
    /** null: nobody was asked with two others */
    readonly onePerson: number | null;
  };
  readonly calibration: RewardCalibration;
  /** accuracy less that of each rival on the same pairs: positive is better */
  readonly ahead: {
    readonly longer: Interval95;
    readonly bagOfWords: Interval95 | null;
  };
  readonly matched: (Part & { readonly ahead: Interval95 }) | null;
  readonly heldOutBy: string;
  readonly ties: {
    readonly n: number;
    /** the median margin of ties over that of decided pairs, both without their sign: below 1 where a reward knows ties */
    readonly margin: number | null;
  };
  readonly byAgreement: readonly Part[];
  readonly byStrength: readonly Part[];
  readonly byGroup: readonly Part[];
  readonly byAxis: readonly Part[];
  readonly byRater: {
    readonly raters: number;
    readonly median: number;
    readonly lowest: number;
    readonly highest: number;
  } | null;
  /** what the model did not learn from: pairs, topics, raters; null where that is not known */
  readonly heldOut: {
    readonly learnedPairs: number;
    readonly pairs: Part | null;
    readonly topics: Part | null;
    readonly raters: Part | null;
  } | null;
  /** pairs on which no person said anything */
  readonly unjudged: number;
}

const score = (margin: number, side: Side): number =>
  margin === 0 ? 0.5 : margin > 0 === (side === "b") ? 1 : 0;
const longerBy = (p: RatedPair): number => p.b.length - p.a.length;
const sameLength = ({ a, b }: RatedPair): boolean =>
  Math.max(a.length, b.length) <= SAME_LENGTH * Math.min(a.length, b.length);

export function rewardTable(
  pairs: readonly RatedPair[],
  margins: readonly number[],
  o: {
    readonly seed?: number;
    /** what one unit of reward is in log-odds, where the model says so */
    readonly scale?: number | undefined;
    readonly learnedFrom?: LearnedFrom | undefined;
    /** as the margins were found, where that was by folds */
    readonly folds?: Folds;
  } = {},
): RewardTable {
  const { seed = 1 } = o;
  const sides = pairs.map((p) => sideOf(sharesOf(byPeople(p))));
  const folds =
    o.folds ??
    (pairs.length >= 2 * FOLDS ? comparisonFolds(pairs, { folds: FOLDS, seed }) : undefined);
  const words = folds && bagOfWords(pairs, sides, folds);
  // what no fold tests has no margin by words; with margins by folds it is not counted at all
  const tested = pairs.map((_, i) => !o.folds || !Number.isNaN(margins[i]!));
  const decided = [...pairs.keys()].filter((i) => tested[i] && isSide(sides[i]));
  const by = folds?.by ?? "pairs";
  const units = folds?.units ?? pairs.map((_, i) => [i, i] as const);
  const mean = (of: readonly number[], value: (i: number) => number): Interval95 =>
    clusteredMean(
      of.map((i) => value(i)),
      of.map((i) => units[i]!),
      { by, seed },
    );
  const plain = (of: readonly number[], value: (i: number) => number): number =>
    of.reduce((s, i) => s + value(i), 0) / of.length;
  const right = (i: number, side = sides[i] as Side) => score(margins[i]!, side);
  const long = (i: number, side = sides[i] as Side) => score(longerBy(pairs[i]!), side);
  const worded = (i: number, side = sides[i] as Side) => score(words![i]!, side);
  const known = (of: readonly number[]) => (words ? of.filter((i) => !Number.isNaN(words[i])) : []);

  const part = (name: string, of: readonly number[], side?: (i: number) => Side): Part | null => {
    if (!of.length) return null;
    const { at, low, high } = mean(of, (i) => right(i, side?.(i)));
    return {
      name,
      n: of.length,
      accuracy: at,
      low,
      high,
      longer: plain(of, (i) => long(i, side?.(i))),
      bagOfWords: orNull(plain(known(of), (i) => worded(i, side?.(i)))),
    };
  };
  const parts = (names: ReadonlyMap<string, readonly number[]>, side?: (i: number) => Side) =>
    [...names].flatMap(([name, of]) => part(name, of, side) ?? []);

  const all = mean(decided, right);
  const same = decided.filter((i) => sameLength(pairs[i]!));
  const matched = part("of one length to a tenth", same);
  const asked = onePerson(pairs);
  const persons = decided.reduce(
    (sum, i) => ({ right: sum.right + asked[i]!.right, n: sum.n + asked[i]!.n }),
    { right: 0, n: 0 },
  );
  const tied = [...pairs.keys()].filter((i) => tested[i] && sides[i] === "tie");
  const size = (of: readonly number[]) => median(of.map((i) => Math.abs(margins[i]!)));
  return {
    n: decided.length,
    accuracy: all.at,
    low: all.low,
    high: all.high,
    interval: all.interval,
    lengthMatched: matched?.accuracy ?? null,
    baselines: {
      longer: plain(decided, long),
      bagOfWords: orNull(plain(known(decided), worded)),
      onePerson: persons.n ? persons.right / persons.n : null,
    },
    calibration: calibrationOf(
      decided.map((i) => ({
        margin: sides[i] === "b" ? margins[i]! : -margins[i]!,
        unit: units[i]![0],
      })),
      { scale: o.scale },
    ),
    ahead: {
      longer: mean(decided, (i) => right(i) - long(i)),
      bagOfWords: known(decided).length ? mean(known(decided), (i) => right(i) - worded(i)) : null,
    },
    matched: matched && { ...matched, ahead: mean(same, (i) => right(i) - long(i)) },
    heldOutBy: folds ? `${folds.count} folds of ${folds.by}` : "none: too few pairs",
    ties: {
      n: tied.length,
      margin: tied.length && decided.length ? orNull(size(tied) / size(decided)) : null,
    },
    byAgreement: parts(
      grouped(decided, (i) => {
        const votes = sharesOf(byPeople(pairs[i]!));
        if (votes.a + votes.b + votes.tie <= 1) return undefined;
        const strength = strengthOf(votes);
        return strength === 1
          ? "all for one side"
          : strength > 0.75
            ? "above 3 in 4"
            : strength > 0.6
              ? "above 3 in 5"
              : "to 3 in 5";
      }),
    ),
    byStrength: parts(
      grouped(decided, (i) => {
        const said = byPeople(pairs[i]!).flatMap((v) => v.strength ?? []);
        return said.length
          ? `${Math.round(said.reduce((a, b) => a + b, 0) / said.length)}`
          : undefined;
      }),
    ),
    byGroup: byGroup(pairs, tested).flatMap(
      ({ name, sides: own }) => part(name, [...own.keys()], (i) => own.get(i)!) ?? [],
    ),
    byAxis: parts(grouped(decided, (i) => pairs[i]!.axis)),
    byRater: byRater(pairs, (i, side) => (tested[i] ? right(i, side) : undefined)),
    heldOut: heldOut(pairs, decided, part, o.learnedFrom),
    unjudged: sides.filter((s) => s === undefined).length,
  };
}

const isSide = (s: Side | undefined): boolean => s === "a" || s === "b";
const orNull = (x: number): number | null => (Number.isNaN(x) ? null : x);
/** Numbers by the name that each is given, in order of names. */
function grouped(of: readonly number[], name: (i: number) => string | undefined) {
  const found = new Map<string, number[]>();
  for (const i of of) {
    const key = name(i);
    if (key !== undefined) (found.get(key) ?? found.set(key, []).get(key)!).push(i);
  }
  return new Map([...found].toSorted(([x], [y]) => (x < y ? -1 : 1)));
}
/** Every group with the side that most of its own people chose. */
function byGroup(pairs: readonly RatedPair[], tested: readonly boolean[]) {
  const names = new Set(pairs.flatMap((p) => byPeople(p).flatMap((v) => v.group ?? [])));
  return [...names].toSorted().map((name) => {
    const sides = new Map<number, Side>();
    pairs.forEach((p, i) => {
      const side = sideOf(sharesOf(byPeople(p).filter((v) => v.group === name)));
      if (tested[i] && side !== undefined && side !== "tie") sides.set(i, side);
    });
    return { name, sides };
  });
}
/** The reward against each person alone. */
function byRater(
  pairs: readonly RatedPair[],
  right: (i: number, side: Side) => number | undefined,
): RewardTable["byRater"] {
  const found = new Map<string, number[]>();
  pairs.forEach((p, i) => {
    for (const v of byPeople(p)) {
      const said = v.choice === "tie" ? undefined : right(i, v.choice);
      if (v.rater === undefined || said === undefined) continue;
      (found.get(v.rater) ?? found.set(v.rater, []).get(v.rater)!).push(said);
    }
  });
  const each = [...found.values()].flatMap((said) =>
    said.length < FEW ? [] : [said.reduce((a, b) => a + b, 0) / said.length],
  );
  if (!each.length) return null;
  return {
    raters: each.length,
    median: median(each),
    lowest: Math.min(...each),
    highest: Math.max(...each),
  };
}
function heldOut(
  pairs: readonly RatedPair[],
  decided: readonly number[],
  part: (name: string, of: readonly number[], side?: (i: number) => Side) => Part | null,
  from: LearnedFrom | undefined,
): RewardTable["heldOut"] {
  if (!from) return null;
  const fresh = decided.filter((i) => !from.pair(pairs[i]!));
  const topics = fresh.filter((i) => {
    const { topic } = pairs[i]!;
    return topic !== undefined && !from.topic(topic);
  });
  const byOthers = new Map<number, Side>();
  pairs.forEach((p, i) => {
    const votes = byPeople(p).filter((v) => v.rater !== undefined && !from.rater(v.rater));
    const side = sideOf(sharesOf(votes));
    if (side !== undefined && side !== "tie") byOthers.set(i, side);
  });
  return {
    learnedPairs: decided.length - fresh.length,
    pairs: part("pairs that it did not learn from", fresh),
    topics: part("topics that it did not learn from", topics),
    raters: part("by raters that it did not learn from", [...byOthers.keys()], (i) =>
      byOthers.get(i)!,
    ),
  };
}
