/** A task as one person saw it: with this every page shows it again, for reading. */
import { z } from "zod";
import { AnswerId, TaskId } from "./ids.ts";
import { Shown } from "./shown.ts";
import { View } from "./view.ts";

export const Seen = z.strictObject({
  view: View.nullable().describe("null: of a kind from before there were views"),
  input: z.unknown(),
  swap: z.boolean().describe("b stood on the left"),
  shown: Shown.nullable().describe("what stood where; null: the swap says it"),
  value: z.unknown().describe("what they said; null: nothing"),
});
export type Seen = z.infer<typeof Seen>;

/** GET /api/desk/answers/:id, and a row of GET /api/desk/me/answers */
export const SeenAnswer = z.strictObject({
  answer: AnswerId,
  task: TaskId,
  title: z.string(),
  by: z.string().describe("pseudonym"),
  at: z.iso.datetime(),
  activeSeconds: z.number(),
  ...Seen.shape,
});
export type SeenAnswer = z.infer<typeof SeenAnswer>;
