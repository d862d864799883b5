/**
 * The hidden taste of the miniature: how positive a text is by the AFINN-165 lexicon (npm `sentiment`), the sum of
 * its words' valences over the root of their number. Raters never see it; the evaluation is held against it.
 */
import Sentiment from "sentiment";

const lexicon = new Sentiment();

export function hiddenTaste(text: string): number {
  const { score, tokens } = lexicon.analyze(text);
  return score / Math.sqrt(Math.max(1, tokens.length));
}
