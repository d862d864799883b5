/**
 * Delegation rules at work: the signals of a task, the clause that decides, the functions that say whom to ask first,
 * and the ready-made ones. The same `decide` serves the back-test and the live server.
 */
import {
  largest,
  DelegationRule,
  type DelegationClause,
  type DelegationSignal,
  delegationSignals,
} from "@tiller/schema";
import { labelTable, type LabelTable } from "./labels.ts";
import type { Inferred } from "./em.ts";
import { posteriorOf } from "./one-coin.ts";
import { dawidSkene } from "./truth.ts";

export type Signals = Readonly<Record<DelegationSignal, number>>;

/** Signals from the votes on each class and its probability. */
export function signalsOf(votes: readonly number[], posterior: ArrayLike<number>): Signals {
  const answers = votes.reduce((a, b) => a + b, 0);
  const sorted = Array.from(posterior).toSorted((a, b) => b - a);
  return {
    answers,
    top: sorted[0] ?? 0,
    margin: (sorted[0] ?? 0) - (sorted[1] ?? 0),
    split: answers ? 1 - largest(votes) / answers : 0,
  };
}

const holds = (r: DelegationClause, s: Signals) =>
  r.when.every(({ signal, is, value }) =>
    is === "below" ? s[signal] < value : s[signal] >= value,
  );

/** What the first clause that holds says, and which it is; -1: none, so stop. No task gets more than `most`. */
export function decide(
  p: DelegationRule,
  s: Signals,
): { act: DelegationClause["act"]; clause: number } {
  const clause = p.rules.findIndex((r) => holds(r, s));
  const act = clause < 0 ? "stop" : p.rules[clause]!.act;
  return { act: act === "ask" && s.answers >= p.most ? "stop" : act, clause };
}

/** A clause in words. */
export const clauseText = (r: DelegationClause): string => {
  const words = { ask: "ask one more", stop: "stop", review: "a researcher looks" }[r.act];
  const conditions = r.when.map((c) => `${delegationSignals[c.signal]} ${c.is} ${c.value}`);
  return conditions.length ? `${words} when ${conditions.join(" and ")}` : words;
};

/**
 * (workers): how often each agrees with the others on each topic, the more reliable of them counting more, drawn towards
 * what is usual. One's own vote is left out: with few answers a task it would mostly agree with itself.
 */
export function topicSkill(
  t: LabelTable,
  inferred: Pick<Inferred, "reliability">,
  topicOf: (task: string) => string,
): Map<string, Float64Array> {
  const topics = t.tasks.map(topicOf);
  const made = (): Float64Array => new Float64Array(t.workers.length);
  const agreed = new Map([...new Set(topics)].map((topic) => [topic, made()]));
  const seen = new Map([...new Set(topics)].map((topic) => [topic, made()]));
  let [agreedInAll, seenInAll] = [0, 0];
  for (let i = 0; i < t.tasks.length; i++)
    for (let r = t.start[i]; r < t.start[i + 1]; r++) {
      let [same, all] = [0, 0];
      for (let o = t.start[i]; o < t.start[i + 1]; o++) {
        if (o === r) continue;
        const weight = inferred.reliability[t.worker[o]];
        all += weight;
        if (t.label[o] === t.label[r]) same += weight;
      }
      if (!all) continue;
      agreed.get(topics[i])![t.worker[r]] += same / all;
      seen.get(topics[i])![t.worker[r]]++;
      agreedInAll += same / all;
      seenInAll++;
    }
  const usual = (agreedInAll + DRAW / 2) / (seenInAll + DRAW);
  for (const [topic, rows] of agreed)
    for (let w = 0; w < rows.length; w++)
      rows[w] = (rows[w] + DRAW * usual) / (seen.get(topic)![w] + DRAW);
  return agreed;
}
/** Answers that what is usual weighs. */
const DRAW = 4;

/** Whom to ask first: the higher, the sooner. */
export type Scoring = (worker: number, task: number) => number;
export const scoringOf = (
  p: DelegationRule,
  t: LabelTable,
  inferred: Pick<Inferred, "posterior" | "reliability">,
  topicOf: (task: string) => string,
): Scoring => {
  const table: Record<DelegationRule["scoring"], () => Scoring> = {
    anyone: () => () => 0,
    reliable: () => (w) => inferred.reliability[w]!,
    suited: () => {
      const skill = topicSkill(t, inferred, topicOf);
      const topics = t.tasks.map(topicOf);
      return (w, i) => skill.get(topics[i]!)![w]!;
    },
  };
  return table[p.scoring]();
};

