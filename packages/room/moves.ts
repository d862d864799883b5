/**
 * What is written into the log of a room. A move has a seat, a time that the server gave it, and what was done; nothing else
 * is state. The first move opens the room and carries everything that is drawn or known before: question, texts, truth, sides.
 */
import { z } from "zod";
import { Asked } from "./asked.ts";
import { clampCredence } from "./credence.ts";
import { Judgment } from "./judgments.ts";
import { Spanned } from "./quotes.ts";

/** Written by hand, quoted from a text, or said to be a quote that is in no text. */
export const Part = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({
    quote: Spanned,
    claimed: z.string().optional().describe("how a model wrote it, where that differs"),
    match: z.enum(["exact", "normalised", "ellipsis"]).optional(),
  }),
  z.strictObject({ unverified: z.string() }),
]);
export type Part = z.infer<typeof Part>;
export const Content = z.array(Part);
export type Content = readonly Part[];

/** `choice` of a pick: an answer's index, an item's id, or the claim that always stands. */
export const Choice = z.union([
  z.strictObject({ answer: z.int().min(0) }),
  z.strictObject({ item: z.string() }),
  z.strictObject({ meta: z.string() }),
]);
export type Choice = z.infer<typeof Choice>;

const reason = z.string().min(1);
const Open = z.strictObject({
  do: z.literal("open"),
  question: z.string(),
  answers: z.array(z.string()).min(2).describe("as they are listed"),
  truth: z.int().min(0).describe("which of them is right; hidden until the end"),
  texts: z.array(z.strictObject({ id: z.string(), title: z.string(), body: z.string() })),
  sides: z
    .record(z.string(), z.int().min(0))
    .describe("which answer a seat argues for; a seat that picks its own is not in it"),
  first: z.array(z.string()).describe("the order in which a judge sees the debaters"),
});
export type Open = z.infer<typeof Open>;

export const Act = z.discriminatedUnion("do", [
  Open,
  z.strictObject({
    do: z.literal("speak"),
    items: z.array(z.strictObject({ content: Content, about: z.string().optional() })),
  }),
  z.strictObject({ do: z.literal("mark"), marks: z.record(z.string(), z.string()) }),
  z.strictObject({ do: z.literal("pick"), choice: Choice }),
  z.strictObject({
    do: z.literal("credence"),
    credence: z
      .array(z.number().min(0).max(1))
      .min(2)
      .transform((p, c) => {
        const sum = p.reduce((a, b) => a + b, 0);
        if (Math.abs(sum - 1) > 1e-6)
          c.addIssue({ code: "custom", message: `credences add up to ${sum}, not to 1` });
        return clampCredence(p);
      }),
    end: z.boolean(),
    content: Content.default([]),
  }),
  z.strictObject({ do: z.literal("vote"), end: z.boolean() }),
  z.strictObject({ do: z.literal("ask"), content: Content }),
  z.strictObject({ do: z.literal("reply"), content: Content }),
  z.strictObject({
    do: z.literal("show"),
    questions: z.array(z.int().min(0)).describe("which of the questions everyone may read"),
  }),
  z.strictObject({ do: z.literal("lapse"), of: z.string().describe("whose deadline passed") }),
  z.strictObject({ do: z.literal("undo"), of: z.string(), reason }),
  z.strictObject({
    do: z.literal("extend"),
    minutes: z.number().positive(),
    of: z.string().optional().describe("whose clock; absent: everybody's in the round"),
    reason,
  }),
  z.strictObject({ do: z.literal("annul"), reason }),
]);
export type Act = z.infer<typeof Act>;
export type ActOf<D extends Act["do"]> = Extract<Act, { do: D }>;

export const Move = z.strictObject({
  id: z.string().min(1).describe("made by who sends it: a move that arrives twice is one"),
  seat: z.string().describe("a seat, or room (draws, deadlines) or facilitator"),
  at: z.int().describe("server time, milliseconds"),
  act: Act,
});
export type Move = z.infer<typeof Move>;
export type Log = readonly Move[];

/** What whoever sat there spent, in seconds, and was paid for it, in minor units. */
export const SeatTime = z.strictObject({
  seat: z.string(),
  n: z.int().describe("of those who sat there, from 1"),
  kind: z.string(),
  reading: z.number(),
  writing: z.number(),
  waiting: z.number(),
  paid: z.number(),
});
/** A room as a file. */
export const RoomFile = z.strictObject({
  kind: z.literal("tiller-room"),
  version: z.literal(1),
  name: z.string(),
  rules: z.unknown().describe("read by parseRules"),
  log: z.array(Move),
  occupants: z
    .record(z.string(), z.string())
    .optional()
    .describe("who sat where: a model's name, or what stands for a person's"),
  asked: z.array(Asked).optional().describe("prompts and replies of the models that sat in it"),
  practice: z.boolean().optional().describe("somebody practised: it is in no result"),
  time: z.array(SeatTime).optional().describe("of people, by seat"),
  judgments: z.array(Judgment).optional().describe("made by others after the room was over"),
});
export type RoomFile = z.infer<typeof RoomFile>;

export const charactersOf = (content: Content): number =>
  content.reduce(
    (sum, part) =>
      sum +
      ("text" in part
        ? part.text.length
        : "quote" in part
          ? part.quote.to - part.quote.from
          : part.unverified.length),
    0,
  );
export const quotesOf = (content: Content): Spanned[] =>
  content.flatMap((part) => ("quote" in part ? [part.quote] : []));
