/**
 * A delegation rule on answers recorded earlier, before it goes live: how often each clause would have fired, what it would have
 * cost, and how often the outcome would have been right, beside what was really asked. Where no answer is known, one
 * recorded answer a task is held out from both sides, and they are compared on that.
 */
import { type Backtest, type DelegationRule, rng } from "@tiller/schema";
import { type Label, labelTable, type LabelTable, without } from "./labels.ts";
import { decide, clauseText, scoringOf, signalsOf } from "./delegation.ts";
import type { Inferred } from "./em.ts";
import { dawidSkene } from "./truth.ts";

const resamplesFor = (tasks: number) => (tasks > 20_000 ? 200 : 1000);
/** Heavier than for whole data sets: after a few answers a person's confusions are hardly known. */
const SMOOTHING = 0.3;

export interface Past {
  readonly answers: readonly Label[];
  /** known answers, by task */
  readonly truth?: ReadonlyMap<string, string>;
  readonly topicOf?: (task: string) => string;
}

/** What the rule shows of the table: hidden answers are those it did not ask for. */
function play(
  t: LabelTable,
  p: DelegationRule,
  o: { seed: number; topicOf: (task: string) => string },
) {
  const random = rng(o.seed, "backtest");
  const hidden = new Uint8Array(t.worker.length).fill(1);
  const fired = p.rules.map(() => 0);
  const used = new Int32Array(t.tasks.length);
  const ended = new Map<number, "stop" | "review">();
  const budget = Math.floor((p.perTask ?? Infinity) * t.tasks.length);
  // who is asked depends on what is known of them: then a tenth of the tasks at a time, to learn in between
  const wave = p.scoring === "anyone" ? Infinity : Math.ceil(t.tasks.length / 10);
  let total = 0;
  const K = t.labels.length;
  const infer = (): Inferred => dawidSkene(without(t, hidden), { smoothing: SMOOTHING });
  for (let inferred = infer(); ; inferred = infer()) {
    const score = scoringOf(p, without(t, hidden), inferred, o.topicOf);
    const due: { task: number; top: number; clause: number }[] = [];
    for (let i = 0; i < t.tasks.length; i++) {
      if (ended.has(i)) continue;
      const votes = new Array<number>(K).fill(0);
      for (let r = t.start[i]!; r < t.start[i + 1]!; r++) if (!hidden[r]) votes[t.label[r]!]!++;
      const signals = signalsOf(votes, inferred.posterior.subarray(i * K, i * K + K));
      const { act, clause } = decide(p, signals);
      if (act === "ask") due.push({ task: i, top: signals.top, clause });
      else {
        ended.set(i, act);
        if (clause >= 0) fired[clause]!++;
      }
    }
    let asked = 0;
    for (const { task, clause } of random.shuffle(due).toSorted((a, b) => a.top - b.top)) {
      if (asked >= wave) break;
      const free: number[] = [];
      for (let r = t.start[task]!; r < t.start[task + 1]!; r++) if (hidden[r]) free.push(r);
      if (!free.length || total >= budget) {
        ended.set(task, "stop"); // nobody else answered it then, or the budget is spent
        continue;
      }
      const any = p.scoring === "anyone" || random.next() < p.explore;
      const pick = any
        ? free[random.int(free.length)]!
        : random
            .shuffle(free)
            .reduce((a, b) => (score(t.worker[b]!, task) > score(t.worker[a]!, task) ? b : a));
      hidden[pick] = 0;
      fired[clause]!++;
      used[task]!++;
      total++;
      asked++;
    }
    if (!asked)
      return {
        posterior: inferred.posterior,
        used,
        total,
        fired,
        reviews: [...ended.values()].filter((e) => e === "review").length,
      };
  }
}

const topOf = (posterior: Float64Array, K: number, i: number) => {
  let best = 0;
  for (let k = 1; k < K; k++) if (posterior[i * K + k]! > posterior[i * K + best]!) best = k;
  return best;
};

