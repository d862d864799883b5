/** The figures of the quality pages, from rows: what one kind of work's answers say about its raters, with intervals. */
import {
  type Counted,
  type FieldAnswer,
  type PersonId,
  type QualityReport,
  type RaterQuality,
  type RaterReport,
  rng,
  type Role,
  wilson,
} from "@tiller/schema";
import { bootstrapMean, type Estimate, exactFraction, median } from "./statistics.ts";
import {
  type Agreement,
  agreementBetween,
  agreementWithin,
  pairwiseAgreement,
} from "./agreement.ts";
import { type Bias, biasOf, calibrate, type Sided } from "./calibration.ts";
import { chooseMethod } from "./choose.ts";
import { driftOf, overTime } from "./drift.ts";
import { labelTable } from "./labels.ts";
import { weightAfter } from "./one-coin.ts";
import { reliabilities } from "./reliability.ts";
import { copied, tooFast } from "./signals.ts";
import { type MethodName, methods } from "./truth.ts";
import { concernsOf, judge, leastSeconds } from "./verdict.ts";

/** One answer to the measured field. */
export interface QualityRow {
  readonly answer: string;
  /** a blind copy carries the name of the task it is a copy of */
  readonly task: string;
  readonly person: string;
  readonly label: string;
  /** how sure, more is surer; null: was not asked */
  readonly confidence: number | null;
  readonly version: string;
  /** which two policies, or which model: "" where unknown */
  readonly source: string;
  readonly at: number;
  readonly swap: boolean;
  readonly seconds: number;
  /** characters to read */
  readonly length: number;
  /** by how much b is longer; null: no pair */
  readonly longer: number | null;
}
export interface QualityData {
  readonly type: string;
  readonly field: string;
  readonly scale: "nominal" | "ordinal" | "interval";
  /** null: a number, of which there is no verdict */
  readonly closed: Pick<FieldAnswer, "sides" | "classes"> | null;
  /** whose answers these are */
  readonly population: Counted;
  readonly rows: readonly QualityRow[];
  readonly people: readonly {
    readonly id: string;
    readonly pseudonym: string;
    readonly role: Role;
  }[];
  readonly groups: readonly { readonly group: string; readonly person: string }[];
  readonly gold: readonly {
    readonly person: string;
    readonly at: number;
    readonly right: boolean;
    readonly task: string;
    readonly confidence: number | null;
  }[];
  /** test-retest: an item answered, and answered again after a week or more */
  readonly retests: readonly {
    readonly person: string;
    readonly at: number;
    readonly first: string;
    readonly second: string;
  }[];
  readonly texts: readonly {
    readonly answer: string;
    readonly worker: string;
    readonly text: string;
    readonly source: string;
  }[];
}

/** The busiest that the matrix shows; methods are compared on at most so many answers. */
const [SHOWN, COMPARED] = [40, 20_000];
const DISPUTED = 500;

