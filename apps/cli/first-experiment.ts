/**
 * The first experiment of a home: begun where nothing is there yet or where it was asked for, gone on with after that. No
 * other start begins an experiment.
 */
import type { Experiment } from "@tiller/schema";
import { betterContinuations } from "../../recipes/better-continuations/experiment.ts";

export interface AskedFor {
  readonly once: boolean;
  readonly small: boolean;
  readonly seed?: number | undefined;
  readonly base?: string | undefined;
}
type Known = Pick<Experiment, "id" | "recipe" | "state" | "seed" | "origin">;
export interface First {
  readonly id: string;
  readonly seed: number;
  /** how it is already; undefined: it begins now */
  readonly known: Known | undefined;
}

const [family] = betterContinuations.name.split("@") as [string];
const isFirst = (e: Known): boolean =>
  e.recipe.startsWith(`${family}@`) && /^better-continuations-(small-)?-?\d+$/.test(e.id);
const isUnderWay = (e: Known): boolean => e.state === "running" || e.state === "held";
/** The one that went on in its place, where a newer version of its workflow took it over. */
const latest = (experiments: readonly Known[], e: Known): Known => {
  const next = experiments.find(
    (x) => x.origin?.["kind"] === "migrate" && x.origin["experiment"] === e.id,
  );
  return next ? latest(experiments, next) : e;
};

/** Under way by an older version of its workflow, which today's takes over. */
export const isOlder = (e: Known): boolean =>
  isUnderWay(e) &&
  e.recipe !== betterContinuations.name &&
  Object.hasOwn(betterContinuations.migrate, e.recipe);

/** Which one a start begins or goes on with; none beside others or beside leads' projects, unless it was asked for. */
export function firstOf(
  experiments: readonly Known[],
  o: AskedFor & { readonly projects: number },
): First | undefined {
  const seed = o.seed ?? 1;
  const id = `better-continuations-${o.small ? "small-" : ""}${seed}`;
  const asked = o.once || o.small || o.seed !== undefined || o.base !== undefined;
  const begun =
    experiments.find((e) => e.id === id) ??
    (asked ? undefined : experiments.find((e) => isFirst(e) && isUnderWay(latest(experiments, e))));
  const known = begun && latest(experiments, begun);
  if (known) return { id: known.id, seed: known.seed, known };
  return asked || experiments.length + o.projects === 0
    ? { id, seed, known: undefined }
    : undefined;
}

const count = (n: number, what: string) => (n === 1 ? `1 ${what}` : `${n} ${what}s`);
/** What a start says in place of beginning one. */
export function noneBegun(
  experiments: readonly Known[],
  { projects, address }: { projects: number; address: string },
): string {
  const running = experiments.filter(isUnderWay).length;
  const [newest] = experiments;
  const there = newest
    ? `${count(experiments.length, "experiment")} (${running} under way; the newest is ${newest.id}) and ${count(projects, "project")}`
    : count(projects, "project");
  return (
    `  Here already: ${there}. No experiment was begun.\n` +
    `  Start one at ${address}/studio/start or by npm run tiller -- experiment start NAME; the first experiment by npm start -- --seed 1\n`
  );
}
