/**
 * Works out the quality pages' figures beside the server: a thread of its own, with its own database connection, so that
 * a hundred thousand answers do not hold up a rater's next task. It keeps the last study; a rater's page then costs little.
 */
import { overview, raterReport, study } from "@tiller/crowd";
import type { Population, RaterQuality, RaterRow } from "@tiller/schema";
import { answerThread, withThreadDb } from "./asked-thread.ts";
import { qualityData } from "./quality.ts";
import { liveQuality } from "./live-quality.ts";
import { everyRater } from "./rater-rows.ts";

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
  | (About & { readonly kind: "rater"; readonly person: string })
  | { readonly kind: "people" };

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

/** Everyone's own figures, for a moment: a study is asked for together with them. */
let known: { at: number; rows: Map<string, RaterRow> } | undefined;
const PEOPLE_MS = 5000;
async function people(o: { fresh: boolean }): Promise<Map<string, RaterRow>> {
  if (known && !o.fresh && performance.now() - known.at < PEOPLE_MS) return known.rows;
  const rows = await withThreadDb(everyRater);
  known = { at: performance.now(), rows: new Map(rows.map((r) => [r.rater, r])) };
  return known.rows;
}
/** With the person's own reliability and verdict, the same as on every page; what is only of this question stays. */
function withOwn(p: RaterQuality, own: RaterRow | undefined): RaterQuality {
  if (!own) return p; // of an import
  const reliability = {
    at: own.reliability,
    low: own.reliabilityLow,
    high: own.reliabilityHigh,
    n: own.reliability === null ? 0 : own.answers,
  };
  // the side and the speed are the person's own, too: a badge here is a badge everywhere
  const here = p.concerns.filter((c) => !/^(takes the (left|right)|too fast)$/.test(c));
  const concerns = [...own.concerns, ...here];
  return { ...p, reliability, flag: own.flag, concerns };
}

async function answer(ask: Question): Promise<string> {
  const began = performance.now();
  if (ask.kind === "people") return JSON.stringify([...(await people({ fresh: true })).values()]);
  if (ask.kind === "live") return JSON.stringify(await withThreadDb((db) => live(db, ask)));
  if (ask.kind === "study") {
    const { made, computedAt } = await studyOf(ask, true);
    const rows = await people({ fresh: false });
    const body = overview(made);
    const list = body.people.map((p) => withOwn(p, rows.get(p.person)));
    const seconds = (performance.now() - began) / 1000;
    return JSON.stringify({ ...body, people: list, computedAt, seconds });
  }
  const { made, computedAt } = await studyOf(ask, false);
  const report = raterReport(made, ask.person);
  const own = (await people({ fresh: false })).get(ask.person);
  return JSON.stringify({ ...report, summary: withOwn(report.summary, own), computedAt });
}

answerThread(answer);
