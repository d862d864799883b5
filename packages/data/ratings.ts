/** Published sets that rate single answers, or each step of one. */
import { z } from "zod";
import { cell, converter, without } from "./converter.ts";
import {
  feedbackAspects,
  helpsteerAxes,
  importedFeedback,
  importedRatings,
  importedSteps,
} from "./imported-types.ts";
import { shownValue } from "./json.ts";
import { DirtyRow, idOf, type Mapped } from "./mapped.ts";
import { BadRow } from "./row.ts";

const RatingsRow = z.looseObject({
  prompt: z.string(),
  response: z.string(),
  ...Object.fromEntries(helpsteerAxes.map((axis) => [axis, z.number().min(0).max(4)])),
}) as z.ZodType<{ prompt: string; response: string } & Record<string, unknown>>;
export const helpsteerRatings = converter(
  importedRatings,
  RatingsRow,
  (row, _, all) => ({
    input: { passage: row.prompt, response: { text: row.response } },
    value: Object.fromEntries(helpsteerAxes.map((axis) => [axis, row[axis]])),
    source: without(all, "prompt", "response", ...helpsteerAxes),
  }),
  cell("number", ...helpsteerAxes),
);

/** UltraFeedback as it was first published: of each completion four aspects from 1 to 5, some "N/A". */
const Aspect = z.looseObject({ Rating: z.union([z.string(), z.number()]).nullish() });
const FeedbackRow = z.looseObject({
  instruction: z.string(),
  completions: z.array(
    z.looseObject({
      response: z.string(),
      model: z.string().nullish(),
      annotations: z
        .record(z.string(), z.union([Aspect, z.array(Aspect).length(1), z.null()]))
        .nullish(),
    }),
  ),
});
export const ultrafeedback = converter(
  importedFeedback,
  FeedbackRow,
  (row, line, all) =>
    row.completions.map((completion, i): Mapped | DirtyRow => {
      const where = `completions.${i}.annotations`;
      const value: Record<string, number> = {};
      for (const aspect of feedbackAspects) {
        const given = completion.annotations?.[aspect];
        const rating = (Array.isArray(given) ? given[0] : given)?.Rating;
        if (rating === undefined || rating === null || rating === "N/A") continue;
        const n = Number(rating);
        if (rating === "" || !(n >= 1 && n <= 5))
          throw new BadRow(
            line,
            `${where}.${aspect}.Rating: ${shownValue(rating)} is neither from 1 to 5 nor "N/A"`,
          );
        value[aspect] = n;
      }
      if (!Object.keys(value).length)
        return new DirtyRow(line, "no-answer", `${where} rates nothing`);
      return {
        input: {
          passage: row.instruction,
          response: { text: completion.response, sample: completion.model ?? undefined },
        },
        value,
        source: {
          ...without(all, "instruction", "completions", "models"),
          ...without(completion, "response", "model"),
        },
      };
    }),
  cell("json", "completions", "models", "correct_answers", "incorrect_answers"),
);

const word = (rating: number | null | undefined, name: string, line: number): string => {
  if (rating === null || rating === undefined) return "unrated";
  const found = { "-1": "bad", "0": "neutral", "1": "good" }[String(rating)];
  if (found === undefined) throw new BadRow(line, `${name}: ${rating} is none of -1, 0, 1`);
  return found;
};
const nothing = (line: number) => new DirtyRow(line, "no-answer", "no step of it has a rating");

/** PRM800K (Lightman et al. 2023): at each step several completions are rated and one is gone on from. */
const Step = z.looseObject({ text: z.string(), rating: z.number().nullish() });
const PrmRow = z.looseObject({
  labeler: z.unknown(),
  question: z.looseObject({ problem: z.string() }),
  label: z.looseObject({
    steps: z.array(
      z.looseObject({
        completions: z.array(Step).nullish(),
        human_completion: Step.nullish(),
        chosen_completion: z.int().min(0).nullish(),
      }),
    ),
    total_time: z.number().min(0).nullish(),
  }),
});
/** The steps that were gone on from are judged as one solution; the rated alternatives stay whole under `source`. */
export const prm800k = converter(
  importedSteps,
  PrmRow,
  (row, line, all) => {
    const path: { text: string; rating: string }[] = [];
    for (const [i, step] of row.label.steps.entries()) {
      const { completions, human_completion: human, chosen_completion: chosen } = step;
      const given = completions ?? [];
      const where = `label.steps.${i}`;
      if (typeof chosen === "number" && !given[chosen])
        throw new BadRow(
          line,
          `${where}.chosen_completion is ${chosen}; there are ${given.length} completions`,
        );
      // the last step has none chosen where all are wrong
      const taken = typeof chosen === "number" ? given[chosen]! : (human ?? given[0]);
      if (taken)
        path.push({ text: taken.text, rating: word(taken.rating, `${where}.rating`, line) });
    }
    if (path.every((s) => s.rating === "unrated")) throw nothing(line);
    const { total_time: milliseconds } = row.label;
    return {
      rater: idOf(row.labeler, "labeler", line),
      ...(typeof milliseconds === "number" ? { activeSeconds: milliseconds / 1000 } : {}),
      input: { passage: row.question.problem, steps: path.map((s) => s.text) },
      value: { labels: path.map((s) => s.rating) },
      source: without(all, "labeler"),
    };
  },
  cell("json", "question", "label"),
);

/** TRL's stepwise supervision, and lists of {step, rating}. */
const StepwiseRow = z
  .looseObject({
    prompt: z.string().nullish(),
    problem: z.string().nullish(),
    completions: z.array(z.string()).nullish(),
    labels: z.array(z.union([z.boolean(), z.literal([0, 1])])).nullish(),
    steps: z.array(z.looseObject({ step: z.string(), rating: z.number().nullish() })).nullish(),
    labeler: z.unknown().optional(),
  })
  .transform((row, c) => {
    const passage = row.prompt ?? row.problem;
    const steps = row.steps ?? row.completions?.map((step) => ({ step, rating: undefined }));
    if (typeof passage !== "string")
      c.addIssue({ code: "custom", message: "it has no prompt or problem" });
    if (!steps) c.addIssue({ code: "custom", message: "it has no completions or steps" });
    if (!row.steps && row.completions?.length !== row.labels?.length)
      c.addIssue({
        code: "custom",
        message: `${row.completions?.length ?? 0} completions and ${row.labels?.length ?? 0} labels`,
      });
    return { passage: passage!, steps: steps!, labels: row.labels, labeler: row.labeler };
  });
export const stepwise = converter(
  importedSteps,
  StepwiseRow,
  (row, line, all) => {
    const labels = row.steps.map(({ rating }, i) =>
      row.labels ? (row.labels[i] ? "good" : "bad") : word(rating, `steps.${i}.rating`, line),
    );
    if (labels.every((l) => l === "unrated")) throw nothing(line);
    return {
      ...(row.labeler === undefined || row.labeler === null
        ? {}
        : { rater: idOf(row.labeler, "labeler", line) }),
      input: { passage: row.passage, steps: row.steps.map((s) => s.step) },
      value: { labels },
      source: without(all, "prompt", "problem", "completions", "labels", "steps", "labeler"),
    };
  },
  cell("json", "completions", "labels", "steps"),
);
