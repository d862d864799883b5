/**
 * What the order of context costs. Hours: a book's plan under each order, the longest chain of nodes that wait for each other, what people
 * or an endpoint of a fixed latency would take for it, and the tree grown by such an endpoint here. Quality: Ledger (recipes/ledger), whose
 * trained policy of the tree reads held-out books under each order; the policy that never saw an earlier output beside it.
 * npm run bench -- book-order [--seeds 5] [--chapters 260] [--latency 300] [--parallel 16] [--keep FILE.jsonl] [--plot FILE.svg] [--json]
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type ContextOrder, forecast, grow, Log, type Plan, planOf } from "@tiller/book";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { waitsFor } from "@tiller/book/plan.ts";
import { measure } from "@tiller/task";
import { z } from "zod";
import { machineNow, mean, overSeeds } from "./over-seeds.ts";
import { plot } from "./plot.ts";
import { corpus } from "../recipes/corpus.ts";
import { type ReadOrder, readOrders, runCell } from "../recipes/ledger/run.ts";
import { fillers } from "../recipes/ledger/story.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seeds: { type: "string", default: "5" },
    chapters: { type: "string", default: "260" },
    latency: { type: "string", default: "300" },
    parallel: { type: "string", default: "16" },
    keep: { type: "string" },
    plot: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const number = z.coerce.number().int().positive();
const o = z
  .object({
    seeds: number,
    chapters: number,
    latency: number,
    parallel: number,
    keep: z.string().optional(),
    plot: z.string().optional(),
    json: z.boolean(),
  })
  .parse(values);
const orders = Object.keys(readOrders) as ReadOrder[];

// hours

/** The longest chain of nodes of which each waits for the one before it, by what a node takes. */
function chain(plan: Plan, takes: (id: string) => number): number {
  const ends = new Map<string, number>();
  for (const level of plan.levels)
    for (const node of level) {
      const last = waitsFor(plan, node);
      const before = [...node.children, ...(last === undefined ? [] : [last])];
      const start = Math.max(0, ...before.map((id) => ends.get(id)!));
      ends.set(node.id, start + takes(node.id));
    }
  return Math.max(...ends.values());
}

const text = aStory(7, o.chapters);
const free = { prompt: 0, completion: 0 };
async function hoursOf(order: ContextOrder) {
  const plan = planOf(text, { window: 2048, seed: 1, count: measure.tokens, order });
  const minutesOf = (id: string) => forecast(plan, [plan.nodes.get(id)!], { price: free }).minutes;
  const from = performance.now();
  const grown = await grow(plan, {
    log: new Log(),
    count: measure.tokens,
    policy: "first words",
    parallel: o.parallel,
    respond: async (ask) => {
      await sleep(o.latency);
      const said = ask.text.slice(0, 300);
      const author = { kind: "policy", name: "first words" } as const;
      return { text: said, author, promptTokens: 0, tokens: 0, seconds: 0, cost: 0 };
    },
  });
  const seconds = (performance.now() - from) / 1000;
  if (!grown.whole) throw new Error("the tree is not whole");
  return {
    order,
    leaves: plan.levels[0]!.length,
    nodes: plan.nodes.size,
    chain: chain(plan, () => 1),
    // without end many people, and nobody waits for a person
    peopleHours: chain(plan, minutesOf) / 60,
    endpointSeconds: Math.max(
      chain(plan, () => o.latency / 1000),
      (plan.nodes.size * o.latency) / 1000 / o.parallel,
    ),
    seconds,
  };
}

// quality

const dependences = [0, 0.15, 0.3];
const Kept = z.object({
  dependence: z.number(),
  seed: z.number(),
  means: z.record(z.enum([...orders, "never"]), z.number()),
});
type Kept = z.infer<typeof Kept>;
const lines = o.keep && existsSync(o.keep) ? readFileSync(o.keep, "utf8").trim().split("\n") : [];
const kept: Kept[] = lines.filter(Boolean).map((l) => Kept.parse(JSON.parse(l)));
const between = fillers(corpus().moby);
for (const dependence of dependences)
  for (let seed = 1; seed <= o.seeds; seed++) {
    if (kept.some((k) => k.dependence === dependence && k.seed === seed)) continue;
    const cell = { chunks: 16, dependence, noise: 0.1, minutes: 2000 };
    const outcomes = runCell(between, cell, seed, ["A", "G"]);
    const [a, g] = ["A", "G"].map((arm) => outcomes.find((x) => x.arm === arm)!);
    const read = a!.orders!;
    const means = {
      strict: mean(read.strict),
      "lag:1": mean(read["lag:1"]),
      "lag:3": mean(read["lag:3"]),
      none: mean(read.none),
      never: mean(g!.books),
    };
    kept.push({ dependence, seed, means });
    if (o.keep) appendFileSync(o.keep, `${JSON.stringify(kept.at(-1))}\n`);
    console.error(`dependence ${dependence}, seed ${seed}: ${JSON.stringify(means)}`);
  }
const shown = [...orders, "never"] as const;
const quality = dependences.map((dependence) => {
  const of = kept.filter((k) => k.dependence === dependence && k.seed <= o.seeds);
  return {
    dependence,
    orders: shown.map((order) => ({
      order,
      right: overSeeds(of.map((k) => 100 * k.means[order])),
      less: overSeeds(of.map((k) => 100 * (k.means[order] - k.means.strict))),
    })),
  };
});
const hours = [];
for (const order of orders) hours.push(await hoursOf(order));

if (o.json) console.log(JSON.stringify({ hours, quality, machine: machineNow() }));
else {
  const span = (x: { at: number; low: number; high: number }) =>
    `${x.at.toFixed(1)} (${x.low.toFixed(1)} to ${x.high.toFixed(1)})`;
  console.log(`${hours[0]!.leaves} leaves, ${o.seeds} seeds; ${machineNow()}\n`);
  console.log(
    `| order | nodes in the longest chain | hours of people, never waited for | seconds at ${o.latency} ms, ${o.parallel} at once: at least | measured |\n|---|---|---|---|---|`,
  );
  for (const h of hours)
    console.log(
      `| ${h.order} | ${h.chain} of ${h.nodes} | ${h.peopleHours.toFixed(1)} | ${h.endpointSeconds.toFixed(1)} | ${h.seconds.toFixed(1)} |`,
    );
  console.log(`\n| dependence | ${shown.join(" | ")} |\n|---|${shown.map(() => "---").join("|")}|`);
  for (const q of quality) {
    console.log(`| ${q.dependence} | ${q.orders.map((x) => span(x.right)).join(" | ")} |`);
    console.log(`| less \`strict\` | ${q.orders.map((x) => span(x.less)).join(" | ")} |`);
  }
}
if (o.plot) {
  const drawn = shown.map((order, i) => ({
    name: order === "never" ? "none, never shown" : order,
    points: quality.map((q, k) => {
      const { at, low, high } = q.orders[i]!.right;
      return { x: k + 1, y: at, low, high };
    }),
  }));
  const places = dependences.map((d) => `${d}`.replace("0.", "."));
  const title = "Objects that the root has right, by the order of context";
  const x = "chunks that begin with 'it'";
  writeFileSync(o.plot, plot({ title, x, y: "% of the objects", places, lines: drawn }));
}
