/** The viewer inside an exported file: no server, no network; its place is kept behind the # of the address. */
import "./fonts.css";
import "../design/tokens.css";
import "../design/app.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import type { NodeLink } from "@tiller/schema";
import { applyTheme, Badge, ThemeButton, when } from "../design/components.tsx";
import { fileSource, headOfFile } from "./file-source.ts";
import { Place } from "./tree.ts";
import { Viewer } from "./viewer.tsx";

const client = new QueryClient({
  defaultOptions: { queries: { retry: false, networkMode: "always" } },
});
const placeOf = (hash: string): Place =>
  Place.parse(Object.fromEntries(new URLSearchParams(hash.slice(1))));
const hashOf = (place: Place): string =>
  new URLSearchParams(
    Object.entries(place).filter((e): e is [string, string] => Boolean(e[1])),
  ).toString();
// what a link names is not in this file: its id still tells what to look for
const named = (l: NodeLink) => (
  <span>
    {l.kind} <code>{l.id}</code>
  </span>
);

function Offline() {
  const head = useMemo(() => headOfFile(), []);
  const source = useMemo(() => fileSource(head), [head]);
  const [place, set] = useState(() => placeOf(location.hash));
  const go = useCallback((change: Partial<Place>) => {
    set((old) => {
      const next = { ...old, ...change };
      history.replaceState(null, "", `#${hashOf(next)}`);
      return next;
    });
  }, []);
  return (
    <Viewer
      source={source}
      place={place}
      go={go}
      link={named}
      aside={
        <>
          <Badge>exported {when(head.exportedAt)}</Badge>
          <ThemeButton />
        </>
      }
    />
  );
}

applyTheme();
createRoot(document.getElementById("root")!, {
  onUncaughtError: (e) => {
    document.body.textContent = `This file cannot be shown: ${(e as Error).message}. Export the experiment again.`;
  },
}).render(
  <QueryClientProvider client={client}>
    <Offline />
  </QueryClientProvider>,
);
