/**
 * The loop over books, once around, by the base model with its positions stretched to 256 and simulated people: parts of Moby-Dick that the
 * base did not learn from, a new tree beside each. Judged afresh: new against old, node by node, against the book's own words below it, by the
 * rule of recipes/book-loop/simulated.ts and not by the reward. Run: node bench/book-loop.ts [--seed N] [--out FILE]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { z } from "zod";
import { rarity } from "@tiller/book/support.ts";
import { clopperPearson } from "@tiller/crowd/statistics.ts";
import { launchFlow } from "@tiller/flow";
import { checkpointMeta, loadCheckpoint, saveCheckpoint, splitTrainHeldout } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { SamplerPool, serverModelClient } from "@tiller/serve";
import { openStore } from "@tiller/store";
import { chooseAsks, treeNodes } from "@tiller/trees";
import { quality, simulatedPeople } from "../recipes/book-loop/simulated.ts";
import { corpus } from "../recipes/corpus.ts";
import { recipes } from "../recipes/index.ts";
import { baseModel } from "../recipes/shared.ts";

const { values: flags } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    out: { type: "string" },
    books: { type: "string", default: "4" },
    characters: { type: "string", default: "4500" },
  },
});
const seed = Number(flags.seed);
const POSITIONS = 256;
const JUDGES = 3; // fresh ones, a node
const NOISE = 0.15;

const home = mkdtempSync(path.join(tmpdir(), "tiller-book-loop-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true })); // the store closes before
const inputs = path.join(home, "inputs");
mkdirSync(inputs, { recursive: true });

/** The model with more positions: those past the last repeat its last half, so that nearness means what it did. */
async function stretched(from: string, to: string): Promise<void> {
  const { tensors, config, tokenizer } = await loadCheckpoint(from);
  const name = "wpe.weight";
  const { shape, data } = tensors.get(name)!;
  const [known, width] = shape as [number, number];
  const half = known / 2;
  const longer = new Float32Array(POSITIONS * width);
  for (let p = 0; p < POSITIONS; p++) {
    const row = p < known ? p : half + ((p - half) % half);
    longer.set(data.subarray(row * width, (row + 1) * width), p * width);
  }
  await saveCheckpoint(to, {
    config: { ...config, n_positions: POSITIONS },
    tensors: new Map(tensors).set(name, { shape: [POSITIONS, width], data: longer }),
    tokenizer,
    meta: { role: "lm" },
  });
}

const base = path.join(inputs, "base");
await stretched(baseModel, base);
const { heldout } = splitTrainHeldout(corpus().moby);
const [books, characters] = [Number(flags.books), Number(flags.characters)];
const texts = Array.from({ length: books }, (_, i) => {
  const from = Math.floor((i * (heldout.length - characters)) / Math.max(1, books - 1));
  return heldout.slice(from, from + characters).replace(/^\S*\s/, "");
});
texts.forEach((text, i) => writeFileSync(path.join(inputs, `part-${i + 1}.txt`), text));

const began = performance.now();
await using store = await openStore({ home });
using sampler = new SamplerPool();
const modelClient = serverModelClient({ store, sampler });
const flow = await launchFlow({
  store,
  workflows: recipes,
  codeRevision: "bench",
  modelClient,
  identify: checkpointMeta,
});
const abort = new AbortController();
const working = simulatedPeople(store.db, { people: 6, texts, seed, signal: abort.signal });
const input = {
  files: texts.map((_, i) => path.join(inputs, `part-${i + 1}.txt`)),
  base,
  maxTokens: POSITIONS,
  nodes: 12,
  changed: 30,
  cloning: { epochs: 3, batch: 8 },
  reward: { epochs: 2, batch: 8 },
  ppo: {
    critic: "separate",
    beta: 0.02,
    klTarget: 0,
    iterations: 12,
    batch: 16,
    minibatch: 16,
    lr: 1e-4,
  },
};
const Interval = z.looseObject({
  height: z.int(),
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  n: z.int(),
});
const Figure = z
  .looseObject({
    value: z.number(),
    low: z.number().nullable(),
    high: z.number().nullable(),
    n: z.int(),
  })
  .nullable();
