/** Live events into the query cache; fast streams (metrics) go to their own listeners, outside React. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { LiveEvent, type OperationName } from "@tiller/schema";
import { keyOf, linkTo } from "../api.ts";

const listeners = new Set<(e: LiveEvent) => void>();
export const onLive = (f: (e: LiveEvent) => void) => {
  listeners.add(f);
  return () => void listeners.delete(f);
};

type Made = { readonly [K in LiveEvent["type"]]: readonly OperationName[] };
/** What an event makes old on the page of an experiment, and in the lists. */
const onPage: Made = {
  stage: ["getExperiment", "getProgress", "listRuns"],
  experiment: ["getExperiment", "getProgress", "listRuns"],
  trace: ["getProgress", "tracePage"],
  sample: ["samplesOverTime", "listHistograms"],
  judgment: ["listRaters", "getProgress"],
  metric: [],
  notice: [],
};
const inLists: Made = {
  stage: ["listProgress"],
  experiment: ["listExperiments", "listProgress"],
  trace: ["listProgress"],
  sample: [],
  judgment: ["listProgress"],
  metric: [],
  notice: [],
};
const [PAGE_MS, LISTS_MS] = [1000, 3000]; // at most one refetch of each in so long, however fast the events come

/** Opens the stream of one experiment, or of all for a list, while the page is shown. */
export function useLive(experiment?: string): void {
  const client = useQueryClient();
  useEffect(() => {
    const source = new EventSource(linkTo("events", experiment ? { experiment } : {}));
    const stale = new Set<OperationName>();
    source.onmessage = (m) => {
      const parsed = LiveEvent.safeParse(JSON.parse(m.data as string));
      if (!parsed.success) return;
      const e = parsed.data;
      for (const l of listeners) l(e);
      for (const name of (experiment ? onPage : inLists)[e.type]) stale.add(name);
    };
    const timer = setInterval(
      () => {
        for (const name of stale) void client.invalidateQueries({ queryKey: keyOf(name) });
        stale.clear();
      },
      experiment ? PAGE_MS : LISTS_MS,
    );
    return () => {
      source.close();
      clearInterval(timer);
    };
  }, [experiment, client]);
}
