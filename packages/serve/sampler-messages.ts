/** What the server and a model's process say to each other. */
import { z } from "zod";

export const GenerateRequest = z.strictObject({
  /** the checkpoint's folder */
  path: z.string(),
  /** a text to go on from, its token ids, or messages for the chat template */
  prompt: z.union([
    z.string(),
    z.array(z.int()).min(1),
    z.array(z.strictObject({ role: z.string(), content: z.string() })).min(1),
  ]),
  maxTokens: z.int().min(0),
  /** take fewer tokens where the context has no room for `maxTokens`, instead of refusing */
  capped: z.boolean(),
  temperature: z.number().min(0),
  topP: z.number().min(0).max(1),
  topK: z.int().min(0),
  minP: z.number().min(0).max(1),
  bias: z.array(z.tuple([z.int(), z.number().min(-100).max(100)])),
  presencePenalty: z.number(),
  frequencyPenalty: z.number(),
  repetitionPenalty: z.number().positive(),
  seed: z.int(),
  stop: z.array(z.string().min(1)),
  /** how many of the likeliest tokens are told at each place beside the one that was drawn; null: no log-probs at all */
  logprobs: z.int().min(0).max(20).nullable(),
  /** tell the prompt's tokens as well */
  echo: z.boolean(),
  /** the reply is JSON: of the schema, or an object of any kind where there is none */
  json: z.strictObject({ schema: z.unknown().optional() }).nullable(),
});
export type GenerateRequest = z.infer<typeof GenerateRequest>;
/** What is asked for when nothing is said: the model's own distribution. */
export const plainDraw = {
  topK: 0,
  minP: 0,
  bias: [],
  presencePenalty: 0,
  frequencyPenalty: 0,
  repetitionPenalty: 1,
  logprobs: null,
  echo: false,
  json: null,
} satisfies Partial<GenerateRequest>;

const Alternative = z.strictObject({
  id: z.int(),
  /** undefined: bytes that are no whole characters */
  text: z.string().optional(),
  bytes: z.array(z.int()),
  logprob: z.number(),
});
export type Alternative = z.infer<typeof Alternative>;
export const ReplyToken = z.strictObject({
  id: z.int(),
  /** its part of the reply: a character that several tokens make stands with the last of them; what a stop word cut off is gone */
  text: z.string(),
  /** its own bytes, as far as they are in the reply */
  bytes: z.array(z.int()),
  /** under the model itself, at temperature 1; absent where none was asked for, and at a prompt's first token */
  logprob: z.number().optional(),
  /** the likeliest in its place, likeliest first */
  top: z.array(Alternative).optional(),
});
export type ReplyToken = z.infer<typeof ReplyToken>;

export const Part = z.strictObject({
  request: z.int(),
  tokens: z.array(ReplyToken),
  promptTokens: z.int().optional(),
  prompt: z.array(ReplyToken).optional(),
  finish: z.enum(["stop", "length"]).optional(),
  error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
});
export type Part = z.infer<typeof Part>;
export const textOf = (tokens: readonly ReplyToken[]): string => tokens.map((t) => t.text).join("");

export const Asked = GenerateRequest.omit({ path: true }).extend({ request: z.int() });
export type Asked = z.infer<typeof Asked>;
/** To a model's process. */
export const Inbox = z.union([z.strictObject({ cancel: z.int() }), Asked]);
/** From it: that it lives, that it begins to load (and says nothing meanwhile) or has loaded, or a part of a reply. */
export const Outbox = z.union([
  z.strictObject({ beat: z.literal(true) }),
  z.strictObject({ loaded: z.boolean() }),
  Part,
]);
export type Outbox = z.infer<typeof Outbox>;
