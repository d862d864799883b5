/** A value model apart from the policy (Stiennon et al. 2020): parameters of their own beside the policy's, which begin as the reward model. */
import { headSpecs, type ParamSpec, paramSpecs } from "@tiller/lm";
import type { Model } from "./model.ts";
import type { Trainer } from "./trainer.ts";

/** What its parameters' names begin with. */
export const CRITIC = "critic.";

/** The reward model's parameters and its scalar head, by names of the critic's own. */
export const criticSpecs = (reward: Model): ParamSpec[] =>
  [...paramSpecs(reward.shape), ...headSpecs(reward.shape)].map((s) => ({
    ...s,
    name: CRITIC + s.name,
  }));

/** Fills them from the reward model. */
export function criticOf(trainer: Trainer, reward: Model): void {
  for (const { name, shape } of criticSpecs(reward))
    trainer.model.state.set(name, shape, reward.state.get(name.slice(CRITIC.length)).data);
}
