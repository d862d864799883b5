/** PPO's settings where four papers differ, at their own sizes: take one and change what your machine wants otherwise. */
import type { z } from "zod";
import type { PpoConfig } from "./ppo.ts";

type Settings = z.input<typeof PpoConfig>;
export const ppoAs = {
  /** Ziegler et al. 2019, sentiment (launch.py): a shared trunk, rewards whitened, adaptive KL, TensorFlow's Adam */
  ziegler: {
    critic: "shared",
    batch: 512,
    minibatch: 512,
    epochs: 4,
    lr: 1e-5,
    beta: 0.15,
    klTarget: 6,
    klHorizon: 10_000,
    whitenRewards: true,
    whitenAdvantages: "minibatch",
    epsilonPlace: "tf1",
    stopKl: 1e6,
  },
  /** Stiennon et al. 2020, 1.3B: the value a model of its own from the reward model, fixed KL */
  stiennon: {
    critic: "separate",
    batch: 512,
    minibatch: 512,
    epochs: 4,
    lr: 1.5e-5,
    beta: 0.05,
    klTarget: 0,
    whitenAdvantages: "minibatch",
    epsilonPlace: "tf1",
    stopKl: 1e6,
  },
  /** Ouyang et al. 2022: one pass, constant rate after a warm-up, pretraining text beside it */
  instructGpt: {
    critic: "separate",
    batch: 512,
    minibatch: 64,
    epochs: 1,
    lr: 9e-6,
    schedule: "constant",
    warmup: 80,
    beta: 0.02,
    klTarget: 0,
    pretrainingCoefficient: 27.8,
    stopKl: 1e6,
  },
  /** Huang et al. 2024: advantages whitened once a rollout batch, PyTorch's Adam */
  huang: {
    critic: "separate",
    batch: 512,
    minibatch: 512,
    epochs: 4,
    lr: 3e-6,
    beta: 0.05,
    klTarget: 0,
    whitenAdvantages: "batch",
    stopKl: 1e6,
  },
} as const satisfies Record<string, Settings>;
