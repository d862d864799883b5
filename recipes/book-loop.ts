/**
 * A book, people, and one policy for all heights, around once or more (Wu et al. 2021):
 *
 *   books -> a tree each -> several people write a node -> a model over them -> others compare -> reward model -> PPO -> a tree beside the tree
 *
 * Every node is its own episode: no reward flows between nodes. The supervised model learns from all demonstrations so far, begins each time
 * from the base, and the policy each time from it: an RL policy has lost entropy. "Over them" is the same task one level up: the model reads
 * several people's summaries as it reads those of the parts of a book, and writes one. Differs from the paper: the three that are compared are
 * a person's, the model's over several people's, and the model's own; small models; heights are drawn alike.
 */
import { z } from "zod";
import { asItWas, type Flow, workflow } from "@tiller/flow";
import {
  Continuation,
  PpoConfig,
  ppoJob,
  RewardConfig,
  rewardJob,
  SftConfig,
  sftJob,
} from "@tiller/learn";
import { checkpointMeta } from "@tiller/lm";
import { resolveArtefact } from "@tiller/lab";
import { type PersonId, promptRows, rng, TreeSettings } from "@tiller/schema";
import {
  type ChosenNode,
  chooseAsks,
  createBeside,
  policyName,
  treeId,
  writeBecause,
} from "@tiller/trees";
import { askWriters, nodeCompared } from "./book-loop/asked.ts";
import { measured, type Three } from "./book-loop/measured.ts";
import { overThem, written } from "./book-loop/policy.ts";
import { reportOf } from "./book-loop/report.ts";
import { summariseBook } from "./summarise-book.ts";
import { LabelAge, labelsOfTrees, saveDemonstrations, savePairs } from "./tree-datasets.ts";

const Config = z.strictObject({
  base: z.string().meta({ artefact: "checkpoint" }).describe("the model that learns"),
  maxTokens: z
    .int()
    .positive()
    .default(512)
    .describe("positions that training uses, prompt and summary together"),
  settings: TreeSettings.pick({ window: true, seed: true, context: true, instructions: true })
    .prefault({ window: 256, context: "none" })
    .describe("of the trees; tokens as the desk counts them, four bytes each"),
  nodes: z.int().positive().default(40).describe("of each tree, written and judged in each round"),
  writers: z.int().min(2).default(2).describe("people who write a node"),
  judges: z.int().positive().default(2).describe("other people who compare"),
  changed: z.int().nonnegative().default(50).describe("most changed nodes that people judge again"),
  heldout: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.2)
    .describe("share of judged nodes kept from the reward, to measure it"),
  age: LabelAge,
  continuation: Continuation.prefault({ maxTokens: 24, minTokens: 4, temperature: 1 }),
  cloning: SftConfig.prefault({ epochs: 1 }).describe("how demonstrations are learned"),
  reward: RewardConfig.prefault({ epochs: 1 }).describe("how comparisons are learned"),
  ppo: PpoConfig.prefault({ critic: "separate", beta: 0.02, klTarget: 0 }).describe(
    "how the policy learns",
  ),
});
type Config = z.output<typeof Config>;
const Input = z.strictObject({
  files: z.array(z.string()).min(1).describe("books, below HOME/inputs or another declared folder"),
  rounds: z.int().positive().default(1),
  ...Config.shape,
});

export const bookLoop = workflow(
  "book-loop@2",
  Input,
  async (flow, { files, rounds, ...config }) => {
    const base = await flow.step("base", ({ store }) =>
      resolveArtefact(store.db, { kind: "checkpoint", id: config.base }, checkpointMeta),
    );
    const grown = await flow.map("books", files, (file) =>
      flow.child(summariseBook, { file, ...config.settings, model: base }),
    );
    let trees = grown.map((g) => g.tree);
    const [before, all] = [[] as string[], [] as Round[]];
    for (let round = 1; round <= rounds; round++) {
      const c = { ...config, base };
      const done = await flow.child(
        bookRound,
        { config: c, round, trees, before },
        { name: `round ${round}` },
      );
      before.push(...trees);
      trees = done.trees;
      all.push(done);
    }
    await flow.report(reportOf(all));
    return { rounds: all };
  },
  {
    title: "Learn from people over books",
    migrate: { "book-loop@1": asItWas(Input) },
    asks: (c) => ({
      "tree-summary": c.rounds * c.files.length * c.nodes * c.writers,
      "tree-compare": c.rounds * (c.files.length * c.nodes + c.changed) * c.judges,
    }),
  },
);
type Round = Awaited<ReturnType<typeof around>>;

