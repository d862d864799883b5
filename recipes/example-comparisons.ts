/**
 * Comparisons to try rewards on, where nobody's are at hand: two continuations of each passage, judged by the first experiment's
 * simulated raters (better-continuations/raters.ts), of whom three see each pair. What they are after is how positive a text is;
 * two of them do not care. Both continuations are the base's, or one is another model's: who is better is then what they say.
 */
import { simulateChoice } from "@tiller/crowd";
import { sampleJob } from "@tiller/learn";
import { type JobContext, rng } from "@tiller/schema";
import { simulatedPreference } from "./better-continuations/preference.ts";
import { simulatedRaters } from "./better-continuations/raters.ts";
import { bookPassages } from "./shared.ts";

interface ExampleRow {
  readonly prompt: string;
  readonly rater: string;
  readonly chosen: string;
  readonly rejected: string;
  readonly tie?: true;
}
interface ExampleFiles {
  /** rows of comparisons, several raters a pair: to learn from, and of other passages to hold a reward to */
  readonly train: readonly ExampleRow[];
  readonly heldOut: readonly ExampleRow[];
  /** passages that nobody compared anything of: to train a policy on */
  readonly prompts: readonly { readonly prompt: string }[];
}
const PEOPLE = 3;
interface Asked {
  readonly base: string;
  readonly pairs: number;
  readonly seed: number;
  readonly job: JobContext;
}
const limits = { minPassage: 10, maxPassage: 32 };

async function sampled(
  o: Asked,
  model: string,
  passages: readonly string[],
  each: number,
): Promise<string[][]> {
  const input = { checkpoint: model, prompts: "prompts", each, continuation: {}, seed: o.seed };
  const { texts } = await sampleJob.run(sampleJob.input.parse(input), {
    ...o.job,
    rows: async (_, Row) => passages.map((prompt) => Row.parse({ prompt })),
  });
  return texts;
}
/** What three raters say of each pair: a row a judgment. */
function judged(passages: readonly string[], texts: readonly (readonly string[])[], seed: number) {
  const random = rng(seed, "example comparisons");
  return passages.map((prompt, i) => {
    const [a, b] = texts[i] as [string, string];
    return random
      .shuffle(simulatedRaters)
      .slice(0, PEOPLE)
      .map((rater) => {
        const swap = random.next() < 0.5;
        const asked = { a, b, swap, preference: simulatedPreference, rng: random };
        const { choice } = simulateChoice(rater, asked);
        const [chosen, rejected] = choice === "b" ? [b, a] : [a, b];
        const row: ExampleRow = { prompt, chosen, rejected, rater: rater.name };
        return { choice, row: choice === "tie" ? { ...row, tie: true as const } : row };
      });
  });
}

export async function exampleComparisons(o: Asked): Promise<ExampleFiles> {
  const held = Math.ceil(o.pairs / 3);
  const { train: passages } = await bookPassages({
    ...limits,
    base: o.base,
    train: 2 * o.pairs + held,
    heldout: 1,
    seed: o.seed,
  });
  const asked = passages.slice(0, o.pairs + held);
  const rows = judged(asked, await sampled(o, o.base, asked, 2), o.seed).map((of) =>
    of.map((j) => j.row),
  );
  return {
    train: rows.slice(0, o.pairs).flat(),
    heldOut: rows.slice(o.pairs).flat(),
    prompts: passages.slice(o.pairs + held).map((prompt) => ({ prompt })),
  };
}

interface Compared {
  readonly rows: ExampleRow[];
  /** of each passage, by each rater */
  readonly choices: readonly (readonly ("a" | "b" | "tie")[])[];
  /** of each passage, by the preference that raters are after and nothing was trained on */
  readonly preferred: readonly ("a" | "b" | "tie")[];
}
/** One continuation of each model after passages of the book's held-out part, as raters see them: `b` is the other model's. */
export async function comparedModels(o: Asked & { readonly other: string }): Promise<Compared> {
  const { heldout } = await bookPassages({
    ...limits,
    base: o.base,
    train: 1,
    heldout: o.pairs,
    seed: o.seed,
  });
  const [base, other] = [
    await sampled(o, o.base, heldout, 1),
    await sampled(o, o.other, heldout, 1),
  ];
  const texts = heldout.map((_, i) => [base[i]![0]!, other[i]![0]!]);
  const found = judged(heldout, texts, o.seed);
  return {
    rows: found.flatMap((of) => of.map((j) => j.row)),
    choices: found.map((of) => of.map((j) => j.choice)),
    preferred: texts.map(([a, b]) => {
      const ahead = simulatedPreference(b!) - simulatedPreference(a!);
      return ahead > 0 ? "b" : ahead < 0 ? "a" : "tie";
    }),
  };
}
