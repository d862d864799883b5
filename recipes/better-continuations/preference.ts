/**
 * The simulated preference of the first experiment: how positive a text is by the AFINN-165 lexicon (npm `sentiment`), the sum of
 * its words' valences over the root of their number. Raters never see it; the evaluation is held against it.
 */
import Sentiment from "sentiment";

const lexicon = new Sentiment();

export function simulatedPreference(text: string): number {
  const { score, tokens } = lexicon.analyze(text);
  return score / Math.sqrt(Math.max(1, tokens.length));
}
