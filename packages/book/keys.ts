/**
 * A node is addressed by what went into it, in three parts, since a change of each means something else. The input (its text, or its
 * children's outputs): changed, the output is invalid. The context (earlier outputs of the same depth): changed, it has drifted, and
 * is kept until somebody wants it redone. The maker (task, instructions, seed, policy): changed, it stays and has an age.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Plan, PlanNode } from "./plan.ts";

export const hashOf = (...parts: readonly (string | number)[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);

const Hash = z.string().regex(/^[0-9a-f]{32}$/);
export const Author = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("policy"), name: z.string().min(1) }),
  z.strictObject({ kind: z.literal("person"), name: z.string().min(1) }),
]);
export type Author = z.infer<typeof Author>;

/** An output as it was given: a line of the log. Nothing is ever taken out of it. */
export const Entry = z.strictObject({
  node: z.string().describe("height.index, where it stood when it was asked"),
  input: Hash,
  context: Hash,
  maker: Hash,
  /** of what was read, word for word: `whatRaterSaw` */
  saw: Hash,
  author: Author,
  text: z.string(),
  promptTokens: z.int().nonnegative(),
  tokens: z.int().nonnegative(),
  seconds: z.number().nonnegative().describe("that asking took"),
  cost: z.number().nonnegative().describe("US dollars"),
});
export type Entry = z.infer<typeof Entry>;

export interface Address {
  readonly input: string;
  readonly context: string;
  readonly maker: string;
}
export const keyOf = (a: Address): string => hashOf("key", a.input, a.context, a.maker);

/** `parts`: hashes of the node's text or of its children's outputs. */
export const inputOf = (plan: Plan, node: PlanNode, parts: readonly string[]): string =>
  hashOf("input", node.height === 0 ? "leaf" : "compose", node.cap, plan.window.tokens, ...parts);
export const contextOf = (used: readonly string[]): string => hashOf("context", ...used);
export const makerOf = (plan: Plan, policy: string): string =>
  hashOf("maker", plan.task, plan.instructions, plan.seed, policy);
/** What a policy draws by for this node: the same whenever it is asked, and by whatever way it came to be asked. */
export const seedOf = (key: string): number => Number.parseInt(key.slice(0, 8), 16) & 0x7fffffff;
