/**
 * npm run bench -- quality [--answers 100000] [--json]: aggregation and agreement of many answers, in this process, after
 * one round to warm up; the median of five. Synthetic: 300 people of known skill, three classes, five answers a task.
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { agreementWithin, labelTable, methods, streaming } from "@tiller/crowd";
import { rng } from "@tiller/schema";
import { median } from "@tiller/crowd/statistics.ts";

const { values } = parseArgs({
  options: {
    answers: { type: "string", default: "100000" },
    json: { type: "boolean", default: false },
  },
});
const wanted = Number(values.answers);
const labels = ["a", "b", "tie"];
const random = rng(1, "bench quality");
const skill = Array.from({ length: 300 }, () => 0.55 + 0.4 * random.next());
const truth: string[] = [];
const rows = Array.from({ length: Math.ceil(wanted / 5) }, (_, i) => {
  truth.push(random.choose(labels));
  const people = new Set<number>();
  while (people.size < 5) people.add(random.int(skill.length));
  return [...people].map((w) => ({
    task: `task-${i}`,
    worker: `w${w}`,
    label: random.next() < skill[w]! ? truth[i]! : random.choose(labels),
  }));
}).flat();

const times = new Map<string, { wall: number[]; cpu: number[] }>();
function timed<T>(name: string, f: () => T): T {
  const [cpu, began] = [process.cpuUsage(), performance.now()];
  const result = f();
  const t = times.get(name) ?? { wall: [], cpu: [] };
  t.wall.push((performance.now() - began) / 1000);
  const { user, system } = process.cpuUsage(cpu);
  t.cpu.push((user + system) / 1e6);
  times.set(name, t);
  return result;
}
for (let round = 0; round < 6; round++) {
  if (round === 1) times.clear();
  const t = timed("packing", () => labelTable(rows));
  timed("Dawid-Skene", () => methods["dawid-skene"].infer(t));
  timed("one-coin", () => methods["one-coin"].infer(t));
  timed("majority", () => methods.majority.infer(t));
  timed("agreement with intervals", () => agreementWithin(t));
  const live = streaming(labels);
  live.add(rows);
  timed("one more answer, streaming", () =>
    live.add([{ task: `task-${round}`, worker: `w${round}`, label: "a" }]),
  );
}
const results = [...times].map(([name, t]) => ({
  name,
  seconds: median(t.wall),
  cpuSeconds: median(t.cpu),
}));
if (values.json)
  console.log(
    JSON.stringify({
      answers: rows.length,
      load: os.loadavg()[0],
      cpus: os.cpus().length,
      results,
    }),
  );
else {
  console.log(
    `${rows.length} answers; load ${os.loadavg()[0]!.toFixed(1)} on ${os.cpus().length} CPUs\n`,
  );
  for (const r of results)
    console.log(
      `${r.name.padEnd(28)} ${r.seconds.toFixed(4)} s, ${r.cpuSeconds.toFixed(4)} s of CPU`,
    );
}
