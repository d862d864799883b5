/**
 * models.json: the models by name. A key never stands in it, only the name of the environment variable that holds it.
 * `--models FILE` or TILLER_MODELS name another file than the home's.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { TillerError } from "@tiller/schema";

const Defaults = z
  .strictObject({
    temperature: z.number().min(0).max(2).optional(),
    topP: z.number().positive().max(1).optional(),
    maxTokens: z.int().positive().optional(),
    stop: z.array(z.string()).max(4).optional(),
    seed: z.int().optional(),
  })
  .default({})
  .describe("what a call gets that does not say otherwise");

const common = {
  defaults: Defaults,
  contextTokens: z.int().positive().optional().describe("prompt and reply together"),
  concurrency: z.int().positive().default(8).describe("requests under way at once"),
  attempts: z
    .int()
    .positive()
    .default(6)
    .describe("requests sent for one reply, failures included"),
  repairs: z
    .int()
    .nonnegative()
    .default(2)
    .describe("further turns for a reply that does not parse"),
  patienceSeconds: z
    .number()
    .nonnegative()
    .default(300)
    .describe("the longest Retry-After that is waited for"),
  timeoutSeconds: z
    .number()
    .positive()
    .default(300)
    .describe("how long an endpoint may say nothing, before or within a reply"),
  replySeconds: z
    .number()
    .positive()
    .default(3600)
    .describe("how long a whole reply may take, however much is said"),
};

const OpenAIModel = z.strictObject({
  kind: z.literal("openai"),
  baseURL: z
    .url({ protocol: /^https?$/ })
    .refine((u) => !URL.parse(u)?.username && !URL.parse(u)?.password, {
      message: "has a name or password in it; put the key in the variable that apiKeyEnv names",
    })
    .describe("up to and with /v1; a query (?api-version=...) goes with every request"),
  model: z.string().min(1).describe("the endpoint's name for it"),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable, never the key")
    .optional()
    .describe("environment variable with the key; leave out where none is needed"),
  api: z.enum(["chat", "completions"]).default("chat"),
  structured: z
    .enum(["json_schema", "json_object", "prompt"])
    .optional()
    .describe("how the endpoint is told a schema; json_schema for chat, prompt for completions"),
  maxTokensField: z
    .enum(["max_tokens", "max_completion_tokens"])
    .optional()
    .describe("max_completion_tokens for api.openai.com, else max_tokens"),
  price: z
    .strictObject({
      prompt: z.number().nonnegative(),
      completion: z.number().nonnegative(),
      cached: z.number().nonnegative().optional(),
    })
    .default({ prompt: 0, completion: 0 })
    .describe(
      "US dollars a million tokens; cached: prompt tokens the endpoint had kept, else as prompt",
    ),
  requestsPerMinute: z.number().positive().optional(),
  tokensPerMinute: z.number().positive().optional(),
  extra: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("further fields of the request's body, as the endpoint wants them"),
  ...common,
});
export type OpenAIModel = z.infer<typeof OpenAIModel>;

const LocalModel = z.strictObject({
  kind: z.literal("local"),
  checkpoint: z.string().min(1).describe("name or id of a registered checkpoint"),
  api: z
    .enum(["chat", "completions"])
    .optional()
    .describe("chat: by the checkpoint's template, the default where it has one"),
  ...common,
  concurrency: z.int().positive().default(16).describe("how many are batched at most"),
});
export type LocalModel = z.infer<typeof LocalModel>;

export const ModelConfig = z.discriminatedUnion("kind", [OpenAIModel, LocalModel]);
export type ModelConfig = z.infer<typeof ModelConfig>;
export const ModelsConfig = z.record(z.string().regex(/^[\w.:/-]+$/), ModelConfig);
export type ModelsConfig = z.infer<typeof ModelsConfig>;

/** Where models.json is looked for. */
export const modelsFile = (o: {
  home: string;
  file?: string | undefined;
  env: NodeJS.ProcessEnv;
}): string => path.resolve(o.file ?? o.env["TILLER_MODELS"] ?? path.join(o.home, "models.json"));

/** Reads models.json; without one in the home there are no models but the registered checkpoints. */
export function readModels(o: {
  home: string;
  file?: string | undefined;
  env: NodeJS.ProcessEnv;
}): ModelsConfig {
  const file = modelsFile(o);
  if (!existsSync(file)) {
    if (!o.file && !o.env["TILLER_MODELS"]) return {};
    throw new TillerError("not_found", `there is no ${file}. Check --models and TILLER_MODELS.`);
  }
  const wrong = (why: string, cause: unknown) =>
    new TillerError("bad_models", `${file}: ${why}. See docs/model-calls.md for its shape.`, {
      cause,
    });
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw wrong((cause as Error).message, cause);
  }
  const parsed = ModelsConfig.safeParse(json);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((i) => `${i.path.join(".") || "it"}: ${i.message}`);
  throw wrong(issues.join("; "), parsed.error);
}
