/** The doors: what somebody sees who is not signed in, whose link does not work, or who comes as a further person. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { z } from "zod";
import { api, asking } from "../api.ts";
import { base } from "../base.ts";
import { Card, Refused } from "../design/components.tsx";
import "../control/control.css";

/** In place of a page: nobody is signed in at this address. */
export function SignIn() {
  const others = useHere();
  const path = location.pathname.slice(base.length);
  return (
    <Door title="You are not signed in">
      <p className="quiet">
        Open the sign-in link that Tiller printed when it started, or that the work lead sent you.
      </p>
      <GoOn people={others} to={path + location.search} />
    </Door>
  );
}

export const SignInPlace = z.object({ token: z.string().optional().catch(undefined) });
/** A page of its own, `/sign-in`: where a link leads that does not work, and where a further person signs in. */
export function SignInPage() {
  const { token } = SignInPlace.parse(useSearch({ strict: false }));
  const others = useHere();
  return token === undefined ? (
    <Door title="Sign in">
      {others.length > 0 && (
        <p className="quiet">
          Whoever is signed in here stays so: you get addresses of your own beside theirs.
        </p>
      )}
      <GoOn people={others} to="/" />
    </Door>
  ) : (
    <Door title="This sign-in link does not work any more">
      <p className="quiet">
        Links end after a week, when a password is set, and when somebody ends them. Ask whoever
        sent it for a new one; the first ones of a home are printed by <code>tiller start</code>.
      </p>
      <GoOn people={others} to="/" />
    </Door>
  );
}

/** What the tab is called of a page that stands before the rest. */
export function useTabTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} - Tiller`;
  }, [title]);
}

function Door({ title, children }: { title: string; children: React.ReactNode }) {
  useTabTitle(title);
  return (
    <div className="narrow stack centre">
      <div className="stack">
        <h1>{title}</h1>
        {children}
      </div>
      <Card title="With a password">
        <PasswordForm done={(home) => location.assign(home)} />
      </Card>
    </div>
  );
}

/** Who is signed in in this browser, this page's own person too. */
export const useHere = () =>
  useQuery({ ...asking("signedInHere"), refetchOnWindowFocus: true }).data ?? [];

/** The way on as somebody who is signed in here. */
export function GoOn({ people, to }: { people: ReturnType<typeof useHere>; to: string }) {
  if (!people.length) return null;
  return (
    <p className="row">
      {people.map((p) => (
        <a key={p.path} className="button" href={p.path + to}>
          Go on as {p.name}, {p.role}
        </a>
      ))}
    </p>
  );
}

export function PasswordForm({ done }: { done: (home: string) => void }) {
  const [handle, setHandle] = useState("");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => api.signIn({ body: { handle, password } }),
    onSuccess: ({ home }) => done(home),
  });
  return (
    <form
      className="form"
      onSubmit={(e) => {
        e.preventDefault();
        enter.mutate();
      }}
    >
      <label>
        Name or e-mail address
        <input
          autoComplete="username"
          required
          value={handle}
          onChange={(e) => setHandle(e.target.value)}
        />
      </label>
      <label>
        Password
        <input
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(e) => setPassword(e.target.value)}
        />
      </label>
      <Refused error={enter.error} />
      <div>
        <button className="button primary" disabled={enter.isPending}>
          Sign in
        </button>
      </div>
    </form>
  );
}
