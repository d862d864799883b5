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
} as const satisfies Readonly<Record<string, Kind>>;
export type ErrorKind = keyof typeof errorKinds;

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
