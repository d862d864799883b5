/** What jobs write and pages read: samples again after a crash, with tokens; distributions and curves over many steps. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Artefact, ExperimentId, rng, RunId, type Sample } from "@tiller/schema";
import { openStore, type Store } from "@tiller/store";
import { curvesOf, metricsCsv } from "./curves.ts";
import { addMetrics, createExperiment, endRun, startRun } from "./lab.ts";
import { addDistributions, addSamples, getSample, listHistograms, listSamples } from "./samples.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-samples-"));
const run = RunId.parse("one.ppo");
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
  const experiment = { id: "one", recipe: "r@1", title: "r", seed: 1, config: {}, stages: [] };
  await createExperiment(store.db, experiment);
  const inputs: Artefact[] = [];
  const of = { id: run, experiment: ExperimentId.parse("one"), kind: "ppo", codeRevision: "r" };
  await startRun(store.db, { ...of, config: {}, inputs, metrics: {} });
}, 60_000);
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

test("a sample keeps its tokens for itself, and a step that is taken again replaces it", async () => {
  const tokens = [{ text: " sea", logprob: -1.5, refLogprob: -2, reward: 0.5 }];
  const sample: Sample = {
    id: "one.ppo-5-0",
    run,
    checkpoint: null,
    step: 5,
    prompt: "The",
    text: " lake",
    scores: { reward: 1 },
    pick: "fixed",
    tokens: null,
  };
  await addSamples(store.db, [sample]);
  await addSamples(store.db, [{ ...sample, text: " sea", tokens }]);
  expect(await getSample(store.db, sample.id)).toEqual({ ...sample, text: " sea", tokens });
  const [listed, ...more] = await listSamples(store.db, { experiment: "one", limit: 10 });
  expect(listed).toEqual({ ...sample, text: " sea", tokens: null });
  expect(more).toEqual([]);
});

test("distributions have the same bins over a run, and of many steps some with the first and last", async () => {
  const spread = Array.from({ length: 200 }, (_, i) => ({
    step: i + 1,
    name: "reward",
    values: [0, 10 - (i + 1) / 20, 10],
  }));
  await addDistributions(store.db, run, spread);
  await addDistributions(store.db, run, [{ step: 3, name: "flat", values: [2, 2] }]);
  const [flat, reward] = await listHistograms(store.db, run);
  expect(flat).toMatchObject({ name: "flat", low: 2, high: 2, steps: [{ step: 3 }] });
  expect(flat!.steps[0]!.counts[0]).toBe(2);
  expect(reward).toMatchObject({ low: 0, high: 10 });
  const steps = reward!.steps.map((s) => s.step);
  expect([steps.length, steps[0], steps.at(-1)]).toEqual([60, 1, 200]);
  const last = reward!.steps.at(-1)!.counts;
  expect([last[0], last.at(-1), last.reduce((a, b) => a + b)]).toEqual([2, 1, 3]);
});

test("a short run's curve is every step; of a long one steps are put together and keep their extremes", async () => {
  const points = Array.from({ length: 1000 }, (_, i) => ({
    step: i,
    values: { flat: 2, ...(i % 10 === 0 && { rare: i }), ...(i === 333 && { spike: 99 }) },
  }));
  await addMetrics(store.db, run, points);
  const [whole] = await curvesOf(store.db, { runs: [run], metrics: ["rare"], points: 2000 });
  expect(whole!.steps).toBe(1000);
  expect(whole!.curves).toEqual([
    { metric: "rare", steps: steps(100, 10), values: steps(100, 10) },
  ]);
  const [thin] = await curvesOf(store.db, { runs: [run], points: 50 });
  const curve = (name: string) => thin!.curves.find((c) => c.metric === name)!;
  expect(curve("flat")).toMatchObject({ low: steps(50, 0, 2), high: steps(50, 0, 2) });
  expect(curve("flat").steps).toEqual(steps(50, 20, 19));
  expect(curve("rare").values.slice(0, 2)).toEqual([5, 25]);
  expect([curve("rare").low![0], curve("rare").high![0]]).toEqual([0, 10]);
  expect(curve("spike")).toMatchObject({ steps: [333], values: [99] });
  let csv = "";
  for await (const piece of metricsCsv(store.db, run)) csv += piece;
  expect(csv.split("\n").slice(0, 3)).toEqual(["step,flat,rare,spike", "0,2,0,", "1,2,,"]);
  expect(csv.split("\n")).toHaveLength(1002);
});
test("a thinned curve is the whole one's means, extremes and last steps, whatever the steps and holes", async () => {
  const drawn = rng(7, "curves");
  const names = ["every", "some", "end"];
  const shapes = [1, 7, 60, 61, 997].map((length) => {
    let step = 0;
    const points = Array.from({ length }, (_, i) => {
      step += 1 + Math.floor(drawn.next() * 3) * Math.floor(drawn.next() * 40); // some steps are not logged
      const values = {
        every: 1e-3 * i + drawn.next() * 1e6,
        ...(drawn.next() < 0.2 && { some: -drawn.next() }),
      };
      return {
        step,
        values: { ...values, ...(i === length - 1 && { end: i }) } as Record<string, number>,
      };
    });
    return { id: RunId.parse(`one.long-${length}`), points };
  });
  for (const { id, points } of shapes) {
    const of = { id, experiment: ExperimentId.parse("one"), kind: "ppo", codeRevision: "r" };
    await startRun(store.db, { ...of, config: {}, inputs: [], metrics: {} });
    await addMetrics(store.db, id, points);
  }
  const runs = shapes.map((s) => s.id);
  for (const [places, ended] of [
    [60, false],
    [13, false],
    [60, true],
    [13, true],
  ] as const) {
    if (ended) for (const id of runs) await endRun(store.db, id, { state: "done" });
    const thin = await curvesOf(store.db, { runs, metrics: names, points: places });
    expect(thin.map((t) => t.steps)).toEqual([1, 7, 60, 61, 997]);
    for (const [at, { points }] of shapes.entries()) {
      // of kept curves whole places are put together
      const kept = Math.ceil(points.length / 400);
      const each = ended
        ? kept * Math.ceil(Math.ceil(points.length / kept) / places)
        : Math.ceil(points.length / places);
      const groups = Object.values(
        Object.groupBy(
          points.map((p, i) => ({ ...p, i })),
          (p) => Math.floor(p.i / each),
        ),
      );
      for (const name of names) {
        const whole = groups.flatMap((g) => {
          const of = g!.filter((p) => p.values[name] !== undefined);
          return of.length
            ? [{ step: of.at(-1)!.step, values: of.map((p) => p.values[name]!) }]
            : [];
        });
        const curve = thin[at]!.curves.find((c) => c.metric === name);
        expect(curve?.steps ?? []).toEqual(whole.map((w) => w.step));
        for (const [i, { values }] of whole.entries()) {
          const digits = (x: number) => Number(x.toPrecision(6));
          const mean = values.reduce((a, b) => a + b) / values.length;
          expect(Math.abs(curve!.values[i]! - mean)).toBeLessThanOrEqual(1e-5 * Math.abs(mean));
          const band =
            each === 1
              ? [undefined, undefined]
              : [Math.min(...values), Math.max(...values)].map(digits);
          expect([curve!.low?.[i], curve!.high?.[i]]).toEqual(band);
        }
      }
    }
  }
});
const steps = (n: number, by: number, from = 0) =>
  Array.from({ length: n }, (_, i) => from + i * by);
