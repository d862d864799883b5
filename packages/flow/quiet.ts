/**
 * DBOS 5.3 asks the database every second for delayed workflows, deadlines, queues and schedules: six commits a second
 * at rest, for things that Tiller has in other ways or can wait a little for. The intervals have no setting, so they
 * are set where they stand; where a later DBOS keeps them elsewhere, this does nothing and the test of the resting
 * load says so.
 */
import { createRequire } from "node:module";
import path from "node:path";

export const QUEUE_MS = 2500; // until work taken over begins
const RARELY_MS = 60_000;

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
