/** What is said over HTTP about runs: starting one, and what can be done from a node of its trace. */
import { z } from "zod";
import { Agents, Budget } from "./trace.ts";

export const StartRun = z.strictObject({
  workflow: z.string().describe("its name with its version, as study@1"),
  input: z.unknown(),
  agents: Agents.default({}),
  budget: Budget.default({}),
  seed: z.int().default(1),
});
export const AtNode = z.strictObject({
  node: z.string().min(1).max(4000),
  input: z.unknown().optional(),
  output: z.unknown().optional(),
  reason: z.string().max(1000).optional(),
});
export const StartedRun = z.strictObject({ experiment: z.string() });

export const WorkflowInfo = z.strictObject({
  name: z.string(),
  title: z.string(),
  input: z.unknown().describe("JSON schema of the input"),
});
export type WorkflowInfo = z.infer<typeof WorkflowInfo>;
