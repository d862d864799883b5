/** Live events into the query cache; fast streams (metrics) go to their own listeners, outside React. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { LiveEvent } from "@tiller/schema";

const listeners = new Set<(e: LiveEvent) => void>();
export const onLive = (f: (e: LiveEvent) => void) => {
  listeners.add(f);
  return () => void listeners.delete(f);
};

/** Opens the stream of one experiment while the page is shown. */
export function useLive(experiment: string): void {
  const client = useQueryClient();
  useEffect(() => {
    const source = new EventSource(
      `/api/studio/events?experiment=${encodeURIComponent(experiment)}`,
    );
    const stale = new Set<string>();
    source.onmessage = (m) => {
      const parsed = LiveEvent.safeParse(JSON.parse(m.data as string));
      if (!parsed.success) return;
      const e = parsed.data;
      for (const l of listeners) l(e);
      if (e.type === "stage" || e.type === "experiment") stale.add("experiment").add("runs");
      if (e.type === "sample") stale.add("samples");
      if (e.type === "judgment") stale.add("raters").add("experiment");
    };
    // at most one refetch a second, however fast the events come
    const timer = setInterval(() => {
      for (const key of stale) void client.invalidateQueries({ queryKey: [key, experiment] });
      stale.clear();
    }, 1000);
    return () => {
      source.close();
      clearInterval(timer);
    };
  }, [experiment, client]);
}
