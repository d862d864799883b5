/** tiller reward: a reward model from a file of comparisons, and how it does on such files, without a server. */
import { command } from "./command.ts";
import { evaluateVerb } from "./reward-evaluate.ts";
import { forecastVerb } from "./reward-forecast.ts";
import { exampleVerb } from "./reward-example.ts";
import { trainVerb } from "./reward-train.ts";

export const rewardCommand = command("reward", {
  train: trainVerb,
  evaluate: evaluateVerb,
  forecast: forecastVerb,
  example: exampleVerb,
});