const Round = z.looseObject({
  old: z.array(z.string()),
  trees: z.array(z.string()),
  beats: z.array(Interval),
  wins: z.array(Interval),
  queued: z.int(),
  empty: z.int(),
  drift: z.array(
    z.looseObject({ height: z.int(), agreement: Figure, likert: Figure, reward: Figure }),
  ),
});
const result = await flow.wait(
  await flow.start("book-loop@2", input as never, { id: "loop", seed }),
);
const [round] = z.object({ rounds: z.tuple([Round]) }).parse(result).rounds;
const minutes = (performance.now() - began) / 60_000;

// fresh judges: new against old, by the book's own words below each node
const rare = rarity(texts);
const votes: { book: string; height: number; new: number; change: number }[] = [];
for (const [i, tree] of round.trees.entries()) {
  const o = { stage: "tree", most: Infinity, not: [], seed } as const;
  const below = new Map((await chooseAsks(store.db, tree, o)).map((c) => [c.node.id, c.node]));
  const textsOf = async (t: string) =>
    new Map((await treeNodes(store.db, t, 0)).nodes.map((n) => [n.node, n.text ?? ""]));
  const [old, now] = [await textsOf(round.old[i]!), await textsOf(tree)];
  for (const [node, { book, height }] of below) {
    const [a, b] = [quality(old.get(node)!, book, rare), quality(now.get(node)!, book, rare)];
    const draw = rng(seed, "fresh", tree, node);
    for (let k = 0; k < JUDGES; k++) {
      const felt = b - a + NOISE * Math.SQRT2 * draw.normal();
      votes.push({ book: tree, height, new: felt > 0 ? 1 : 0, change: b - a });
    }
  }
}
abort.abort();
await working;

const percent = (x: number | null) => (x === null ? "" : `${(100 * x).toFixed(0)} %`);
const shown = (
  f: { value: number; low: number | null; high: number | null } | null | undefined,
  as = percent,
) => (f ? (f.low === null ? as(f.value) : `${as(f.value)} (${as(f.low)} to ${as(f.high)})`) : "");
const points = (x: number | null) => (x === null ? "" : x.toFixed(2));
const heights = [...new Set(votes.map((v) => v.height))].toSorted((a, b) => a - b);
const fresh = [...heights.map((h) => votes.filter((v) => v.height === h)), votes];
const lines = [
  `node bench/book-loop.ts --seed ${seed} --books ${books} --characters ${characters}: ${minutes.toFixed(1)} minutes, load ${loadavg()[0]!.toFixed(1)}`,
  "",
  "| height | nodes | new beats stored, by the reward | votes on the most changed | new wins, by people | fresh votes | new tree wins, by fresh judges | change of quality |",
  "|---|---|---|---|---|---|---|---|",
  ...fresh.map((of, i) => {
    const h = heights[i];
    const [beats, wins] = [round.beats, round.wins].map((all) => all.find((f) => f.height === h));
    const won = of.reduce((s, v) => s + v.new, 0);
    const nodes = of.length / JUDGES;
    const byNode = clopperPearson(Math.round(won / JUDGES), nodes); // judges of one node are not independent
    const change = of.reduce((s, v) => s + v.change, 0) / of.length;
    return `| ${h ?? "all"} | ${nodes} | ${shown(beats)} | ${wins?.n ?? ""} | ${shown(wins)} | ${of.length} | ${shown({ value: won / of.length, low: byNode.low, high: byNode.high })} | ${points(change)} |`;
  }),
  "",
  "| height | agreement | rating of the better one | reward's accuracy, not learned from |",
  "|---|---|---|---|",
  ...round.drift.map(
    (d) =>
      `| ${d.height} | ${shown(d.agreement)} | ${shown(d.likert, points)} | ${shown(d.reward)} |`,
  ),
  "",
  `${round.queued} nodes judged again, ${round.empty} with an empty summary on one side.`,
];
console.log(lines.join("\n"));
if (flags.out) writeFileSync(flags.out, `${lines.join("\n")}\n`);
await flow.close();
