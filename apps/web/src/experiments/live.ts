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

/** Opens the stream of one experiment while the page is shown. */
export function useLive(experiment: string): void {
  const client = useQueryClient();
  useEffect(() => {
    const source = new EventSource(linkTo("events", { experiment }));
    const stale = new Set<OperationName>();
    source.onmessage = (m) => {
      const parsed = LiveEvent.safeParse(JSON.parse(m.data as string));
      if (!parsed.success) return;
      const e = parsed.data;
      for (const l of listeners) l(e);
      if (e.type === "stage" || e.type === "experiment") stale.add("getExperiment").add("listRuns");
      if (e.type === "sample") stale.add("listSamples");
      if (e.type === "judgment") stale.add("listRaters").add("getExperiment");
    };
    // at most one refetch a second, however fast the events come
    const timer = setInterval(() => {
      for (const name of stale)
        void client.invalidateQueries({ queryKey: keyOf(name, { id: experiment }) });
      stale.clear();
    }, 1000);
    return () => {
      source.close();
      clearInterval(timer);
    };
  }, [experiment, client]);
}
