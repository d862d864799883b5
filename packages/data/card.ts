/**
 * The card of a dataset: counts, lengths, near-duplicates, what its splits share, people and how far they agree, weights. And
 * what each row is known by, so that examples are found and sorted without the rows being read again.
 */
import { createHash } from "node:crypto";
import { CARD_VERSION, type DatasetCard, type Shared, type Spread } from "@tiller/schema";
import { agreementWithin } from "@tiller/crowd";
import { canonical } from "@tiller/store/canonical.ts";
import { NEAR, nearDuplicates } from "./duplicates.ts";
import { type Columns, factsOf } from "./row-facts.ts";

/** A judgment that a row names by its answer's id. */
export interface NamedJudgment {
  readonly by: string;
  /** null: its question has no classes to agree on */
  readonly label: string | null;
  readonly simulated: boolean;
  readonly source: string | null;
}
/** Of each row; lists of names once, in the order of their numbers. */
export interface RowColumns {
  readonly hash: string[];
  readonly key: (string | null)[];
  /** characters of its texts */
  readonly size: number[];
  readonly difference: (number | null)[];
  readonly strength: (number | null)[];
  readonly weight: (number | null)[];
  readonly agreement: (number | null)[];
  /** the first of its group of near-duplicates */
  readonly first: number[];
  /** the first that has the same words */
  readonly same: number[];
  readonly by: number[][];
  readonly people: string[];
  readonly source: (number | null)[];
  readonly sources: string[];
  readonly split: (number | null)[];
  readonly splits: string[];
}

export interface Described {
  readonly card: DatasetCard;
  readonly columns: RowColumns;
}
const FIELDS = 100;
const PEOPLE = 200; // on the card
const SPLITS = 12; // each is held against each
const SOURCES = 50;

export async function describeRows(
  rows: AsyncIterable<unknown> | Iterable<unknown>,
  o: {
    readonly columns?: Columns;
    /** the judgments behind ids of answers */
    readonly judgments?: (
      answers: readonly string[],
    ) => Promise<ReadonlyMap<string, NamedJudgment>>;
  } = {},
): Promise<Described> {
  const sum = createHash("sha256");
  const facts: (ReturnType<typeof factsOf> & { readonly hash: string })[] = [];
  for await (const row of rows) {
    const line = canonical(row);
    sum.update(`${line}\n`);
    const hash = createHash("sha256").update(line).digest("base64url").slice(0, 22);
    facts.push({ ...factsOf(row, o.columns), hash });
  }
  const named = (await o.judgments?.(facts.flatMap((f) => f.answers))) ?? new Map<string, never>();
  const judged = judgmentsOf(facts, named);
  const near = nearDuplicates(facts.map((f) => likenessOf(f)));
  const prompts = facts.map((f) => f.prompt?.trim());
  const [source, split] = [
    numbered(facts.map((f, i) => f.source ?? judged.source[i])),
    numbered(facts.map((f) => f.split)),
  ];
  const difference = facts.map(differenceOf);
  const columns: RowColumns = {
    hash: facts.map((f) => f.hash),
    key: facts.map((f) => f.key ?? null),
    size: facts.map((f) => f.texts.reduce((n, t) => n + t.length, 0) || (f.prompt?.length ?? 0)),
    difference,
    strength: facts.map((f) => f.strength ?? null),
    weight: facts.map((f) => f.weight ?? null),
    agreement: judged.agreement,
    first: [...near.first],
    same: [...near.same],
    by: judged.by,
    people: judged.people,
    source: source.of,
    sources: source.names,
    split: split.of,
    splits: split.names,
  };
  const groups = countsOf(near.first)
    .values()
    .filter((n) => n > 1)
    .toArray();
  const compared = difference.flatMap((d) => (d ? [d] : [])); // of one length says nothing
  const weights = facts.map((f) => f.weight ?? 1);
  const total = weights.reduce((a, b) => a + b, 0);
  const squares = weights.reduce((a, b) => a + b * b, 0);
  const card: DatasetCard = {
    version: CARD_VERSION,
    hash: sum.digest("hex"),
    rows: facts.length,
    fields: mostFirst(facts.flatMap((f) => f.fields)).slice(0, FIELDS),
    lengths: {
      prompt: spreadOf(facts.flatMap((f) => f.prompt?.length ?? [])),
      text: spreadOf(
        facts.flatMap((f) =>
          f.texts.length ? f.texts.map((t) => t.length) : (f.prompt?.length ?? []),
        ),
      ),
      difference: spreadOf(difference.filter((d) => d !== null)),
    },
    longer: compared.length
      ? { n: compared.length, share: count(compared, (d) => d > 0) / compared.length }
      : null,
    duplicates: {
      rows: facts.length - new Set(columns.hash).size,
      same: count(near.same, (first, i) => first !== i),
      near: groups.reduce((a, b) => a + b, 0),
      groups: groups.length,
      largest: groups.reduce((a, b) => Math.max(a, b), 0),
      prompts: repeated(prompts),
      threshold: NEAR,
      passedBy: near.passedBy,
    },
    splits: split.names.map((name, n) => ({ name, rows: count(split.of, (x) => x === n) })),
    shared: betweenSplits(split, { ...near, prompts }),
    sources: mostFirst(source.of.flatMap((n) => (n === null ? [] : [source.names[n]!]))).slice(
      0,
      SOURCES,
    ),
    ...judged.card,
    strength: spreadOf(columns.strength.filter((s) => s !== null)),
    weights: {
      rows: count(columns.weight, (w) => w !== null),
      spread: spreadOf(columns.weight.filter((w) => w !== null)),
      zero: count(weights, (w) => w === 0),
      effective: squares ? total ** 2 / squares : 0,
    },
  };
  return { card, columns };
}