/** Tries `rule` on the past, beside `baseline` or, without one, beside all answers that were given. */
export function backtest(
  rule: DelegationRule,
  past: Past,
  o: { seed?: number; baseline?: DelegationRule | undefined } = {},
): Backtest {
  const { seed = 1, baseline } = o;
  const topicOf = past.topicOf ?? (() => "");
  const whole = labelTable(past.answers);
  const K = whole.labels.length;
  const known = past.truth?.size ? past.truth : undefined;

  // without known answers, one answer a task is kept from both sides
  const random = rng(seed, "held out");
  const drop = new Uint8Array(whole.worker.length);
  const expected = whole.tasks.map((task, i) => {
    if (known) return whole.labels.indexOf(known.get(task) ?? "");
    const [from, to] = [whole.start[i]!, whole.start[i + 1]!];
    if (to - from < 2) return -1;
    const r = from + random.int(to - from);
    drop[r] = 1;
    return whole.label[r]!;
  });
  const t = known ? whole : without(whole, drop);
  const after = play(t, rule, { seed, topicOf });
  const all = Int32Array.from(t.tasks, (_, i) => t.start[i + 1]! - t.start[i]!);
  const before = baseline
    ? play(t, baseline, { seed, topicOf })
    : { posterior: dawidSkene(t, { smoothing: SMOOTHING }).posterior, used: all };

  const judged = t.tasks.flatMap((_, i) => (expected[i]! >= 0 ? [i] : []));
  const right = (posterior: Float64Array) =>
    Uint8Array.from(t.tasks, (_, i) => Number(topOf(posterior, K, i) === expected[i]));
  const [was, will] = [right(before.posterior), right(after.posterior)];
  const fraction = (of: Uint8Array, tasks: readonly number[]) =>
    tasks.reduce((sum, i) => sum + of[i]!, 0) / Math.max(1, tasks.length);
  const sum = (of: Int32Array, tasks: readonly number[]) =>
    tasks.reduce((total, i) => total + of[i], 0);
  const costOf = (tasks: readonly number[]) =>
    sum(after.used, tasks) / Math.max(1, sum(before.used, tasks)) - 1;
  const everyone = t.tasks.map((_, i) => i);
  const resample = rng(seed, "bootstrap");
  const resamples = resamplesFor(t.tasks.length);
  const draw = (from: readonly number[]) => from.map(() => from[resample.int(from.length)]!);
  const [costs, gains]: [number[], number[]] = [[], []];
  for (let b = 0; b < resamples; b++) {
    costs.push(costOf(draw(everyone)));
    const tasks = draw(judged);
    gains.push(fraction(will, tasks) - fraction(was, tasks));
  }
  const interval = (xs: number[]) => {
    const sorted = xs.toSorted((a, b) => a - b);
    return {
      low: sorted[Math.floor(0.025 * sorted.length)] ?? 0,
      high: sorted[Math.ceil(0.975 * sorted.length) - 1] ?? 0,
    };
  };
  const cost = { change: costOf(everyone), ...interval(costs) };
  const [b, a] = [fraction(was, judged), fraction(will, judged)];
  const agreement = {
    before: b,
    after: a,
    change: a - b,
    ...interval(gains),
    judged: judged.length,
    against: known ? ("known answers" as const) : ("held-out answers" as const),
  };
  const fired = rule.rules.map((r, i) => ({ rule: clauseText(r), times: after.fired[i]! }));
  return {
    tasks: t.tasks.length,
    recorded: t.worker.length,
    fired,
    used: after.total,
    reviews: after.reviews,
    cost,
    agreement,
    sentence: sentenceOf({ fired, cost, agreement, reviews: after.reviews }),
  };
}

const signed = (x: number, digits: number) =>
  `${x > 0 ? "+" : x < 0 ? "−" : "±"}${Math.abs(x).toFixed(digits)}`;
function sentenceOf(r: Pick<Backtest, "fired" | "cost" | "agreement" | "reviews">): string {
  const times = r.fired.map((f) => `“${f.rule}” ${f.times.toLocaleString("en")} times`).join(", ");
  const points = (x: number) => signed(100 * x, 1);
  const percent = (x: number) => signed(100 * x, 0);
  return (
    `These rules would have fired: ${times}. Cost ${percent(r.cost.change)} % (${percent(r.cost.low)} to ${percent(r.cost.high)}), ` +
    `agreement with ${r.agreement.against} ${points(r.agreement.change)} points (${points(r.agreement.low)} to ${points(r.agreement.high)}).` +
    (r.reviews ? ` A researcher would have looked at ${r.reviews} tasks.` : "")
  );
}
