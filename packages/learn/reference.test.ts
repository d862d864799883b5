/** Losses against committed values of PyTorch (fixtures/reference.py): the loss, its first gradient, and the loss after a step of AdamW. */
import { expect, test } from "vitest";
import { z } from "zod";
import { CRITIC } from "./critic.ts";
import { dpoFormula } from "./dpo.ts";
import { rectangle, responseBatch } from "./episodes.ts";
import { expectTold, readReference, referenceModel, Told } from "./fixtures/reference-model.ts";
import { groupAdvantages, leaveOneOut } from "./formulas.ts";
import { gradedLoss } from "./graded-reward.ts";
import { comparisonLoss, type Field, nextTokenLoss, nextTokens, tokens } from "./index.ts";
import { ipoFormula } from "./ipo.ts";
import { ktoLoss } from "./kto.ts";
import { orpoFormula } from "./orpo.ts";
import { ppoLoss } from "./ppo-loss.ts";
import { pairLoss, type PairFormula, preferredBatch } from "./preference.ts";
import { choiceFields, choiceLoss } from "./ranking-reward.ts";
import { pooledTexts } from "./reward-run.ts";
import { robustDpoFormula } from "./robust-dpo.ts";
import { demonstrationBatch } from "./sft.ts";
import { simpoFormula } from "./simpo.ts";
import { stepLoss } from "./step-reward.ts";
import { surrogateLoss, type SurrogateOptions } from "./surrogate.ts";

const Tokens = z.array(z.int());
const Numbers = z.array(z.number());
const Table = z.array(Numbers);
/** a number for each of the batch's rows */
const column = (data: readonly number[]): Field => ({ shape: [data.length], data });

const sft = readReference(
  "sft",
  z.looseObject({
    rows: z.array(z.object({ prompt: Tokens, completion: Tokens })),
    completionOnly: Told,
    whole: Told,
    packed: Told,
    packedInOneAttention: Told,
  }),
);
test("supervised fine-tuning, over completions and over all tokens", () => {
  const rows = sft.rows.map((r) => ({
    tokens: [...r.prompt, ...r.completion],
    from: r.prompt.length,
  }));
  expectTold(sft.completionOnly, nextTokens(rows), nextTokenLoss);
  expectTold(sft.whole, nextTokens(rows.map((r) => ({ tokens: r.tokens }))), nextTokenLoss);
});
test("rows packed into one, each attending to its own at its own positions", () => {
  const rows = sft.rows.map(({ prompt, completion }) => ({
    tokens: [...prompt, ...completion],
    counts: [...prompt.map(() => 0 as const), ...completion.map(() => 1 as const)],
    weight: 1,
  }));
  const packed = demonstrationBatch([rows], { maxTokens: 32, positions: 32, packing: true });
  expectTold(sft.packed, packed, nextTokenLoss);
  // PyTorch's numbers of one attention over all of them are far enough from that to be told apart
  expect(Math.abs(sft.packed.loss - sft.packedInOneAttention.loss)).toBeGreaterThan(1e-2);
});

const Graded = Told.extend({ grades: Table, own: z.record(z.string(), Numbers) });
const reward = readReference(
  "reward",
  z.looseObject({
    pairs: z.array(z.object({ a: Tokens, b: Tokens })),
    pairwise: Told.extend({ pB: Numbers, weight: Numbers }),
    pairwiseMean: Told.extend({ from: z.int() }),
    sets: z.array(z.array(Tokens)),
    bestOfK: Told.extend({ best: z.array(z.int()) }),
    ranking: Told.extend({ ranks: z.array(z.array(z.int())) }),
    plackettLuce: Told.extend({ ranks: z.array(z.array(z.int())) }),
    steps: Told.extend({
      solutions: z.array(z.object({ tokens: Tokens, ends: z.array(z.int()), labels: Numbers })),
    }),
    davidson: Graded,
    ordinal: Graded,
  }),
);
test("reward models of pairs: read at the last token, soft labels and weights; averaged over tokens", () => {
  const texts = reward.pairs.flatMap(({ a, b }) => [a, b]);
  const [B, T] = [reward.pairs.length, 16];
  const ids = { ...tokens(texts, T), shape: [B, 2, T] };
  const last: Field = { shape: [B, 2], data: texts.map((t) => t.length - 1), dtype: "int64" };
  const { pB, weight } = reward.pairwise;
  const batch = { ids, last, p: column(pB), weight: column(weight) };
  expectTold(reward.pairwise, batch, comparisonLoss, { head: true });

  const { from } = reward.pairwiseMean;
  const weights = texts.flatMap((text) =>
    Array.from({ length: T }, (_, t) =>
      t >= from && t < text.length ? 1 / (text.length - from) : 0,
    ),
  );
  const mean = { ids, weights: { shape: [B, 2, T], data: weights }, p: column(pB.map(() => 1)) };
  expectTold(reward.pairwiseMean, mean, comparisonLoss, { head: true });
});

