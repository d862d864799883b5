/** Which summaries of a tree are checked, what a model is asked about them, and what is kept of anybody's answer. */
import { z } from "zod";
import { sentencesOf } from "@tiller/book";
import type { Flow } from "@tiller/flow";
import { align } from "@tiller/room/quotes.ts";
import {
  ClaimVerdict,
  type ClaimsSaid,
  type CoherenceSaid,
  ErrorType,
  errorTypes,
  type JudgedClaim,
  prompt,
  rng,
  type TreeClaim,
  TreeNodeName,
} from "@tiller/schema";
import type { Db } from "@tiller/store";
import { whereOf } from "./ask.ts";
import { asker, readStanding } from "./rows.ts";

export const CheckedNode = z.strictObject({
  id: TreeNodeName,
  height: z.int(),
  key: z.string(),
  saw: z.string().describe("what was read, by hash"),
  where: z.string(),
  earlier: z.array(z.string()),
  text: z.string().describe("its direct input"),
  summary: z.string(),
});
export type CheckedNode = z.infer<typeof CheckedNode>;

/** Summaries that say something, by chance: one of each height in turn from the top, so that a few tell of all heights. */
export async function chooseChecked(
  db: Db,
  tree: string,
  o: { readonly most: number; readonly heights: readonly number[]; readonly seed: number },
): Promise<CheckedNode[]> {
  const now = await readStanding(db, tree);
  const { plan, outputs } = now;
  const asks = asker(now);
  const textOf = (id: string) => outputs.get(id)?.entry.text.trim() ?? "";
  const levels = plan.levels
    .filter((_, h) => o.heights.length === 0 || o.heights.includes(h))
    .map((level, h) => rng(o.seed, "check", h).shuffle(level.filter((n) => textOf(n.id) !== "")))
    .toReversed();
  const most = Math.max(0, ...levels.map((l) => l.length));
  const turns = Array.from({ length: most }, (_, i) => levels.flatMap((l) => l.slice(i, i + 1)));
  return turns
    .flat()
    .slice(0, o.most)
    .map((node) => {
      const ask = asks(node);
      const { key, saw, earlier, text } = ask;
      const { id, height } = node;
      const summary = textOf(id);
      const where = whereOf(plan, ask);
      return { id, height, key, saw, where, earlier: [...earlier], text, summary };
    });
}

export const sentencesIn = (summary: string): string[] =>
  sentencesOf(summary).map((s) => summary.slice(s.from, s.to));
/** By default a claim a sentence. */
export const claimPerSentence = (summary: string): TreeClaim[] =>
  sentencesIn(summary).map((claim, sentence) => ({ sentence, claim }));

const numbered = (all: readonly string[]) => all.map((x, i) => `${i + 1}. ${x}`).join("\n");
/** What a model says in a shape; null: no reply had it, which is no verdict of any kind. */
async function inShape<T>(
  flow: Flow,
  model: string,
  words: string,
  o: { readonly name: string; readonly output: z.ZodType<T> },
): Promise<T | null> {
  try {
    return await flow.model(model, prompt`${words}`, { ...o, temperature: 0 });
  } catch (e) {
    // a prompt that the model's window does not hold gets no verdict of it either
    const { code } = e as { code?: unknown };
    if (code === "bad_output" || code === "model_too_long") return null;
    throw e;
  }
}

export async function modelSplits(
  flow: Flow,
  model: string,
  { summary }: CheckedNode,
): Promise<TreeClaim[] | null> {
  const sentences = sentencesIn(summary);
  const output = z.strictObject({
    claims: z.array(z.strictObject({ sentence: z.int(), claim: z.string().min(1) })).min(1),
  });
  const words = `Sentences of a summary:\n${numbered(sentences)}\n\nDivide each sentence into what it claims: short claims that can be true or false by themselves, with the number of their sentence. Leave nothing out and add nothing. Answer as JSON: {"claims": [{"sentence": 1, "claim": "..."}]}`;
  const said = await inShape(flow, model, words, { name: "split", output });
  if (!said || said.claims.some((c) => c.sentence < 1 || c.sentence > sentences.length))
    return null;
  return said.claims.map((c) => ({ ...c, sentence: c.sentence - 1 }));
}