/** What rows are compared by: their responses, whichever stands first; without any their prompt. */
export const likenessOf = (f: Pick<ReturnType<typeof factsOf>, "texts" | "prompt">): string =>
  f.texts.length ? f.texts.toSorted().join("\n") : (f.prompt ?? "");
const differenceOf = (f: ReturnType<typeof factsOf>): number | null => {
  if (f.preferred === undefined || f.texts.length !== 2) return null;
  const [chosen, other] = [f.texts[f.preferred]!, f.texts[1 - f.preferred]!];
  return chosen.length - other.length;
};

interface Placed {
  readonly of: (number | null)[];
  readonly names: string[];
}
function numbered(values: readonly (string | null | undefined)[]): Placed {
  const known = new Map<string, number>();
  const of = values.map((v) => {
    if (v === undefined || v === null) return null;
    const n = known.get(v) ?? known.size;
    known.set(v, n);
    return n;
  });
  return { of, names: [...known.keys()] };
}

interface Alike {
  readonly first: Int32Array;
  readonly same: Int32Array;
  readonly prompts: readonly (string | undefined)[];
}
/** Of rows in `a`, what is in `b` as well; and which rows these are. */
export function sharedWith(
  a: readonly number[],
  b: readonly number[],
  { first, same, prompts }: Alike,
): Shared & { rows: number[] } {
  const near = new Set(b.map((i) => first[i]!));
  const exact = new Set(b.map((i) => same[i]!));
  const asked = new Set(b.map((i) => prompts[i]));
  const rows = a.filter((i) => near.has(first[i]!));
  return {
    same: count(a, (i) => exact.has(same[i]!)),
    near: rows.length,
    prompts: count(
      a,
      (i) => prompts[i] !== undefined && prompts[i] !== "" && asked.has(prompts[i]),
    ),
    rows,
  };
}
function betweenSplits(split: Placed, alike: Alike): DatasetCard["shared"] {
  const rowsIn = split.names
    .slice(0, SPLITS)
    .map((_, n) => split.of.flatMap((x, i) => (x === n ? [i] : [])));
  return rowsIn.flatMap((a, n) =>
    rowsIn.flatMap((b, m) => {
      if (n === m) return [];
      const { rows: _, ...shared } = sharedWith(a, b, alike);
      return [{ ...shared, of: split.names[n]!, with: split.names[m]! }];
    }),
  );
}

type Judged = Pick<
  DatasetCard,
  "judgments" | "missing" | "people" | "peopleInAll" | "simulated" | "agreement"
