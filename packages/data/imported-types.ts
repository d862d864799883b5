/** Kinds of work that come out of files: shown as their view says, never given out. */
import { z } from "zod";
import type { View } from "@tiller/schema";

export interface ImportedType {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly instructions: string;
  readonly view: View;
  readonly inputSchema: unknown;
  readonly outputSchema: unknown;
}
const Text = z.looseObject({ text: z.string(), sample: z.string().optional() });
const pairInput = z.looseObject({ passage: z.string(), a: Text, b: Text });
export const pairValue = z.looseObject({
  choice: z.enum(["a", "b", "tie"]),
  confidence: z.int().min(1).max(9).optional(),
});

/** Of `comparison`, so that everything that reads comparisons reads these; its version says where they came from. */
export const importedComparison: ImportedType = {
  name: "comparison",
  version: "imported",
  title: "Which is better?",
  instructions: "",
  view: {
    show: [{ kind: "text", from: "passage" }],
    ask: [
      {
        kind: "pair",
        name: "choice",
        label: "Better",
        a: "a.text",
        b: "b.text",
        tie: true,
        confidence: "confidence",
      },
    ],
  },
  inputSchema: z.toJSONSchema(pairInput),
  outputSchema: z.toJSONSchema(z.looseObject({ choice: z.enum(["a", "b", "tie"]) })),
};

const axes = ["overall", "accuracy", "coverage", "coherence"] as const;
export const importedAxes: ImportedType = {
  name: "summary-axes",
  version: "imported",
  title: "How good is the summary?",
  instructions: "",
  view: {
    show: [
      { kind: "text", from: "passage" },
      { kind: "text", from: "summary.text", label: "Summary" },
    ],
    ask: axes.map((axis) => ({
      kind: "rating",
      name: axis,
      label: `${axis[0]!.toUpperCase()}${axis.slice(1)}`,
      points: 7,
      low: "bad",
      high: "good",
    })),
  },
  inputSchema: z.toJSONSchema(z.looseObject({ passage: z.string(), summary: Text })),
  outputSchema: z.toJSONSchema(z.looseObject({})),
};

export const helpsteerAxes = [
  "helpfulness",
  "correctness",
  "coherence",
  "complexity",
  "verbosity",
] as const;
export const importedRatings: ImportedType = {
  name: "helpsteer",
  version: "imported",
  title: "How helpful is the answer?",
  instructions: "",
  view: {
    show: [
      { kind: "text", from: "passage" },
      { kind: "text", from: "response.text", label: "Answer" },
    ],
    ask: helpsteerAxes.map((axis) => ({
      kind: "slider",
      name: axis,
      label: `${axis[0]!.toUpperCase()}${axis.slice(1)}`,
      min: 0,
      max: 4,
    })),
  },
  inputSchema: z.toJSONSchema(z.looseObject({ passage: z.string(), response: Text })),
  outputSchema: z.toJSONSchema(z.looseObject({})),
};
export const importedRanking: ImportedType = {
  name: "ranked-answers",
  version: "imported",
  title: "Which is best, which next?",
  instructions: "",
  view: {
    show: [{ kind: "text", from: "passage" }],
    ask: [{ kind: "ranking", name: "order", label: "Best first", items: "items" }],
  },
  inputSchema: z.toJSONSchema(z.looseObject({ passage: z.string(), items: z.array(Text) })),
  outputSchema: z.toJSONSchema(z.looseObject({ order: z.array(z.int()) })),
};

/** An answer that somebody wrote: the last turn of a conversation. */
export const importedWriting: ImportedType = {
  name: "written-answer",
  version: "imported",
  title: "What is a good answer?",
  instructions: "",
  view: {
    show: [{ kind: "text", from: "passage" }],
    ask: [{ kind: "text", name: "text", label: "Answer" }],
  },
  inputSchema: z.toJSONSchema(z.looseObject({ passage: z.string() })),
  outputSchema: z.toJSONSchema(z.looseObject({ text: z.string() })),
};

export const feedbackAspects = [
  "instruction_following",
  "honesty",
  "truthfulness",
  "helpfulness",
] as const;
export const importedFeedback: ImportedType = {
  name: "ultrafeedback",
  version: "imported",
  title: "How good is the answer?",
  instructions: "",
  view: {
    show: [
      { kind: "text", from: "passage" },
      { kind: "text", from: "response.text", label: "Answer" },
    ],
    ask: feedbackAspects.map((aspect) => ({
      kind: "slider",
      name: aspect,
      label: `${aspect[0]!.toUpperCase()}${aspect.slice(1).replace("_", " ")}`,
      min: 1,
      max: 5,
      optional: true,
    })),
  },
  inputSchema: z.toJSONSchema(z.looseObject({ passage: z.string(), response: Text })),
  outputSchema: z.toJSONSchema(z.looseObject({})),
};
const stepLabels = ["good", "neutral", "bad", "unrated"] as const;
export const importedSteps: ImportedType = {
  name: "solution-steps",
  version: "imported",
  title: "Is each step right?",
  instructions: "",
  view: {
    show: [{ kind: "text", from: "passage" }],
    ask: [
      {
        kind: "steps",
        name: "labels",
        label: "Steps",
        from: "steps",
        options: stepLabels.map((value) => ({
          value,
          label: `${value[0]!.toUpperCase()}${value.slice(1)}`,
        })),
      },
    ],
  },
  inputSchema: z.toJSONSchema(z.looseObject({ passage: z.string(), steps: z.array(z.string()) })),
  outputSchema: z.toJSONSchema(z.looseObject({ labels: z.array(z.enum(stepLabels)) })),
};
