/** Ordinary text learned beside the reward, so that the policy forgets less (Ouyang et al. 2022, eq. 2: PPO-ptx). */
import { encodePrompt } from "@tiller/lm";
import { type Rng, type TextSource, TillerError } from "@tiller/schema";
import { nextTokenLoss, nextTokens } from "./losses.ts";
import type { Model } from "./model.ts";
import type { Trainer } from "./trainer.ts";

/**
 * Adds the gradient of `pretrainingCoefficient` times the mean next-token loss of `minibatch` windows of T + 1 tokens;
 * gives that loss. Undefined where the coefficient is 0.
 */
export function pretrainingMix(
  model: Pick<Model, "tokenizer">,
  sources: readonly TextSource[],
  c: { readonly pretrainingCoefficient: number; readonly minibatch: number },
  T: number,
): ((trainer: Trainer, random: Rng) => number) | undefined {
  if (c.pretrainingCoefficient === 0) return undefined;
  const texts = sources
    .filter((s) => s.fraction > 0)
    .map((s) => ({ ...s, ids: encodePrompt(model.tokenizer, s.train).ids }));
  const short = texts.find((s) => s.ids.length < T + 2);
  if (!texts.length || short)
    throw new TillerError(
      "too_short",
      short
        ? `the text "${short.name}" has ${short.ids.length} tokens, a window of the pretraining mix takes ${T + 1}. Give more text.`
        : `pretrainingCoefficient is ${c.pretrainingCoefficient} and there is no text to mix in. Give \`texts\`, or leave it 0.`,
    );
  const all = texts.reduce((n, s) => n + s.fraction, 0);
  return (trainer, random) => {
    const rows = Array.from({ length: c.minibatch }, () => {
      let left = random.next() * all;
      const source = texts.find((s) => (left -= s.fraction) < 0) ?? texts.at(-1)!;
      const at = random.int(source.ids.length - T - 1);
      return { tokens: source.ids.slice(at, at + T + 1) };
    });
    const batch = nextTokens(rows, { length: T });
    return trainer.forwardBackward(batch, nextTokenLoss, { scale: c.pretrainingCoefficient }).loss;
  };
}
