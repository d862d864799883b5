/**
 * tiller book run FILE: the tree of a book by a policy. Killed at any moment and begun again with the same words it goes on, and gives
 * what it would have given. Ctrl-C, a budget and an error of the model all leave the best so far.
 */
import path from "node:path";
import process from "node:process";
import { z } from "zod";
import {
  type Ask,
  bestSoFar,
  ContextOrder,
  type Entry,
  forecast,
  type Forecast,
  grow,
  hashOf,
  Log,
  type Output,
  type Plan,
  planOf,
  redos,
} from "@tiller/book";
import { readText } from "@tiller/data";
import { TillerError } from "@tiller/schema";
import { bookFile, openBook } from "./book-folder.ts";
import { checkpointPolicy, endpointPolicy, type Policy } from "./book-policy.ts";
import { progressBar } from "./file-job.ts";
import { countFlag, flag, numberFlag } from "./flags.ts";

const text = z.string().min(1).optional();
export const runFlags = {
  out: flag(z.string().min(1), "FOLDER", "the tree: made, or gone on with"),
  base: flag(text, "DIR", "a checkpoint that summarises (default: models/base)"),
  model: flag(text, "NAME", "an endpoint of models.json that summarises"),
  window: countFlag(z.int())
    .optional()
    .describe("tokens of prompt and output (default: the model's, 2048 at most)"),
  seed: countFlag(z.int()).default(1).describe("of where the parts end, and of the draws"),
  context: flag(
    ContextOrder.prefault("strict"),
    "strict|lag:K|none",
    "which earlier summaries a node reads",
  ),
  instructions: flag(text, "FILE", "words before every prompt"),
  temperature: numberFlag(z.number().min(0).max(2)).default(0).describe("0: the likeliest token"),
  redo: z
    .enum(redos)
    .default("path")
    .describe("what is asked again: what is invalid, drifted too, or another policy's too"),
  parallel: countFlag(z.int().min(1).max(256))
    .optional()
    .describe("nodes at once, where the order lets them"),
  tokens: countFlag(z.int().positive())
    .optional()
    .describe("budget of the tree, prompts and outputs"),
  money: numberFlag(z.number().positive()).optional().describe("budget of the tree in US dollars"),
  minutes: numberFlag(z.number().positive()).optional().describe("budget of this start"),
  encoding: flag(text, "NAME", "of the book (UTF-8), windows-1252 for instance"),
  plan: z.boolean().default(false).describe("say what it would take, and ask nothing"),
  models: flag(text, "FILE", "models.json in another place than the home"),
  home: flag(text, "DIR", "the home (TILLER_HOME, or the user's own)"),
};
type Flags = z.infer<z.ZodObject<typeof runFlags>>;

const count = (n: number) => Math.round(n).toLocaleString("en-GB");
const money = (n: number) => `$${n.toFixed(n > 0 && n < 0.1 ? 4 : 2)}`;
const lasts = (seconds: number) =>
  seconds < 90
    ? `${Math.round(seconds)} s`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`;
export async function runBook(o: Flags, file: string): Promise<number> {
  if (o.base !== undefined && o.model !== undefined)
    throw new TillerError("bad_flag", "--base and --model both say who summarises. Give one.");
  const words = await readText(file, { name: file, encoding: o.encoding });
  using policy =
    o.model === undefined
      ? await checkpointPolicy(o.base ?? "models/base", o.temperature)
      : endpointPolicy(o.model, o);
  const window = o.window ?? Math.min(2048, policy.positions ?? 2048);
  if (policy.positions !== undefined && window > policy.positions)
    throw new TillerError(
      "large_window",
      `a window of ${window} tokens is more than the ${policy.positions} that ${policy.name} takes. Give --window ${policy.positions} or less, or another model.`,
    );
  const plan = planOf(words, {
    window,
    seed: o.seed,
    count: policy.count,
    order: o.context,
    reserve: policy.reserve,
    ...(o.instructions !== undefined && {
      instructions: await readText(o.instructions, { name: o.instructions }),
    }),
  });
  const all = forecast(plan, plan.nodes.values(), { price: policy.price });
  tell(plan, policy, all);
  if (o.plan) return 0;

  using book = await openBook(
    o.out,
    bookFile(path.basename(file), plan, { counted: policy.counted, text: hashOf(words) }),
    words,
  );
  const log = new Log(book.entries);
  const watch = watcher(plan, policy, o, book.entries);
  const stop = new AbortController();
  const interrupt = () => {
    watch.stop("Ctrl-C");
    process.stderr.write("\nStopping after the nodes under way; Ctrl-C again to leave them.\n");
    process.once("SIGINT", () => process.exit(130));
  };
  process.once("SIGINT", interrupt);
  let failed: unknown;
  try {
    const grown = await grow(plan, {
      log,
      count: policy.count,
      policy: policy.name,
      redo: o.redo,
      parallel: o.parallel ?? policy.parallel,
      respond: async (ask) => {
        watch.began(ask);
        return policy.respond(ask, stop.signal);
      },
      record: (entry) => {
        book.add(entry);
        watch.ended(entry);
      },
      stopped: watch.stopped,
    });
    report(plan, grown.outputs, watch);
    return grown.whole ? 0 : 3;
  } catch (e) {
    failed = e;
    stop.abort();
  } finally {
    process.off("SIGINT", interrupt);
  }
  const now = await grow(plan, { log, count: policy.count, policy: policy.name, redo: o.redo });
  report(plan, now.outputs, watch);
  throw failed;
}

function tell(plan: Plan, policy: Policy, all: Forecast): void {
  const { window: w } = plan;
  const levels = plan.levels.map((l, h) => `${count(l.length)} of height ${h}`).join(", ");
  console.log(
    `window ${count(w.tokens)} tokens: leaves of ${count(w.leaf)}, summaries of at most ${w.caps.map(count).join(", ")} at heights 0, 1, and 2 and more; the rest is previous context (${plan.order})`,
  );
  console.log(`${count(all.nodes)} nodes: ${levels}; tokens are ${policy.counted}'s`);
  console.log(
    `by ${policy.name}: at most ${count(all.promptTokens)} tokens in and ${count(all.tokens)} out${all.money > 0 ? `, ${money(all.money)}` : ""}; people would take ${(all.minutes / 60).toFixed(0)} hours`,
  );
}

