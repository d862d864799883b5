/**
 * DBOS 5.3 asks the database every second for delayed workflows, deadlines, queues and schedules: six commits a second
 * at rest, for things that Tiller has in other ways or can wait a little for. The intervals have no setting, so they
 * are set where they stand; where a later DBOS keeps them elsewhere, this does nothing and the test of the resting
 * load says so.
 */
import { createRequire } from "node:module";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

export const QUEUE_MS = 2500; // until work taken over begins
const RARELY_MS = 60_000;

const REST_MS = 3000;
const BUSY = 0.1; // of one core: under it nobody notices the pause of a compaction
const RESTED = 3;
const GROWN_BYTES = 24 * 2 ** 20;

/**
 * What waits for days should weigh little: at rest, after the heap has grown, it is compacted once and its free pages
 * go back (half a second for 10,000 parked workflows: 285 MB in place of 460). Never while there is work: compacting
 * all along costs a third of the steps a second.
 */
export function compactAtRest(): { close(): void } {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (o: {
    type: "major";
    execution: "sync";
    flavor: "last-resort";
  }) => void;
  let low = process.memoryUsage.rss();
  let before = process.cpuUsage();
  let ticks = 0; // at rest
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    ticks = (user + system) / 1000 < BUSY * REST_MS ? ticks + 1 : 0;
    if (ticks < RESTED || process.memoryUsage.rss() < low + GROWN_BYTES) return;
    setFlagsFromString("--optimize-for-size"); // compact, and keep no pages in reserve
    const all = { type: "major", execution: "sync", flavor: "last-resort" } as const; // caches and idle code too
    gc(all);
    gc(all); // what the first one freed goes back
    setFlagsFromString("--no-optimize-for-size");
    low = process.memoryUsage.rss();
  }, REST_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

interface QueueRunner {
  constructor: { reconcileIntervalMs?: number; transitionIntervalMs?: number };
  getInternalQueue(name: string): { minPollingIntervalMs?: number } | undefined;
}

/** To be called once DBOS has launched and knows its queues. */
export function quietDbos(): void {
  const require = createRequire(import.meta.url);
  const inside = path.dirname(require.resolve("@dbos-inc/dbos-sdk"));
  const part = (name: string) => require(path.join(inside, name)) as Record<string, unknown>;
  const runner = part("wfqueue.js")["wfQueueRunner"] as QueueRunner | undefined;
  if (runner?.constructor.reconcileIntervalMs !== undefined) {
    runner.constructor.reconcileIntervalMs = RARELY_MS;
    runner.constructor.transitionIntervalMs = RARELY_MS;
  }
  const internal = runner?.getInternalQueue(String(part("utils.js")["INTERNAL_QUEUE_NAME"]));
  if (internal) internal.minPollingIntervalMs = QUEUE_MS;
  const timeouts = part("workflow_management.js")["workflowTimeoutConfig"] as
    | { pollingIntervalMs?: number }
    | undefined;
  if (timeouts?.pollingIntervalMs !== undefined) timeouts.pollingIntervalMs = RARELY_MS;
}
