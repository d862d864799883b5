/**
 * What an experiment found: a summary of named metrics, and a report of typed blocks. A recipe writes both with
 * `flow.report`; the studio, the report's file, the terminal and comparisons of experiments draw any of them.
 */
import { z } from "zod";
import { ExperimentId } from "./ids.ts";

/** How a number is said. `fraction` reads as per cent, `s` as a length of time; any other unit stands behind the number. */
const unit = z.string().max(40).default("").describe('"fraction", "s", "nats", "" for a plain one');
const better = z.enum(["up", "down"]).nullable().default(null).describe("null: neither");
const bound = z.number().nullable().default(null).describe("of the 95 % interval; null: not known");
const title = z.string().max(200).default("");
const note = z.string().max(2000).default("").describe("one line of what it is of, or how it came");

/** One figure that an experiment is judged by. */
export const SummaryMetric = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,59}$/, "is letters, digits, dots and hyphens, up to 60")
    .describe("stable: experiments are compared by it"),
  label: z.string().min(1).max(80),
  value: z.number().nullable().describe("null: it could not be measured"),
  unit,
  low: bound,
  high: bound,
  better,
  note,
  help: z
    .string()
    .max(1000)
    .optional()
    .describe("what the figure is and how it reads, for newcomers"),
});
export type SummaryMetric = z.output<typeof SummaryMetric>;
/** In the order that they are read. */
export const Summary = z.array(SummaryMetric).max(40);
export type Summary = z.output<typeof Summary>;

const Cell = z.union([
  z.string(),
  z.number(),
  z.null(),
  z.strictObject({ value: z.number(), low: z.number(), high: z.number() }),
]);
export type Cell = z.infer<typeof Cell>;
const Axis = z.strictObject({ label: z.string().max(80), unit });

export const ReportBlock = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("figure"), metrics: Summary, title, note }),
  z
    .strictObject({
      kind: z.literal("table"),
      columns: z
        .array(z.strictObject({ label: z.string().max(80), unit, better }))
        .min(1)
        .max(40),
      rows: z.array(z.array(Cell)).max(10_000).describe("a cell a column"),
      title,
      note,
    })
    .superRefine(({ columns, rows }, c) => {
      const odd = rows.findIndex((r) => r.length !== columns.length);
      if (odd >= 0)
        c.addIssue({
          code: "custom",
          path: ["rows", odd],
          message: `has ${rows[odd]!.length} cells, and there are ${columns.length} columns`,
        });
    }),
  z.strictObject({
    kind: z.literal("curve"),
    x: Axis,
    y: Axis,
    lines: z
      .array(
        z.strictObject({
          label: z.string().max(80),
          points: z.array(z.tuple([z.number(), z.number()])).max(100_000),
          dots: z.boolean().default(false).describe("each point is marked: few, or measured apart"),
        }),
      )
      .min(1)
      .max(12),
    title,
    note,
  }),
  z.strictObject({
    kind: z.literal("samples"),
    columns: z.array(z.string().max(80)).min(1).max(8).describe("who wrote what stands in it"),
    rows: z
      .array(
        z.strictObject({
          prompt: z.string(),
          texts: z
            .array(
              z.strictObject({
                text: z.string(),
                score: z.number().nullable().default(null),
                better: z.boolean().nullable().default(null).describe("than the first of its row"),
              }),
            )
            .min(1)
            .max(8),
        }),
      )
      .max(1000),
    title,
    note,
  }),
  z.strictObject({ kind: z.literal("prose"), text: z.string().max(100_000), title }),
]);
export type ReportBlock = z.output<typeof ReportBlock>;

/** What a recipe hands in. */
export const NewReport = z.strictObject({
  title: z.string().min(1).max(200).optional().describe("the workflow's own unless said"),
  summary: Summary.default([]),
  blocks: z.array(ReportBlock).max(200).default([]),
});
export type NewReport = z.input<typeof NewReport>;

export const Report = z.strictObject({
  experiment: ExperimentId,
  title: z.string(),
  createdAt: z.iso.datetime(),
  seed: z.number(),
  summary: Summary,
  blocks: z.array(ReportBlock),
});
export type Report = z.output<typeof Report>;

const plain = (x: number): string => {
  if (!Number.isFinite(x)) return "–";
  if (Number.isInteger(x)) return String(x);
  const size = Math.abs(x);
  return size >= 1e6 || size < 1e-3 ? x.toPrecision(3) : x.toFixed(size >= 10 ? 1 : 2);
};
/** A number with its unit, as people read it: 0.97 of fraction is "97 %", 312 of s is "5.2 min". */
export function readNumber(x: number | null | undefined, unitOf = ""): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (unitOf === "fraction") return `${(100 * x).toFixed(0)} %`;
  if (unitOf === "s")
    return x < 90
      ? `${x.toFixed(0)} s`
      : x < 5400
        ? `${(x / 60).toFixed(1)} min`
        : `${(x / 3600).toFixed(1)} h`;
  return unitOf ? `${plain(x)} ${unitOf}` : plain(x);
}
/** "63 % to 71 %"; empty where the interval is not known. */
export const readInterval = (
  m: { readonly low: number | null; readonly high: number | null },
  unitOf = "",
): string =>
  m.low === null || m.high === null
    ? ""
    : `${readNumber(m.low, unitOf)} to ${readNumber(m.high, unitOf)}`;
