/** What bench/learn times: each work, how it is asked of us and of its peers, and what the matrix products of a step alone take. */
import { type ModelShape, shapeOf } from "@tiller/lm";
import { forwardFlops } from "../engine/floor.ts";
import { config, sizes } from "./models.ts";

export const stages = ["sampling", "scoring", "update"] as const;
export type Stage = (typeof stages)[number];

export interface Work {
  readonly name: string;
  /** our job, and what `trl_peer.py` calls it */
  readonly job: "sft" | "reward" | "dpo" | "kto" | "grpo" | "rloo" | "ppo";
  readonly epochs: number;
  readonly critic?: "shared" | "separate";
  /** what a step gets done, in `unit` */
  readonly done: number;
  readonly unit: string;
  readonly peer: "TRL" | "hand-written PyTorch";
  /** least ratio of our rate to the peer's */
  readonly target: number;
  /** floating-point operations of a step's matrix products, by stage where it has stages */
  readonly flops: Readonly<Partial<Record<Stage, number>>> & { readonly all: number };
}

const shape: ModelShape = shapeOf(config);
const { batch, length, prompt, episodes, query, response } = sizes;
const texts = (rows: number, predicted: number): number =>
  forwardFlops(shape, { rows, length, predicted: rows * predicted });
/** Forward, and twice as much back. */
const learned = (flops: number) => ({ all: 3 * flops });
const read = (predicted: number): number =>
  forwardFlops(shape, {
    rows: episodes,
    length: query + response,
    predicted: episodes * predicted,
  });
/** Sampling with a cache reads every token once; reference and reward model each read all of them; so does a critic apart. */
function policyFlops(epochs: number, critic?: Work["critic"]): Work["flops"] {
  const apart = critic === "separate" ? 1 : 0;
  const sampling = read(response);
  const scoring = read(response) + (1 + apart) * read(0);
  const update = 3 * epochs * (read(response) + apart * read(0));
  return { sampling, scoring, update, all: sampling + scoring + update };
}
const ppo = (critic: "shared" | "separate", epochs: number): Work => ({
  name: `PPO, ${critic === "shared" ? "shared trunk" : "separate critic"}`,
  job: "ppo",
  epochs,
  critic,
  done: episodes,
  unit: "episodes/s",
  peer: "hand-written PyTorch",
  target: epochs === 1 ? 2.6 : 2.3,
  flops: policyFlops(epochs, critic),
});
const one = { epochs: 1, peer: "TRL" } as const;
export const works: readonly Work[] = [
  {
    ...one,
    name: "SFT",
    job: "sft",
    done: batch * length,
    unit: "tokens/s",
    target: 1.3,
    flops: learned(texts(batch, length)),
  },
  {
    ...one,
    name: "reward model",
    job: "reward",
    done: batch,
    unit: "pairs/s",
    target: 1.3,
    flops: learned(texts(2 * batch, 0)),
  },
  {
    ...one,
    name: "DPO",
    job: "dpo",
    done: batch,
    unit: "pairs/s",
    target: 1.3,
    flops: learned(texts(2 * batch, length - prompt)),
  },
  {
    ...one,
    name: "KTO",
    job: "kto",
    done: batch,
    unit: "rows/s",
    target: 1.3,
    // and one pass over mismatched rows, for the KL
    flops: { all: 4 * texts(batch, length - prompt) },
  },
  ...(["grpo", "rloo"] as const).map((job): Work => ({
    ...one,
    name: job.toUpperCase(),
    job,
    done: episodes,
    unit: "episodes/s",
    target: job === "grpo" ? 2 : 2.5,
    flops: policyFlops(1),
  })),
  ...([1, 4] as const).flatMap((epochs) => [ppo("shared", epochs), ppo("separate", epochs)]),
];
