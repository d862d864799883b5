/**
 * Over-optimisation where text is generated, with a gold score that can be computed: proxies of three sizes and three numbers
 * of labels, best-of-n and PPO without a KL penalty against each, then ensembles and KL penalties on the same axes. Which of
 * Gao's forms fits is asked of what was left out: points further from the base than those that the form was fitted to.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { z } from "zod";
import {
  bestOfN,
  distanceOfBest,
  ensembleScore,
  errorBeyond,
  evaluateJob,
  fitGold,
  type GoldForm,
  goldForms,
  peakOf,
  ppoJob,
  pretrainJob,
  rewardJob,
  sampleJob,
} from "@tiller/learn";
import { encodePrompts, loadReward } from "@tiller/learn/model.ts";
import { Scorer } from "@tiller/learn/score.ts";
import { encodeAfter, loadTokenizer, samplePassages, splitTrainHeldout } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { baseSources, corpus } from "../../recipes/corpus.ts";
import { run } from "../jobs.ts";
import { plot } from "../plot.ts";
import { machineNow, mean } from "../over-seeds.ts";
import { base as policyBase, continuation, tasks } from "../frontier/tasks.ts";

/** The policy begins as the large one; all share one tokenizer, since it is trained on the same text. */
const proxySizes = {
  small: { layers: 1, width: 16, heads: 2 },
  middle: { layers: 1, width: 32, heads: 4 },
  large: { layers: policyBase.layers, width: policyBase.width, heads: policyBase.heads },
} as const;
/** Enough for words and short phrases, and a minute or two for all three. */
const STEPS = 600;
type Size = keyof typeof proxySizes;
const labelCounts = [100, 400, 1600];
const best = { n: 128, prompts: 48 };
const iterations = [4, 10, 20, 32];
/** Fitted within this part of the largest distance; of PPO's four points all but the last. */
const within: Readonly<Record<Point["how"], number>> = { "best-of-n": 0.6, ppo: 0.9 };
const heldOutPrompts = 96;
const members = 3;
const maxPrompt = 16;
const maxTokens = maxPrompt + continuation.maxTokens;
const gold = tasks.tone;

const Point = z.strictObject({
  seed: z.int(),
  how: z.enum(["best-of-n", "ppo"]),
  /** size and labels of the proxy, and what else is done */
  arm: z.string(),
  /** n, or iterations */
  at: z.int(),
  d: z.number(),
  gold: z.number(),
  proxy: z.number(),
});
type Point = z.infer<typeof Point>;
const spread = (xs: readonly number[]) => Math.sqrt(mean(xs.map((x) => (x - mean(xs)) ** 2)));

