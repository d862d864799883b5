/**
 * How many things wait for somebody, as numbers at the words of the header. One window of the browser hears the server's
 * word that they may have changed and tells the others, since a browser holds six connections to a host.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { Me, Notices, OperationName } from "@tiller/schema";
import { asking, keyOf, linkTo } from "../api.ts";

/** Where no word comes (no Web Locks without https, another server process): alerts come with time alone, too. */
const EVERY_MS = 60_000;
/** What is asked again when the word comes, where it is shown. */
const told: readonly OperationName[] = [
  "notices",
  "listFeedback",
  "inbox",
  "listThreads",
  "ownRooms",
];

export const useNotices = () =>
  useQuery({ ...asking("notices"), refetchInterval: EVERY_MS, refetchOnWindowFocus: true });

/** Once a page: keeps the numbers fresh. */
export function useNoticeEvents({ id }: Me): void {
  const client = useQueryClient();
  useEffect(() => {
    const name = `tiller-notices/${id}`; // several people may be signed in in one browser
    const others = new BroadcastChannel(name);
    const refresh = () => {
      for (const o of told) void client.invalidateQueries({ queryKey: keyOf(o) });
    };
    others.onmessage = refresh;
    const leaving = new AbortController();
    const listen = () =>
      new Promise<void>((end) => {
        const source = new EventSource(linkTo("noticeEvents"));
        source.onmessage = () => {
          refresh();
          others.postMessage("changed");
        };
        leaving.signal.addEventListener("abort", () => {
          source.close();
          end();
        });
      });
    void navigator.locks?.request(name, { signal: leaving.signal }, listen).catch(() => {});
    return () => {
      leaving.abort();
      others.close();
    };
  }, [client, id]);
}

const pages: Readonly<Record<string, keyof Notices>> = {
  "/desk/inbox": "inbox",
  "/quality/threads": "threads",
  "/feedback": "feedback",
  "/control": "control",
  "/rooms": "rooms",
};
/** The number at the word of a page, or of a section: of all its pages. Nothing where nothing waits. */
export function Count({ of }: { of: readonly string[] }) {
  const { data } = useNotices();
  const n = of.reduce((sum, to) => sum + ((pages[to] && data?.[pages[to]]) ?? 0), 0);
  return n > 0 ? (
    <span className="count num">
      {n > 99 ? "99+" : n}
      <span className="sr"> waiting</span>
    </span>
  ) : null;
}
