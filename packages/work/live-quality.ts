/**
 * Reliabilities and posteriors that move with every answer, between two full reports: Dawid-Skene kept up by
 * crowd/streaming.ts. Each look reads only what came since the last one, whichever server took it. An answer taken back,
 * or a fifth more answers than at the last full sweep, brings it to the batch's fixed point again.
 */
import { estimateOf, streaming, type Streaming } from "@tiller/crowd";
import type { LiveQuality, PersonId, Population, TaskId } from "@tiller/schema";
import { countedIn, labelsOfField, raterAnswersSince } from "./quality.ts";
import { type Db } from "@tiller/store";

/** An answer can be taken back for two minutes, and its transaction may commit after a later one's. */
const OVERLAP_MS = 150_000;
const GROWN = 1.2;
const LATEST = 12;
/** Populations that are kept up at once. */
const KEPT = 12;
/** A million answers are swept in seconds; what is left to the fixed point then is under what a page shows. */
const SWEEPS = 60;

interface Kept {
  readonly labels: readonly string[];
  readonly stream: Streaming;
  /** by answer, those that may still be taken back: when they came */
  readonly recent: Map<string, number>;
  readonly tasks: Map<string, number>; // answers of each, the newest last
  readonly people: Set<string>;
  answers: number;
  settledAt: number;
  newest: number;
}

export function liveQuality() {
  const kept = new Map<string, Kept>();
  const begin = async (db: Db, o: { type: string; field: string }): Promise<Kept> => {
    const labels = await labelsOfField(db, o);
    return {
      labels,
      stream: streaming(labels),
      recent: new Map(),
      tasks: new Map(),
      people: new Set(),
      answers: 0,
      settledAt: 0,
      newest: 0,
    };
  };
  return async (
    db: Db,
    about: { type: string; field: string; population?: Population },
  ): Promise<LiveQuality> => {
    const population = await countedIn(db, about);
    const o = { ...about, population };
    const { source, experiment, version, since, until } = population;
    const key = JSON.stringify([o.type, o.field, source, experiment, version, since, until]);
    let k = kept.get(key) ?? (await begin(db, o));
    let rows = await raterAnswersSince(db, { ...o, since: k.newest - OVERLAP_MS });
    if (rows.some((r) => r.undone && k.recent.has(r.answer))) {
      k = await begin(db, o);
      rows = await raterAnswersSince(db, { ...o, since: 0 });
    }
    const fresh = rows.filter(
      (r) => !r.undone && !k.recent.has(r.answer) && k.labels.includes(r.label),
    );
    k.stream.add(fresh);
    for (const r of fresh) {
      k.recent.set(r.answer, r.at);
      const n = k.tasks.get(r.task) ?? 0;
      k.tasks.delete(r.task);
      k.tasks.set(r.task, n + 1);
      k.people.add(r.worker);
      k.newest = Math.max(k.newest, r.at);
    }
    k.answers += fresh.length;
    for (const [answer, at] of k.recent) if (at < k.newest - OVERLAP_MS) k.recent.delete(answer);
    if (k.answers > GROWN * k.settledAt) {
      k.stream.settle(SWEEPS);
      k.settledAt = k.answers;
    }
    kept.delete(key);
    kept.set(key, k);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
    return {
      population,
      answers: k.answers,
      at: new Date().toISOString(),
      people: [...k.people].map((person) => ({
        person: person as PersonId,
        reliability: estimateOf(k.stream.evidence(person)!),
      })),
      latest: [...k.tasks]
        .slice(-LATEST)
        .toReversed()
        .map(([task, answers]) => ({
          task: task as TaskId,
          answers,
          posterior: [...k.stream.posterior(task)!].map((p, i) => ({ label: k.labels[i]!, p })),
        })),
    };
  };
}
