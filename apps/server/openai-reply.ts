/** How replies look in OpenAI's two APIs: what things are called, and where text and log-probs stand. */
import type { Alternative, ReplyToken } from "@tiller/serve";

export interface Dialect {
  readonly id: string;
  readonly object: string;
  readonly chunk: string;
  whole(text: string): object;
  delta(text: string, first: boolean): object;
  /** `offset`: characters of the choice's text before these tokens */
  logprobs(tokens: readonly ReplyToken[], offset: number): object;
}

/** Bytes that are no whole character, as OpenAI writes them: \xf0\x9f. */
const escaped = (bytes: readonly number[]): string =>
  bytes.map((b) => `\\x${b.toString(16).padStart(2, "0")}`).join("");
const named = (a: Alternative, prefix: string): string =>
  a.bytes.length ? (a.text ?? prefix + escaped(a.bytes)) : `token_id:${a.id}`;
/** Code points, as OpenAI counts. */
export const lengthOf = (text: string): number => Array.from(text).length;

/** The likeliest by their texts, and the token itself: one more where it is none of them. */
function topOf(t: ReplyToken): Record<string, number> | null {
  if (t.logprob === undefined || !t.top) return null;
  const own = t.text || (t.bytes.length ? `bytes:${escaped(t.bytes)}` : `token_id:${t.id}`);
  const entries = t.top.map((a): [string, number] => [
    a.id === t.id ? own : named(a, "bytes:"),
    a.logprob,
  ]);
  if (!t.top.some((a) => a.id === t.id)) entries.push([own, t.logprob]);
  return Object.fromEntries(entries);
}

export const completionDialect: Dialect = {
  id: "cmpl",
  object: "text_completion",
  chunk: "text_completion",
  whole: (text) => ({ text }),
  delta: (text) => ({ text }),
  logprobs: (tokens, offset) => {
    let at = offset;
    const offsets = tokens.map((t) => {
      const here = at;
      at += lengthOf(t.text);
      return here;
    });
    return {
      tokens: tokens.map((t) => t.text),
      token_logprobs: tokens.map((t) => t.logprob ?? null),
      top_logprobs: tokens.some((t) => t.top?.length) ? tokens.map(topOf) : null,
      text_offset: offsets,
    };
  },
};

export const chatDialect: Dialect = {
  id: "chatcmpl",
  object: "chat.completion",
  chunk: "chat.completion.chunk",
  whole: (content) => ({ message: { role: "assistant", content, refusal: null } }),
  delta: (content, first) => ({ delta: { ...(first && { role: "assistant" }), content } }),
  logprobs: (tokens) => ({
    content: tokens.map((t) => ({
      token: t.text,
      logprob: t.logprob,
      bytes: t.bytes,
      top_logprobs: (t.top ?? []).map((a) => ({
        token: named(a, ""),
        logprob: a.logprob,
        bytes: a.bytes,
      })),
    })),
    refusal: null,
  }),
};
