/**
 * Our side of bench/learn: one job of one tree's code, as it is. argv: the tree, the work as JSON, the folders of the base and
 * of the reward model, the data. "go N" on stdin -> N steps and their stages in seconds, "memory" -> the peak.
 */
import { existsSync, mkdtempSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { z } from "zod";
import { type Data, sizes } from "./models.ts";
import { stages, type Work } from "./works.ts";

const [tree, workJson, base, reward, dataFile] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const work = JSON.parse(workJson) as Pick<Work, "job" | "epochs" | "critic">;
const data = JSON.parse(readFileSync(dataFile, "utf8")) as Data;
const answer = (x: object) => console.log(JSON.stringify(x));

const { batch, length, episodes, query, response } = sizes;
const never = 1_000_000_000;
const steps = { batch, epochs: 100_000, validation: 0, evalEvery: never, saveEvery: never };
const policy = {
  config: {
    iterations: 1_000_000,
    batch: episodes,
    minibatch: episodes,
    epochs: work.epochs,
    stopKl: never,
    saveEvery: never,
    samplesEvery: never,
  },
  continuation: { maxTokens: response, minTokens: response, temperature: 1 },
  reward,
  prompts: "rows",
  maxPrompt: query,
};
const group = { ...policy, config: { ...policy.config, group: 8 } };
const { validation: _, evalEvery: __, ...ktoSteps } = steps;
const pairs = data.pairs.map((p) => ({ ...p, passage: p.prompt, a: p.rejected, b: p.chosen }));
/** The input of each job beside base and seed, and the rows it asks for. */
const asked: Readonly<Record<Work["job"], readonly [input: object, rows: readonly object[]]>> = {
  sft: [
    { config: { ...steps, loss: "whole" }, demonstrations: "rows", maxTokens: length },
    data.pairs.map((p) => ({ text: p.prompt + p.chosen })),
  ],
  reward: [
    { config: steps, pairs: "rows", maxTokens: length },
    pairs.map(({ passage, a, b }) => ({ task: "", passage, a, b, pB: 1, judgments: [] })),
  ],
  dpo: [{ config: steps, pairs: "rows", maxTokens: length }, data.pairs],
  kto: [
    { config: ktoSteps, thumbs: "rows", maxTokens: length },
    data.pairs.flatMap((p) => [
      { prompt: p.prompt, completion: p.chosen, label: true },
      { prompt: p.prompt, completion: p.rejected, label: false },
    ]),
  ],
  grpo: [group, data.queries.map((prompt) => ({ prompt }))],
  rloo: [group, data.queries.map((prompt) => ({ prompt }))],
  ppo: [
    { ...policy, config: { ...policy.config, ...(work.critic && { critic: work.critic }) } },
    data.queries.map((prompt) => ({ prompt })),
  ],
};

type Timed = Record<string, number>;
let [left, began] = [3, 0]; // three steps to warm up
let timed: Timed[] | undefined;
const input = Buffer.alloc(256);
const nothing = new Int32Array(new SharedArrayBuffer(4));
/** What stands on stdin, waited for without giving the job a turn; empty at its end. */
function waitForLine(): string {
  for (;;)
    try {
      return input.toString("utf8", 0, readSync(0, input)).trim();
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== "EAGAIN") throw e;
      Atomics.wait(nothing, 0, 0, 10);
    }
}
/** A step ended: its time; and, when as many as asked for are done, the answer and the wait for the next line. */
function stepped(metrics: Readonly<Record<string, number>>): void {
  const seconds = (performance.now() - began) / 1000;
  const told = stages.flatMap((s) => (metrics[s] === undefined ? [] : [[s, metrics[s]] as const]));
  timed?.push({ seconds, ...Object.fromEntries(told) });
  if (--left === 0) {
    answer(timed ? { steps: timed } : { ready: true });
    while (left === 0) {
      const line = waitForLine();
      if (line === "") end();
      if (line === "memory") {
        const peak = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
        answer({ peakMB: Number(peak) / 1024 });
      } else [left, timed] = [Number(line.split(" ")[1]), []];
    }
  }
  began = performance.now();
}

const dir = mkdtempSync(path.join(tmpdir(), "tiller-bench-learn-"));
function end(): never {
  rmSync(dir, { recursive: true, force: true });
  process.exit(0);
}
const file = path.join(tree, "packages/learn", `${work.job}.ts`);
if (!existsSync(file)) {
  answer({ absent: `${tree} has no ${work.job} job` });
  end();
}
interface Job {
  readonly input: z.ZodType<object>;
  run(input: object, job: object): Promise<unknown>;
}
const job = ((await import(file)) as Record<string, Job>)[`${work.job}Job`]!;
const [own, rows] = asked[work.job];
const parsed = job.input.safeParse({ ...own, base, seed: 1 });
if (parsed.success)
  await job.run(parsed.data, {
    dir,
    out: path.join(dir, "out"),
    home: dir,
    checkpoint: (id: string) => id,
    rows: async (_id: string, Row: z.ZodType) => rows.map((r) => Row.parse(r)),
    metric: (_step: number, values: Record<string, number>) => stepped(values),
    ...Object.fromEntries(
      ["progress", "sample", "distribution", "fault"].map((name) => [name, () => {}]),
    ),
    signal: new AbortController().signal,
  });
else answer({ absent: `${tree} does not know this work: ${z.prettifyError(parsed.error)}` });
end();
