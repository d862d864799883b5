/** A question about a tree's text: answered by a tree of its own, whose every node reads it with the question. */
import { z } from "zod";

export const NewTreeQuestion = z.strictObject({
  question: z.string().trim().min(1).max(1000),
  model: z.string().min(1).optional().describe("who answers; without one, who writes the tree"),
});
export type NewTreeQuestion = z.infer<typeof NewTreeQuestion>;
export const TreeQuestion = z.strictObject({
  tree: z.string().describe("the tree that answers"),
  question: z.string(),
  state: z.enum(["growing", "whole", "stopped"]),
  why: z.string(),
  nodes: z.int(),
  written: z.int(),
  answer: z.string().nullable().describe("null: not yet"),
  askedAt: z.iso.datetime(),
});
export type TreeQuestion = z.infer<typeof TreeQuestion>;