/** Texts read at their last tokens. */
const lastOf = (rows: readonly (readonly (readonly number[])[])[]) =>
  pooledTexts(
    rows.map((texts) => texts.map((response) => ({ query: [], response }))),
    16,
    "last",
  );
test("reward models of sets: the best of four, all pairs of an order, choice after choice", () => {
  const { sets, bestOfK, ranking, plackettLuce } = reward;
  const places = (best: readonly number[]) => sets[0]!.map((_, i) => best.indexOf(i));
  const orders = ranking.ranks.map((r) => ({ places: places(r), weight: 1 }));
  const firsts = bestOfK.best.map((b) => ({
    places: sets[0]!.map((_, i) => Number(i !== b)),
    weight: 1,
  }));
  const texts = lastOf(sets);
  for (const [told, fields] of [
    [bestOfK, choiceFields(firsts, 4, "best")],
    [ranking, choiceFields(orders, 4, "pairs")],
    [plackettLuce, choiceFields(orders, 4, "ranking")],
  ] as const)
    expectTold(told, { ...texts, ...fields }, choiceLoss, { head: true });
});
test.each(["davidson", "ordinal"] as const)("reward models of shares: %s", (likelihood) => {
  const told = reward[likelihood];
  const batch = {
    ...lastOf(reward.pairs.map(({ a, b }) => [a, b])),
    grades: { shape: [4, told.grades[0]!.length], data: told.grades.flat() },
    weight: column([1, 1, 1, 1]),
  };
  expectTold(told, batch, gradedLoss(likelihood), {
    head: true,
    own: Object.fromEntries(Object.entries(told.own).map(([name, x]) => [name, column(x)])),
  });
});

test("reward models of steps, read at their last tokens", () => {
  const { solutions } = reward.steps;
  const shape = [solutions.length, Math.max(...solutions.map((s) => s.ends.length))];
  const field = (of: (s: (typeof solutions)[number]) => readonly number[]): Field => ({
    shape,
    data: solutions.flatMap((s) => Array.from({ length: shape[1]! }, (_, i) => of(s)[i] ?? 0)),
  });
  const batch = {
    ids: tokens(
      solutions.map((s) => s.tokens),
      16,
    ),
    ends: { ...field((s) => s.ends), dtype: "int64" as const },
    labels: field((s) => s.labels),
    counts: field((s) => s.ends.map(() => 1)),
  };
  expectTold(reward.steps, batch, stepLoss, { head: true });
});

const preference = readReference(
  "preference",
  z.looseObject({
    pairs: z.array(z.object({ prompt: Tokens, chosen: Tokens, rejected: Tokens })),
    referenceChosen: Numbers,
    referenceRejected: Numbers,
    dpo: Told,
    conservativeDpo: Told,
    robustDpo: Told,
    ipo: Told,
    ipoByToken: Told,
    simpo: Told,
    orpo: Told,
    kto: Told.extend({
      rows: z.array(z.object({ prompt: Tokens, completion: Tokens, desirable: z.boolean() })),
      reference: Numbers,
      kl: z.number(),
    }),
  }),
);
const beta = 0.1;
const formulas: Readonly<Record<string, readonly [PairFormula, z.infer<typeof Told>]>> = {
  DPO: [dpoFormula({ beta, labels: "hard" }), preference.dpo],
  "DPO of labels right with probability 0.8": [
    dpoFormula({ beta, labels: "soft" }),
    preference.conservativeDpo,
  ],
  "robust DPO": [robustDpoFormula({ beta, flipped: 0.2 }), preference.robustDpo],
  IPO: [ipoFormula({ tau: beta, average: false }), preference.ipo],
  "IPO by token": [ipoFormula({ tau: beta, average: true }), preference.ipoByToken],
  SimPO: [simpoFormula({ beta: 2, gamma: 0.5 }), preference.simpo],
  ORPO: [orpoFormula({ lambda: 0.1 }), preference.orpo],
};
test.each(Object.entries(formulas))("%s", (_, [formula, told]) => {
  const { pairs, referenceChosen, referenceRejected } = preference;
  const rows = pairs.map(({ prompt, chosen, rejected }, i) => ({
    query: prompt,
    chosen,
    rejected,
    q: 0.8,
    weight: 1,
    reference: [referenceChosen[i]!, referenceRejected[i]!] as const,
  }));
  expectTold(told, preferredBatch(rows), pairLoss(formula));
});
test("KTO", () => {
  const { rows, reference, kl } = preference.kto;
  const batch = {
    ...nextTokens(
      rows.map((r) => ({ tokens: [...r.prompt, ...r.completion], from: r.prompt.length })),
    ),
    reference: column(reference),
    liked: column(rows.map((r) => Number(r.desirable))),
    lambda: column(rows.map((r) => (r.desirable ? 1 : 1.33))),
    z0: column(rows.map(() => kl)),
    weight: column(rows.map(() => 1)),
  };
  expectTold(preference.kto, batch, ktoLoss(beta));
});

