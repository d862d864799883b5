/** The report is one file: nothing is fetched, and text from models cannot become markup. */
import { expect, test } from "vitest";
import { ExperimentId, type Report, StoredReport } from "@tiller/schema";
import { renderReport } from "./report.ts";

const arm = {
  arm: "policy",
  n: 4,
  winRate: 0.75,
  winRateLow: 0.3,
  winRateHigh: 0.95,
  reward: 1,
  preference: 1,
  kl: 9,
  length: 20,
  distinct1: 0.5,
  distinct2: 0.8,
};
const report: Report = {
  experiment: ExperimentId.parse("e"),
  title: "A <b>title</b>",
  createdAt: "2026-01-01T00:00:00.000Z",
  seed: 1,
  summary: {
    seconds: 90,
    rewardAccuracy: 0.7,
    winRate: 0.75,
    kl: 9,
    distinct2Ratio: 0.8,
    judgments: 12,
    carelessFound: [],
  },
  table: [arm],
  bestOfN: [
    { n: 1, kl: 0, reward: 0, preference: 0, winRate: 0.5 },
    { n: 2, kl: 0.19, reward: 0.4, preference: 0.2, winRate: 0.55 },
  ],
  sideBySide: [
    {
      passage: "p",
      base: "<script>alert(1)</script>",
      policy: "q",
      basePreference: 0,
      policyPreference: 1,
    },
  ],
  rewardModel: {
    accuracy: 0.7,
    low: 0.5,
    high: 0.8,
    n: 10,
    curve: [
      { step: 1, values: { loss: 0.7 } },
      { step: 2, values: { loss: 0.6 } },
    ],
  },
  ppo: [],
  raters: [],
};

test("holds its numbers, fetches nothing, and escapes what models wrote", () => {
  const html = renderReport(report);
  for (const part of [
    "75 %",
    "9.0 nats",
    "A &lt;b&gt;title",
    "&lt;script&gt;alert(1)",
    "<polyline",
  ])
    expect(html).toContain(part);
  expect(html).not.toMatch(/<script|src=|href=|url\(|@import/);
  expect(html).toContain("No points."); // an empty curve says so
});

test("a report of an old home, which calls the simulated preference a taste, is read as the same", () => {
  const old: unknown = JSON.parse(
    JSON.stringify(report)
      .replaceAll('"preference":', '"taste":')
      .replaceAll('"basePreference":', '"baseTaste":')
      .replaceAll('"policyPreference":', '"policyTaste":'),
  );
  expect(old).toMatchObject({
    table: [{ taste: 1 }],
    sideBySide: [{ baseTaste: 0, policyTaste: 1 }],
  });
  expect(StoredReport.parse(old)).toEqual(report);
  expect(StoredReport.parse(report)).toEqual(report);
});
