/** What the bench measures, the same for us and for bare DBOS. */
import { createInterface } from "node:readline";
import { z } from "zod";

export const load = {
  /** workflows at once, and recorded steps in each */
  workflows: 20,
  steps: 500,
  /** children that one parent starts together */
  children: 1000,
  /** questions answered one after the other */
  answers: 300,
} as const;

export const Throughput = z.strictObject({
  stepsPerSecond: z.number(),
  childrenPerSecond: z.number(),
  /** the process's work for each, in milliseconds: less moved by what else the machine does */
  stepCpu: z.number(),
  childCpu: z.number(),
});
export type Throughput = z.infer<typeof Throughput>;
export const Latency = z.strictObject({ p50: z.number(), p99: z.number() });
export const Parked = z.strictObject({ rssMB: z.number(), commitsPerSecond: z.number() });
export const Recovered = z.strictObject({ seconds: z.number() });

/** Measures once whenever a line comes in, so that two processes take turns; prints what it saw. */
export async function inTurns(measure: () => Promise<unknown>): Promise<void> {
  console.log("{}"); // ready
  for await (const _ of createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await measure()));
}
const measured = async (n: number, act: () => Promise<unknown>) => {
  const began = performance.now();
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (1000 * n) / (performance.now() - began), cpu: (user + system) / 1000 / n };
};
export async function throughput(o: {
  steps: () => Promise<unknown>;
  children: () => Promise<unknown>;
}): Promise<Throughput> {
  const step = await measured(load.workflows * load.steps, o.steps);
  const child = await measured(load.children, o.children);
  return {
    stepsPerSecond: step.perSecond,
    childrenPerSecond: child.perSecond,
    stepCpu: step.cpu,
    childCpu: child.cpu,
  };
}
