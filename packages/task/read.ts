/**
 * The one way that an answer is read, whoever gave it: a person at the desk, a model, a simulated rater, a file. By its
 * kind's schema, then by its view's rules, then by its kind's own check.
 */
import type { z } from "zod";
import type { View } from "@tiller/schema";
import { missing, problemsOf } from "./answer.ts";
import type { TaskDef } from "./define.ts";
import { at, type Draft } from "./paths.ts";

/** What of a kind of work an answer must fit; of a kind from before there were views its schema alone. */
export interface AnswerRules<I = any, O = unknown> {
  readonly output: z.ZodType<O>;
  readonly view: View | null;
  check?(input: I, output: O): string | undefined;
}
export type ReadAnswer<O> =
  | { readonly value: O }
  /** in words for whoever answered; never empty */
  | { readonly problems: readonly string[] };

export function readAnswer<O>(
  rules: AnswerRules<any, O>,
  input: unknown,
  given: unknown,
): ReadAnswer<O> {
  const { view } = rules;
  const parsed = rules.output.safeParse(given);
  if (!parsed.success) {
    const words = (issues: readonly z.core.$ZodIssue[]) =>
      issues.map((i) => `${i.path.join(".") || "answer"}: ${i.message}`);
    const { issues } = parsed.error;
    // what is not there yet the view says in the form's words
    const lacking = view && isObject(given) ? missing(view, input, given as Draft) : [];
    const wrong = issues.filter((i) => at(given, i.path.join(".")) !== undefined);
    const problems = [...lacking, ...words(wrong)];
    return { problems: [...new Set(problems.length ? problems : words(issues))] };
  }
  const problems = view ? problemsOf(view, input, parsed.data as Draft) : [];
  if (problems.length) return { problems: [...new Set(problems)] };
  const own = rules.check?.(input, parsed.data);
  return own ? { problems: [own] } : { value: parsed.data };
}
const isObject = (x: unknown): boolean => typeof x === "object" && x !== null && !Array.isArray(x);

/** All that is wrong with an answer, in words; empty: it is right. */
export function problemsWith(def: TaskDef, input: unknown, value: unknown): readonly string[] {
  const read = readAnswer(def, input, value);
  return "problems" in read ? read.problems : [];
}

/** The schema of an answer to this very input: what the view or the kind's check is against is an issue of it. */
export const answerSchema = <O>(def: TaskDef<any, O>, input: unknown): z.ZodType<O> =>
  def.output.superRefine((value, context) => {
    const read = readAnswer(def, input, value);
    for (const message of "problems" in read ? read.problems : [])
      context.addIssue({ code: "custom", message });
  });
