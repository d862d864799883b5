/** Who looks at the page: the account, the theme, and the way out. */
import { Popover } from "@base-ui/react/popover";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Me } from "@tiller/schema";
import { api } from "../api.ts";
import { ThemeButton } from "../design/components.tsx";

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
        <span className="sr">, account</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="end" className="over">
          <Popover.Popup className="menu">
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
            <button className="button plain" disabled={out.isPending} onClick={() => out.mutate()}>
              Sign out
            </button>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
