/**
 * Per node, as Wu et al. 2021: behaviour cloning, a reward model from comparisons, PPO with a penalty on leaving the clone, begun from
 * the clone each time. A group of candidates is one choice and has its own reward, so that a node's reward is the sum of its groups' and a
 * tree's is the sum of its nodes' (Christiano et al. 2017, section 2.2.1): whoever compares whole books still teaches every node.
 * Differs: the value of a choice is its expected reward, computed exactly, where the paper learns it.
 */
import { type Rng } from "@tiller/schema";
import {
  type Chosen,
  headless,
  type Preference,
  type Scope,
  Scorer,
  type Trainer,
  type Weights,
} from "./network.ts";
import type { Choose, Group, Node, Reader } from "./reading.ts";
import type { Book } from "./story.ts";

const settings = {
  clone: { steps: 200, lr: 5e-3 },
  reward: { steps: 250, lr: 3e-3, every: 50, heldOut: 0.1 },
  ppo: { rounds: 25, books: 3, epochs: 2, lr: 3e-3, kl: 0.02 },
} as const;

export const sampling =
  (policy: Scorer, draw: Rng): Choose =>
  (groups) =>
    groups.map((g) => {
      let left = draw.next();
      const logps = policy.logps(g);
      for (const [k, logp] of logps.entries()) if ((left -= Math.exp(logp)) < 0) return k;
      return logps.length - 1;
    });
export const greedy =
  (policy: Scorer): Choose =>
  (groups) =>
    groups.map((g) => {
      const s = g.candidates.map((c) => policy.score(c.id));
      return s.indexOf(Math.max(...s));
    });

export function clone(trainer: Trainer, from: Weights, shown: readonly Node[], draw: Rng): Weights {
  const { steps, lr } = settings.clone;
  const all: Chosen[] = shown.flatMap((n) =>
    n.groups.map((group, i) => ({ group, chosen: n.chosen[i]!, logp: 0, advantage: 1 })),
  );
  trainer.load(from);
  let queue: Chosen[] = [];
  for (let step = 0; step < steps; step++) {
    if (queue.length === 0) queue = draw.shuffle(all);
    queue = queue.slice(trainer.groups("clone", queue, lr * (1 - step / steps)));
  }
  return trainer.weights();
}

/** Share of judgments with the right side by a reward; a tie counts half. */
export const rewardAccuracy = (reward: Scorer, judged: readonly Preference[]): number =>
  judged.reduce((n, j) => {
    const m = marginOf(reward, j);
    return n + (m === 0 ? 0.5 : Number(m > 0 === j.second));
  }, 0) / judged.length;
export const marginOf = (reward: Scorer, j: Preference): number =>
  [...j.sides].reduce((m, [id, times]) => m + times * reward.score(id), 0);

/** The weights of those along the way that predict the held out tenth best. */
export function rewardModel(
  trainer: Trainer,
  reader: Reader,
  from: Weights,
  judged: readonly Preference[],
  o: { readonly scope: Scope; readonly draw: Rng },
): Weights {
  const { draw, scope } = o;
  const { steps, lr, every, heldOut } = settings.reward;
  const order = draw.shuffle(judged);
  const held = order.slice(0, Math.ceil(heldOut * order.length));
  const train = order.slice(held.length);
  let best = headless(from);
  if (train.length === 0) return best;
  let least = Math.LN2;
  trainer.load(best);
  let queue: Preference[] = [];
  for (let step = 0; step < steps; step++) {
    if (queue.length === 0) queue = draw.shuffle(train);
    queue = queue.slice(Math.max(1, trainer.prefer(scope, queue, lr * (1 - step / steps))));
    if ((step + 1) % every > 0) continue;
    const weights = trainer.weights();
    const reward = new Scorer(reader.table, weights);
    const loss =
      held.reduce((s, j) => {
        const m = marginOf(reward, j) * (j.second ? 1 : -1);
        return s + Math.max(0, -m) + Math.log1p(Math.exp(-Math.abs(m)));
      }, 0) / held.length;
    if (loss < least) [least, best] = [loss, weights];
  }
  return best;
}

/** Mean and deviation of a group's reward under a policy. */
const momentsOf = (group: Group, policy: Scorer, reward: Scorer) => {
  const p = policy.logps(group).map(Math.exp);
  const r = group.candidates.map((c) => reward.score(c.id));
  const mean = r.reduce((s, x, k) => s + p[k]! * x, 0);
  return { mean, variance: r.reduce((s, x, k) => s + p[k]! * (x - mean) ** 2, 0) };
};

export function improve(
  trainer: Trainer,
  reader: Reader,
  o: {
    readonly clone: Weights;
    readonly reward: Weights;
    readonly books: readonly Book[];
    readonly context: boolean;
    readonly draw: Rng;
  },
): Weights {
  const { rounds, books, epochs, lr, kl } = settings.ppo;
  const [start, reward] = [new Scorer(reader.table, o.clone), new Scorer(reader.table, o.reward)];
  const first = o.books
    .slice(0, 20)
    .flatMap((b) => reader.tree(b, sampling(start, o.draw), o).flatMap((n) => n.groups));
  const variance = first.reduce((s, g) => s + momentsOf(g, start, reward).variance, 0);
  const scale = 1 / Math.sqrt(variance / first.length || 1); // rewards of the clone's choices vary by 1
  trainer.load(o.clone);
  let policy = start;
  for (let round = 0; round < rounds; round++) {
    const chosen: Chosen[] = Array.from({ length: books }, () => o.draw.choose(o.books))
      .flatMap((b) => reader.tree(b, sampling(policy, o.draw), o))
      .flatMap((n) => n.groups.map((group, i) => ({ group, k: n.chosen[i]! })))
      .map(({ group, k }) => {
        const [now, before] = [policy.logps(group), start.logps(group)];
        const value = group.candidates.map(
          (c, i) => scale * reward.score(c.id) - kl * (now[i]! - before[i]!),
        );
        const expected = value.reduce((s, x, i) => s + Math.exp(now[i]!) * x, 0);
        return { group, chosen: k, logp: now[k]!, advantage: value[k]! - expected };
      });
    for (let epoch = 0; epoch < epochs; epoch++)
      for (let queue = o.draw.shuffle(chosen); queue.length > 0;)
        queue = queue.slice(trainer.groups("ppo", queue, lr * (1 - round / rounds)));
    policy = new Scorer(reader.table, trainer.weights());
  }
  return policy.weights;
}
