/** A response in which somebody marked what is wrong, as steps: a sentence that has none of it is right, one that has some is not. */
import type { LabelledSteps, MarkedResponse } from "@tiller/schema";

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

export function asSteps(row: LabelledSteps | MarkedResponse): LabelledSteps {
  if ("steps" in row) return row as LabelledSteps;
  const { prompt, response, spans, weight } = row as MarkedResponse;
  const steps = [...sentences.segment(response)];
  return {
    prompt,
    steps: steps.map((s) => s.segment),
    labels: steps.map(({ index, segment }) => {
      const end = index + segment.trimEnd().length;
      return Number(!spans.some((s) => s.start < end && s.end > index));
    }),
    ...(weight !== undefined && { weight }),
  };
}
