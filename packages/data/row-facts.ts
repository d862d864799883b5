/**
 * What a row of any dataset says of itself: its prompt and texts, which one is preferred and how strongly, what it counts,
 * where it comes from, and the judgments in it. By the shapes of packages/schema/rows.ts; a row of another shape is its texts.
 */
import { z } from "zod";
import { own } from "@tiller/schema";

export interface RowFacts {
  /** what names it in every version; undefined: nothing does */
  readonly key: string | undefined;
  readonly fields: readonly string[];
  readonly prompt: string | undefined;
  /** the responses; of a row without any its other texts */
  readonly texts: readonly string[];
  /** of the texts that are compared; undefined: none is, or it is even */
  readonly preferred: 0 | 1 | undefined;
  readonly strength: number | undefined;
  readonly weight: number | undefined;
  readonly source: string | undefined;
  readonly split: string | undefined;
  /** ids of answers */
  readonly answers: readonly string[];
  /** of a file: who said what */
  readonly votes: readonly { readonly by: string; readonly label: string }[];
  /** what the votes of several rows are about; undefined: each row is a question of its own */
  readonly question: string | undefined;
}

/** Columns of a file, by names with dots, where they are called otherwise. */
export interface Columns {
  readonly task?: string | undefined;
  readonly rater?: string | undefined;
  readonly label?: string | undefined;
  readonly source?: string | undefined;
  readonly split?: string | undefined;
}

type Row = Readonly<Record<string, unknown>>;
const isRow = (x: unknown): x is Row => typeof x === "object" && x !== null && !Array.isArray(x);
/** A name with dots is looked for as it stands, then in objects. */
const at = (row: Row, name: string): unknown =>
  own(row, name) ??
  name.split(".").reduce<unknown>((x, part) => (isRow(x) ? own(x, part) : undefined), row);
const said = (x: unknown): string | undefined =>
  typeof x === "string" && x !== ""
    ? x
    : typeof x === "number" || typeof x === "boolean"
      ? String(x)
      : undefined;

interface Texts {
  readonly prompt?: string | undefined;
  readonly texts: readonly string[];
  readonly preferred?: 0 | 1 | undefined;
  readonly strength?: number | undefined;
}
const text = z.string();
/** 0 to 1, how far a probability is from one half. */
const ofProbability = (p: number) => ({
  strength: Math.abs(2 * p - 1),
  preferred: p > 0.5 ? (1 as const) : p < 0.5 ? (0 as const) : undefined,
});
/** Of shares of K ordered outcomes, from "a is much better" to "b is much better". */
function ofGrades(grades: readonly number[]): Pick<Texts, "preferred" | "strength"> {
  const all = grades.reduce((a, b) => a + b, 0);
  if (!all) return {};
  const mean = grades.reduce(
    (sum, g, k) => sum + (g / all) * ((2 * k) / (grades.length - 1) - 1),
    0,
  );
  return { strength: Math.abs(mean), preferred: mean > 0 ? 1 : mean < 0 ? 0 : undefined };
}
const spoken = (x: z.infer<typeof Spoken>): string =>
  typeof x === "string" ? x : x.map((m) => m.content).join("\n");
