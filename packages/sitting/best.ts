/**
 * The best of several speeches (Khan et al. 2024, 3.2): a debater's model draws n, and the one is made after which a judge's model
 * gives the debater's answer most log-prob. All that was drawn and how the judge leaned stands in the trace.
 */
import { refusal } from "@tiller/room";
import { leaningPrompt } from "@tiller/room/prompt.ts";
import { leaning, readReply } from "@tiller/room/reply.ts";
import { seatsOf } from "@tiller/room/state.ts";
import { viewAfter } from "@tiller/room/view.ts";
import type { Flow } from "@tiller/flow";
import type { Occupant, Prompt } from "@tiller/schema";
import type { Db } from "@tiller/store";
import { asked } from "./attend.ts";
import { readRoom } from "./rows.ts";

export type BestOf = NonNullable<Extract<Occupant, { kind: "model" }>["best"]>;
export interface Question {
  readonly seat: string;
  readonly n: number;
  readonly moves: number;
  readonly model: string;
  readonly temperature?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly best?: BestOf | undefined;
  /** that the seat argues for */
  readonly answer?: number | undefined;
  readonly prompt: Prompt;
}
export type Replied = { readonly text: string } | { readonly failure: string };
const failed = (e: unknown) => ({ failure: e instanceof Error ? e.message : String(e) });

/** One reply a question: what the model says, or the best of what it says. */
export async function repliesTo(
  flow: Flow,
  room: string,
  questions: readonly Question[],
): Promise<Replied[]> {
  const draws = questions.flatMap((q, of) =>
    Array.from({ length: q.best?.of ?? 1 }, (_, sample) => ({ of, q, sample })),
  );
  const drawn: readonly Replied[] = await flow.map("replies", draws, ({ q, sample }) => {
    const { temperature, maxTokens } = q;
    const o = {
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(q.best ? { sample } : {}),
    };
    return flow.model(q.model, q.prompt, o).then((text) => ({ text }), failed);
  });
  const all = questions.map((q, of) => ({
    q,
    replies: drawn.filter((_, i) => draws[i]!.of === of),
  }));
  if (!questions.some((q) => q.best)) return all.map((x) => x.replies[0]!);

  const found = await flow.step("candidates", ({ store }) => candidates(store.db, room, all));
  const leans = await flow.map("leaning", found, ({ by, prompt }) =>
    flow.scoredReply(by, prompt, { temperature: 0, maxTokens: 1 }).catch(failed),
  );
  return all.map(({ q, replies }, of): Replied => {
    const first = replies.find((r) => "text" in r) ?? replies[0]!;
    const mine = found.flatMap((c, i) => (c.of === of ? [{ c, reply: leans[i]! }] : []));
    if (q.best && q.answer === undefined)
      return { failure: `${q.seat} argues for no answer, so nothing says which speech is best` };
    if (!q.best || mine.length === 0) return first; // nothing that the room would take: it is told why
    const scored = mine.flatMap(({ c, reply }) => {
      const lean = "text" in reply ? leaning(reply, c) : undefined;
      return lean === undefined ? [] : [{ text: c.text, lean }];
    });
    const [best] = scored.toSorted((a, b) => b.lean - a.lean);
    if (best) return { text: best.text };
    const [{ reply }] = mine as [(typeof mine)[number]];
    const why =
      "text" in reply
        ? `it says "${reply.text.slice(0, 60)}" where a letter was asked`
        : reply.failure;
    return { failure: `${q.best.by} chose none of ${mine.length} speeches: ${why}` };
  });
}

interface Candidate {
  /** the question's place */
  readonly of: number;
  readonly text: string;
  readonly by: string;
  readonly prompt: Prompt;
  readonly answer: number;
  readonly answers: number;
}
/** The draws that the room would take, each as the judge would read it. */
async function candidates(
  db: Db,
  id: string,
  all: readonly { readonly q: Question; readonly replies: readonly Replied[] }[],
): Promise<Candidate[]> {
  const held = await readRoom(db, id);
  const { rules, log } = held;
  const [judge] = seatsOf(rules, "judge");
  return all.flatMap(({ q, replies }, of): Candidate[] => {
    const known = asked(held, { ...q, by: "model" });
    const { answer } = q;
    if (!q.best || !known || answer === undefined || judge === undefined) return [];
    const at = Math.max(held.now, log.at(-1)!.at);
    const { by } = q.best;
    return replies.flatMap((r) => {
      const { act, problem } = "text" in r ? readReply(known.seen, known.turn, r.text) : {};
      if (!("text" in r) || !act || problem !== undefined) return [];
      if (refusal(rules, log, { id: "?", seat: q.seat, at, act }) !== undefined) return [];
      const seen = viewAfter(rules, log, { seat: q.seat, act }, judge);
      return [
        { of, text: r.text, by, prompt: leaningPrompt(seen), answer, answers: seen.answers.length },
      ];
    });
  });
}
