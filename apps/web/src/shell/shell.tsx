/** What stands around every page: who looks at it, the header, and the words where somebody may not see it. */
import { useQuery } from "@tanstack/react-query";
import { Outlet, useLocation } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Me } from "@tiller/schema";
import { ApiError, asking } from "../api.ts";
import { openedBy } from "../connection.ts";
import { base } from "../base.ts";
import { Failed, Loading, WayOn } from "../design/components.tsx";
import { SignIn } from "../people/sign-in.tsx";
import { ConnectionBar } from "./connection.tsx";
import { Header } from "./header.tsx";
import { useNoticeEvents } from "./notices.tsx";
import { isForOthers, titleOf } from "./sections.ts";

export const useMe = () => useQuery({ ...asking("me"), retry: false });

export function Shell() {
  const me = useMe();
  const { pathname } = useLocation();
  // doors come before the account
  if (pathname.startsWith("/join/") || pathname === "/sign-in")
    return (
      <main>
        <Outlet />
      </main>
    );
  if (me.data) return <Pages me={me.data} />;
  return (
    <main>
      {me.isPending ? (
        <Loading />
      ) : me.error instanceof ApiError && me.error.status === 401 ? (
        <SignIn />
      ) : (
        <Failed error={me.error!} retry={() => void me.refetch()} />
      )}
    </main>
  );
}

function Pages({ me }: { me: Me }) {
  const { pathname } = useLocation();
  useTitle(pathname, me);
  useEffect(() => openedBy(me.id), [me.id]);
  useNoticeEvents(me);
  return (
    <>
      <ConnectionBar me={me} />
      <Header me={me} />
      {isForOthers(pathname, me.role) ? <ForOthers me={me} /> : <Outlet />}
    </>
  );
}

const ForOthers = ({ me }: { me: Me }) => (
  <main>
    <WayOn title="This page is for others">
      You are here as {me.name}, {me.role}. Ask the work lead if you need it.
    </WayOn>
  </main>
);
export const NoSuchPage = () => (
  <main>
    <WayOn title="There is no such page">{location.pathname} leads nowhere.</WayOn>
  </main>
);

/** A page's heading is its name in the title of the tab. */
function useTitle(path: string, { role, name }: Me): void {
  useEffect(() => {
    const set = () => {
      const heading = document.querySelector("main h1")?.textContent?.trim();
      const title = titleOf({ heading, path, role, as: base ? name : undefined });
      if (document.title !== title) document.title = title;
    };
    set();
    const watch = new MutationObserver(set);
    watch.observe(document.body, { childList: true, subtree: true, characterData: true });
    return () => watch.disconnect();
  }, [path, role, name]);
}