export const ModelVerdicts = z.object({
  claims: z.array(z.object({ verdict: ClaimVerdict, quotes: z.array(z.string()) })),
});
export async function modelVerdicts(
  flow: Flow,
  model: string,
  node: CheckedNode,
  claims: readonly TreeClaim[],
): Promise<{ said: ClaimsSaid; lost: number } | null> {
  const output = z.strictObject({
    claims: z
      .array(z.strictObject({ verdict: ClaimVerdict, quotes: z.array(z.string()).max(3) }))
      .length(claims.length),
  });
  const words = `Text:\n${node.text}\n\nClaims about it:\n${numbered(claims.map((c) => c.claim))}\n\nIs each claim so, by the text alone? "yes": all of it stands there or follows; "partly": some of it does, and nothing says otherwise; "no": the text says otherwise, or nothing of the kind; "cannot say": it cannot be told. Give for each claim, in order, its verdict and up to three quotes: the shortest words of the text that show it, copied exactly. Answer as JSON: {"claims": [{"verdict": "yes", "quotes": ["..."]}]}`;
  const said = await inShape(flow, model, words, { name: "verdicts", output });
  return said && withQuotes(node.text, claims, said);
}
/**
 * Quotes as places. Line breaks, case, marks and words left out between dots are looked past, as in rooms; `quote` is what stands
 * there. `lost`: those that stand nowhere in the text.
 */
export function withQuotes(
  text: string,
  claims: readonly TreeClaim[],
  { claims: said }: z.infer<typeof ModelVerdicts>,
): { said: ClaimsSaid; lost: number } {
  let lost = 0;
  const judged = claims.map((c, i): JudgedClaim => {
    const { verdict, quotes } = said[i]!;
    const spans = quotes
      .filter((q) => q.trim() !== "")
      .flatMap((quote) => {
        const found = align([{ id: "text", body: text }], quote);
        if (!found) lost++;
        return (found?.spans ?? []).map(({ from, to }) => ({
          from,
          to,
          quote: text.slice(from, to),
        }));
      });
    return { ...c, verdict, spans };
  });
  return { said: { claims: judged }, lost };
}
/** An answer at the desk about some of the claims, in their order. */
export const fromDesk = (
  text: string,
  claims: readonly TreeClaim[],
  a: {
    readonly verdicts: readonly ClaimVerdict[];
    readonly marks?: readonly { start: number; end: number; label: string }[] | undefined;
  },
): ClaimsSaid => ({
  claims: claims.map((c, i) => ({
    ...c,
    verdict: ClaimVerdict.parse(a.verdicts[i]),
    spans: (a.marks ?? [])
      .filter((m) => m.label === `${i + 1}`)
      .map((m) => ({ from: m.start, to: m.end, quote: text.slice(m.start, m.end) })),
  })),
});

export async function modelCoherence(
  flow: Flow,
  model: string,
  node: CheckedNode,
): Promise<CoherenceSaid | null> {
  const sentences = sentencesIn(node.summary);
  const output = z.strictObject({
    sentences: z.array(z.array(ErrorType).max(8)).length(sentences.length),
  });
  const types = Object.entries(errorTypes).map(([type, what]) => `"${type}": ${what}`);
  const before =
    node.earlier.length > 0 ? `What stands before it:\n${node.earlier.join("\n\n")}\n\n` : "";
  const words = `${before}A summary, sentence by sentence:\n${numbered(sentences)}\n\nWhat keeps somebody who has read only what stands before it from following? Types of error:\n${types.join("\n")}\n\nGive for each sentence, in order, the list of its types; most have none. Answer as JSON: {"sentences": [[], ["causal"]]}`;
  return inShape(flow, model, words, { name: "coherence", output });
}
/** Marks at the desk as errors of the sentences that they touch. */
export function errorsBySentence(
  summary: string,
  marks: readonly { start: number; end: number; label: ErrorType }[],
): CoherenceSaid {
  const touching = (s: { from: number; to: number }) =>
    marks.filter((m) => m.start < s.to && m.end > s.from).map((m) => m.label);
  return { sentences: sentencesOf(summary).map((s) => [...new Set(touching(s))]) };
}