/** Counts what is used, and says when no more may be begun. */
function watcher(plan: Plan, policy: Policy, o: Flags, before: readonly Entry[]) {
  const began = performance.now();
  const progress = progressBar();
  let used = { tokens: 0, money: 0 };
  let now = { nodes: 0, tokens: 0, seconds: 0 };
  const underWay = new Map<string, { tokens: number; money: number }>();
  let why: string | undefined;
  const add = (e: Entry) => {
    used = { tokens: used.tokens + e.promptTokens + e.tokens, money: used.money + e.cost };
  };
  for (const e of before) add(e);
  const worst = (ask: Ask) => ({
    tokens: ask.tokens + plan.reserve + ask.node.cap,
    money:
      ((ask.tokens + plan.reserve) * policy.price.prompt + ask.node.cap * policy.price.completion) /
      1e6,
  });
  const rate = () => now.tokens / ((performance.now() - began) / 1000);
  const have = new Set(before.map((e) => e.node));
  return {
    stop: (reason: string) => void (why ??= reason),
    why: () => why,
    used: () => used,
    now: () => ({ ...now, seconds: (performance.now() - began) / 1000, rate: rate() }),
    began: (ask: Ask) => void underWay.set(ask.node.id, worst(ask)),
    ended: (entry: Entry) => {
      underWay.delete(entry.node);
      have.add(entry.node);
      add(entry);
      now = {
        nodes: now.nodes + 1,
        tokens: now.tokens + entry.promptTokens + entry.tokens,
        seconds: now.seconds + entry.seconds,
      };
      const left = forecast(
        plan,
        [...plan.nodes.values()].filter((n) => !have.has(n.id)),
        {
          price: policy.price,
          tokensPerSecond: rate(),
        },
      );
      const cost =
        policy.price.completion > 0
          ? `, ${money(used.money)} of about ${money(used.money + left.money)}`
          : "";
      progress(
        have.size,
        plan.nodes.size,
        `nodes, ${count(rate())} tokens/s, ${lasts(left.seconds ?? 0)} left${cost}`,
      );
    },
    /** A node is begun only if it and all that is under way fit the budget at their worst. */
    stopped: (ask: Ask): boolean => {
      if (why !== undefined) return true;
      const open = [...underWay.values(), worst(ask)];
      const sum = (of: "tokens" | "money") => open.reduce((s, x) => s + x[of], used[of]);
      if (o.tokens !== undefined && sum("tokens") > o.tokens)
        why = `the budget of ${count(o.tokens)} tokens`;
      else if (o.money !== undefined && sum("money") > o.money)
        why = `the budget of ${money(o.money)}`;
      else if (o.minutes !== undefined && performance.now() - began > 60_000 * o.minutes)
        why = `the budget of ${o.minutes} minutes`;
      return why !== undefined;
    },
  };
}

function report(
  plan: Plan,
  outputs: ReadonlyMap<string, Output>,
  watch: ReturnType<typeof watcher>,
): void {
  const { nodes, tokens, seconds, rate } = watch.now();
  const used = watch.used();
  console.log(
    `\n${count(outputs.size)} of ${count(plan.nodes.size)} nodes, ${count(nodes)} of them in this start: ${count(tokens)} tokens in ${lasts(seconds)}, ${count(nodes ? rate : 0)} a second; ` +
      `in all ${count(used.tokens)} tokens${used.money > 0 ? `, ${money(used.money)}` : ""}; ${count(process.memoryUsage().rss / 1e6)} MB`,
  );
  const drifted = [...outputs.values()].filter((x) => x.standing !== "current").length;
  if (drifted > 0)
    console.log(
      `${count(drifted)} are kept that were made beside other summaries or by another policy (--redo drifted, --redo all)`,
    );
  const silent = [...outputs.values()].filter((x) => !x.entry.text.trim()).length;
  if (silent > 0)
    console.log(
      `${count(silent)} of ${count(outputs.size)} nodes wrote nothing, as front matter may; of a story's pages it is a fault of the model or its prompt.`,
    );
  const best = bestSoFar(plan, outputs);
  const why = watch.why();
  if (outputs.has(plan.root.id)) console.log(`\n${outputs.get(plan.root.id)!.entry.text}`);
  else {
    console.log(
      `Not whole${why ? `: stopped by ${why}` : ""}. The best so far, ${count(best.length)} summaries that cover what was read; the same command goes on.`,
    );
    for (const n of best.toSorted((a, b) => b.height - a.height || a.index - b.index).slice(0, 5))
      console.log(`\n[${n.id}] ${outputs.get(n.id)!.entry.text}`);
  }
}
