/**
 * Several people's answers to tasks of one kind become one answer a task and question, with what supports it. How is
 * named in the kind of work (`TaskDef.aggregate`), else the kind of field says it; one table row a method.
 */
import { type Field, type Shown, smallest, TillerError } from "@tiller/schema";
import {
  type Aggregation,
  aggregationsOf,
  at,
  fieldsOf,
  kindOfField,
  listAt,
  type Span,
  swapIn,
  type TaskDef,
  textAt,
  textOf,
  wrongAggregations,
} from "@tiller/task";
import { bradleyTerry } from "../bradley-terry.ts";
import { labelTable } from "../labels.ts";
import { aggregatePairs } from "../pairs.ts";
import { argmax } from "../em.ts";
import { type MethodName, methods } from "../truth.ts";

export interface GivenAnswer {
  readonly task: string;
  readonly rater: string;
  readonly input: unknown;
  readonly value: unknown;
  readonly swap?: boolean;
  /** where one swap does not say how it was shown */
  readonly shown?: Shown | null;
}
export interface Aggregated {
  readonly task: string;
  readonly field: string;
  readonly method: Aggregation;
  /** undefined: nobody answered this question */
  readonly value: unknown;
  /** `answers` always; by the method: `fraction` of the votes or posterior, `low` and `high` of a 95 % interval ... */
  readonly support: Readonly<Record<string, number>>;
}

interface Said extends GivenAnswer {
  readonly said: unknown;
}
type Result = Omit<Aggregated, "field" | "method">;
type Join = (answers: readonly Said[], field: Field, method: Aggregation) => Result[];

export function aggregateAnswers(def: TaskDef, answers: readonly GivenAnswer[]): Aggregated[] {
  const [wrong] = wrongAggregations(def);
  if (wrong) throw new TillerError("bad_aggregation", `${def.name}: ${wrong}`);
  const tasks = [...new Set(answers.map((a) => a.task))];
  const methodOf = aggregationsOf(def);
  return fieldsOf(def.view).flatMap((asked) => {
    const [field, method] = [asked.name, methodOf.get(asked.name)!];
    // who marked nothing said so; who wrote nothing said nothing
    const { nothing } = kindOfField(asked);
    const said = answers
      .map((a) => ({ ...a, said: at(a.value, field) ?? nothing }))
      .filter((a) => a.said !== undefined && a.said !== "");
    const results = new Map(joins[method](said, asked, method).map((r) => [r.task, r]));
    return tasks.map((task) => ({
      field,
      method,
      ...(results.get(task) ?? { task, value: undefined, support: { answers: 0 } }),
    }));
  });
}

/** One result a task. */
const perTask =
  (join: (answers: readonly Said[], field: Field) => Omit<Result, "task">): Join =>
  (answers, field) =>
    [...Map.groupBy(answers, (a) => a.task)].map(([task, some]) => ({
      task,
      ...join(some, field),
    }));

/** Votes weighed by one of the methods of `truth.ts`. Of several choices at once, each option is a vote of its own. */
const byMethod: Join = (answers, field, method) => {
  const kind = kindOfField(field);
  const known = kind.labels(field);
  if (kind.each) {
    const results = known!.map((value) =>
      byMethod(
        answers.map((a) => ({ ...a, said: String((a.said as string[]).includes(value)) })),
        { kind: "choice", name: field.name, label: field.label, options: [...yesNo] },
        method,
      ),
    );
    return (results[0] ?? []).map(({ task, support }, i) => {
      const votes = results.map((r) => r[i]!);
      const fraction = smallest(votes.map((v) => v.support["fraction"]!));
      const value = known!.filter((_, k) => votes[k]!.value === "true");
      return { task, value, support: { answers: support["answers"]!, fraction } };
    });
  }
  if (field.kind === "pair" && method === "one-coin") return pairs(answers, field, method);
  const table = labelTable(
    answers.map((a) => ({ task: a.task, worker: a.rater, label: String(a.said) })),
    { labels: known },
  );
  const { labels } = table;
  const { posterior, fit } = methods[method as MethodName].infer(table);
  return table.tasks.map((task, i) => {
    const best = argmax(posterior, i, labels.length);
    return {
      task,
      value: kind.cell === "number" ? Number(labels[best]) : labels[best],
      support: {
        answers: table.start[i + 1]! - table.start[i]!,
        fraction: posterior[i * labels.length + best]!,
        ...cutOff(fit),
      },
    };
  });
};
const yesNo = [
  { value: "false", label: "" },
  { value: "true", label: "" },
] as const;

/** Where a fit was cut off at its limit of steps, each of its results says so. */
const cutOff = (fit: { readonly converged: boolean }): Record<string, number> =>
  fit.converged ? {} : { notConverged: 1 };

/** Sides are symmetric and a tie speaks for neither. */
const pairs: Join = (answers) => {
  const found = aggregatePairs(
    answers.map((a) => ({
      task: a.task,
      person: a.rater,
      choice: a.said as "a" | "b" | "tie",
    })),
  );
  return [...found.pairs].map(([task, { pB, judgments }]) => ({
    task,
    value: Math.abs(pB - 0.5) < 1e-9 ? "tie" : pB > 0.5 ? "b" : "a",
    support: { answers: judgments, fraction: Math.max(pB, 1 - pB), pB, ...cutOff(found.fit) },
  }));
};

