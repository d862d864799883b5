/** Verdicts on a room that was over already: by others, blind, whole or stepped. They are no moves and change no score. */
import { z } from "zod";
import { Asked } from "./asked.ts";

export const Judgment = z.strictObject({
  judge: z.string().min(1).describe("a model's name, or what stands for a person's"),
  mode: z
    .enum(["whole", "stepped"])
    .describe("one word at the end, or one after each round that the judge of the room had"),
  asked: z.array(Asked).optional().describe("a model's prompts and replies"),
  credences: z.array(z.array(z.number())).min(1).describe("the last one is the verdict"),
});
export type Judgment = z.infer<typeof Judgment>;