async function around(
  flow: Flow,
  { config: c, round, trees, before }: z.output<typeof RoundInput>,
) {
  const seed = flow.seed + round;
  const all = await flow.step("nodes", async ({ store: { db } }) => {
    const o = { stage: "tree", most: Infinity, not: [], seed } as const;
    return Promise.all(trees.map((tree) => chooseAsks(db, tree, o)));
  });
  const nodes = all.flat();
  const people = { judges: c.judges, not: new Map<string, readonly PersonId[]>() };

  // several people's answers, and a model over them
  const shown = await askWriters(
    flow,
    all.flatMap((of) => of.slice(0, c.nodes)),
    c.writers,
  );
  for (const w of shown) people.not.set(placeOf(w), w.writers);
  const demos = await labelsOfTrees(flow, "demonstrated", [...before, ...trees], c.age);
  const demonstrations = await saveDemonstrations(flow, demos.shown);
  const learned = { seed, maxTokens: c.maxTokens };
  const cloning = { config: c.cloning, base: c.base, demonstrations, ...learned };
  const supervised = (await flow.job("supervised", sftJob, cloning)).output.checkpoint;
  const over = await overThem(flow, supervised, shown, c);
  const own = await written(flow, "own", supervised, shown, { temperature: 1 });

  // somebody else evaluates
  const draw = rng(seed, "whose");
  const first = shown.map((w, i): Three => {
    const k = draw.choose([...w.texts.keys()]);
    return {
      of: w,
      texts: [w.texts[k]!, over[i]!, own[i]!],
      policies: [
        w.by[k]!,
        `${policyName({ model: supervised, temperature: 0 })}, over people's summaries`,
        policyName({ model: supervised, temperature: 1 }),
      ],
    };
  });
  await compared(flow, "compared", first, people);

  // a reward model of all heights, and from the supervised model a policy
  const labels = await labelsOfTrees(flow, "labels", [...before, ...trees], c.age);
  const held = (x: { tree: string; node: string }) =>
    rng(c.settings.seed, "held out", x.tree, x.node).next() < c.heldout;
  const taught = labels.compared.filter((x) => !held(x));
  const pairs = await savePairs(flow, taught);
  const toJudge = {
    config: c.reward,
    base: supervised,
    pairs,
    centredOn: demonstrations,
    ...learned,
  };
  const reward = (await flow.job("reward", rewardJob, toJudge)).output.checkpoint;
  const prompts = await flow.save(
    "nodes",
    nodes.map(({ tree, node: n }) => ({ prompt: n.prompt, tree, node: n.id })),
    promptRows,
  );
  const { continuation } = c;
  const maxPrompt = c.maxTokens - continuation.maxTokens;
  const rl = { config: c.ppo, base: supervised, reward, prompts, continuation, maxPrompt, seed };
  const policy = (await flow.job("policy", ppoJob, rl)).output.checkpoint;

  // a tree beside the tree, and why its nodes differ
  const beside = await flow.step("beside", async ({ key, store: { db } }) => {
    const ids = trees.map((tree) => treeId(`${key} ${tree}`));
    for (const [i, id] of ids.entries())
      await createBeside(db, { id, beside: trees[i]!, model: policy });
    return ids;
  });
  await flow.map("grown", beside, (tree) => flow.child(summariseBook, { tree }));
  const because = await flow.step("because", async ({ store: { db } }) => {
    const of = (i: number) =>
      taught
        .filter((x) => x.tree === trees[i])
        .map(({ node, height, judgment: { n } }) => ({ node, height, n }));
    return (await Promise.all(beside.map((tree, i) => writeBecause(db, tree, of(i))))).flat();
  });
  const links = await flow.save("tree-because", because);

  const again = { nodes, supervised, policy, reward, changed: c.changed };
  const figures = await measured(flow, again, async (queue) => {
    await compared(flow, "again", queue, people);
    const now = await labelsOfTrees(flow, "judged again", trees, c.age);
    const known = new Set(taught.map((x) => `${x.tree} ${x.judgment.n}`));
    return {
      all: now.compared,
      fresh: now.compared.filter((x) => !known.has(`${x.tree} ${x.judgment.n}`)),
    };
  });
  return {
    round,
    trees: beside,
    old: trees,
    supervised,
    reward,
    policy,
    demonstrations,
    pairs,
    because: links,
    left: labels.left,
    ...figures,
  };
}
const RoundInput = z.strictObject({
  config: Config,
  round: z.int(),
  trees: z.array(z.string()).describe("as they stand"),
  before: z.array(z.string()).describe("of earlier rounds: their labels are learned from too"),
});
/** Once around: from trees to trees beside them. */
export const bookRound = workflow("book-round@2", RoundInput, around);

const placeOf = (x: ChosenNode) => `${x.tree} ${x.node.id}`;
/** Three summaries each, by people who wrote none of them; no node waits for another. */
const compared = (
  flow: Flow,
  name: string,
  list: readonly Three[],
  people: { readonly judges: number; readonly not: ReadonlyMap<string, readonly PersonId[]> },
) =>
  flow.map(
    name,
    list,
    ({ of, texts: summaries, policies }) => {
      const { tree, node } = of;
      const not = [...(people.not.get(placeOf(of)) ?? [])];
      return flow.child(nodeCompared, {
        tree,
        node,
        summaries: [...summaries],
        policies: [...policies],
        people: people.judges,
        not,
      });
    },
    { concurrency: Math.max(1, list.length) },
  );
