import { MessageChannel, Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import koffi from "koffi";
import { rng } from "@tiller/schema";
import { DONE, grains, type Job, NEXT, work } from "./fused-kernel.ts";
import { fusedAdamW, type Sent } from "./fused.ts";
import { Optimiser } from "./optimisers.ts";
import { State } from "./program.ts";

const sizes = [300_001, 7, 262_144, 131_073]; // grains are of 131,072
const values = [0.5, 0.9, 0.1, 0.95, 0.05, 1e-8, 1e-3, 0.999];
const jobs = (seed: string): Job[] => {
  const random = rng(3, seed);
  const array = (n: number, scale: number) =>
    Float32Array.from({ length: n }, () => random.next() * scale);
  return sizes.map((n) => ({
    w: array(n, 1),
    m: array(n, 0.1),
    v: array(n, 0.01),
    g: array(n, 1),
    values,
  }));
};
const counters = () => new Int32Array(new SharedArrayBuffer(8));

test("a thread alone does every grain, to the bit as this one does", async () => {
  const [here, there] = [jobs("a"), jobs("a")];
  work(here, counters());
  const { port1, port2 } = new MessageChannel();
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(new URL("./fused-thread.ts", import.meta.url), {
    workerData: { port: port2, bell },
    transferList: [port2],
  });
  const shared = counters();
  const at = there
    .flatMap((j) => [j.w, j.m, j.v, j.g])
    .map((x) => [koffi.address(x), x.byteLength] as const);
  port1.postMessage({ at, values: there.map((j) => j.values), counters: shared } satisfies Sent);
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
  const all = grains(there);
  expect(all).toBe(3 + 1 + 2 + 2);
  for (let done = 0; done < all; done = Atomics.load(shared, DONE))
    expect(Atomics.wait(shared, DONE, done, 20_000)).not.toBe("timed-out");
  expect(there).toEqual(here);
  expect(here[0]!.w).not.toEqual(jobs("a")[0]!.w);
  // what comes too late finds nothing left, and touches nothing
  const late = jobs("a");
  work(late, shared);
  expect(late).toEqual(jobs("a"));
  expect(Atomics.load(shared, NEXT)).toBeGreaterThanOrEqual(all);
  await thread.terminate();
  port1.close();
});

test("many parameters at once, shared among threads, step as one at a time", async () => {
  const o = Optimiser.parse({ kind: "adamw", weightDecay: 0.1 });
  if (o.kind !== "adamw") throw new Error("not AdamW");
  const names = sizes.map((_, i) => `p${i}`);
  const fill = () => {
    const state = new State();
    jobs("b").forEach(({ w, g }, i) => {
      state.set(`p${i}`, [w.length], w);
      state.set(`g:p${i}`, [g.length], g);
    });
    return state;
  };
  const [together, apart] = [fill(), fill()];
  for (let t = 1; t <= 8; t++) {
    const at = { t, lr: 0.01, scale: 0.7 };
    fusedAdamW(together, names, o, at);
    for (const name of names) fusedAdamW(apart, [name], o, at); // each below what threads share
    if (t === 4) await new Promise((resolve) => setTimeout(resolve, 200)); // the threads are up
  }
  for (const name of names)
    for (const kind of ["", "m:", "v:"])
      expect(together.get(kind + name).data, kind + name).toEqual(apart.get(kind + name).data);
});
