/** The published figures on public data, and how sure Bradley-Terry scores are. */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { rng } from "@tiller/schema";
import { median } from "./statistics.ts";
import { agreementWithin } from "./agreement.ts";
import { bradleyTerry, type Compared } from "./bradley-terry.ts";
import { scoreIntervals } from "./bradley-terry-intervals.ts";
import { comparePairModels } from "./compare-models.ts";
import { screening } from "./screening.ts";

const data = new URL("../../../shared/data/", import.meta.url);
const lines = (bytes: Buffer) => bytes.toString().trim().split(/\r?\n/);

test("intervals of scores cover the truth about as often as they say", () => {
  const random = rng(21, "intervals");
  let [covered, all] = [0, 0];
  for (let round = 0; round < 12; round++) {
    const truth = Array.from({ length: 20 }, () => 1.5 * random.normal());
    const rows = Array.from({ length: 500 }, (): Compared => {
      const [i, j] = random.shuffle([...truth.keys()]) as [number, number];
      const p = 1 / (1 + Math.exp(truth[i]! - truth[j]!));
      return { rater: "r", a: `${i}`, b: `${j}`, choice: random.next() < p ? "b" : "a" };
    });
    const intervals = scoreIntervals(rows, bradleyTerry(rows, { raters: false }));
    const level = truth.reduce((a, b) => a + b, 0) / truth.length; // comparisons say nothing of it
    for (const [i, at] of truth.entries()) {
      const x = at - level;
      const { low, high } = intervals.get(`${i}`)!;
      if (low <= x && x <= high) covered++;
      all++;
    }
  }
  expect(covered / all).toBeGreaterThan(0.9);
});

test("an item that is compared more often is surer; groups that never met are apart", () => {
  const one = { rater: "r", a: "x", b: "y", choice: "b" } as const;
  const rows = [...Array.from({ length: 30 }, () => one), { ...one, a: "p", b: "q" }];
  const intervals = scoreIntervals(rows, bradleyTerry(rows, { raters: false }));
  expect(intervals.get("y")!.sd).toBeLessThan(intervals.get("q")!.sd);
  expect(intervals.get("q")!.sd).toBeLessThan(1.5); // the prior's
});

describe.skipIf(!existsSync(data))("public data (skipped where it is absent)", () => {
  test("D_PosSent: the screening test correlates with accuracy by 0.85 or more, and the bar of 80 % parts people", () => {
    const file = (name: string) => readFileSync(new URL(`crowd/D_PosSent/${name}`, data));
    const labels = (bytes: Buffer) =>
      lines(bytes)
        .slice(1)
        .map((l) => {
          const [task, worker, label] = l.split(",") as [string, string, string];
          return { task, worker, label };
        });
    const truth = (name: string) =>
      new Map(
        lines(file(name))
          .slice(1)
          .map((l) => l.split(",").slice(0, 2) as [string, string]),
      );
    const found = screening(
      { answers: labels(file("screening.csv")), truth: truth("screening-truth.csv") },
      { answers: labels(gunzipSync(file("answers.csv.gz"))), truth: truth("truth.csv") },
    );
    expect(found.people).toBe(85);
    expect(found.correlation.at).toBeGreaterThanOrEqual(0.85);
    expect(found.correlation.low).toBeGreaterThan(0.7);
    expect(found.passed.low).toBeGreaterThan(found.failed.high);
  });

  const Row = z.object({
    a: z.string(),
    b: z.string(),
    worker: z.string(),
    hit: z.string(),
    accepted: z.string(),
    submitted: z.string(),
    choice: z.enum(["a1", "a2", "equal"]),
  });
  const judgments = () =>
    lines(gunzipSync(readFileSync(new URL("convincing-arguments/judgments.jsonl.gz", data)))).map(
      (l) => Row.parse(JSON.parse(l)),
    );

  test("UKPConvArg1: people agree on 73 % without ties; a set takes 180 s in the median (166 over all topics, of which this is half)", () => {
    const rows = judgments();
    const { raw } = agreementWithin(
      rows
        .filter((r) => r.choice !== "equal")
        .map((r) => ({ task: `${r.a} ${r.b}`, worker: r.worker, label: r.choice })),
      { resamples: 100 },
    );
    expect(raw.at).toBeCloseTo(0.73, 2);
    expect(raw.high - raw.low).toBeLessThan(0.03);
    const at = (s: string) => Date.parse(s.replace(/ (\d\d:\d\d:\d\d(?:\.\d+)?) UTC/, "T$1Z"));
    const sets = new Map(
      rows.map((r) => [`${r.hit} ${r.worker}`, (at(r.submitted) - at(r.accepted)) / 1000]),
    );
    expect(median(sets.values())).toBe(180);
  });

  test("MT-Bench: people agree on .655 of votes with ties a class of their own, on .827 of decided ones", () => {
    const Vote = z.object({
      item: z.string(),
      modelA: z.string(),
      modelB: z.string(),
      winner: z.enum(["model_a", "model_b", "tie"]),
      by: z.string(),
    });
    const votes = lines(
      gunzipSync(readFileSync(new URL("preferences/mtbench-votes.jsonl.gz", data))),
    ).map((l) => {
      const v = Vote.parse(JSON.parse(l));
      // two models are one pair whichever answered first
      const models = [v.modelA, v.modelB].toSorted();
      const won = { model_a: v.modelA, model_b: v.modelB, tie: undefined }[v.winner];
      const label = won === undefined ? "tie" : won === models[0] ? "first" : "second";
      return { task: `${v.item} ${models.join(" ")}`, worker: v.by, label };
    });
    const raw = (of: typeof votes) => agreementWithin(of, { resamples: 20 }).raw.at.toFixed(3);
    expect(raw(votes)).toBe("0.655");
    expect(raw(votes.filter((v) => v.label !== "tie"))).toBe("0.827");
  });

  test("UKPConvArg1: noisy Bradley-Terry beats plain Bradley-Terry and majority in held-out log-loss; the intervals exclude 0", () => {
    const rows = judgments().map((r): Compared => {
      const choice = ({ a1: "a", a2: "b", equal: "tie" } as const)[r.choice];
      return { rater: r.worker, a: r.a, b: r.b, choice };
    });
    const models = comparePairModels(rows, {
      names: ["noisy", "bradley-terry", "majority"],
      folds: 3,
    });
    for (const m of models.slice(1)) expect(m.low).toBeGreaterThan(0);
  }, 120_000);
});
