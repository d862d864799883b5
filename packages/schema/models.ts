/** Language models that can be called: what they are, how they are doing, what they cost. */
import { z } from "zod";

export const ModelUse = z.strictObject({
  model: z.string(),
  calls: z.number(),
  hits: z.number().describe("answered from the cache"),
  failed: z.number(),
  attempts: z.number().describe("requests sent"),
  repairs: z.number().describe("further turns for answers that did not parse"),
  promptTokens: z.number(),
  completionTokens: z.number(),
  cost: z.number().describe("US dollars"),
  saved: z.number().describe("US dollars that hits did not cost"),
  seconds: z.number().describe("waiting for replies, all calls together"),
});
export type ModelUse = z.infer<typeof ModelUse>;

/** A model of models.json as all processes that call it see it right now. */
export const ModelState = z.strictObject({
  name: z.string(),
  kind: z.enum(["openai", "local"]),
  at: z.string().describe("where it is asked, and for what"),
  running: z.number().describe("requests under way"),
  waiting: z.number().describe("calls in the queue"),
  places: z.number().describe("requests that may be under way: fewer after a 429"),
  pausedMs: z.number().describe("how long it still waits as the endpoint asked"),
});
export type ModelState = z.infer<typeof ModelState>;

/** GET /api/studio/models */
export const ModelList = z.strictObject({
  models: z.array(
    z.strictObject({
      name: z.string(),
      state: ModelState.nullable().describe("null: not in models.json any more, or a checkpoint"),
      use: ModelUse.nullable().describe("of the last 30 days, all servers"),
    }),
  ),
});
export type ModelList = z.infer<typeof ModelList>;

/** A reply in the cache. */
export const KeptCall = z.strictObject({
  key: z.string(),
  hits: z.number(),
  saved: z.number().describe("US dollars"),
  prompt: z.string().describe("the beginning of its last message"),
  text: z.string().describe("the beginning of the reply"),
  at: z.iso.datetime(),
});
export type KeptCall = z.infer<typeof KeptCall>;

/** GET /api/studio/models/:name */
export const ModelPage = z.strictObject({
  name: z.string(),
  state: ModelState.nullable(),
  days: z.array(ModelUse.omit({ model: true }).extend({ day: z.string() })),
  kept: z.strictObject({ replies: z.number(), hits: z.number(), saved: z.number() }),
  calls: z.array(KeptCall).describe("those asked for most often"),
});
export type ModelPage = z.infer<typeof ModelPage>;
