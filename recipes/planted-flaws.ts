/**
 * Planted flaws (Saunders et al. 2022, section 4): people criticise answers, half of which had a flaw planted in them; others, who know the flaw,
 * say whether the critique names it.
 *
 *   answers, sound and flawed -> a critique of each by somebody who saw one of the two -> does it name the flaw? -> recall and false flags by length
 *
 * Recall alone rewards whoever complains of everything, so the share of sound answers that are flagged stands beside it, and both by how
 * long the answer is. A critique of severity 1 says that the answer is good.
 */
import { z } from "zod";
import { claimVote, critique } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { wilson } from "@tiller/schema";

const Planted = z.strictObject({
  question: z.string().min(1),
  sound: z.string().min(1),
  flawed: z.string().min(1),
  flaw: z.string().min(1).describe("in a sentence, for whoever says whether a critique names it"),
});

const people = z.int().positive().default(2).describe("critiques of each version");

export const plantedFlaws = workflow(
  "planted-flaws@1",
  z.strictObject({ answers: z.array(Planted).min(1), people }),
  async (flow, c) => {
    const found = await flow.map("answers", c.answers, (answer) =>
      flow.child(plantedFlaw, { ...answer, people: c.people }),
    );
    const long = found.map((f) => f.words).toSorted((a, b) => a - b)[found.length >> 1]!;
    return {
      all: ratesOf(found),
      shorter: ratesOf(found.filter((f) => f.words < long)),
      longer: ratesOf(found.filter((f) => f.words >= long)),
    };
  },
  { title: "Planted flaws", labelling: true },
);

/** One answer in both versions; nobody sees both. */
export const plantedFlaw = workflow(
  "planted-flaw@1",
  z.strictObject({ ...Planted.shape, people }),
  async (flow, { question, sound, flawed, flaw, ...c }) => {
    const first = await flow.ask(critique, { question, answer: flawed }, { ...c, name: "flawed" });
    const not = first.people;
    const other = await flow.ask(
      critique,
      { question, answer: sound },
      { ...c, not, name: "sound" },
    );
    const claim = `It names this fault: ${flaw}`;
    const named = await flow.map("named", first.values, async (v) => {
      if (v.severity === 1) return false;
      const asked = await flow.ask(claimVote, { passage: v.critique, claim }, { not });
      return asked.value.verdict === "right";
    });
    const flagged = other.values.map((v) => v.severity > 1);
    return { words: flawed.split(/\s+/).length, named, flagged };
  },
  { labelling: true },
);

interface Found {
  readonly named: readonly boolean[];
  readonly flagged: readonly boolean[];
}
/** Of critiques: how many name the flaw that is there, and how many flag an answer that has none. */
export function ratesOf(found: readonly Found[]) {
  const rate = (xs: readonly boolean[]) => {
    const hits = xs.filter(Boolean).length;
    return { hits, of: xs.length, ...wilson(hits, xs.length) };
  };
  return {
    recall: rate(found.flatMap((f) => f.named)),
    falseFlags: rate(found.flatMap((f) => f.flagged)),
  };
}
