/**
 * The methods, one table: what each is called, who says so, which equation, how far it is proved here. `tiller train` and
 * docs/methods.md are made of it. A method of your own is a file like these and a line here (docs/own-method.md).
 */
import type { JobDef } from "@tiller/schema";
import { bestOfNJob } from "./best-of-n.ts";
import { bestOfNDistillationJob } from "./best-of-n-distillation.ts";
import { dpoJob } from "./dpo.ts";
import { expertIterationJob } from "./expert-iteration.ts";
import { gradedRewardJob } from "./graded-reward.ts";
import { grpoJob } from "./grpo.ts";
import { ipoJob } from "./ipo.ts";
import { ktoJob } from "./kto.ts";
import { orpoJob } from "./orpo.ts";
import { ppoJob } from "./ppo.ts";
import { rankingRewardJob } from "./ranking-reward.ts";
import { reinforcePlusPlusJob } from "./reinforce-plus-plus.ts";
import { rewardJob } from "./reward.ts";
import { rlooJob } from "./rloo.ts";
import { robustDpoJob } from "./robust-dpo.ts";
import { sftJob } from "./sft.ts";
import { simpoJob } from "./simpo.ts";
import { stepRewardJob } from "./step-reward.ts";
import { weakToStrongJob } from "./weak-to-strong.ts";

/** proved: loss, gradient and first step agree with PyTorch; formula: its formula against derived values. All learn and resume to the bit. */
export const tiers = ["proved", "formula"] as const;
export interface Method {
  readonly title: string;
  readonly job: JobDef;
  readonly makes: "policy" | "reward" | "figures";
  /** the field of its input that is a file of rows, and what a row has */
  readonly data: { readonly field: string; readonly row: string };
  readonly paper: string;
  readonly equation: string;
  readonly tier: (typeof tiers)[number];
  /** where its numbers are checked, beside methods.slow.test.ts, in which it learns and goes on to the bit */
  readonly evidence: string;
}