/** What past answers say of the people who gave them. */
export interface Learnt {
  readonly labels: readonly string[];
  readonly reliability: ReadonlyMap<string, number>;
  /** by how much each is better at a topic than people are on average; only where the rule asks by it */
  readonly skills: readonly { person: string; topic: string; advantage: number }[];
}
export function learnFrom(
  p: Pick<DelegationRule, "scoring">,
  past: readonly { task: string; worker: string; label: string; topic: string }[],
): Learnt {
  if (!past.length) return { labels: [], reliability: new Map(), skills: [] };
  const t = labelTable(past);
  const inferred = dawidSkene(t);
  const topics = new Map(past.map((x) => [x.task, x.topic]));
  const skill =
    p.scoring === "suited" ? topicSkill(t, inferred, (task) => topics.get(task) ?? "") : [];
  return {
    labels: t.labels,
    reliability: new Map(t.workers.map((w, i) => [w, inferred.reliability[i]])),
    skills: [...skill].flatMap(([topic, rows]) => {
      const mean = rows.reduce((a, b) => a + b, 0) / Math.max(1, rows.length);
      return t.workers.map((person, w) => ({ person, topic, advantage: rows[w] - mean }));
    }),
  };
}

/** How reliable someone is thought to be before there are answers. */
const UNKNOWN = 0.75;
/**
 * How many people a task should have after these answers, and what a researcher is told who should look at it. `mayAsk`:
 * the budget of its batch is not used up.
 */
export function wantedAfter(
  p: DelegationRule,
  o: {
    said: readonly { readonly worker: string; readonly label: string }[];
    known: Pick<Learnt, "labels" | "reliability">;
    mayAsk: boolean;
  },
): { people: number; review: string | undefined } {
  const { said, known } = o;
  const labels = [...new Set([...known.labels, ...said.map((s) => s.label)])];
  const votes = labels.map((l) => said.filter((s) => s.label === l).length);
  const posterior = posteriorOf(
    said.map((s) => ({
      label: labels.indexOf(s.label),
      reliability: known.reliability.get(s.worker) ?? UNKNOWN,
    })),
    Math.max(2, labels.length),
  );
  const { act } = decide(p, signalsOf(votes, posterior));
  const counts = votes.map((n, i) => `${n} × ${labels[i]}`).join(", ");
  return {
    people: act === "ask" && o.mayAsk ? said.length + 1 : said.length,
    review: act === "review" ? `${p.title}: ${counts}` : undefined,
  };
}

const below = (signal: DelegationSignal, value: number) => ({
  signal,
  is: "below" as const,
  value,
});
const atLeast = (signal: DelegationSignal, value: number) => ({
  signal,
  is: "at least" as const,
  value,
});

/** Rules to start from. */
export const readyDelegationRules: Readonly<Record<string, (kind: string) => DelegationRule>> = {
  fixed: (kind) =>
    DelegationRule.parse({
      title: "Three people each",
      kind,
      rules: [{ when: [below("answers", 3)], act: "ask" }],
      most: 3,
    }),
  adaptive: (kind) =>
    DelegationRule.parse({
      title: "Until sure",
      kind,
      rules: [
        { when: [below("answers", 2)], act: "ask" },
        { when: [atLeast("top", 0.97)], act: "stop" },
        { when: [], act: "ask" },
      ],
      most: 7,
      perTask: 4,
      scoring: "reliable",
    }),
  suited: (kind) =>
    DelegationRule.parse({
      title: "Who is best at the topic",
      kind,
      rules: [
        { when: [below("answers", 2)], act: "ask" },
        { when: [atLeast("top", 0.95)], act: "stop" },
        { when: [], act: "ask" },
      ],
      most: 4,
      scoring: "suited",
      explore: 0.15,
    }),
  review: (kind) =>
    DelegationRule.parse({
      title: "A researcher looks where people split",
      kind,
      rules: [
        { when: [below("answers", 3)], act: "ask" },
        { when: [below("top", 0.8)], act: "review" },
      ],
      most: 3,
    }),
};
