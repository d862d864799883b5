/**
 * Amplification to depth n (Christiano, Shlegeris and Amodei 2018), by people, models or both:
 *
 *   answer(q, d) = respond(q, [(s, answer(s, d - 1)) for s in subquestions(q)])
 *
 * Who asks and who answers is the experiment's configuration: {"respond": {"kind": "model", "model": "critic"}} lets a model
 * respond to what people take apart. A subtree gets its part of what its parent may use, and asks no further than it can pay.
 */
import { z } from "zod";
import { linesOf, respond, subquestions } from "@tiller/crowd";
import { workflow, type WorkflowDef } from "@tiller/flow";
import { Budget } from "@tiller/schema";

const Question = z.strictObject({
  question: z.string().min(1),
  depth: z.int().min(0).max(8).default(2),
  width: z.int().min(1).max(8).default(3).describe("smaller questions at most, of each question"),
  budget: Budget.prefault({}).describe("of this question and everything below it"),
});
export interface Answer {
  readonly question: string;
  readonly answer: string;
  readonly parts: readonly Answer[];
}

export const amplify: WorkflowDef<typeof Question, Answer> = workflow(
  "amplify@1",
  Question,
  async (flow, { question, depth, width, budget }) => {
    const most = Math.min(width, (budget.people ?? Infinity) - OWN);
    let smaller: string[] = [];
    if (depth > 0 && most > 0) {
      const taken = await flow.ask(subquestions, { question, most });
      smaller = linesOf(taken.value.subquestions).slice(0, most);
    }
    const part = partOf(budget, smaller.length);
    const parts = await flow.map("parts", smaller, (s) =>
      flow.child(amplify, { question: s, depth: depth - 1, width, budget: part }, { budget: part }),
    );
    const found = parts.map((p) => ({ role: p.question, text: p.answer }));
    const { value } = await flow.ask(respond, { question, found });
    return { question, answer: value.answer, parts };
  },
  { title: "Amplification", labelling: true },
);

const OWN = 2; // answers that one question takes itself: taking it apart, and responding

/** What each of n subtrees may use; time runs for all of them alike. */
const partOf = ({ people, tokens, money, minutes }: Budget, n: number): Budget => ({
  ...(people === undefined ? {} : { people: Math.floor((people - OWN) / Math.max(1, n)) }),
  ...(tokens === undefined ? {} : { tokens: Math.floor(tokens / (n + 1)) }),
  ...(money === undefined ? {} : { money: money / (n + 1) }),
  ...(minutes === undefined ? {} : { minutes }),
});