/** One seed: labels, proxies, best-of-n and PPO against them. Results are kept arm by arm. */
async function pointsOf(seed: number, bases: Record<Size, string>, keep: string): Promise<Point[]> {
  const dir = path.join(keep, `seed-${seed}`);
  mkdirSync(dir, { recursive: true });
  const base = bases.large;
  const tokenizer = await loadTokenizer(base);
  const book = splitTrainHeldout(corpus().moby);
  const passages = (text: string, n: number, s: number) =>
    samplePassages(text, { n, minTokens: 6, maxTokens: maxPrompt, tokenizer, seed: s });
  const train = passages(book.train, labelCounts.at(-1)! / 2, seed);
  const heldOut = passages(book.heldout, heldOutPrompts, 1);
  const prompts = {
    train: train.map((prompt) => ({ prompt })),
    heldOut: heldOut.map((prompt) => ({ prompt })),
  };
  const kept = async (name: string, make: () => Promise<Point[]>): Promise<Point[]> => {
    const file = path.join(dir, `${name}.jsonl`);
    if (!existsSync(file)) {
      console.error(`seed ${seed}: ${name}`);
      const points = await make();
      writeFileSync(file, "");
      for (const p of points) appendFileSync(file, `${JSON.stringify(p)}\n`);
    }
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => Point.parse(JSON.parse(line)));
  };

  // labels: which of two continuations of a passage is better, by a logistic of three times the gold's difference over its spread
  const drawn = async (
    name: string,
    of: { prompt: string }[],
    each: number,
  ): Promise<string[][]> => {
    const input = { checkpoint: base, prompts: "p", each, continuation, seed };
    return (await run(sampleJob, path.join(dir, name), input, { p: of })).output.texts;
  };
  const written = await drawn("pairs", prompts.train, 4);
  const scale = spread(written.flat().map(gold));
  const random = rng(seed, "labels");
  // the first two continuations of every passage, then the other two
  const pairs = [0, 2].flatMap((first) =>
    written.map((texts, i) => {
      const [a, b] = texts.slice(first) as [string, string];
      const p = 1 / (1 + Math.exp((-3 * (gold(b) - gold(a))) / scale));
      const second = random.next() < p;
      return { prompt: train[i]!, chosen: second ? b : a, rejected: second ? a : b };
    }),
  );
  const rewardOf = async (size: Size, labels: number, member = 0): Promise<string> => {
    const folder = path.join(dir, `reward-${size}-${labels}-${member}`);
    const out = path.join(folder, "checkpoint");
    if (existsSync(path.join(out, "config.json"))) return out;
    // members see the same labels in another order, from another head
    const config = { epochs: labels < 1000 ? 4 : 2, batch: 16, lr: 1.5e-3, validation: 0 };
    const input = {
      config,
      base: bases[size],
      pairs: "pairs",
      maxTokens,
      seed: 100 * member + seed,
    };
    await run(rewardJob, folder, input, { pairs: pairs.slice(0, labels) });
    return out;
  };

  // best-of-n: the same samples for every proxy
  const some = prompts.heldOut.slice(0, best.prompts);
  let samples: string[][] | undefined;
  const bestOf = (
    arm: string,
    rewards: readonly string[],
    combine: "mean" | "worst" | "uncertainty",
  ) =>
    kept(`best-${arm}`, async () => {
      samples ??= await drawn("best", some, best.n);
      const each = await Promise.all(rewards.map((r) => scored(r, some, samples!)));
      const points: Point[] = [];
      for (let n = 1; n <= best.n; n *= 2) {
        const worth = samples.map((texts, i) => {
          const proxy = texts.map((_, k) =>
            ensembleScore(
              each.map((s) => s[i]![k]!),
              { combine, uncertaintyWeight: 0.5 },
            ),
          );
          return { proxy: bestOfN(proxy, proxy, n), gold: bestOfN(proxy, texts.map(gold), n) };
        });
        points.push({
          seed,
          how: "best-of-n",
          arm,
          at: n,
          d: distanceOfBest(n),
          gold: mean(worth.map((w) => w.gold)) / scale,
          proxy: mean(worth.map((w) => w.proxy)),
        });
      }
      return points.map((p) => ({ ...p, gold: p.gold - points[0]!.gold }));
    });

  const ppo = (arm: string, rewards: readonly string[], config: object = {}) =>
    kept(`ppo-${arm}`, async () => {
      const folder = path.join(dir, `ppo-${arm}`);
      rmSync(folder, { recursive: true, force: true });
      const [reward, ...ensemble] = rewards;
      const points: Point[] = [];
      for (const n of iterations) {
        // at a constant rate a longer run goes on from where a shorter one ended
        const input = {
          config: {
            batch: 64,
            minibatch: 64,
            lr: 1e-3,
            schedule: "constant" as const,
            beta: 0,
            klTarget: 0,
            stopKl: 1e6,
            saveEvery: 2,
            samplesEvery: 1000,
            ...config,
            iterations: n,
          },
          base,
          reward: reward!,
          ensemble,
          prompts: "train",
          maxPrompt,
          continuation,
          seed,
        };
        const made = await run(ppoJob, folder, input, prompts);
        const evaluation = {
          base,
          policy: made.out,
          reward: reward!,
          prompts: "heldOut",
          continuation,
          maxPrompt,
          bestOf: 1,
          seed,
        };
        const { output } = await run(
          evaluateJob,
          path.join(folder, "evaluation"),
          evaluation,
          prompts,
        );
        const at = (of: "base" | "policy") =>
          mean(output.items.map((x) => gold(x[of].text))) / scale;
        points.push({
          seed,
          how: "ppo",
          arm,
          at: n,
          d: Math.sqrt(Math.max(0, mean(output.items.map((x) => x.policy.kl)))),
          gold: at("policy") - at("base"),
          proxy: mean(output.items.map((x) => x.policy.reward)),
        });
      }
      rmSync(folder, { recursive: true, force: true });
      return points;
    });

  const points: Point[] = [];
  for (const size of Object.keys(proxySizes) as Size[])
    for (const labels of labelCounts) {
      const reward = await rewardOf(size, labels);
      points.push(...(await bestOf(`${size} ${labels}`, [reward], "mean")));
      points.push(...(await ppo(`${size} ${labels}`, [reward])));
    }
  const several: string[] = [];
  for (let m = 0; m < members; m++) several.push(await rewardOf("large", 400, m));
  for (const combine of ["mean", "worst", "uncertainty"] as const) {
    const arm = `large 400, ${combine} of ${members}`;
    points.push(...(await bestOf(arm, several, combine)));
    points.push(...(await ppo(arm, several, { combine })));
  }
  for (const beta of [0.05, 0.2])
    points.push(...(await ppo(`large 400, beta ${beta}`, several.slice(0, 1), { beta })));
  return points;
}