>;
/** Everybody's last label of each question, and how far those of a question agree. */
function judgmentsOf(
  facts: readonly ReturnType<typeof factsOf>[],
  named: ReadonlyMap<string, NamedJudgment>,
): {
  readonly card: Judged;
  readonly by: number[][];
  readonly people: string[];
  readonly agreement: (number | null)[];
  readonly source: (string | null)[];
} {
  const people = new Map<
    string,
    { n: number; judgments: number; met: number; agreed: number; simulated: boolean }
  >();
  const personOf = (by: string, simulated = false) => {
    const known = people.get(by);
    if (known) return known;
    const made = { n: people.size, judgments: 0, met: 0, agreed: 0, simulated };
    people.set(by, made);
    return made;
  };
  let [missing, simulated] = [0, 0];
  const questions = new Map<string, Map<string, string>>(); // label by person
  const names: string[] = [];
  const source: (string | null)[] = [];
  const by = facts.map((f, i) => {
    const known = f.answers.flatMap((a) => named.get(a) ?? []);
    missing += f.answers.length - known.length;
    source.push(known[0]?.source ?? null);
    const name = f.question === undefined ? `row ${i}` : `task ${f.question}`;
    names.push(name);
    const labels = questions.get(name) ?? new Map<string, string>();
    const mine = new Set<number>();
    for (const j of [...known, ...f.votes]) {
      const person = personOf(j.by, "simulated" in j && j.simulated);
      person.judgments++;
      if (person.simulated) simulated++;
      if (j.label !== null) labels.set(j.by, j.label);
      mine.add(person.n);
    }
    if (labels.size) questions.set(name, labels);
    return [...mine];
  });
  const agreed = new Map<string, number>();
  const all: { task: string; worker: string; label: string }[] = [];
  for (const [task, labels] of questions) {
    for (const [worker, label] of labels) all.push({ task, worker, label });
    if (labels.size < 2) continue;
    const counts = countsOf(labels.values());
    let pairs = 0;
    for (const [person, label] of labels) {
      const like = counts.get(label)! - 1;
      const known = people.get(person)!;
      known.met += labels.size - 1;
      known.agreed += like;
      pairs += like;
    }
    agreed.set(task, pairs / (labels.size * (labels.size - 1)));
  }
  const measured = agreed.size ? agreementWithin(all) : undefined;
  const listed = [...people].map(([name, p]) => ({
    by: name,
    judgments: p.judgments,
    agreement: p.met ? p.agreed / p.met : null,
    simulated: p.simulated,
  }));
  const finite = (x: number) => (Number.isFinite(x) ? x : null);
  const interval = ({ at, low, high }: { at: number; low: number; high: number }) => ({
    at: finite(at),
    low: finite(low),
    high: finite(high),
  });
  return {
    by,
    people: [...people.keys()],
    agreement: names.map((n) => agreed.get(n) ?? null),
    source,
    card: {
      judgments: listed.reduce((n, p) => n + p.judgments, 0),
      missing,
      people: listed.toSorted((a, b) => b.judgments - a.judgments).slice(0, PEOPLE),
      peopleInAll: listed.length,
      simulated,
      agreement: measured
        ? {
            tasks: measured.tasks,
            answers: measured.answers,
            raw: interval(measured.raw),
            krippendorff: interval(measured.krippendorff),
          }
        : null,
    },
  };
}

const count = <T>(xs: ArrayLike<T>, which: (x: T, i: number) => boolean): number => {
  let n = 0;
  for (let i = 0; i < xs.length; i++) if (which(xs[i]!, i)) n++;
  return n;
};
function countsOf<T>(values: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>();
  for (const v of values) counts.set(v, (counts.get(v) ?? 0) + 1);
  return counts;
}
const mostFirst = (names: readonly string[]): { name: string; rows: number }[] =>
  [...countsOf(names)].map(([name, rows]) => ({ name, rows })).toSorted((a, b) => b.rows - a.rows);
/** Rows whose value an earlier one has. */
const repeated = (values: readonly (string | undefined)[]): number => {
  const there = values.filter((v) => v !== undefined && v !== "");
  return there.length - new Set(there).size;
};
/** By nearest rank. */
function spreadOf(values: readonly number[]): Spread | null {
  if (!values.length) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
  return {
    n: sorted.length,
    mean: sorted.reduce((a, b) => a + b, 0) / sorted.length,
    least: sorted[0]!,
    low: at(0.05),
    median: at(0.5),
    high: at(0.95),
    most: sorted.at(-1)!,
  };
}
