/** Versions of models by name, which of them is served, and who decided that. */
import { z } from "zod";
import { CheckpointId } from "./ids.ts";
import { Checkpoint } from "./lab.ts";

/** One decision: a version was put in service, or was published and the one before stayed. */
export const Promotion = z.strictObject({
  at: z.iso.datetime(),
  checkpoint: CheckpointId,
  version: z.number().int(),
  promoted: z.boolean().describe("false: published, and what was served stayed"),
  by: z
    .string()
    .nullable()
    .describe("pseudonym; null: a workflow's publishing decided by its rule"),
  why: z.string(),
});
export type Promotion = z.infer<typeof Promotion>;

/** A name that models are asked for by. Its versions are asked for as name@version. */
export const ServedModel = z.strictObject({
  name: z.string(),
  served: CheckpointId.nullable().describe("what the name stands for; null: nothing that writes"),
  versions: z
    .array(
      z.strictObject({
        version: z.number().int(),
        checkpoint: Checkpoint,
        simulated: z.boolean().describe("its figures rest on programs in people's place"),
      }),
    )
    .describe("newest first, each with its figures"),
  history: z
    .array(Promotion)
    .describe("newest first; while nothing was promoted, the newest version is served"),
});
export type ServedModel = z.infer<typeof ServedModel>;

export const Promote = z.strictObject({
  model: z.string().min(1).max(300).describe("name@version, or a checkpoint's id or its beginning"),
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^@/]+$/, "has no @ and no /")
    .optional()
    .describe("the name that it is served by; its own unless said"),
  why: z.string().max(500).default(""),
});
export type Promote = z.input<typeof Promote>;
