/**
 * A simulated rater for any view. Every question of every input has a hidden right answer, drawn from the input itself;
 * a rater of skill s gives it with probability s and else answers at random (the one-coin model). Texts are words of
 * the input: a skilled rater keeps the order of a sentence, an unskilled one does not.
 */
import { type Rng, rng as seeded, type View } from "@tiller/schema";
import { revealsOf } from "./answer.ts";
import { kindOfField, secondOf } from "./kinds/index.ts";
import { type Draft, put } from "./paths.ts";

export function simulateView(
  view: View,
  input: unknown,
  { rng, skill }: { rng: Rng; skill: number },
): Draft {
  const key = JSON.stringify(input);
  const value = view.ask.reduce<Draft>((answer, f) => {
    const hidden = seeded(0, "right answer", key, f.name);
    const kind = kindOfField(f);
    const drawn = kind.draw(f, input, rng.next() < skill ? hidden : rng);
    return secondOf(f).reduce(
      (all, { name }) => put(all, name, kind.second!.draw(drawn, rng)),
      put(answer, f.name, drawn),
    );
  }, {});
  const reveals = revealsOf(view);
  return reveals
    ? { ...value, revealed: Array.from({ length: reveals }, (_, i) => 20 * (i + 1)) }
    : value;
}
