/** Who looks at the page: the account, the theme, others who are signed in here, and the way out. */
import { Popover } from "@base-ui/react/popover";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Me } from "@tiller/schema";
import { api } from "../api.ts";
import { base } from "../base.ts";
import { ThemeButton } from "../design/components.tsx";
import { useHere } from "../people/sign-in.tsx";

export function Account({ me }: { me: Me }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  const out = useMutation({
    mutationFn: () => api.signOut(),
    onSuccess: () => location.assign("/"),
  });
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className="button plain account">
        <span className="initial" aria-hidden="true">
          {me.name.slice(0, 1).toUpperCase()}
        </span>
        <span className="name">{me.name}</span>
        <span className="sr">account</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="end" className="over">
          <Popover.Popup className="menu" aria-label="Account">
            <p>
              <b>{me.name}</b>
              <br />
              <span className="quiet small">
                {me.role}, seen by others as {me.pseudonym}
              </span>
            </p>
            <Link to="/account" onClick={close}>
              My account
            </Link>
            <ThemeButton />
            {open && <Others />}
            <button className="button plain" disabled={out.isPending} onClick={() => out.mutate()}>
              Sign out
            </button>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** Other people of this browser: each has addresses of their own, so that two tabs are two people. */
function Others() {
  const others = useHere().filter((p) => p.path !== base);
  return (
    <>
      {others.length > 0 && <span className="quiet small label">Also signed in here</span>}
      {others.map((p) => (
        <a key={p.path} href={`${p.path}/`}>
          {p.name} <span className="quiet small">{p.role}</span>
        </a>
      ))}
      <a href={`${base}/sign-in`}>Sign in as somebody else</a>
    </>
  );
}