/** Everything that both reports need, worked out once. */
export function study(given: QualityData) {
  const d: QualityData = { ...given, rows: latest(given.rows) };
  const role = new Map(d.people.map((p) => [p.id, p.role]));
  const isRater = (id: string) => (role.get(id) ?? "rater") === "rater";
  const label = (r: QualityRow) => ({ task: r.task, worker: r.person, label: r.label });
  const t = labelTable(d.rows.map(label));
  const raters = labelTable(d.rows.filter((r) => isRater(r.person)).map(label));
  const method = methodFor(d);
  const { posterior, fit } = methods[method].infer(raters);
  const reliability = reliabilities(raters, posterior);
  const { closed } = d;
  const judged = closed
    ? judge(
        d.rows
          .filter((r) => isRater(r.person))
          .map((r) => ({
            ...closed,
            task: r.task,
            person: r.person,
            type: d.type,
            field: d.field,
            label: r.label,
          })),
      )
    : undefined;
  const fast = tooFast(
    d.rows.map((r) => ({
      answer: r.answer,
      worker: r.person,
      seconds: r.seconds,
      length: r.length,
    })),
  );
  /** Seconds that this answer stayed under: far below the others' time, or faster than can be read. */
  const fastBound = (r: QualityRow): number | undefined => {
    const least = leastSeconds(r.length);
    return fast.answers.get(r.answer) ?? (r.seconds < least ? least : undefined);
  };
  const copies = copied(d.texts);
  const byTask = Map.groupBy(d.rows, (r) => r.task);
  const byPerson = Map.groupBy(d.rows, (r) => r.person);
  const goldOf = Map.groupBy(d.gold, (g) => g.person);

  /** One comparison of this answer with each of the other side's on its task; a task is one unit of the interval. */
  const comparisons = (mine: readonly QualityRow[], withWhom: (r: QualityRow) => boolean) =>
    mine.flatMap((r) => {
      const others = byTask.get(r.task)!.filter((o) => o.person !== r.person && withWhom(o));
      if (!others.length) return [];
      const agreed = others.filter((o) => o.label === r.label).length;
      return [{ row: r, right: agreed / others.length }];
    });
  const fraction = (list: readonly { right: number }[]): Estimate => {
    const right = list.reduce((a, c) => a + c.right, 0);
    return {
      at: list.length ? right / list.length : Number.NaN,
      ...wilson(right, list.length),
      n: list.length,
    };
  };

  const everyone = sidedOf(d.rows.filter((r) => isRater(r.person)));
  const summary = (person: string): RaterQuality => {
    const mine = byPerson.get(person) ?? [];
    const bias = sidedOf(mine);
    const info = d.people.find((p) => p.id === person);
    const gold = goldOf.get(person) ?? [];
    const own = reliability.get(person) ?? nothing;
    const figures = {
      gold: exactFraction(gold.filter((g) => g.right).length, gold.length),
      left: bias?.left ?? null,
      longer: bias?.longer ?? null,
      fast: mine.length
        ? exactFraction(mine.filter((r) => fastBound(r) !== undefined).length, mine.length)
        : nothing,
      copied: copies.workers.get(person) ?? nothing,
      drift: driftOf(gold).verdict,
    };
    return {
      person: person as PersonId,
      pseudonym: info?.pseudonym ?? person,
      role: info?.role ?? "rater",
      answers: mine.length,
      // of people here the quality thread puts their own in this place
      reliability: judged?.get(person)?.reliability ?? own,
      onQuestion: own,
      weight: weightAfter(own, raters.labels.length),
      others: fraction(comparisons(mine, (o) => isRater(o.person))),
      researchers: fraction(comparisons(mine, (o) => !isRater(o.person))),
      ...figures,
      flag: judged ? (judged.get(person)?.verdict ?? "new") : null,
      concerns: concernsOf(figures, everyone),
      medianSeconds: mine.length ? median(mine.map((r) => r.seconds)) : null,
    };
  };
  return {
    converged: fit.converged,
    d,
    t,
    raters,
    method,
    posterior,
    fastBound,
    copies,
    byPerson,
    goldOf,
    isRater,
    comparisons,
    fraction,
    everyone,
    summary,
  };
}
/** One answer a person a task, the latest; in the order of tasks, people and time, whatever the database's. */
function latest(rows: readonly QualityRow[]): QualityRow[] {
  const key = (r: QualityRow) => `${r.task}\n${r.person}`;
  const last = new Map<string, QualityRow>();
  for (const r of rows) {
    const old = last.get(key(r));
    if (!old || r.at > old.at || (r.at === old.at && r.answer > old.answer)) last.set(key(r), r);
  }
  return [...last].toSorted(([x], [y]) => (x < y ? -1 : 1)).map(([, r]) => r);
}
const nothing: Estimate = { at: Number.NaN, low: Number.NaN, high: Number.NaN, n: 0 };

function methodFor(d: QualityData): MethodName {
  if (d.rows.length < 50 || d.scale === "interval") return "one-coin";
  // whole tasks, drawn by their names: the same ones whatever the order
  const tasks = rng(1, "method").shuffle([...new Set(d.rows.map((r) => r.task))].toSorted());
  const byTask = Map.groupBy(d.rows, (r) => r.task);
  const some: { task: string; worker: string; label: string }[] = [];
  for (const task of tasks) {
    for (const r of byTask.get(task)!) some.push({ task, worker: r.person, label: r.label });
    if (some.length >= COMPARED) break;
  }
  return chooseMethod(labelTable(some), COMPARISON).best;
}
/** The two slow methods are left to `tiller quality aggregate`. */
const COMPARISON: readonly MethodName[] = ["majority", "wawa", "one-coin", "dawid-skene"];

function sidedOf(rows: readonly QualityRow[]): Bias | null {
  const sided = rows.flatMap((r): Sided[] =>
    r.longer === null || !isSide(r.label)
      ? []
      : [{ task: r.task, choice: r.label, swap: r.swap, longer: r.longer }],
  );
  return sided.length ? biasOf(sided) : null;
}
const isSide = (s: string): s is Sided["choice"] => s === "a" || s === "b" || s === "tie";

type Study = ReturnType<typeof study>;

