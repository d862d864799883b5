/**
 * Comparisons of texts as rewards learn from them and are judged by: all that was said about the same two texts in one
 * place. The two stand in an order of their own, by their characters, so that no place says which was chosen. What people
 * said is the truth that a reward is held to. A model's votes and what somebody's doing implies train as well, but only by
 * how often they agree with people where both spoke: never as truth.
 */
import { TillerError, type voteSources } from "@tiller/schema";
import { posteriorOf, weightAfter } from "./one-coin.ts";
import { aggregatePairs } from "./pairs.ts";
import { type Evidence, estimateOf } from "./reliability.ts";
import type { Estimate } from "./statistics.ts";

export type Side = "a" | "b" | "tie";
/** What one judgment says of two texts; `weight` is how many it stands for, or how much it counts. */
export interface Vote {
  readonly choice: Side;
  readonly weight: number;
  readonly source: (typeof voteSources)[number];
  readonly rater?: string | undefined;
  readonly group?: string | undefined;
  /** how much better, on the file's scale; unknown for ties */
  readonly strength?: number | undefined;
}
export interface ComparedTexts {
  readonly prompt: string;
  readonly a: string;
  readonly b: string;
  readonly topic?: string | undefined;
  readonly axis?: string | undefined;
}
/** Two texts, and every vote on them. */
export interface RatedPair extends ComparedTexts {
  readonly votes: readonly Vote[];
}

export interface Rated {
  readonly pairs: readonly RatedPair[];
  /** rows that compare a text with itself, or with none: nothing to learn, and left out */
  readonly same: number;
  readonly empty: number;
}
/** Rows of the same two texts (and axis) become one pair. */
export function ratedPairs(rows: Iterable<RatedPair>): Rated {
  const found = new Map<string, { pair: ComparedTexts; votes: Vote[] }>();
  let [same, empty] = [0, 0];
  for (const { votes, ...given } of rows) {
    if (given.a === given.b) same++;
    else if (!given.a.trim() || !given.b.trim()) empty++;
    else {
      const turned = given.b < given.a;
      const pair = turned ? { ...given, a: given.b, b: given.a } : given;
      const key = JSON.stringify([pair.prompt, pair.a, pair.b, pair.axis]);
      const known = found.get(key) ?? { pair, votes: [] };
      for (const v of votes) known.votes.push(turned ? { ...v, choice: other[v.choice] } : v);
      found.set(key, known);
    }
  }
  const pairs = [...found.values()].map(({ pair, votes }) => ({ ...pair, votes }));
  return { pairs, same, empty };
}
const other: Readonly<Record<Side, Side>> = { a: "b", b: "a", tie: "tie" };

/** Votes by what they say. */
export interface Shares {
  readonly a: number;
  readonly tie: number;
  readonly b: number;
}
export function sharesOf(votes: readonly Vote[]): Shares {
  const shares = { a: 0, tie: 0, b: 0 };
  for (const v of votes) shares[v.choice] += v.weight;
  return shares;
}
/** What most of those say who chose a side; a tie where the sides have as many. Undefined: nobody said anything. */
export function sideOf({ a, tie, b }: Shares): Side | undefined {
  if (a + tie + b <= 0) return undefined;
  return a > b ? "a" : b > a ? "b" : "tie";
}
export const byPeople = (p: RatedPair): readonly Vote[] =>
  p.votes.filter((v) => v.source === "person");
/** Those who chose the more frequent side, of all who judged. */
export const strengthOf = ({ a, tie, b }: Shares): number => Math.max(a, b) / (a + tie + b);

export interface TrainingLabel {
  /** shares of each outcome, votes weighted by who gave them; of all 0 nothing is known */
  readonly shares: Shares;
  /** probability that b is better */
  readonly pB: number;
  /** what the pair counts in a loss; the mean over pairs that count is 1 */
  readonly weight: number;
}
export interface TrainingLabels {
  readonly labels: readonly TrainingLabel[];
  /** how often each rater names the side that people agree on; models and implicit votes by people's posterior alone */
  readonly raters: ReadonlyMap<string, Estimate>;
  /** pairs on which nobody spoke whose reliability is known */
  readonly unknown: number;
  /** what a vote counts by who gave it */
  readonly weightOf: (v: Vote) => number;
}

/** Votes of a program and what is implied go under a name of their own: they share no coin with a person. */
export const raterOf = (v: Vote): string | undefined =>
  v.source === "person" ? v.rater : `${v.source}: ${v.rater ?? "unnamed"}`;

/**
 * Labels as quality knows them. People's votes: the posterior of the one-coin model where raters are named and meet, else
 * their shares. To that a model's or an implicit vote adds the log-odds of its measured reliability, with a pair's own people
 * left in: where nobody measured it, it adds nothing.
 */
