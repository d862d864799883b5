/** The report is one file: nothing is fetched, and text from models cannot become markup. */
import { expect, test } from "vitest";
import { ExperimentId, NewReport, Report } from "@tiller/schema";
import { renderReport } from "./report.ts";

const report = Report.parse({
  experiment: ExperimentId.parse("e"),
  createdAt: "2026-01-01T00:00:00.000Z",
  seed: 1,
  ...NewReport.parse({
    title: "A <b>title</b>",
    summary: [
      { name: "winRate", label: "Wins", value: 0.75, unit: "fraction", low: 0.3, high: 0.95 },
      { name: "kl", label: "KL", value: 9, unit: "nats", help: "How far <it> moved." },
      { name: "unknown", label: "Unknown", value: null },
    ],
    blocks: [
      { kind: "prose", title: "In <short>", text: "One paragraph.\n\nAnother & more." },
      {
        kind: "table",
        title: "Arms",
        columns: [
          { label: "Arm" },
          { label: "Wins", unit: "fraction" },
          { label: "KL", unit: "nats" },
        ],
        rows: [
          ["base", null, 0],
          ["policy", { value: 0.75, low: 0.3, high: 0.95 }, 9.25],
        ],
      },
      {
        kind: "curve",
        title: "Loss",
        x: { label: "step" },
        y: { label: "loss" },
        lines: [{ label: "training", points: [[1, 0.7], [2, 0.6]] }], // prettier-ignore
      },
      {
        kind: "curve",
        title: "Score",
        x: { label: "step" },
        y: { label: "score" },
        lines: [{ label: "score", points: [] }],
      },
      {
        kind: "samples",
        columns: ["Base"],
        rows: [{ prompt: "p", texts: [{ text: "<script>alert(1)</script>", score: 0.5 }] }],
      },
    ],
  }),
});

test("holds its numbers, fetches nothing, and escapes what models wrote", () => {
  const html = renderReport(report);
  for (const part of [
    "<b>75 %</b>",
    "95 %: 30 % to 95 %",
    "<b>9 nats</b>",
    "<dt>KL</dt><dd>How far &lt;it&gt; moved.</dd>",
    "<b>–</b>",
    "A &lt;b&gt;title",
    "In &lt;short&gt;",
    "Another &amp; more.",
    '<td>75 % <span class="quiet">(30 % to 95 %)</span></td><td>9.25</td>',
    "<th>KL, nats",
    "&lt;script&gt;alert(1)",
    "<polyline",
  ])
    expect(html).toContain(part);
  expect(html).not.toMatch(/<script|src=|href=|url\(|@import/);
  expect(html).toContain("No points."); // an empty curve says so
  expect(html.match(/class="plots"/g)).toHaveLength(1); // curves that follow each other stand side by side
});

test("a table whose rows do not fit its columns, a number that is none, a name that is none: named", () => {
  const wrong = (blocks: unknown[], summary: unknown[] = []) =>
    NewReport.safeParse({ blocks, summary }).error?.issues[0];
  const columns = [{ label: "a" }, { label: "b" }];
  expect(wrong([{ kind: "table", columns, rows: [["x", 1], ["x"]] }])).toMatchObject({
    path: ["blocks", 0, "rows", 1],
    message: "has 1 cells, and there are 2 columns",
  });
  expect(wrong([{ kind: "table", columns, rows: [["x", Number.NaN]] }])?.path).toContain("rows");
  const metric = { name: "win rate", label: "Wins", value: 1 };
  expect(wrong([], [metric])?.message).toBe("is letters, digits, dots and hyphens, up to 60");
});