export function overview(s: Study): Omit<QualityReport, "computedAt" | "seconds"> {
  const { d, t, raters, posterior } = s;
  const o = { scale: d.scale } as const;
  const shown = [...s.byPerson.entries()]
    .toSorted((a, b) => b[1].length - a[1].length)
    .map(([id]) => id);
  const busiest = new Set(shown.slice(0, SHOWN));
  const byRaters = d.rows.filter((r) => s.isRater(r.person));
  const pairs = s.comparisons(byRaters, (x) => s.isRater(x.person));
  const split = (of: (r: QualityRow) => string) =>
    [...Map.groupBy(pairs, (p) => of(p.row))]
      .filter(([name]) => name)
      .map(([name, list]) => ({ name, agreement: s.fraction(list) }))
      .toSorted((a, b) => b.agreement.n - a.agreement.n)
      .slice(0, 30);
  const groupsOf = Map.groupBy(d.groups, (g) => g.group);
  const groups = [...groupsOf.keys()];
  const inGroup = (g: string) => {
    const members = new Set(groupsOf.get(g)!.map((m) => m.person));
    return (w: string) => members.has(w);
  };
  const K = raters.labels.length;
  const doubt = raters.tasks.flatMap((task, i) => {
    const n = raters.start[i + 1] - raters.start[i];
    const same = raters.label
      .subarray(raters.start[i], raters.start[i + 1])
      .every((l) => l === raters.label[raters.start[i]]);
    if (n < 2 || same) return [];
    let entropy = 0;
    for (let k = 0; k < K; k++) {
      const p = posterior[i * K + k];
      if (p > 0) entropy -= p * Math.log(p);
    }
    return [
      { task: task as QualityReport["disputed"][number]["task"], doubt: entropy, answers: n },
    ];
  });
  return {
    type: d.type,
    field: d.field,
    scale: d.scale,
    population: d.population,
    answers: d.rows.length,
    tasks: t.tasks.length,
    method: methods[s.method].title,
    converged: s.converged,
    raters: agreementWithin(raters, o),
    researchers: agreementBetween(t, s.isRater, (w) => !s.isRater(w), o),
    amongResearchers: agreementWithin(
      labelTable(
        d.rows
          .filter((r) => !s.isRater(r.person))
          .map((r) => ({ task: r.task, worker: r.person, label: r.label })),
        { labels: t.labels },
      ),
      o,
    ),
    overTime: overTime(pairs.map((p) => ({ at: p.row.at, right: p.right }))),
    byVersion: split((r) => r.version),
    bySource: split((r) => r.source),
    people: shown.map(s.summary),
    matrix: pairwiseAgreement(t)
      .filter((p) => busiest.has(p.first) && busiest.has(p.second))
      .map((p) => ({ ...p, first: p.first as PersonId, second: p.second as PersonId })),
    groups: groups.flatMap((first, i) =>
      groups.slice(i).map((second) => {
        const agreement: Agreement = agreementBetween(t, inGroup(first), inGroup(second), {
          ...o,
          resamples: 200,
        });
        return { first, second, agreement };
      }),
    ),
    everyone: s.everyone,
    disputed: doubt.toSorted((a, b) => b.doubt - a.doubt).slice(0, DISPUTED),
  };
}

/** How often the same was said again; of ratings and numbers also by how much the second was higher. */
function testRetest(d: QualityData, of: (p: QualityData["retests"][number]) => boolean) {
  const pairs = d.retests.filter(of);
  const moved = pairs.map((p) => Number(p.second) - Number(p.first));
  return {
    same: exactFraction(pairs.filter((p) => p.first === p.second).length, pairs.length),
    shift:
      d.scale === "nominal" || pairs.length < 2
        ? null
        : bootstrapMean(
            moved.map((sum) => ({ sum, n: 1 })),
            { seed: 1, resamples: 400 },
          ),
  };
}

export function raterReport(s: Study, person: string): Omit<RaterReport, "computedAt"> {
  const mine = s.byPerson.get(person) ?? [];
  const blind = s.comparisons(mine, (o) => !s.isRater(o.person));
  const gold = s.goldOf.get(person) ?? [];
  const checked = [
    ...blind.flatMap(({ row, right }) =>
      row.confidence === null || right === 0.5
        ? []
        : [{ task: row.task, confidence: row.confidence, right: right > 0.5 }],
    ),
    ...gold.flatMap((g) =>
      g.confidence === null ? [] : [{ task: g.task, confidence: g.confidence, right: g.right }],
    ),
  ];
  const bySplit = Map.groupBy(blind, ({ row }) => `${row.version}\n${row.source}`);
  const answers = new Set(mine.map((r) => r.answer));
  const id = (a: string) => a as RaterReport["fastAnswers"][number]["answer"];
  return {
    population: s.d.population,
    summary: s.summary(person),
    calibration: calibrate(checked),
    drift: driftOf(gold),
    testRetest: {
      own: testRetest(s.d, (p) => p.person === person),
      everyone: testRetest(s.d, (p) => s.isRater(p.person)),
    },
    overTime: overTime(
      s
        .comparisons(mine, (o) => s.isRater(o.person))
        .map((c) => ({ at: c.row.at, right: c.right })),
    ),
    researchers: [...bySplit].map(([key, list]) => {
      const [version = "", source = ""] = key.split("\n");
      return { version, source, agreement: s.fraction(list) };
    }),
    ties: sidedOf(mine)?.ties ?? null,
    fastAnswers: mine.flatMap((r) => {
      const bound = s.fastBound(r);
      return bound === undefined ? [] : [{ answer: id(r.answer), seconds: r.seconds, bound }];
    }),
    copies: [
      ...s.copies.pairs.flatMap((p) =>
        answers.has(p.first) || answers.has(p.second)
          ? [
              {
                answer: id(answers.has(p.second) ? p.second : p.first),
                other: id(answers.has(p.second) ? p.first : p.second),
                similarity: p.similarity,
              },
            ]
          : [],
      ),
      ...[...s.copies.fromSource].flatMap(([a, similarity]) =>
        answers.has(a) && similarity >= 0.9 ? [{ answer: id(a), other: null, similarity }] : [],
      ),
    ],
  };
}
