/**
 * Claim trees of factored evaluation (Ought 2020, "Evaluating Arguments One Step at a Time"): a root claim about a text, claims below
 * it, quotes below those, and rebutting quotes by another expert at any step. Ought published the form and figures of its trees and no
 * file, so the JSON is ours: {title, text, truth, root: {claim, quotes, rebuttals, subclaims}}. As a room: the expert makes the argument, the
 * other expert rebuts, and whoever judges sees quotes alone.
 */
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import type { Imported } from "./nyu.ts";
import type { Act, Content, Move } from "./moves.ts";
import { readQuotes } from "./quotes.ts";
import { parseRules } from "./rules.ts";

export interface Claim {
  readonly claim: string;
  readonly quotes: readonly string[];
  readonly rebuttals: readonly string[];
  readonly subclaims: readonly Claim[];
}
const Claim: z.ZodType<Claim> = z.strictObject({
  claim: z.string().min(1),
  quotes: z.array(z.string().min(1)).default([]).describe("of the text, for this claim"),
  rebuttals: z.array(z.string().min(1)).default([]).describe("of the text, against it"),
  get subclaims() {
    return z.array(Claim).default([]);
  },
});
export const ClaimTree = z.strictObject({
  title: z.string(),
  text: z.string(),
  truth: z.boolean().describe("whether the root claim is right"),
  root: Claim,
});
export type ClaimTree = z.infer<typeof ClaimTree>;

function parseClaimTree(name: string, given: unknown): ClaimTree {
  const parsed = ClaimTree.safeParse(given);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new TillerError(
    "bad_tree",
    `${name} is no claim tree: ${path.join(".") || "it"}: ${message}. It is {title, text, truth, root: {claim, quotes, rebuttals, subclaims}}.`,
  );
}

export interface ClaimStep {
  /** 1, 1.1, 1.2, 1.2.1: where it stands */
  readonly path: string;
  readonly node: Claim;
}
/** Every claim with its place, those above first. */
export function stepsOf(root: Claim): ClaimStep[] {
  const steps: ClaimStep[] = [{ path: "1", node: root }];
  for (const step of steps)
    steps.push(...step.node.subclaims.map((node, i) => ({ path: `${step.path}.${i + 1}`, node })));
  return steps;
}

export function importClaimTree(name: string, given: unknown): Imported {
  const tree = parseClaimTree(name, given);
  const steps = stepsOf(tree.root);
  const text = { id: "text", title: tree.title, body: tree.text };
  const content = (before: string, quotes: readonly string[]): Content => [
    { text: before },
    ...quotes.flatMap((q) => [{ text: " " }, ...readQuotes([text], `<quote>${q}</quote>`).parts]),
  ];
  const speak = { do: "speak", together: false, characters: 100_000 };
  const most = steps.length;
  const rebutted = steps.flatMap((s, i) => (s.node.rebuttals.length > 0 ? [{ ...s, i }] : []));
  const rules = parseRules(
    {
      name: "claim-tree-imported",
      source: "as its own file has it; Ought 2020",
      seats: {
        a: { role: "debater", knows: ["text", "truth"] },
        b: { role: "debater", knows: ["text", "truth"] },
        judge: { role: "judge" },
      },
      rounds: [
        { ...speak, label: "argument", seats: ["a"], items: { least: 1, most } },
        ...(rebutted.length > 0
          ? [
              {
                ...speak,
                label: "rebuttals",
                seats: ["b"],
                items: { least: 1, most },
                about: "argument",
              },
            ]
          : []),
      ],
      scoring: { rule: "log", base: 2 },
    },
    name,
  );
  const acts: { seat: string; act: Act }[] = [
    {
      seat: "room",
      act: {
        do: "open",
        question: `Is it right that: ${tree.root.claim}`,
        answers: ["It is right.", "It is wrong."],
        truth: tree.truth ? 0 : 1,
        texts: [text],
        sides: { a: 0, b: 1 },
        first: ["a", "b"],
      },
    },
    {
      seat: "a",
      act: {
        do: "speak",
        items: steps.map(({ path, node }) => ({
          content: [...content(`${path}. ${node.claim}`, node.quotes)],
        })),
      },
    },
    ...(rebutted.length > 0
      ? [
          {
            seat: "b",
            act: {
              do: "speak" as const,
              items: rebutted.map(({ path, node, i }) => ({
                content: [...content(`Against ${path}:`, node.rebuttals)],
                about: `0.a.${i + 1}`,
              })),
            },
          },
        ]
      : []),
  ];
  const log = acts.map(({ seat, act }, at): Move => ({ id: `${at}`, seat, at, act }));
  return { name, rules, log, human: true, debate: true, occupants: {}, judgments: [] };
}