/** A reward model's scores of samples, by prompt. */
async function scored(
  folder: string,
  prompts: readonly { prompt: string }[],
  samples: readonly (readonly string[])[],
): Promise<number[][]> {
  const model = await loadReward(folder);
  using scorer = new Scorer(model, 64, maxTokens);
  const queries = encodePrompts(
    model.tokenizer,
    prompts.map((p) => p.prompt),
    maxPrompt,
  );
  return samples.map((texts, i) =>
    scorer.score(
      texts.map((text) => ({
        query: queries[i]!.ids,
        response: encodeAfter(model.tokenizer, prompts[i]!.prompt, text).slice(
          0,
          continuation.maxTokens,
        ),
      })),
    ),
  );
}

export async function reinforcement(o: {
  readonly seeds: number;
  readonly keep: string;
  readonly date: string;
  readonly root: string;
}): Promise<void> {
  const started = performance.now();
  const bases = {} as Record<Size, string>;
  for (const [size, shape] of Object.entries(proxySizes) as [Size, (typeof proxySizes)[Size]][]) {
    const folder = path.join(o.keep, `base-${size}`);
    bases[size] = path.join(folder, "checkpoint");
    if (existsSync(path.join(bases[size], "config.json"))) continue;
    console.error(`the ${size} base`);
    const config = { ...policyBase, ...shape, steps: STEPS, evalEvery: STEPS, saveEvery: STEPS };
    await run(pretrainJob, folder, { config, texts: "texts" }, { texts: baseSources(0.4) });
  }
  const points: Point[] = [];
  for (let seed = 1; seed <= o.seeds; seed++)
    points.push(...(await pointsOf(seed, bases, path.join(o.keep, "rl"))));

  const arms = [...Map.groupBy(points, (p) => `${p.how}: ${p.arm}`)];
  const errors: Record<Point["how"], Record<GoldForm, number[]>> = {
    "best-of-n": { linear: [], log: [] },
    ppo: { linear: [], log: [] },
  };
  const rows = arms.map(([arm, own]) => {
    const how = own[0]!.how;
    const seeds = [...Map.groupBy(own, (p) => p.seed).values()];
    const measured = [...new Set(own.map((p) => p.at))].map((at) => {
      const here = own.filter((p) => p.at === at);
      return { at, d: mean(here.map((p) => p.d)), gold: mean(here.map((p) => p.gold)) };
    });
    for (const form of goldForms)
      for (const of of seeds) {
        const e = errorBeyond(of, form, within[how]);
        if (e !== undefined) errors[how][form].push(e);
      }
    const form = how === "ppo" ? "log" : "linear";
    const curve = fitGold(own, form);
    const each = seeds.map((s) => fitGold(s, form));
    const range = (key: "alpha" | "beta") => {
      const xs = each.map((c) => c[key]);
      return `${curve[key].toFixed(2)} (${Math.min(...xs).toFixed(2)} to ${Math.max(...xs).toFixed(2)})`;
    };
    const top = measured.reduce((a, b) => (b.gold > a.gold ? b : a));
    const end = measured.at(-1)!;
    return `| ${arm} | ${form} | ${range("alpha")} | ${range("beta")} | ${peakOf(curve)?.d.toFixed(1) ?? "none"} | ${top.gold.toFixed(2)} at ${top.d.toFixed(1)} | ${end.gold.toFixed(2)} at ${end.d.toFixed(1)} |`;
  });
  const told = (xs: readonly number[]) =>
    xs.length ? `${mean(xs).toFixed(3)} (${xs.length})` : "too few points within it";
  const all = points.map(
    (p) =>
      `| ${p.seed} | ${p.how} | ${p.arm} | ${p.at} | ${p.d.toFixed(2)} | ${p.gold.toFixed(3)} | ${p.proxy.toFixed(2)} |`,
  );
  writeFileSync(
    path.join(o.root, `bench/results/${o.date}-overoptimisation-rl.md`),
    `# Over-optimisation with reinforcement learning

Command: \`npm run bench -- overoptimisation --rl --seeds ${o.seeds}\`. Date: ${o.date}. Machine: ${machineNow()};
${((performance.now() - started) / 60_000).toFixed(1)} minutes for what was not kept from an earlier start. Gold: AFINN-165 tone in the base's spread, less the base's.
alpha and beta of all seeds' points (least and most over seeds).

| arm | form | alpha | beta | fitted peak (root of KL) | highest point | last point |
|---|---|---|---|---|---|---|
${rows.join("\n")}

Root mean square error beyond a part of the largest distance (best-of-n: 0.6; PPO: 0.9), of a form fitted within it, mean over arms and seeds (how many):

| | linear | log |
|---|---|---|
| best-of-n | ${told(errors["best-of-n"].linear)} | ${told(errors["best-of-n"].log)} |
| ppo | ${told(errors.ppo.linear)} | ${told(errors.ppo.log)} |

| seed | how | arm | n or iterations | root of KL | gold | proxy |
|---|---|---|---|---|---|---|
${all.join("\n")}
`,
  );
  const draw = (file: string, title: string, names: readonly string[]) =>
    writeFileSync(
      path.join(o.root, "docs/results", file),
      plot({
        title,
        x: "square root of KL to the base (nats)",
        y: "gold, in the base's spread",
        lines: names.flatMap((name) => {
          const own = points.filter((p) => `${p.how}: ${p.arm}` === name);
          const at = [...new Set(own.map((p) => p.at))].map((n) => {
            const here = own.filter((p) => p.at === n);
            const golds = here.map((p) => p.gold);
            return {
              x: mean(here.map((p) => p.d)),
              y: mean(golds),
              low: Math.min(...golds),
              high: Math.max(...golds),
            };
          });
          return at.length
            ? [{ name: name.replace(": ", " "), points: at.toSorted((a, b) => a.x - b.x) }]
            : [];
        }),
      }),
    );
  draw(
    "overoptimisation-rl.svg",
    "PPO without a KL penalty against proxies",
    ["small 100", "small 1600", "middle 100", "middle 1600", "large 100", "large 1600"].map(
      (a) => `ppo: ${a}`,
    ),
  );
  draw(
    "overoptimisation-kept.svg",
    "What holds PPO back: ensembles and KL penalties",
    [
      "large 400",
      "large 400, mean of 3",
      "large 400, worst of 3",
      "large 400, uncertainty of 3",
      "large 400, beta 0.05",
      "large 400, beta 0.2",
    ].map((a) => `ppo: ${a}`),
  );
  console.log(rows.join("\n"));
}