export function trainingLabels(pairs: readonly RatedPair[]): TrainingLabels {
  const named = pairs.flatMap((p, i) =>
    byPeople(p).flatMap((v) =>
      v.rater === undefined ? [] : [{ task: `${i}`, person: v.rater, choice: v.choice }],
    ),
  );
  const meet = pairs.some(
    (p) =>
      new Set(
        byPeople(p).flatMap((v) => (v.rater !== undefined && v.choice !== "tie" ? v.rater : [])),
      ).size > 1,
  );
  const coins = meet ? aggregatePairs(named) : undefined;
  const raters = new Map(coins?.raters);
  const people = pairs.map((p, i): number | undefined => {
    const votes = byPeople(p);
    if (!votes.length) return undefined;
    const all = votes.every((v) => v.rater !== undefined && v.weight === 1);
    const found = all ? coins?.pairs.get(`${i}`)?.pB : undefined;
    const { a, tie, b } = sharesOf(votes);
    return found ?? (a + tie + b > 0 ? (b + tie / 2) / (a + tie + b) : undefined);
  });
  for (const [name, e] of measured(pairs, people)) raters.set(name, estimateOf(e));

  const weightOfVote = (v: Vote): number => {
    const name = raterOf(v);
    const known = name === undefined ? undefined : raters.get(name);
    if (v.source !== "person") return known && known.at > 0.5 ? v.weight * (2 * known.at - 1) : 0;
    return coins && known ? v.weight * weightAfter(known, 2) : v.weight;
  };
  let unknown = 0;
  const labels = pairs.map((p, i): TrainingLabel => {
    const shares = sharesOf(p.votes.map((v) => ({ ...v, weight: weightOfVote(v) })));
    const total = shares.a + shares.tie + shares.b;
    if (total <= 0) {
      unknown++;
      return { shares, pB: 0.5, weight: 0 };
    }
    const beside = p.votes.filter((v) => v.source !== "person" && v.choice !== "tie");
    const said = beside.flatMap((v) => {
      const reliability = raters.get(raterOf(v)!)?.at ?? 0.5;
      return reliability > 0.5 ? [{ label: v.choice === "b" ? 1 : 0, reliability }] : [];
    });
    const from = people[i] ?? 0.5;
    const odds = said.length ? posteriorOf(said, 2)[1]! : 0.5;
    const both = from * odds;
    const pB = said.length ? both / (both + (1 - from) * (1 - odds)) : from;
    // a posterior speaks for all of a pair's judges at once; shares speak for each
    return { shares, pB, weight: coins ? 1 : total };
  });
  const counting = labels.filter((l) => l.weight > 0);
  const mean = counting.reduce((n, l) => n + l.weight, 0) / (counting.length || 1);
  if (pairs.length && !counting.length)
    throw new TillerError(
      "no_labels",
      `none of ${pairs.length} pairs has a vote that can be relied on: ${unknown} have no vote that weighs anything, or only models and implicit votes whose agreement with people could not be measured. Let people judge some of the same pairs.`,
    );
  return {
    labels: labels.map((l) => ({ ...l, weight: l.weight / mean })),
    raters,
    unknown,
    weightOf: weightOfVote,
  };
}

/** How often votes that are no people's name the side that people do, by people's posterior. */
function measured(
  pairs: readonly RatedPair[],
  people: readonly (number | undefined)[],
): ReadonlyMap<string, Evidence> {
  const found = new Map<string, { n: number; right: number; doubt: number }>();
  pairs.forEach((p, i) => {
    const pB = people[i];
    if (pB === undefined) return;
    for (const v of p.votes) {
      if (v.source === "person" || v.choice === "tie") continue;
      const name = raterOf(v)!;
      const e = found.get(name) ?? { n: 0, right: 0, doubt: 0 };
      e.n++;
      e.right += v.choice === "b" ? pB : 1 - pB;
      e.doubt += pB * (1 - pB);
      found.set(name, e);
    }
  });
  return found;
}

/**
 * How often one person says what the others of the same pair say, each against the side that most of the others chose.
 * Undefined where no pair has three votes of people: of two, each is the other's only judge.
 */
export function onePerson(pairs: readonly RatedPair[]): { right: number; n: number }[] {
  return pairs.map((p) => {
    const shares = sharesOf(byPeople(p));
    let [right, n] = [0, 0];
    // counts stand for people, one each: whole numbers of them
    for (const side of ["a", "b"] as const) {
      const [mine, others] = [shares[side], { ...shares }];
      if (mine < 1) continue;
      others[side] -= 1;
      const most = sideOf(others);
      if (most === undefined || most === "tie" || others.a + others.b < 2) continue;
      n += mine;
      if (most === side) right += mine;
    }
    return { right, n };
  });
}
