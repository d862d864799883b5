/**
 * What an OpenAI-compatible endpoint says, whole or in chunks, by both APIs, as compatible servers are known to say it:
 * content in parts, usage that is missing, null or absurd, log-probs in either shape. An answer that was paid for is not
 * thrown away for an odd number beside it.
 */
import { z } from "zod";
import {
  EndpointError,
  estimateTokens,
  promptEstimate,
  type Message,
  type TokenLogprob,
  type Usage,
} from "./endpoint.ts";
import { own } from "@tiller/schema";

const ChatLogprobs = z
  .looseObject({
    content: z.array(z.looseObject({ token: z.string(), logprob: z.number() })).nullish(),
  })
  .nullish();
const TextLogprobs = z
  .looseObject({
    tokens: z.array(z.string()).nullish(),
    token_logprobs: z.array(z.number().nullable()).nullish(),
  })
  .nullish();
const Part = z.union([
  z.string(),
  z.looseObject({ type: z.string().optional(), text: z.string().nullish() }),
]);
const Words = z.looseObject({
  content: z.union([z.string(), z.array(Part)]).nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(z.unknown()).nullish(),
});

const Choice = z.looseObject({
  index: z.number().nullish(),
  text: z.string().nullish(),
  message: Words.nullish(),
  delta: Words.nullish(),
  finish_reason: z.string().nullish(),
  logprobs: z.union([ChatLogprobs, TextLogprobs]),
});
type Choice = z.infer<typeof Choice>;

/** One shape for both APIs, whole or in chunks. */
export const Reply = z.looseObject({
  model: z.string().nullish(),
  choices: z.array(Choice),
  usage: z.unknown().optional(), // read by usageOf
});

/** An error in place of a reply. */
export const Failure = z.looseObject({
  error: z.looseObject({
    message: z.string(),
    code: z.union([z.string(), z.number()]).nullish(),
  }),
});

/** The first choice: `extra` may have asked for more. */
export const choiceOf = (r: z.infer<typeof Reply>): Choice | undefined =>
  r.choices.find((c) => !c.index);

export const textOf = (c: Choice): string => {
  const content = c.text ?? (c.message ?? c.delta)?.content ?? "";
  if (typeof content === "string") return content;
  // parts that are not text (a thought, a picture) are not the answer
  return content
    .map((p) => (typeof p === "string" ? p : /text$|^$/.test(p.type ?? "") ? (p.text ?? "") : ""))
    .join("");
};
export const refusalOf = (c: Choice): string => (c.message ?? c.delta)?.refusal ?? "";
export const callsTools = (c: Choice): boolean =>
  ((c.message ?? c.delta)?.tool_calls?.length ?? 0) > 0;

export function logprobsOf(c: Choice): TokenLogprob[] {
  const chat = ChatLogprobs.parse(c.logprobs)?.content;
  if (chat) return chat.map(({ token, logprob }) => ({ token, logprob }));
  const { tokens, token_logprobs: values } = TextLogprobs.parse(c.logprobs) ?? {};
  return (tokens ?? []).flatMap((token, i) => {
    const logprob = values?.[i] ?? null;
    if (logprob !== null) return [{ token, logprob }];
    if (i === 0 && values) return []; // the first token of an echoed prompt has none
    throw new EndpointError(
      "no_logprobs",
      `the endpoint gave no log-prob of the token ${JSON.stringify(token)}, number ${i + 1} of ${tokens!.length}`,
    );
  });
}

/** Where the numbers stand, by who wrote the endpoint. */
const places = {
  prompt: [["prompt_tokens"], ["input_tokens"]],
  completion: [["completion_tokens"], ["output_tokens"]],
  cached: [
    ["prompt_tokens_details", "cached_tokens"],
    ["input_tokens_details", "cached_tokens"],
    ["prompt_cache_hit_tokens"],
  ],
} as const;
/** No reply has more. Whoever says so, or less than nothing, would spoil an account that cannot be put right. */
const MOST_TOKENS = 100_000_000;
const Count = z.int().nonnegative().max(MOST_TOKENS);

/** Usage as told, and for each number that is absent or cannot be, an estimate. */
export function usageOf(told: unknown, messages: readonly Message[], text: string): Usage {
  const count = (paths: readonly (readonly string[])[]): number | undefined => {
    for (const path of paths) {
      let at: unknown = told;
      for (const key of path)
        at =
          typeof at === "object" && at !== null
            ? own(at as Record<string, unknown>, key)
            : undefined;
      const read = Count.safeParse(at);
      if (read.success) return read.data;
    }
    return undefined;
  };
  const prompt = count(places.prompt) || undefined; // no prompt is nothing
  const counted = count(places.completion);
  const completion = counted === 0 && text ? undefined : counted;
  const promptTokens = prompt ?? promptEstimate(messages);
  return {
    promptTokens,
    completionTokens: completion ?? estimateTokens(text),
    cachedTokens: prompt === undefined ? 0 : Math.min(count(places.cached) ?? 0, promptTokens),
    estimated: prompt === undefined || completion === undefined,
  };
}
