/** Which experiment a start begins, goes on with, or leaves alone. */
import { expect, test } from "vitest";
import { ExperimentId } from "@tiller/schema";
import { betterContinuations } from "../../recipes/better-continuations/experiment.ts";
import { firstOf, isOlder, noneBegun } from "./first-experiment.ts";

type State = "running" | "held" | "done" | "failed" | "cancelled";
const there = (id: string, state: State, recipe = betterContinuations.name) => ({
  id: ExperimentId.parse(id),
  recipe,
  state,
  seed: 1,
  origin: null,
});
const plain = { once: false, small: false, projects: 0 };
const first = there("better-continuations-1", "done");
const small = there("better-continuations-small-1", "running");
const own = there("study-1", "running", "study@1");

test("a new home begins it, and every later start goes on with it", () => {
  const begins = { id: "better-continuations-1", seed: 1, known: undefined };
  expect(firstOf([], plain)).toEqual(begins);
  expect(firstOf([own, first], plain)).toEqual({ ...begins, known: first });
  expect(firstOf([small], plain)).toMatchObject({ id: small.id, known: small });
});

test("one of an older version is taken over, and the start follows what went on in its place", () => {
  const [name, version] = betterContinuations.name.split("@") as [string, string];
  const older = there("better-continuations-1", "running", `${name}@${Number(version) - 1}`);
  expect(firstOf([older], plain)).toMatchObject({ id: older.id, known: older });
  expect(isOlder(older)).toBe(true);
  expect(isOlder({ ...older, state: "done" })).toBe(false);
  expect(isOlder({ ...older, recipe: `${name}@0` })).toBe(false); // today's does not say how
  const over = {
    ...there(`${older.id}-better-continuations-${version}`, "running"),
    origin: { kind: "migrate", experiment: older.id },
  };
  const ended = { ...older, state: "cancelled" as const };
  for (const asked of [plain, { ...plain, once: true }])
    expect(firstOf([over, ended], asked)).toMatchObject({ id: over.id, known: over });
});

test("a plain start beside others begins none, and says how one is begun", () => {
  expect(firstOf([own], plain)).toBeUndefined();
  expect(firstOf([there("better-continuations-small-1", "done")], plain)).toBeUndefined();
  expect(firstOf([], { ...plain, projects: 1 })).toBeUndefined();
  const at = { projects: 1, address: "http://localhost:7070" };
  const said = noneBegun([own, first], at);
  expect(said).toContain("2 experiments (1 under way; the newest is study-1) and 1 project.");
  expect(noneBegun([], at)).toContain("Here already: 1 project.");
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