const pairs = { field: "pairs", row: "{prompt, chosen, rejected} or a labelled pair" };
const prompts = { field: "prompts", row: "{prompt}" };
const policy = { makes: "policy", data: prompts } as const;
const reference = "reference.test.ts";
export const methods: readonly Method[] = [
  {
    title: "Supervised fine-tuning",
    job: sftJob,
    makes: "policy",
    data: { field: "demonstrations", row: "{prompt, completion}, {messages} or {text}" },
    paper: "Stiennon et al. 2020; Ouyang et al. 2022",
    equation: "mean cross-entropy of the tokens that count",
    tier: "proved",
    evidence: `${reference}, demonstrations.test.ts`,
  },
  {
    title: "Reward model of pairs",
    job: rewardJob,
    makes: "reward",
    data: pairs,
    paper: "Stiennon et al. 2020",
    equation: "section 3.4",
    tier: "proved",
    evidence: `${reference}, jobs.slow.test.ts`,
  },
  {
    title: "Reward model of best-of-k and rankings",
    job: rankingRewardJob,
    makes: "reward",
    data: { field: "rankings", row: "{passage, texts, places}" },
    paper: "Ziegler et al. 2019; Plackett 1975; Ouyang et al. 2022",
    equation: "eq. 1; eq. 1",
    tier: "proved",
    evidence: `${reference}, reward-likelihoods.test.ts`,
  },
  {
    title: "Reward model with ties and strength",
    job: gradedRewardJob,
    makes: "reward",
    data: { field: "pairs", row: "{passage, a, b, grades}" },
    paper: "Davidson 1970; McCullagh 1980",
    equation: "ties; proportional odds",
    tier: "proved",
    evidence: `${reference}, reward-likelihoods.test.ts`,
  },
  {
    title: "Reward model of steps",
    job: stepRewardJob,
    makes: "reward",
    data: { field: "solutions", row: "{prompt, steps, labels} or {prompt, response, spans}" },
    paper: "Lightman et al. 2023",
    equation: "cross-entropy at each step's end",
    tier: "proved",
    evidence: reference,
  },
  {
    title: "Proximal policy optimisation",
    job: ppoJob,
    ...policy,
    paper: "Schulman et al. 2017; Ziegler et al. 2019",
    equation: "eqs. 7 and 9",
    tier: "proved",
    evidence: `${reference}, jobs.slow.test.ts`,
  },
  {
    title: "REINFORCE leave-one-out",
    job: rlooJob,
    ...policy,
    paper: "Ahmadian et al. 2024",
    equation: "eq. 5",
    tier: "proved",
    evidence: reference,
  },
  {
    title: "Group relative policy optimisation, and Dr. GRPO",
    job: grpoJob,
    ...policy,
    paper: "Shao et al. 2024; Liu et al. 2025",
    equation: "eqs. 3 and 4",
    tier: "proved",
    evidence: reference,
  },
  {
    title: "Direct preference optimisation",
    job: dpoJob,
    makes: "policy",
    data: pairs,
    paper: "Rafailov et al. 2023",
    equation: "eq. 7",
    tier: "proved",
    evidence: `${reference}, preference.test.ts`,
  },
  {
    title: "Best-of-n with the unbiased estimator",
    job: bestOfNJob,
    makes: "figures",
    data: prompts,
    paper: "Nakano et al. 2021; Gao et al. 2022",
    equation: "appendix; KL = ln n - (n - 1) / n",
    tier: "proved",
    evidence: "formulas.test.ts",
  },
  {
    title: "REINFORCE++",
    job: reinforcePlusPlusJob,
    ...policy,
    paper: "Hu et al. 2025",
    equation: "section 3",
    tier: "formula",
    evidence: "policy-gradient.test.ts",
  },
  {
    title: "Identity preference optimisation",
    job: ipoJob,
    makes: "policy",
    data: pairs,
    paper: "Azar et al. 2024",
    equation: "eq. 17",
    tier: "formula",
    evidence: `${reference}, preference.test.ts`,
  },
  {
    title: "Kahneman-Tversky optimisation",
    job: ktoJob,
    makes: "policy",
    data: { field: "thumbs", row: "{prompt, completion, label}" },
    paper: "Ethayarajh et al. 2024",
    equation: "eq. 8",
    tier: "formula",
    evidence: reference,
  },
  {
    title: "Odds ratio preference optimisation",
    job: orpoJob,
    makes: "policy",
    data: pairs,
    paper: "Hong et al. 2024",
    equation: "eqs. 6 and 7",
    tier: "formula",
    evidence: `${reference}, preference.test.ts`,
  },
  {
    title: "Simple preference optimisation",
    job: simpoJob,
    makes: "policy",
    data: pairs,
    paper: "Meng et al. 2024",
    equation: "eq. 6",
    tier: "formula",
    evidence: `${reference}, preference.test.ts`,
  },
  {
    title: "Robust DPO",
    job: robustDpoJob,
    makes: "policy",
    data: pairs,
    paper: "Chowdhury et al. 2024",
    equation: "eq. 12",
    tier: "formula",
    evidence: `${reference}, preference.test.ts`,
  },
  {
    title: "Expert iteration",
    job: expertIterationJob,
    ...policy,
    paper: "Anthony et al. 2017; Gulcehre et al. 2023",
    equation: "algorithm 1",
    tier: "formula",
    evidence: "policy-gradient.test.ts",
  },
  {
    title: "Distillation of best-of-n",
    job: bestOfNDistillationJob,
    ...policy,
    paper: "Touvron et al. 2023; Gao et al. 2022",
    equation: "rejection sampling; KL at most ln n - (n - 1) / n",
    tier: "formula",
    evidence: "policy-gradient.test.ts",
  },
  {
    title: "Weak-to-strong with the confidence loss",
    job: weakToStrongJob,
    makes: "reward",
    data: pairs,
    paper: "Burns et al. 2023",
    equation: "eq. 1",
    tier: "formula",
    evidence: "policy-gradient.test.ts",
  },
];
