/**
 * What may be asked of /v1/completions and /v1/chat/completions: every field of OpenAI's API and vLLM's top_k, min_p and
 * repetition_penalty, each with its bounds. A field that is not honoured is refused by its name, an unknown one too.
 */
import type { Context } from "hono";
import { z } from "zod";
import { Grammar } from "@tiller/lm/grammar.ts";
import { jsonGrammar } from "@tiller/lm/json-schema.ts";
import { TillerError } from "@tiller/schema";
import { openaiError } from "./openai-error.ts";
import { type GenerateRequest, plainDraw } from "@tiller/serve";

const CHOICES = 2048; // of all prompts of a request together
const text = z
  .string()
  .refine((s) => s.isWellFormed(), "has half a surrogate pair, which is no character");
/** Kept with a stored reply: the database takes every character but NUL. */
const label = (most: number) =>
  text.max(most).refine((s) => !s.includes("\u0000"), "must not contain NUL");

const refused: Record<string, string> = {
  suffix: "the models write on from a prompt, they do not fill in",
  tools: "write the tools into the prompt and parse the reply",
  functions: "write the functions into the prompt and parse the reply",
  tool_choice: "there are no tools",
  function_call: "there are no functions",
  parallel_tool_calls: "there are no tools",
  audio: "the models write text",
  prediction: "leave it out",
  reasoning_effort: "ask for it in the prompt",
  verbosity: "ask for it in the prompt",
  web_search_options: "nothing is searched",
  moderation: "nothing is moderated",
};
const no = (field: string) => z.null(`is not supported: ${refused[field]}`).optional();
const none = (field: string) =>
  z
    .unknown()
    .refine((x) => x === undefined || x === null || (Array.isArray(x) && x.length === 0), {
      error: `is not supported: ${refused[field]}`,
    })
    .optional();
const never = (field: string) =>
  z.enum(["none", "auto"], `is not supported: ${refused[field]}`).nullish();

/** What of a schema cannot be enforced is told at the door, not by the model's process. */
function enforced(schema: unknown, c: z.core.$RefinementCtx): void {
  try {
    const { rules, first } = jsonGrammar(schema);
    new Grammar(rules, first);
  } catch (e) {
    if (!(e instanceof TillerError)) throw e;
    c.addIssue({ code: "custom", message: `is not supported: ${e.message.replace(/\.$/, "")}` });
  }
}

