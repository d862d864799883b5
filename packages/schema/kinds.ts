/** Kinds of work that are known here: ready-made ones, those of workflows, and those made in the browser. */
import { z } from "zod";
import { ItemMapping, ItemSlot } from "./projects.ts";
import { View } from "./view.ts";

export const KnownKind = z.strictObject({
  name: z.string(),
  version: z.string().describe("the newest"),
  title: z.string(),
  instructions: z.string(),
  base: z.string().nullable().describe("name@version that it was made from in the browser"),
  from: z.enum(["ready-made", "browser", "workflow"]),
  view: View,
  slots: z.array(ItemSlot).describe("what its view reads of an input"),
  sample: z.unknown().describe("an input; null: none is known"),
});
export type KnownKind = z.infer<typeof KnownKind>;

/** POST /api/projects/:id/kind: what is asked otherwise from now on, of what nobody has begun. */
export const ChangeKind = z.strictObject({
  title: z.string().trim().min(1).max(200).optional(),
  instructions: z.string().max(100_000).optional().describe("Markdown"),
  view: View.optional(),
  mapping: ItemMapping.optional().describe("where the view reads what no column filled before"),
});
export type ChangeKind = z.infer<typeof ChangeKind>;
export const ChangedKind = z.strictObject({
  kind: z.string().describe("name@version that is asked from now on"),
  moved: z.int().describe("items that are asked under it"),
  kept: z.int().describe("items that keep the version under which they were begun"),
});
export type ChangedKind = z.infer<typeof ChangedKind>;
