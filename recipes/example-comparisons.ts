/**
 * Comparisons to try rewards on, where nobody's are at hand: two continuations of each passage by the base model, judged by the
 * first experiment's simulated raters (better-continuations/raters.ts), of whom three see each pair. What they are after is how
 * positive a text is; two of them do not care.
 */
import { sampleJob } from "@tiller/learn";
import { type JobContext, rng } from "@tiller/schema";
import { simulatedPreference } from "./better-continuations/preference.ts";
import { simulatedRaters } from "./better-continuations/raters.ts";
import { bookPassages } from "./shared.ts";

export interface ExampleFiles {
  /** rows of comparisons, several raters a pair: to learn from, and of other passages to hold a reward to */
  readonly train: readonly object[];
  readonly heldOut: readonly object[];
  /** passages that nobody compared anything of: to train a policy on */
  readonly prompts: readonly { readonly prompt: string }[];
}
const PEOPLE = 3;

export async function exampleComparisons(o: {
  readonly base: string;
  readonly pairs: number;
  readonly seed: number;
  readonly job: JobContext;
}): Promise<ExampleFiles> {
  const held = Math.ceil(o.pairs / 3);
  const { train: passages } = await bookPassages({
    base: o.base,
    train: 2 * o.pairs + held,
    heldout: 1,
    minPassage: 10,
    maxPassage: 32,
    seed: o.seed,
  });
  const asked = passages.slice(0, o.pairs + held);
  const { texts } = await sampleJob.run(
    sampleJob.input.parse({
      checkpoint: o.base,
      prompts: "prompts",
      each: 2,
      continuation: {},
      seed: o.seed,
    }),
    { ...o.job, rows: async (_, Row) => asked.map((prompt) => Row.parse({ prompt })) },
  );
  const random = rng(o.seed, "example comparisons");
  const rows = asked.map((prompt, i) => {
    const [a, b] = texts[i] as [string, string];
    const better = simulatedPreference(b) - simulatedPreference(a);
    return random
      .shuffle(simulatedRaters)
      .slice(0, PEOPLE)
      .map(({ name, noise, tieBelow }) => {
        const seen = noise === undefined ? random.normal() : better + noise * random.normal();
        const about = { prompt, rater: name };
        if (noise !== undefined && Math.abs(seen) < tieBelow)
          return { ...about, chosen: a, rejected: b, tie: true };
        return seen > 0
          ? { ...about, chosen: b, rejected: a }
          : { ...about, chosen: a, rejected: b };
      });
  });
  return {
    train: rows.slice(0, o.pairs).flat(),
    heldOut: rows.slice(o.pairs).flat(),
    prompts: passages.slice(o.pairs + held).map((prompt) => ({ prompt })),
  };
}