/** Texts that come in several pairs share one score each, over all tasks. */
const scored: Join = (answers, field) => {
  if (field.kind !== "pair") return [];
  const rows = answers.map((a) => ({
    rater: a.rater,
    a: textAt(a.input, field.a),
    b: textAt(a.input, field.b),
    choice: a.said as "a" | "b" | "tie",
    swap: a.swap === undefined ? undefined : swapIn(a.shown, field.name, a.swap),
  }));
  const model = bradleyTerry(rows);
  return perTask((some) => {
    const first = rows[answers.indexOf(some[0]!)]!;
    const [scoreA, scoreB] = [model.score.get(first.a) ?? 0, model.score.get(first.b) ?? 0];
    const pB = 1 / (1 + Math.exp(scoreA - scoreB));
    const value = Math.abs(pB - 0.5) < 1e-9 ? "tie" : pB > 0.5 ? "b" : "a";
    const support = {
      answers: some.length,
      fraction: Math.max(pB, 1 - pB),
      pB,
      scoreA,
      scoreB,
      ...cutOff(model),
    };
    return { value, support };
  })(answers, field, "bradley-terry");
};

const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / Math.max(1, xs.length);
/** Normal interval of a mean; a single answer has none. */
function moments(xs: readonly number[]): Record<string, number> {
  const m = mean(xs);
  const deviation = Math.sqrt(mean(xs.map((x) => (x - m) ** 2)) * (xs.length / (xs.length - 1)));
  const half = (1.96 * deviation) / Math.sqrt(xs.length);
  return xs.length > 1 ? { deviation, low: m - half, high: m + half } : {};
}
const middle = (xs: readonly number[]) => {
  const sorted = xs.toSorted((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  return (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2;
};
const numbers = (centre: (xs: readonly number[]) => number): Join =>
  perTask((some) => {
    const xs = some.map((a) => Number(a.said));
    return { value: centre(xs), support: { answers: xs.length, ...moments(xs) } };
  });

/** Items by their mean place; `concordance` is Kendall's W, 1 where all agree, 0 where the places say nothing. */
const places = perTask((some, field) => {
  const items = field.kind === "ranking" ? listAt(some[0]!.input, field.items).length : 0;
  const rank = Array.from({ length: items }, (_, item) =>
    mean(some.map((a) => (a.said as number[]).indexOf(item))),
  );
  const spread = rank.reduce((sum, r) => sum + (r - (items - 1) / 2) ** 2, 0);
  const value = rank.map((_, i) => i).toSorted((a, b) => rank[a]! - rank[b]! || a - b);
  const concordance = items > 1 ? (12 * spread) / (items ** 3 - items) : 1;
  return { value, support: { answers: some.length, concordance } };
});

/**
 * Runs of characters with one label that at least `enough` of n people marked; `fraction`: by how many, on average. A run ends
 * where as many people, and more than go on across, end one mark and begin the next: neighbours stay two.
 */
const spans = (enough: (n: number) => number): Join =>
  perTask((some, field) => {
    if (field.kind !== "spans")
      return { value: [], support: { answers: some.length, fraction: 1 } };
    const text = textOf(at(some[0]!.input, field.from));
    let [marked, votes] = [0, 0];
    const value: Span[] = [];
    for (const { value: label } of field.labels) {
      const count = new Uint32Array(text.length + 1);
      const parted = new Uint32Array(text.length + 1); // who ends one mark here and begins another
      const across = new Uint32Array(text.length + 1); // who marks on both sides of here at once
      for (const a of some) {
        const own = new Uint8Array(text.length);
        const inner = new Uint8Array(text.length);
        const ends = new Set<number>();
        const marks = (a.said as Span[]).filter((s) => s.label === label);
        for (const s of marks) {
          own.fill(1, s.start, s.end);
          inner.fill(1, s.start + 1, s.end);
          ends.add(s.end);
        }
        own.forEach((x, i) => (count[i]! += x));
        inner.forEach((x, i) => (across[i]! += x));
        for (const i of new Set(marks.map((s) => s.start)))
          if (ends.has(i) && !inner[i]) parted[i]!++;
      }
      let start = -1;
      count.forEach((n, i) => {
        const is = i < text.length && n > 0 && n >= enough(some.length);
        if (is) [marked, votes] = [marked + 1, votes + n];
        if (start >= 0 && is && parted[i]! >= enough(some.length) && parted[i]! > across[i]!) {
          value.push({ start, end: i, label });
          start = i;
        }
        if (is && start < 0) start = i;
        if (!is && start >= 0) {
          value.push({ start, end: i, label });
          start = -1;
        }
      });
    }
    const fraction = marked ? votes / marked / some.length : 1;
    return {
      value: value.toSorted((a, b) => a.start - b.start),
      support: { answers: some.length, fraction },
    };
  });

/** The most frequent label of each step, of those who came to it; ends where the mistake was seen. */
const steps = perTask((some, field) => {
  const value: string[] = [];
  let agreed = 1;
  for (let i = 0; ; i++) {
    const votes = some.flatMap((a) => (a.said as string[])[i] ?? []);
    const stop = field.kind === "steps" ? field.stopAt : undefined;
    if (!votes.length || (stop !== undefined && value.at(-1) === stop)) break;
    const [label, { length }] = [...Map.groupBy(votes, (v) => v)].toSorted(
      ([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1),
    )[0]!;
    value.push(label);
    agreed = Math.min(agreed, length / votes.length);
  }
  return { value, support: { answers: some.length, fraction: agreed } };
});

const joins: { [K in Aggregation]: Join } = {
  majority: byMethod,
  wawa: byMethod,
  "one-coin": byMethod,
  "dawid-skene": byMethod,
  glad: byMethod,
  mace: byMethod,
  "bradley-terry": scored,
  mean: numbers(mean),
  median: numbers(middle),
  "mean-place": places,
  "spans-majority": spans((n) => n / 2 + 0.5),
  "spans-union": spans(() => 1),
  "steps-majority": steps,
  none: perTask((some) => ({
    value: some.map((a) => a.said),
    support: { answers: some.length },
  })),
};
