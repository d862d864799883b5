/** The open queues with their pace and when they will be done: one forecast, for the control room and for experiments. */
import { completion, pace } from "@tiller/crowd";
import type { ControlQueue, QueueForecast } from "@tiller/schema";
import type { Db } from "@tiller/store";
import { queueSamples, queuesNow } from "./control.ts";
import { forecastQueues } from "./forecast.ts";

type OpenQueue = Awaited<ReturnType<typeof queuesNow>>[number] &
  Pick<ControlQueue, "perHour" | "completion" | "may">;
/** `lanes`: who may work on what, where the caller has it at hand. */
export async function openQueues(
  db: Db,
  o: { readonly now: number; readonly lanes?: readonly QueueForecast[] },
): Promise<OpenQueue[]> {
  const [rows, samples] = await Promise.all([queuesNow(db), queueSamples(db)]);
  if (!rows.length) return [];
  const lanes = o.lanes ?? (await forecastQueues(db));
  const sampled = Map.groupBy(samples, (s) => `${s.kind}\n${s.experiment}`);
  return rows.map((q) => {
    const own = sampled.get(`${q.kind}\n${q.experiment}`) ?? [];
    const lane =
      lanes.find((l) => l.kind === q.kind && l.experiment === q.experiment) ??
      lanes.find((l) => l.kind === q.kind && l.experiment === null);
    // a lane of several experiments is worked through together: each gets its part of the pace
    const part = lane && lane.open > 0 ? (q.wanted - q.done) / lane.open : 1;
    return {
      ...q,
      perHour: pace(own, o.now),
      completion: completion(q.wanted - q.done, own, (lane?.perDay ?? 0) * part),
      may: lane?.people ?? 0,
    };
  });
}
