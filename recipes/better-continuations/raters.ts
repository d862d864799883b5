/** The twelve simulated raters of the first experiment: ten choose by its hidden preference, more or less surely; two do not care. */
import type { Agents } from "@tiller/schema";
import type { SimulatedRater } from "@tiller/task";
import { comparison } from "./comparison.ts";

const careful: readonly [string, number][] = [
  ["Ada", 0.1],
  ["Ben", 0.15],
  ["Chandra", 0.2],
  ["Dora", 0.2],
  ["Emil", 0.25],
  ["Farah", 0.3],
  ["Goran", 0.3],
  ["Hana", 0.35],
  ["Ines", 0.4],
  ["Jon", 0.5],
];
export const simulatedRaters: readonly SimulatedRater[] = [
  ...careful.map(([name, noise]) => ({ name, noise, tieBelow: 0.1, seconds: 20 + 60 * noise })),
  { name: "Kim", noise: undefined, tieBelow: 0, seconds: 6 },
  { name: "Lou", noise: undefined, tieBelow: 0, seconds: 5 },
];

/** Who answers the first experiment: the twelve, and whoever takes part. Other work never reaches them. */
export const answeredBySimulated: Agents = {
  [comparison.name]: { kind: "people", simulated: true },
};
