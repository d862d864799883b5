/**
 * What people say of summaries, as figures with intervals: SQuALITY's ratings (Wang et al. 2022), faithfulness by claims with spans and
 * verdicts, coherence by sentences with eight types of error (after Chang et al. 2023). Annotations of one book hang together, so
 * books are drawn for the intervals, and not annotations.
 */
import { z } from "zod";
import { ErrorType, rng, ClaimVerdict } from "@tiller/schema";

const rating = z.number().min(0).max(100);
const Review = z.looseObject({
  worker_id: z.string(),
  "correctness-rating": rating,
  "selection-rating": rating,
  "overall-rating": rating,
});
/** A story of SQuALITY's human evaluation: questions, then systems, then what three people said. */
export const SqualityStory = z.looseObject({
  "passage-id": z.string(),
  questions: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ response: z.string(), reviews: z.array(Review) })),
  ),
});

const common = {
  book: z.string().min(1),
  system: z.string().min(1),
  by: z.string().min(1).optional().describe("who says it: a person or a model"),
};
/** Whether what a summary claims is so: the places of the book that show it, and the verdict. */
export const ClaimRow = z.strictObject({
  ...common,
  claim: z.string().min(1),
  spans: z.array(z.strictObject({ from: z.int().nonnegative(), to: z.int().nonnegative() })),
  verdict: ClaimVerdict,
});
/** What is wrong with a sentence of a summary where it stands; nothing: an empty list. */
export const SentenceRow = z.strictObject({
  ...common,
  sentence: z.int().nonnegative().describe("its place in the summary"),
  errors: z.array(ErrorType),
});

export interface Figure {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** values, and the books that they are of */
  readonly n: number;
  readonly books: number;
}
interface Value {
  readonly book: string;
  readonly value: number;
}
const DRAWS = 2000;

/** The mean with its 95 % interval, books drawn with replacement; of one book there is none (NaN). */
export function figureOf(values: readonly Value[], seed = 1): Figure {
  const byBook = new Map<string, { sum: number; n: number }>();
  for (const { book, value } of values) {
    const old = byBook.get(book) ?? { sum: 0, n: 0 };
    byBook.set(book, { sum: old.sum + value, n: old.n + 1 });
  }
  const books = [...byBook.values()];
  const meanOf = (drawn: readonly { sum: number; n: number }[]) =>
    drawn.reduce((s, b) => s + b.sum, 0) / drawn.reduce((s, b) => s + b.n, 0);
  const chance = rng(seed, "books");
  const means =
    books.length < 2
      ? []
      : Array.from({ length: DRAWS }, () => meanOf(books.map(() => chance.choose(books))));
  means.sort((a, b) => a - b);
  const at = (p: number) => means[Math.round(p * (DRAWS - 1))] ?? Number.NaN;
  return {
    mean: meanOf(books),
    low: at(0.025),
    high: at(0.975),
    n: values.length,
    books: books.length,
  };
}

const by = <T>(rows: readonly T[], of: (row: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(of(row));
    if (group) group.push(row);
    else groups.set(of(row), [row]);
  }
  return groups;
};

export interface Ratings {
  readonly system: string;
  readonly correctness: Figure;
  readonly coverage: Figure;
  readonly overall: Figure;
}
/** Mean ratings from 0 to 100, by system. SQuALITY calls coverage "selection". */
export function squality(stories: readonly z.infer<typeof SqualityStory>[]): Ratings[] {
  const reviews = stories.flatMap((s) =>
    Object.values(s.questions).flatMap((systems) =>
      Object.entries(systems).flatMap(([system, { reviews }]) =>
        reviews.map((review) => ({ system, book: s["passage-id"], review })),
      ),
    ),
  );
  return [...by(reviews, (r) => r.system)].map(([system, rows]) => {
    const of = (key: "correctness-rating" | "selection-rating" | "overall-rating") =>
      figureOf(rows.map((r) => ({ book: r.book, value: r.review[key] })));
    return {
      system,
      correctness: of("correctness-rating"),
      coverage: of("selection-rating"),
      overall: of("overall-rating"),
    };
  });
}

export interface Faithfulness {
  readonly system: string;
  /** of the claims with a verdict, those that are so; partly is no half */
  readonly so: Figure;
  /** of all claims */
  readonly verdicts: Readonly<Record<ClaimVerdict, Figure>>;
  /** claims with a verdict of yes or partly that name a place in the book */
  readonly shown: Figure;
}
export function faithfulness(rows: readonly z.infer<typeof ClaimRow>[]): Faithfulness[] {
  return [...by(rows, (r) => r.system)].map(([system, claims]) => {
    const share = (
      of: readonly (typeof claims)[number][],
      test: (c: (typeof claims)[number]) => boolean,
    ) => figureOf(of.map((c) => ({ book: c.book, value: test(c) ? 1 : 0 })));
    const each = ClaimVerdict.options.map(
      (v) => [v, share(claims, (c) => c.verdict === v)] as const,
    );
    return {
      system,
      so: share(
        claims.filter((c) => c.verdict !== "cannot say"),
        (c) => c.verdict === "yes",
      ),
      verdicts: Object.fromEntries(each) as Faithfulness["verdicts"],
      shown: share(
        claims.filter((c) => c.verdict === "yes" || c.verdict === "partly"),
        (c) => c.spans.length > 0,
      ),
    };
  });
}

export interface Coherence {
  readonly system: string;
  /** sentences without an error */
  readonly free: Figure;
  /** sentences with one of this type */
  readonly errors: Readonly<Record<ErrorType, Figure>>;
}
export function coherence(rows: readonly z.infer<typeof SentenceRow>[]): Coherence[] {
  return [...by(rows, (r) => r.system)].map(([system, sentences]) => {
    const share = (test: (errors: readonly string[]) => boolean) =>
      figureOf(sentences.map((s) => ({ book: s.book, value: test(s.errors) ? 1 : 0 })));
    const each = ErrorType.options.map((t) => [t, share((e) => e.includes(t))] as const);
    return {
      system,
      free: share((e) => e.length === 0),
      errors: Object.fromEntries(each) as Coherence["errors"],
    };
  });
}
