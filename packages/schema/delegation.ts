/**
 * Delegation rules: how many people a task gets, when it is enough, when a researcher looks, and who is asked first.
 * A rule is data, versioned and stored; the first of its clauses that holds decides. It is tried on past answers before it goes live.
 */
import { z } from "zod";
import { ExperimentId } from "./ids.ts";

/** What a clause may look at, about one task and the answers it has so far. */
export const delegationSignals = {
  answers: "answers so far",
  top: "probability of the most probable answer",
  margin: "how far it is ahead of the second",
  split: "fraction of answers that differ from the most frequent one",
} as const;
export const DelegationSignal = z.enum(
  Object.keys(delegationSignals) as [
    keyof typeof delegationSignals,
    ...(keyof typeof delegationSignals)[],
  ],
);
export type DelegationSignal = z.infer<typeof DelegationSignal>;

export const DelegationClause = z.strictObject({
  when: z
    .array(
      z.strictObject({
        signal: DelegationSignal,
        is: z.enum(["below", "at least"]),
        value: z.number(),
      }),
    )
    .describe("all of these; none: always"),
  act: z.enum(["ask", "stop", "review"]).describe("one more person, enough, or a researcher"),
});
export type DelegationClause = z.infer<typeof DelegationClause>;

/** Named functions in packages/crowd/delegation.ts that say whom to ask first. */
export const scorings = ["anyone", "reliable", "suited"] as const;

export const DelegationRule = z.strictObject({
  title: z.string().min(1).max(120),
  kind: z.string().min(1).describe("kind of work"),
  experiment: ExperimentId.nullable().default(null).describe("null: in all experiments"),
  field: z.string().min(1).default("choice").describe("the closed question that is looked at"),
  rules: z
    .array(DelegationClause)
    .min(1)
    .max(20)
    .describe("the first that holds decides; none: stop"),
  most: z.int().min(1).max(100).default(20).describe("answers no task exceeds"),
  perTask: z.number().positive().optional().describe("budget: answers a task on average"),
  scoring: z.enum(scorings).default("anyone"),
  explore: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe("fraction of asks that go to anyone, whatever the scoring says"),
});
export type DelegationRule = z.infer<typeof DelegationRule>;

const Change = z.strictObject({ change: z.number(), low: z.number(), high: z.number() });

/** As it is saved. What was saved before these bounds is still read. */
export const NewDelegationRule = DelegationRule.superRefine(({ rules, most, perTask }, c) => {
  const refuse = (path: (string | number)[], message: string) =>
    c.addIssue({ code: "custom", path, message });
  for (const [i, { when }] of rules.entries())
    for (const [k, { signal, value }] of when.entries()) {
      const highest = signal === "answers" ? 100 : 1;
      if (value < 0 || value > highest)
        refuse(
          ["rules", i, "when", k, "value"],
          `is ${value}, and ${signal} (${delegationSignals[signal]}) lies between 0 and ${highest}`,
        );
    }
  if (perTask !== undefined && perTask > most)
    refuse(["perTask"], `is ${perTask}, and no task gets more than ${most} (most)`);
});

/** What a rule would have done with answers recorded earlier. Intervals are 95 %, by bootstrap over tasks. */
export const Backtest = z.strictObject({
  tasks: z.number(),
  recorded: z.number().describe("answers there are"),
  fired: z.array(z.strictObject({ rule: z.string(), times: z.number() })),
  used: z.number().describe("answers the rule would have asked for"),
  reviews: z.number(),
  cost: Change.describe("fraction of answers more (+) or fewer (-) than the baseline"),
  agreement: Change.extend({
    before: z.number(),
    after: z.number(),
    judged: z.number().describe("tasks it was measured on"),
    against: z.enum(["known answers", "held-out answers"]),
  }).describe("fraction of tasks that came out right"),
  sentence: z.string(),
});
export type Backtest = z.infer<typeof Backtest>;

export const delegationRuleStates = ["draft", "live", "retired"] as const;
export const StoredDelegationRule = z.strictObject({
  name: z.string(),
  version: z.number(),
  state: z.enum(delegationRuleStates),
  body: DelegationRule,
  backtest: Backtest.nullable(),
  at: z.iso.datetime(),
});
export type StoredDelegationRule = z.infer<typeof StoredDelegationRule>;