const Spoken = z.union([text, z.array(z.looseObject({ role: text, content: text }))]);
const shape = <S extends z.ZodType>(schema: S, texts: (row: z.output<S>) => Texts) => ({
  of: (row: unknown): Texts | undefined => {
    const { data } = schema.safeParse(row);
    return data === undefined ? undefined : texts(data as z.output<S>);
  },
});
const Question = { prompt: text.optional(), passage: text.optional(), question: text.optional() };
const asked = (r: {
  prompt?: string | undefined;
  passage?: string | undefined;
  question?: string | undefined;
}) => r.prompt ?? r.passage ?? r.question;
const Sided = z.union([text, z.looseObject({ text }).transform((x) => x.text)]);
/** The first that a row fits says what its texts are. */
const shapes = [
  shape(
    z.looseObject({
      ...Question,
      a: Sided,
      b: Sided,
      pB: z.number().optional(),
      grades: z.array(z.number()).min(2).optional(),
    }),
    (r) => ({
      prompt: asked(r),
      texts: [r.a, r.b],
      ...(r.pB !== undefined ? ofProbability(r.pB) : r.grades ? ofGrades(r.grades) : {}),
    }),
  ),
  shape(z.looseObject({ prompt: Spoken.optional(), chosen: Spoken, rejected: Spoken }), (r) => ({
    prompt: r.prompt === undefined ? undefined : spoken(r.prompt),
    texts: [spoken(r.chosen), spoken(r.rejected)],
    preferred: 0,
  })),
  shape(z.looseObject({ ...Question, response: text, correction: text }), (r) => ({
    prompt: asked(r),
    texts: [r.response, r.correction],
    preferred: 1,
  })),
  shape(z.looseObject({ ...Question, texts: z.array(text).min(1) }), (r) => ({
    prompt: asked(r),
    texts: r.texts,
  })),
  shape(z.looseObject({ prompt: text, steps: z.array(text) }), (r) => ({
    prompt: r.prompt,
    texts: [r.steps.join("\n")],
  })),
  shape(z.looseObject({ prompt: text, completion: text }), (r) => ({
    prompt: r.prompt,
    texts: [r.completion],
  })),
  shape(
    z.looseObject({ messages: z.array(z.looseObject({ role: text, content: text })).min(1) }),
    (r) => ({
      prompt: spoken(r.messages.slice(0, -1)),
      texts: [r.messages.at(-1)!.content],
    }),
  ),
  shape(z.looseObject({ train: text, heldout: text }), (r) => ({ texts: [r.train] })),
  shape(z.looseObject({ text }), (r) => ({ prompt: undefined, texts: [r.text] })),
  shape(z.looseObject({ prompt: text }), (r) => ({ prompt: r.prompt, texts: [] })),
] as const;
/** Of a row of no known shape: its texts that have several words. */
function wordsIn(x: unknown, found: string[] = []): string[] {
  if (typeof x === "string") {
    if (/\S\s+\S/.test(x)) found.push(x);
  } else if (typeof x === "object" && x !== null)
    for (const v of Object.values(x)) wordsIn(v, found);
  return found;
}

const Vote = z.looseObject({
  by: z.union([text, z.number()]),
  choice: z.union([text, z.number(), z.boolean()]),
});
const Judgments = z.array(text);
const Weight = z.number();
/** Other scales are not known: HelpSteer's goes from -3 to 3. */
const Strength = z.number().min(0).max(1);

export function factsOf(row: unknown, columns: Columns = {}): RowFacts {
  const given = isRow(row) ? row : { value: row };
  const inner = own(given, "input"); // an exported answer has what was shown in there
  const known = [given, ...(isRow(inner) ? [inner] : [])].flatMap((r) =>
    shapes.flatMap((s) => s.of(r) ?? []).slice(0, 1),
  )[0];
  const texts: Texts = known ?? { texts: wordsIn(given) };
  const column = (name: string | undefined, ...usual: string[]) =>
    name === undefined
      ? usual.map((n) => said(at(given, n))).find((x) => x !== undefined)
      : said(at(given, name));
  const rater = column(columns.rater, "rater", "worker", "annotator", "by");
  const label = column(columns.label, "label", "choice", "winner", "value.choice", "value.label");
  const task = column(columns.task, "task");
  const listed = z.array(Vote).safeParse(own(given, "votes")).data;
  const votes =
    listed?.map((v) => ({ by: String(v.by), label: String(v.choice) })) ??
    (rater !== undefined && label !== undefined ? [{ by: rater, label }] : []);
  const stated = Strength.safeParse(own(given, "strength")).data;
  const counted = texts.texts.length === 2 && !texts.strength ? ofVotes(votes) : {};
  return {
    key: task ?? said(own(given, "id")),
    fields: Object.keys(given),
    prompt: texts.prompt,
    texts: texts.texts,
    preferred: texts.preferred ?? counted.preferred,
    strength: texts.strength ?? stated ?? counted.strength,
    weight: Weight.safeParse(own(given, "weight")).data,
    source: column(columns.source, "source", "subset", "topic"),
    split: column(columns.split, "split"),
    answers: Judgments.safeParse(own(given, "judgments")).data ?? [],
    votes,
    question: listed ? undefined : task,
  };
}
/** Of those that name a side: what most say, and by how much of all. */
function ofVotes(votes: RowFacts["votes"]): Pick<Texts, "preferred" | "strength"> {
  const of = (side: string) => votes.filter((v) => v.label === side).length;
  const [a, b] = [of("a"), of("b")];
  return a + b === 0
    ? {}
    : {
        strength: Math.abs(a - b) / votes.length,
        preferred: a > b ? 0 : b > a ? 1 : undefined,
      };
}
