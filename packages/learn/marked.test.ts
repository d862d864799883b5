/** Spans that somebody marked as wrong, as labels of sentences. */
import { expect, test } from "vitest";
import { MarkedResponse } from "@tiller/schema";
import { asSteps } from "./marked.ts";

const response = "The whale was white. It sang at noon! Nobody heard it. ";
const marked = (...parts: readonly (readonly [number, number])[]) =>
  asSteps(
    MarkedResponse.parse({
      prompt: "What of the whale?",
      response,
      spans: parts.map(([start, end]) => ({ start, end })),
      weight: 2,
    }),
  );

test("a sentence is wrong where a span has some of it; the space between two belongs to neither", () => {
  const sang = [response.indexOf("sang"), response.indexOf("sang") + 4] as const;
  const made = marked(sang);
  expect(made).toEqual({
    prompt: "What of the whale?",
    steps: ["The whale was white. ", "It sang at noon! ", "Nobody heard it. "],
    labels: [1, 0, 1],
    weight: 2,
  });
  expect(made.steps.join("")).toBe(response);
  expect(marked().labels).toEqual([1, 1, 1]);
  expect(marked([0, response.length]).labels).toEqual([0, 0, 0]);
  expect(marked([18, 24]).labels).toEqual([0, 0, 1]); // over the end of one and the beginning of the next
  expect(marked([20, 21]).labels).toEqual([1, 1, 1]);
});

test("rows of steps stay as they are; a span outside of its response is refused", () => {
  const steps = { prompt: "p", steps: ["a", "b"], labels: [1, 0] };
  expect(asSteps(steps)).toBe(steps);
  expect(() => marked([0, response.length + 1])).toThrow(/within the response/);
  expect(() => marked([4, 4])).toThrow(/start before its end/);
});
