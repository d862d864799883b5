/**
 * Works out the quality pages' figures beside the server: a thread of its own, with its own database connection, so that
 * a hundred thousand answers do not hold up a rater's next task. It keeps the last study; a rater's page then costs little.
 */
import { overview, raterReport, study } from "@tiller/crowd";
import type { Population } from "@tiller/schema";
import { answerThread, withThreadDb } from "./asked-thread.ts";
import { qualityData } from "./quality.ts";
import { liveQuality } from "./live-quality.ts";

/** Of what, and of whom. */
export interface About {
  readonly type: string;
  readonly field: string;
  readonly population: Population;
}
const keyOf = ({ type, field, population: p }: About): string =>
  JSON.stringify([type, field, p.source, p.experiment, p.version, p.since, p.until]);
export type Question =
  | (About & { readonly kind: "study" })
  | (About & { readonly kind: "live" })
  | (About & { readonly kind: "rater"; readonly person: string });

/** By kind of work, field and population; a few, since each holds its rows. */
const studies = new Map<string, { made: ReturnType<typeof study>; computedAt: string }>();
const KEPT = 3;

const live = liveQuality();
async function studyOf(about: About, fresh: boolean) {
  const key = keyOf(about);
  const known = studies.get(key);
  if (known && !fresh) return known;
  const computedAt = new Date().toISOString();
  const data = await withThreadDb((db) => qualityData(db, about));
  const made = { made: study(data), computedAt };
  studies.delete(key);
  studies.set(key, made);
  if (studies.size > KEPT) studies.delete(studies.keys().next().value!);
  return made;
}

async function answer(ask: Question): Promise<string> {
  const began = performance.now();
  if (ask.kind === "live") return JSON.stringify(await withThreadDb((db) => live(db, ask)));
  if (ask.kind === "study") {
    const { made, computedAt } = await studyOf(ask, true);
    const body = overview(made);
    return JSON.stringify({ ...body, computedAt, seconds: (performance.now() - began) / 1000 });
  }
  const { made, computedAt } = await studyOf(ask, false);
  return JSON.stringify({ ...raterReport(made, ask.person), computedAt });
}

answerThread(answer);
