/**
 * A tree's labels as rows to learn from, each node its own: what people wrote, and which of two summaries they found better. They are
 * selected by age: `exact`, what was said of exactly what the node is made from now; `drifted`, also beside other earlier summaries;
 * `any`, of whatever it was made from then. A label whose words can no longer be shown is counted, and never guessed.
 */
import { aggregatePairs } from "@tiller/crowd";
import { hashOf } from "@tiller/book";
import { type Address, keyOf, makerOf } from "@tiller/book/keys.ts";
import { promptOf } from "@tiller/book/prompt.ts";
import {
  AnswerId,
  pairFields,
  ThreePairs,
  type TreeJudgment,
  type TreePair,
  type TreeStanding,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { z } from "zod";
import { judgmentsOf } from "./judgments.ts";
import { policyOf } from "./plan.ts";
import { type Kept, keepText, readStanding } from "./rows.ts";

export const ages = ["exact", "drifted", "any"] as const;
export type LabelAge = (typeof ages)[number];

type Standing = z.infer<typeof TreeStanding>;
/** A node as it is now; undefined where nothing was ever written. */
interface Now {
  readonly key: string;
  readonly standing: Standing;
  /** addresses of the same input by the same maker, beside whatever earlier summaries */
  readonly drifted: ReadonlySet<string>;
}
/** Whether a label of this address is let in. Each age lets in all that the one before it does. */
export function letsIn(age: LabelAge, key: string, now: Now | undefined): boolean {
  if (age === "any") return true;
  if (now?.standing === "current" && now.key === key) return true;
  if (age === "exact" || !now) return false;
  return (
    (now.standing === "current" || now.standing === "drifted") &&
    (now.key === key || now.drifted.has(key))
  );
}

/** Where nodes stand, with the addresses that differ from theirs in the context alone, as far as the log knows contexts. */
export function nowOf(
  nodes: ReadonlyMap<string, { key: string; standing: Standing; entry: Address }>,
  log: readonly (Address & { readonly node: string })[],
  maker: string,
): Map<string, Now> {
  const contexts = Map.groupBy(log, (e) => e.node);
  return new Map(
    [...nodes].map(([node, { key, standing, entry }]) => {
      const { input } = entry;
      const of = (contexts.get(node) ?? []).map(({ context }) => keyOf({ input, context, maker }));
      return [node, { key, standing, drifted: new Set(of) }];
    }),
  );
}

/** Keeps what somebody read under its hash, so that a label can be learned from after its node has changed. */
export const keepPrompt = (db: Db, prompt: string): Promise<number> =>
  keepText(db, hashOf(prompt), prompt);

/** What is left out: by its age, or because nobody knows any more what was read. */
export interface Left {
  readonly age: number;
  readonly unread: number;
}
interface Labelled {
  readonly tree: string;
  readonly node: string;
  readonly height: number;
  readonly key: string;
  readonly saw: string;
}
export interface Demonstrated extends Labelled {
  readonly prompt: string;
  readonly completion: string;
  readonly by: string;
  /** its number in the tree */
  readonly entry: number;
  /** of the desk */
  readonly judgments: AnswerId[];
}
/** A comparison of three, with what was read. */
export interface Compared extends Labelled {
  readonly prompt: string;
  readonly judgment: TreeJudgment;
}
export interface TreeLabels {
  readonly demonstrations: Demonstrated[];
  readonly compared: Compared[];
  readonly left: { readonly demonstrations: Left; readonly compared: Left };
}

const Read = z.object({
  n: z.int(),
  answer: z.string().nullable(),
  read: z.object({ earlier: z.array(z.string()), text: z.string() }).nullable(),
});
const Body = z.object({ hash: z.string(), body: z.string() });

export async function labelsOf(db: Db, tree: string, age: LabelAge): Promise<TreeLabels> {
  const { head, plan, entries, outputs } = await readStanding(db, tree);
  const said = await judgmentsOf(db, tree, { kinds: ["compare"] });
  const reads = await db.many(
    sql`select n, answer, read from tree_entry where tree = ${tree} and author_kind = 'person'`,
    Read,
  );
  const byNumber = new Map(reads.map((r) => [r.n, r]));
  const now = nowOf(outputs, entries, makerOf(plan, policyOf(head)));
  const { instructions } = plan;
  const prompts = new Map<string, string>();
  const knows = (prompt: string) => prompts.set(hashOf(prompt), prompt);
  for (const { read } of reads) if (read) knows(promptOf({ instructions, ...read }));
  const written: Kept[] = entries.filter((e) => e.author.kind === "person");
  const saw = [...new Set([...written, ...said].map((x) => x.saw))].filter((h) => !prompts.has(h));
  const kept = await db.many(sql`select hash, body from tree_text where hash = any(${saw})`, Body);
  for (const { hash, body } of kept) prompts.set(hash, body);

  const select = <T extends { node: string; saw: string }, R>(
    all: readonly T[],
    keyFor: (x: T) => string,
    row: (x: T, about: Labelled & { prompt: string }) => R,
  ): { rows: R[]; left: Left } => {
    const young = all.filter((x) => letsIn(age, keyFor(x), now.get(x.node)));
    const rows = young.flatMap((x) => {
      const [prompt, height] = [prompts.get(x.saw), plan.nodes.get(x.node)?.height];
      if (prompt === undefined || height === undefined) return [];
      const { node, saw } = x;
      return [row(x, { tree, node, height, key: keyFor(x), saw, prompt })];
    });
    const left = { age: all.length - young.length, unread: young.length - rows.length };
    return { rows, left };
  };
  const shown = select(written, keyOf, (e: Kept, about): Demonstrated => {
    const answer = byNumber.get(e.n)?.answer;
    const judgments = answer ? [AnswerId.parse(answer)] : [];
    return { ...about, completion: e.text, by: e.author.name, entry: e.n, judgments };
  });
  const compared = select(
    said,
    (j) => j.key,
    (judgment, about): Compared => ({ ...about, judgment }),
  );
  return {
    demonstrations: shown.rows,
    compared: compared.rows,
    left: { demonstrations: shown.left, compared: compared.left },
  };
}

const likert = z.int().min(1).max(7);
const Rated = ThreePairs.extend({
  firstOverall: likert,
  secondOverall: likert,
  thirdOverall: likert,
});
/** One person's word on two summaries, which stand in an order of their own, whoever read them in whichever. */
export interface Word extends Omit<Compared, "judgment"> {
  readonly task: string;
  readonly a: string;
  readonly b: string;
  readonly choice: "a" | "b" | "tie";
  readonly by: string;
  /** of a and of b, overall */
  readonly ratings: readonly [number, number];
  readonly n: number;
  readonly answer: string | null;
}
/** The three pairs of each comparison. */
export const wordsOf = (compared: readonly Compared[]): Word[] =>
  compared.flatMap(({ judgment: j, ...about }) => {
    const v = Rated.parse(j.value);
    const rated = [v.firstOverall, v.secondOverall, v.thirdOverall];
    return pairFields.map(([field, i, k]): Word => {
      const said = v[field];
      const turned = j.texts[i]! > j.texts[k]!;
      const [p, q] = turned ? [k, i] : [i, k];
      const [a, b] = [j.texts[p]!, j.texts[q]!];
      const choice = said === "tie" || !turned ? said : said === "a" ? "b" : "a";
      const task = `${about.tree} ${about.node} ${hashOf(about.saw, a, b).slice(0, 12)}`;
      const ratings = [rated[p]!, rated[q]!] as const;
      return { ...about, task, a, b, choice, by: j.author.name, ratings, n: j.n, answer: j.answer };
    });
  });

/** One row a pair of texts: the posterior of the one-coin model over all who judged it; ties alone leave it at one half. */
export function treePairsOf(compared: readonly Compared[]): TreePair[] {
  const words = wordsOf(compared).filter((w) => w.a !== w.b);
  const { pairs } = aggregatePairs(words.map((w) => ({ ...w, person: w.by })));
  return [...Map.groupBy(words, (w) => w.task)].map(([task, all]) => {
    const { tree, node, height, key, saw, prompt: passage, a, b } = all[0]!;
    const judgments = all.flatMap((w) => (w.answer === null ? [] : [AnswerId.parse(w.answer)]));
    const said = [...new Set(all.map((w) => w.n))];
    const pB = pairs.get(task)!.pB;
    return { task, passage, a, b, pB, judgments, tree, node, height, key, saw, said };
  });
}
