/**
 * `tiller book run` beside its sampler alone: the prompts of the finished tree, asked again in an order that the run could have had and with as
 * many under way, by nothing but the sampler. The two alternate, which is first too, with rests between; on a
 * machine with other work the processor time is steadier than the clock.
 * npm run bench -- book-sampler --base DIR --file BOOK.txt [--characters 45000] [--context strict] [--window N] [--rounds 4] [--rest 5] [--json]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ContextOrder, type Ask, Log, type Output, planOf, hashOf } from "@tiller/book";
import { makerOf } from "@tiller/book/keys.ts";
import { waitsFor } from "@tiller/book/plan.ts";
import { askOf } from "@tiller/book/tree.ts";
import { readBook } from "@tiller/cli/book-folder.ts";
import { checkpointPolicy } from "@tiller/cli/book-policy.ts";
import { Bug } from "@tiller/schema";
import { z } from "zod";
import { machineNow, mean } from "./over-seeds.ts";
import { childOf, cpuOf } from "./processes.ts";

const { values } = parseArgs({
  options: {
    base: { type: "string" },
    file: { type: "string" },
    characters: { type: "string", default: "45000" },
    context: { type: "string", default: "strict" },
    window: { type: "string" },
    rounds: { type: "string", default: "4" },
    rest: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const o = z
  .object({
    base: z.string({ error: "give --base, a checkpoint's folder" }),
    file: z.string({ error: "give --file, a book" }),
    characters: z.coerce.number().int().positive(),
    context: ContextOrder,
    window: z.coerce.number().int().optional(),
    rounds: z.coerce.number().int().positive(),
    rest: z.coerce.number().nonnegative(),
    json: z.boolean(),
  })
  .parse(values);
const root = fileURLToPath(new URL("..", import.meta.url));
const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-book-"));
const LOOK_MS = 100;
const seconds = (from: number) => (performance.now() - from) / 1000;
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)]!;

const text = readFileSync(o.file, "utf8").slice(0, o.characters);
const book = path.join(home, "book.txt");
writeFileSync(book, text);

/** Seconds by the clock, and of the processors for the sampler and for what asks it. */
interface Took {
  readonly wall: number;
  readonly sampler: number;
  readonly rest: number;
}
/** Looks at a sampler until it has ended. */
async function watched(parent: number, work: Promise<void>): Promise<Took> {
  const [from, before] = [performance.now(), cpuOf(parent)];
  let [sampler, rest, on] = [0, 0, true];
  const over = work.finally(() => (on = false));
  const look = async () => {
    while (on) {
      const child = childOf(parent, "sampler-child");
      if (child !== undefined) sampler = Math.max(sampler, cpuOf(child));
      rest = Math.max(rest, cpuOf(parent) - before);
      await sleep(LOOK_MS);
    }
  };
  const looking = look();
  await over;
  const wall = seconds(from);
  await looking;
  return { wall, sampler, rest };
}

/** The command as it is typed, from its start to its end. */
async function run(out: string): Promise<Took> {
  const words = ["book", "run", book, "--base", o.base, "--out", out, "--context", o.context];
  const window = o.window === undefined ? [] : ["--window", `${o.window}`];
  const child = spawn(process.execPath, ["apps/cli/main.ts", ...words, ...window], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (d: Buffer) => (said = (said + d.toString("utf8")).slice(-2000)));
  const ended = new Promise<void>((done, failed) =>
    child.on("close", (status) =>
      status === 0 ? done() : failed(new Error(`tiller book run ended with ${status}: ${said}`)),
    ),
  );
  return watched(child.pid!, ended);
}

