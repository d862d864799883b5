/** Above every page: that the server is away, or that the session has ended; what the page holds stays as it is. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Me } from "@tiller/schema";
import { asking } from "../api.ts";
import { onConnection, useConnection } from "../connection.ts";
import { Dialog } from "../design/components.tsx";
import { PasswordForm } from "../people/sign-in.tsx";

export function ConnectionBar({ me }: { me: Me }) {
  const client = useQueryClient();
  const now = useConnection();
  const [open, setOpen] = useState(false);
  useEffect(
    () =>
      onConnection((next) => {
        setOpen(next === "ended");
        if (next === "here") void client.invalidateQueries();
      }),
    [client],
  );
  const look = () => void client.refetchQueries({ queryKey: asking("me").queryKey });
  if (now === "here") return null;
  if (now === "away")
    return (
      <p className="connection" role="status">
        <b>Tiller does not answer.</b> What you see is as it was, and what you typed stays. The page
        goes on by itself.
      </p>
    );
  return (
    <>
      <p className="connection" role="status">
        <b>Your session has ended.</b> What you typed stays.{" "}
        <button className="button" onClick={() => setOpen(true)}>
          Sign in again
        </button>
      </p>
      <Dialog open={open} close={() => setOpen(false)} title="Your session has ended">
        <p>
          You were here as {me.name}. Sign in again and go on where you were: nothing that you typed
          is lost.
        </p>
        <PasswordForm
          done={(home) => {
            // refused where it is somebody else: they get pages of their own
            client.fetchQuery({ ...asking("me"), staleTime: 0 }).catch(() => location.assign(home));
          }}
        />
        <p className="quiet small">
          Without a password: open a sign-in link of yours in another tab, then{" "}
          <button className="button" onClick={look}>
            I am signed in again
          </button>
        </p>
      </Dialog>
    </>
  );
}
