/** Which experiment a start begins, goes on with, or leaves alone. */
import { expect, test } from "vitest";
import { ExperimentId } from "@tiller/schema";
import { betterContinuations } from "../../recipes/better-continuations/experiment.ts";
import { firstOf, noneBegun } from "./first-experiment.ts";

type State = "running" | "held" | "done" | "failed" | "cancelled";
const there = (id: string, state: State, recipe = betterContinuations.name) => ({
  id: ExperimentId.parse(id),
  recipe,
  state,
  seed: 1,
});
const plain = { once: false, small: false };
const first = there("better-continuations-1", "done");
const small = there("better-continuations-small-1", "running");
const own = there("study-1", "running", "study@1");

test("a new home begins it, and every later start goes on with it", () => {
  const begins = { id: "better-continuations-1", seed: 1, known: undefined };
  expect(firstOf([], plain)).toEqual(begins);
  expect(firstOf([own, first], plain)).toEqual({ ...begins, known: first });
  expect(firstOf([small], plain)).toMatchObject({ id: small.id, known: small });
});

test("a plain start beside others begins none, and says how one is begun", () => {
  expect(firstOf([own], plain)).toBeUndefined();
  expect(firstOf([there("better-continuations-small-1", "done")], plain)).toBeUndefined();
  const said = noneBegun([own, first], "http://localhost:7070");
  expect(said).toContain("2 experiments are here (1 under way; the newest is study-1)");
  expect(said).toContain("http://localhost:7070/studio/start");
});

test.each([
  [{ ...plain, once: true }, "better-continuations-1"],
  [{ ...plain, small: true }, "better-continuations-small-1"],
  [{ ...plain, seed: 2 }, "better-continuations-2"],
  [{ ...plain, base: "models/base" }, "better-continuations-1"],
])("%j asks for one, whatever is there", (asked, id) => {
  expect(firstOf([own], asked)).toMatchObject({ id, known: undefined });
});
