/**
 * The quality figures, worked out in a thread of their own (quality-worker.ts) and kept: a page gets the last ones at once,
 * and while they are older than ten seconds new ones are made behind it. So the pages stay fast however many answers there
 * are, and say how old their figures are.
 */
import type pg from "pg";
import { RaterRow } from "@tiller/schema";
import { askThread } from "./asked-thread.ts";
import type { About, Question } from "./quality-worker.ts";

/** New figures are made when the old are older than this, and than ten times what they took. */
const FRESH_MS = 10_000;
/** Reports that are kept: populations can be as many as times. */
const KEPT = 40;
/** Of what, and of whom, as one name. */
const keyOf = ({ type, field, population: p }: About): string =>
  JSON.stringify([type, field, p.source, p.experiment, p.version, p.since, p.until]);

export interface QualityDesk {
  /** The report as JSON; made now when there is none yet or `fresh` is asked for. */
  study(about: About, o?: { fresh?: boolean }): Promise<string>;
  rater(about: About, person: string): Promise<string>;
  /** Everyone's reliability and verdict: the last ones at once, and new ones behind them. */
  people(): Promise<ReadonlyMap<string, RaterRow>>;
  /** What has moved with the newest answers; asked by several at once it is worked out once. */
  live(about: About): Promise<string>;
}

export function qualityDesk(config: pg.ClientConfig): QualityDesk {
  const ask = askThread<Question>(new URL("./quality-worker.ts", import.meta.url), config, {
    code: "quality_failed",
    what: "the figures could not be worked out",
  });
  const kept = new Map<string, { at: number; json: Promise<string>; took: number }>();
  const study: QualityDesk["study"] = async (about, { fresh = false } = {}) => {
    const key = keyOf(about);
    const old = kept.get(key);
    if (old && !fresh && performance.now() - old.at < Math.max(FRESH_MS, 10 * old.took))
      return old.json;
    const began = performance.now();
    const json = ask<string>({ ...about, kind: "study" });
    const entry = { at: began, json, took: 0 };
    if (!old || fresh) {
      kept.delete(key);
      kept.set(key, entry);
      if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
      json.then(
        () => (entry.took = performance.now() - began),
        () => kept.delete(key),
      );
      return json;
    }
    kept.set(key, { ...old, at: began });
    json.then(
      () => kept.set(key, { at: performance.now(), json, took: performance.now() - began }),
      () => kept.delete(key),
    );
    return old.json;
  };
  const everyone = { at: -Infinity, took: 0 };
  let rows: Promise<ReadonlyMap<string, RaterRow>> | undefined;
  const people: QualityDesk["people"] = () => {
    const began = performance.now();
    if (rows && began - everyone.at < Math.max(FRESH_MS, 10 * everyone.took)) return rows;
    everyone.at = began;
    const fresh = ask<string>({ kind: "people" }).then((json) => {
      everyone.took = performance.now() - began;
      return new Map(
        RaterRow.array()
          .parse(JSON.parse(json))
          .map((r) => [r.rater as string, r]),
      );
    });
    const old = rows;
    fresh.then(
      () => (rows = fresh),
      () => {
        rows = old;
        everyone.at = -Infinity;
      },
    );
    return (rows ??= fresh);
  };
  const looking = new Map<string, Promise<string>>();
  const live: QualityDesk["live"] = (about) => {
    const key = keyOf(about);
    const json = looking.get(key) ?? ask<string>({ ...about, kind: "live" });
    looking.set(key, json);
    const seen = () => looking.get(key) === json && looking.delete(key);
    json.then(seen, seen);
    return json;
  };
  return {
    study,
    live,
    people,
    rater: (about, person) => ask({ ...about, kind: "rater", person }),
  };
}