interface Known {
  readonly ask: Ask;
  readonly needs: readonly string[];
}
/** What the tree's nodes were asked, and what each waited for; every prompt is word for word the one that was read. */
async function asksOf(folder: string): Promise<Known[]> {
  const { book: made, entries, text: words } = readBook(folder);
  const { settings: s } = made;
  using policy = await checkpointPolicy(o.base, 0);
  const plan = planOf(words, {
    window: s.window,
    seed: s.seed,
    count: policy.count,
    order: o.context,
    reserve: s.reserve,
  });
  const log = new Log(entries);
  const byNode = new Map(entries.map((e) => [e.node, e]));
  const outputs = new Map<string, Output>();
  for (const node of plan.levels.flat()) {
    const entry = byNode.get(node.id);
    if (!entry) throw new Bug(`the tree in ${folder} lacks ${node.id}`);
    const said = {
      entry,
      hash: hashOf(entry.text),
      standing: "current",
      key: "",
      used: 0,
    } as const;
    outputs.set(node.id, said);
  }
  const maker = makerOf(plan, policy.name);
  return entries.map(({ node: id, saw }) => {
    const node = plan.nodes.get(id)!;
    const ask = askOf(plan, node, outputs, { log, maker, count: policy.count });
    if (ask.saw !== saw) throw new Bug(`${id} would be asked otherwise than it was`);
    const last = waitsFor(plan, node);
    return { ask, needs: [...node.children, ...(last === undefined ? [] : [last])] };
  });
}

/** The sampler from its start to the last answer, with what it was asked in the order of the run's answers. */
async function alone(asks: readonly Known[]): Promise<void> {
  const signal = new AbortController().signal;
  using policy = await checkpointPolicy(o.base, 0);
  const [done, waiting, running] = [new Set<string>(), [...asks], new Set<Promise<void>>()];
  while (done.size < asks.length) {
    for (;;) {
      const at =
        running.size < policy.parallel
          ? waiting.findIndex(({ needs }) => needs.every((n) => done.has(n)))
          : -1;
      const [next] = at < 0 ? [] : waiting.splice(at, 1);
      if (!next) break;
      const one: Promise<void> = policy.respond(next.ask, signal).then(() => {
        done.add(next.ask.node.id);
        running.delete(one);
      });
      running.add(one);
    }
    await Promise.race(running);
  }
}

try {
  const first = path.join(home, "first");
  await run(first); // also warms the disk
  const asks = await asksOf(first);
  const rounds: { run: Took; alone: Took }[] = [];
  for (let round = 0; round < o.rounds; round++) {
    const byCommand = async () => {
      await sleep(1000 * o.rest);
      return run(path.join(home, `run-${round}`));
    };
    const bySampler = async () => {
      await sleep(1000 * o.rest);
      return watched(process.pid, alone(asks));
    };
    const early = round % 2 === 0 ? await byCommand() : undefined;
    const one = await bySampler();
    const both = { run: early ?? (await byCommand()), alone: one };
    rounds.push(both);
    const said = (t: Took) =>
      `${t.wall.toFixed(1)} s (processors: sampler ${t.sampler.toFixed(1)}, what asks it ${t.rest.toFixed(1)})`;
    if (!o.json)
      console.log(
        `round ${round + 1}: command ${said(both.run)}; sampler alone ${said(both.alone)}: ${(both.run.wall / both.alone.wall).toFixed(3)}`,
      );
  }
  const ratiosOf = (of: (t: Took) => number) => {
    const all = rounds.map((r) => of(r.run) / of(r.alone));
    return { median: median(all), least: Math.min(...all), most: Math.max(...all) };
  };
  const wall = ratiosOf((t) => t.wall);
  const processors = ratiosOf((t) => t.sampler + t.rest);
  const tokens = asks.reduce((n, a) => n + a.ask.tokens, 0);
  const machine = machineNow();
  if (o.json)
    console.log(
      JSON.stringify({
        nodes: asks.length,
        tokens,
        context: o.context,
        rounds,
        wall,
        processors,
        machine,
      }),
    );
  else {
    const each = (of: (r: (typeof rounds)[number]) => number) =>
      `${((1000 * mean(rounds.map(of))) / asks.length).toFixed(1)} ms`;
    const range = ({ median: m, least, most }: typeof wall) =>
      `median ${m.toFixed(3)}, ${least.toFixed(3)} to ${most.toFixed(3)}`;
    console.log(
      `${asks.length} nodes, ${tokens} tokens of prompts, ${o.context}: a node ${each((r) => r.run.wall)} by the command, ${each((r) => r.alone.wall)} by the sampler alone\n` +
        `ratio by the clock: ${range(wall)}; of processor time: ${range(processors)}; ${rounds.length} rounds; ${machine}`,
    );
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