const Advantages = Told.extend({ advantages: Numbers });
const policy = readReference(
  "policy",
  z.looseObject({
    temperature: z.number(),
    episodes: z.array(z.object({ query: Tokens, response: Tokens })),
    oldLogprobs: Table,
    referenceLogprobs: Table,
    rewards: Numbers,
    ppo: Told.extend({
      config: z.object({
        clip: z.number(),
        valueClip: z.number(),
        valueCoefficient: z.number(),
      }),
      oldValues: Table,
      advantages: Table,
      returns: Table,
    }),
    ppoSeparateCritic: Told,
    grpo: Advantages,
    drGrpo: Advantages,
    rloo: Advantages,
    rlooClipped: Told.extend({ oldSequenceLogprobs: Numbers }),
  }),
);
const { temperature } = policy;
const episodes = policy.episodes.map((e) => ({
  ...e,
  ended: true,
  logprobs: [],
  values: [],
  entropies: [],
}));
const sizes = { R: policy.oldLogprobs[0]!.length, T: 16 };
const flat = (rows: readonly (readonly number[])[]) => rectangle(rows, sizes.R);
/** (B) -> (B R): at each token of a response */
const spread = (of: (b: number) => number) =>
  flat(episodes.map((e, b) => e.response.map(() => of(b))));
const batchOf = (arrays: Readonly<Record<string, Float32Array>>) =>
  responseBatch(
    episodes.map((_, b) => b),
    episodes,
    {
      mask: spread(() => 1),
      importance: spread(() => 1),
      old: flat(policy.oldLogprobs),
      ...arrays,
    },
    sizes,
  );

const ppoBatch = () => {
  const { oldValues, advantages, returns } = policy.ppo;
  return batchOf({
    values: flat(oldValues),
    advantages: flat(advantages),
    returns: flat(returns),
  });
};
test("PPO, policy and value on one trunk, with ratios and values on both sides of their clips", () => {
  expectTold(policy.ppo, ppoBatch(), ppoLoss(policy.ppo.config, temperature), { head: true });
});
test("PPO with a critic of its own", () => {
  const critic = referenceModel({ head: true });
  const own = Object.fromEntries(
    critic.specs.map((s) => [
      CRITIC + s.name,
      { shape: s.shape, data: critic.state.get(s.name).data },
    ]),
  );
  const loss = ppoLoss({ ...policy.ppo.config, criticShape: critic.shape }, temperature);
  expectTold(policy.ppoSeparateCritic, ppoBatch(), loss, { own });
});
test("advantages over a group: GRPO's, Dr. GRPO's, leave-one-out", () => {
  const near = (got: readonly number[], wanted: readonly number[]) =>
    wanted.forEach((x, i) => expect(got[i]).toBeCloseTo(x, 3));
  near(groupAdvantages(policy.rewards, 3, { scale: true }), policy.grpo.advantages);
  near(groupAdvantages(policy.rewards, 3, { scale: false }), policy.drGrpo.advantages);
  near(leaveOneOut(policy.rewards, 3), policy.rloo.advantages);
});
const clips = { clip: 0.2, clipHigh: 0.2 };
test.each<[string, SurrogateOptions, z.infer<typeof Advantages>]>([
  ["GRPO", { ...clips, ratio: "token", average: "sequences", beta: 0.04 }, policy.grpo],
  ["Dr. GRPO", { ...clips, ratio: "token", average: "constant", beta: 0 }, policy.drGrpo],
])("%s", (_, options, told) => {
  const batch = batchOf({
    reference: flat(policy.referenceLogprobs),
    advantages: spread((b) => told.advantages[b]!),
  });
  expectTold(told, batch, surrogateLoss(options, temperature));
});
test("RLOO, the ratio of whole responses clipped", () => {
  const { oldSequenceLogprobs: old } = policy.rlooClipped;
  const batch = batchOf({
    old: spread((b) => old[b]! / episodes[b]!.response.length), // their sum is what counts
    reference: flat(policy.referenceLogprobs),
    advantages: spread((b) => policy.rloo.advantages[b]!),
  });
  const options = { ...clips, ratio: "sequence", average: "sequences", beta: 0 } as const;
  expectTold(policy.rlooClipped, batch, surrogateLoss(options, temperature));
});
