/** What can go wrong with a request: whether another attempt makes sense, and what a person can do. */

interface Kind {
  readonly retry: boolean;
  /** `{name}` is the model's name, `{key}` the variable of its key */
  readonly remedy: string;
}
export const errorKinds = {
  rate_limited: {
    retry: true,
    remedy: "Lower requestsPerMinute, tokensPerMinute or concurrency of {name} in models.json",
  },
  unavailable: { retry: true, remedy: "Try again later, or ask who runs the endpoint" },
  unreachable: { retry: true, remedy: "Check that it runs and that baseURL is right" },
  timeout: {
    retry: true,
    remedy: "Raise timeoutSeconds of {name} in models.json, or ask for less",
  },
  broken_stream: { retry: true, remedy: "Try again; if it stays, look at the endpoint's log" },
  bad_reply: { retry: true, remedy: "Check that baseURL leads to an OpenAI-compatible API" },
  quota: { retry: false, remedy: "Add credit to the account behind {key}" },
  bad_key: { retry: false, remedy: "Set the variable {key} to a valid key" },
  forbidden: { retry: false, remedy: "Ask for access for the account behind {key}" },
  unknown_model: { retry: false, remedy: "Correct model or baseURL of {name} in models.json" },
  too_long: { retry: false, remedy: "Shorten the prompt or ask for fewer tokens" },
  refused: { retry: false, remedy: "Correct the call, or {name} in models.json" },
  // replies that came, and were paid, but are no answer
  declined: { retry: false, remedy: "Ask in other words, or choose another model than {name}" },
  filtered: { retry: false, remedy: "Ask in other words, or choose another model than {name}" },
  tool_call: {
    retry: false,
    remedy: "Take the tools out of extra of {name} in models.json: nothing here runs them",
  },
  empty: { retry: false, remedy: "Raise maxTokens, ask more plainly, or choose another model" },
  no_logprobs: {
    retry: false,
    remedy: "Ask without logprobs, or choose a model whose endpoint gives them",
  },
  endless: { retry: false, remedy: "Ask who runs the endpoint why it does not stop" },
} as const satisfies Readonly<Record<string, Kind>>;
export type ErrorKind = keyof typeof errorKinds;

/**
 * What a finish_reason means, whoever wrote the endpoint: OpenAI's words, and those that Anthropic's, Google's, Cohere's,
 * DeepSeek's and OpenRouter's compatible endpoints use in their place. A word that is not here counts as an end.
 */
const ends: ReadonlyMap<string, "stop" | "length" | ErrorKind> = new Map([
  ...["stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete"].map(
    (word) => [word, "stop"] as const,
  ),
  ...["length", "max_tokens", "model_length", "max_output_tokens"].map(
    (word) => [word, "length"] as const,
  ),
  ...["content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"].map(
    (word) => [word, "filtered"] as const,
  ),
  ["refusal", "declined"],
  ...["tool_calls", "function_call", "tool_use", "malformed_function_call"].map(
    (word) => [word, "tool_call"] as const,
  ),
  ...["error", "abort", "cancelled", "insufficient_system_resource"].map(
    (word) => [word, "broken_stream"] as const,
  ),
]);
export const endOf = (finish: string): string => ends.get(finish.toLowerCase()) ?? finish;
export const isErrorKind = (end: string): end is ErrorKind => Object.hasOwn(errorKinds, end);

/** The kind of an HTTP status with the endpoint's error code and words. */
export function kindOf(
  status: number,
  code: string | null | undefined,
  message: string,
): ErrorKind {
  const words = `${code ?? ""} ${message}`;
  if (status === 429) return /insufficient_quota|billing/i.test(words) ? "quota" : "rate_limited";
  if (status === 401) return "bad_key";
  if (status === 403) return "forbidden";
  if (status === 404) return "unknown_model";
  if (status === 413 || /context_length|context length|context window|too_long/i.test(words))
    return "too_long";
  if (status === 408 || status === 409 || status >= 500) return "unavailable";
  return "refused";
}

/** What Retry-After asks for, in ms: seconds or a date; retry-after-ms goes before. */
export function retryAfterMs(headers: Headers | undefined, now: number): number | undefined {
  const ms = Number.parseFloat(headers?.get("retry-after-ms") ?? "");
  if (ms >= 0) return ms;
  const after = headers?.get("retry-after");
  if (!after) return undefined;
  const wait = /^[\d.]+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now;
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}

/** Full jitter (Brooker 2015), at least what the endpoint asked for. */
export const backoffMs = (attempt: number, asked: number | undefined, random: number): number =>
  Math.max(asked ?? 0, random * Math.min(30_000, 500 * 2 ** attempt));