const count = (least: number, most: number) => z.int().min(least).max(most);
const common = {
  model: z.string(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: count(-1, 2 ** 31 - 1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().min(0.01).max(100).nullish(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, "keys are token ids"), z.number().min(-100).max(100))
    .nullish(),
  n: count(1, 128).nullish(),
  seed: z.int().nullish(),
  stop: z
    .union(
      [text.min(1), z.array(text.min(1)).max(4)],
      "must be a text or up to 4 texts, none of them empty",
    )
    .nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish(),
      include_obfuscation: z.literal(false, "is not supported: chunks are as they are").nullish(),
    })
    .nullish(),
  user: label(512).nullish(),
  response_format: z
    .discriminatedUnion(
      "type",
      [
        z.strictObject({ type: z.literal("text") }),
        z.strictObject({ type: z.literal("json_object") }),
        z.strictObject({
          type: z.literal("json_schema"),
          json_schema: z.strictObject({
            name: z.string().regex(/^[\w-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -"),
            description: text.max(10_000).nullish(),
            // the schema is always kept to, so that false would promise less
            strict: z.boolean().nullish(),
            schema: z.record(z.string(), z.unknown()).superRefine(enforced),
          }),
        }),
      ],
      { error: "must be of type text, json_object or json_schema" },
    )
    .nullish(),
};
/** Checked by hand: a schema would tell each of a million wrong elements. */
type Prompts = string | string[] | number[] | number[][];
const isText = (x: unknown): boolean => typeof x === "string" && x.isWellFormed();
const isId = (x: unknown): boolean => Number.isSafeInteger(x) && (x as number) >= 0;
const areIds = (x: unknown): boolean => Array.isArray(x) && x.length > 0 && x.every(isId);
const Prompt = z.custom<Prompts>(
  (p) =>
    isText(p) ||
    areIds(p) ||
    (Array.isArray(p) &&
      p.length > 0 &&
      p.length <= CHOICES &&
      (p.every(isText) || p.every(areIds))),
  `must be a text, a list of texts, a list of token ids, or a list of such lists; no list empty, ${CHOICES} prompts at most, all texts well-formed`,
);
export const promptsOf = (p: Prompts): (string | number[])[] =>
  typeof p === "string" ? [p] : typeof p[0] === "number" ? [p as number[]] : (p as string[]);
const onlyStreamed = {
  path: ["stream_options"],
  error: "is only allowed when stream is true",
};
const Completion = z
  .strictObject({
    ...common,
    prompt: Prompt,
    max_tokens: z.int().min(0).nullish(),
    logprobs: count(0, 5).nullish(),
    echo: z.boolean().nullish(),
    best_of: count(1, 20).nullish(),
    suffix: no("suffix"),
  })
  .refine((r) => !r.stream_options || r.stream, onlyStreamed)
  .refine((r) => (r.best_of ?? Infinity) >= (r.n ?? 1), {
    path: ["best_of"],
    error: "must not be less than n",
  })
  .refine((r) => !r.stream || (r.best_of ?? 1) <= (r.n ?? 1), {
    path: ["best_of"],
    error: "results cannot be streamed: the best is known at the end",
  })
  .refine((r) => promptsOf(r.prompt).length * Math.max(r.n ?? 1, r.best_of ?? 1) <= CHOICES, {
    path: ["n"],
    error: `the prompts times n or best_of must be ${CHOICES} at most`,
  });
const Content = z.union(
  [
    text,
    z
      .array(z.strictObject({ type: z.literal("text"), text }))
      .min(1)
      .transform((parts) => parts.map((p) => p.text).join("")),
  ],
  "must be a well-formed text or a list of parts of type text",
);
const Message = z.strictObject({
  // `developer` is what OpenAI calls the system's role by now
  role: z
    .enum(["system", "developer", "user", "assistant"])
    .transform((role) => (role === "developer" ? "system" : role)),
  content: Content,
  name: z.null("is not supported: put the name into the content").optional(),
  refusal: z.null("is not supported: put it into the content").optional(),
  audio: z.null("is not supported: the models write text").optional(),
  tool_calls: none("tools"),
  function_call: no("functions"),
  annotations: z.array(z.unknown()).max(0, "are not supported").nullish(),
});
const Chat = z
  .strictObject({
    ...common,
    // too many are refused before each is looked at
    messages: z.array(z.unknown()).min(1).max(CHOICES).pipe(z.array(Message)),
    max_tokens: z.int().min(1).nullish(),
    max_completion_tokens: z.int().min(1).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: count(0, 20).nullish(),
    tools: none("tools"),
    tool_choice: never("tool_choice"),
    parallel_tool_calls: no("parallel_tool_calls"),
    functions: none("functions"),
    function_call: never("function_call"),
    modalities: z.tuple([z.literal("text")], "only text is supported").nullish(),
    service_tier: z.enum(["auto", "default"], "there is one tier, default").nullish(),
    audio: no("audio"),
    prediction: no("prediction"),
    reasoning_effort: no("reasoning_effort"),
    verbosity: no("verbosity"),
    web_search_options: no("web_search_options"),
    moderation: no("moderation"),
    store: z.boolean().nullish(),
    metadata: z
      .record(label(64), label(512))
      .refine((m) => Object.keys(m).length <= 16, "has more than 16 keys")
      .nullish(),
    safety_identifier: label(512).nullish(),
    prompt_cache_key: label(512).nullish(),
  })
  .refine((r) => !r.stream_options || r.stream, onlyStreamed)
  .refine((r) => typeof r.top_logprobs !== "number" || r.logprobs === true, {
    path: ["top_logprobs"],
    error: "is only allowed when logprobs is true",
  })
  .refine((r) => !r.metadata || r.store, {
    path: ["metadata"],
    error: "is only allowed when store is true",
  })
  .refine((r) => typeof r.max_tokens !== "number" || typeof r.max_completion_tokens !== "number", {
    path: ["max_tokens"],
    error: "and max_completion_tokens exclude each other: leave max_tokens out",
  });
type Completion = z.infer<typeof Completion>;
type Chat = z.infer<typeof Chat>;

interface Kept {
  readonly labels: Readonly<Record<string, unknown>>;
  readonly messages: readonly Record<string, unknown>[];
}
/** A request of either API, in the sampler's words. */
export interface Wanted {
  readonly model: string;
  readonly prompts: readonly GenerateRequest["prompt"][];
  readonly n: number;
  /** candidates a prompt, of which the n likeliest are given */
  readonly bestOf: number;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly seed: number | undefined;
  /** all but the prompt, the seed and the folder */
  readonly draw: Omit<GenerateRequest, "path" | "prompt" | "seed">;
  /** set: the reply is kept, with these labels and messages */
  readonly kept: Kept | undefined;
  readonly serviceTier: boolean;
}
const drawOf = (r: Completion | Chat) => ({
  ...plainDraw,
  temperature: r.temperature ?? 1,
  topP: r.top_p ?? 1,
  topK: Math.max(0, r.top_k ?? 0),
  minP: r.min_p ?? 0,
  bias: Object.entries(r.logit_bias ?? {}).map(([id, b]): [number, number] => [Number(id), b]),
  presencePenalty: r.presence_penalty ?? 0,
  frequencyPenalty: r.frequency_penalty ?? 0,
  repetitionPenalty: r.repetition_penalty ?? 1,
  stop: [r.stop ?? []].flat(),
  json: jsonOf(r.response_format),
});
const jsonOf = (f: Completion["response_format"]): GenerateRequest["json"] =>
  !f || f.type === "text" ? null : f.type === "json_object" ? {} : { schema: f.json_schema.schema };

const wantedOf = (r: Completion | Chat) => ({
  model: r.model,
  n: r.n ?? 1,
  stream: r.stream ?? false,
  includeUsage: r.stream_options?.include_usage ?? false,
  seed: r.seed ?? undefined,
});

const COMPLETION_TOKENS = 16; // OpenAI's default
export const completionWanted = (r: Completion): Wanted => ({
  ...wantedOf(r),
  prompts: promptsOf(r.prompt),
  bestOf: Math.max(r.n ?? 1, r.best_of ?? 1),
  draw: {
    ...drawOf(r),
    maxTokens: r.max_tokens ?? COMPLETION_TOKENS,
    capped: typeof r.max_tokens !== "number",
    logprobs: r.logprobs ?? null,
    echo: r.echo ?? false,
  },
  kept: undefined,
  serviceTier: false,
});
export const chatWanted = (r: Chat): Wanted => {
  const most = r.max_completion_tokens ?? r.max_tokens;
  return {
    ...wantedOf(r),
    prompts: [r.messages.map(({ role, content }) => ({ role, content }))],
    bestOf: r.n ?? 1,
    draw: {
      ...drawOf(r),
      // as OpenAI has it: what the context has room for
      maxTokens: most ?? Number.MAX_SAFE_INTEGER,
      capped: typeof most !== "number",
      logprobs: r.logprobs ? (r.top_logprobs ?? 0) : null,
    },
    kept: r.store
      ? {
          labels: {
            metadata: r.metadata ?? {},
            user: r.user ?? undefined,
            safety_identifier: r.safety_identifier ?? undefined,
            prompt_cache_key: r.prompt_cache_key ?? undefined,
          },
          messages: r.messages.map(({ role, content }) => ({ role, content })),
        }
      : undefined,
    serviceTier: typeof r.service_tier === "string",
  };
};

/** The deepest issue that says most: of an unknown key its name, of a value its place. */
function refusalOf(error: z.ZodError): { code: string; message: string; param: string | null } {
  const issue = error.issues[0];
  if (issue.code === "unrecognized_keys") {
    const param = [...issue.path, issue.keys[0]].join(".");
    return {
      code: "unknown_parameter",
      message: `Unrecognized request argument supplied: ${param}.`,
      param,
    };
  }
  const param = issue.path.join(".");
  const code = issue.message.includes("supported")
    ? "unsupported_parameter"
    : issue.code === "invalid_type"
      ? "invalid_type"
      : "invalid_value";
  return { code, message: `${param || "body"}: ${issue.message}.`, param: param || null };
}

/** The body as one of the two; what is wrong with it goes back in OpenAI's words. */
export async function readRequest<T>(
  c: Context,
  schema: z.ZodType<T>,
): Promise<{ body: T } | Response> {
  const type = c.req.header("content-type");
  if (type && !/^application\/(.+\+)?json\s*(;|$)/i.test(type))
    return c.json(
      openaiError(
        415,
        "unsupported_content_type",
        `The body's content type is ${type.slice(0, 100)}. Send JSON, with content-type: application/json.`,
      ),
      415,
    );
  let json: unknown;
  try {
    json = JSON.parse(await c.req.text());
  } catch (e) {
    const why = (e as Error).message.slice(0, 200);
    const message = `We could not parse the JSON body of your request: ${why}. Send one JSON object.`;
    return c.json(openaiError(400, "invalid_json", message), 400);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { body: parsed.data };
  const { code, message, param } = refusalOf(parsed.error);
  return c.json(openaiError(400, code, message.slice(0, 1000), param), 400);
}
export const readCompletion = (c: Context) => readRequest(c, Completion);
export const readChat = (c: Context) => readRequest(c, Chat);
