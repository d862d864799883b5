/** How the trace writes numbers, times and kinds. */
import type { TraceNode } from "@tiller/schema";

export const money = (x: number): string =>
  x === 0 ? "" : x < 0.01 ? "<$0.01" : `$${x.toFixed(x < 10 ? 2 : x < 1000 ? 1 : 0)}`;
export const compact = (x: number): string => {
  if (x === 0) return "";
  if (x < 1000) return String(x);
  if (x < 1e6) return `${(x / 1e3).toFixed(x < 1e4 ? 1 : 0)}k`;
  return `${(x / 1e6).toFixed(x < 1e7 ? 1 : 0)}M`;
};
/** 12 ms, 3.4 s, 5 min, 2.5 h, 3.1 d */
export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} d`;
}
export const ago = (iso: string, now: number): string =>
  `${span(Math.max(0, now - Date.parse(iso)) / 1000)} ago`;

export const kindNames: Record<TraceNode["kind"], string> = {
  workflow: "workflow",
  map: "map",
  item: "item",
  stage: "stage",
  step: "step",
  ask: "people",
  model: "model",
  job: "job",
  sleep: "wait",
  save: "save",
};
export const stateNames: Record<TraceNode["state"], string> = {
  running: "running",
  waiting: "waiting",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
};
export const stateTone = {
  running: "warn",
  held: "warn",
  waiting: "warn",
  done: "good",
  failed: "bad",
  cancelled: undefined,
} as const;
