/** The invited person's first page. The link works once. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { Join, Welcome } from "@tiller/schema";
import { api, asking } from "../api.ts";
import { Card, Loading, Refused, when } from "../design/components.tsx";
import { GoOn, useHere, useTabTitle } from "./sign-in.tsx";
import "../control/control.css";

export function JoinPage() {
  const { token } = useParams({ strict: false });
  const others = useHere();
  useTabTitle("Invitation");
  const invitation = useQuery({
    ...asking("readInvitation", { token: token ?? "" }),
    retry: false,
    staleTime: Infinity,
  });
  if (invitation.error)
    return (
      <div className="narrow stack centre">
        <h1>This invitation does not work</h1>
        <p className="quiet">{invitation.error.message}</p>
        <GoOn people={others} to="/" />
        <p>
          Joined already? <a href="/sign-in">Sign in with your password</a>, or ask the work lead
          for a sign-in link.
        </p>
      </div>
    );
  if (!invitation.data) return <Loading />;
  return <JoinForm token={token ?? ""} welcome={invitation.data} />;
}

const list = (text: string) =>
  text
    .split(/[\s,]+/)
    .map((s) => s.trim())
    .filter(Boolean);

function JoinForm({ token, welcome }: { token: string; welcome: Welcome }) {
  const others = useHere();
  const [name, setName] = useState("");
  const [languages, setLanguages] = useState(welcome.languages.join(", "));
  const [handle, setHandle] = useState("");
  const [password, setPassword] = useState("");
  const join = useMutation({
    mutationFn: () => {
      const account = handle || password ? { handle, password } : {};
      const body: Join = { name, languages: list(languages), ...account };
      return api.join({ token, body });
    },
    onSuccess: ({ home }) => location.assign(home),
  });
  return (
    <div className="narrow stack centre">
      <div>
        <h1>Welcome</h1>
        <p className="quiet">
          You are invited to join as {welcome.role}. This link works once, until{" "}
          {when(welcome.expiresAt)}.
        </p>
        {others.length > 0 && (
          <p className="quiet">
            {others.map((p) => p.name).join(", ")} stay{others.length === 1 ? "s" : ""} signed in
            here: whoever joins gets addresses of their own beside that.
          </p>
        )}
      </div>
      <Card>
        <form
          className="form"
          onSubmit={(e) => {
            e.preventDefault();
            join.mutate();
          }}
        >
          <label>
            Your name: only whoever runs the payroll sees it, all others see a pseudonym
            <input
              autoComplete="name"
              required
              maxLength={120}
              value={name}
              onChange={(e) => setName(e.target.value)}
            />
          </label>
          <label>
            Languages you read and write well, for example en, de
            <input value={languages} onChange={(e) => setLanguages(e.target.value)} />
          </label>
          <p className="quiet small">
            A password is optional. With one you can sign in on any device; without, ask for a new
            link when you need it.
          </p>
          <div className="pair-fields">
            <label>
              Name to sign in with
              <input
                autoComplete="username"
                value={handle}
                onChange={(e) => setHandle(e.target.value)}
              />
            </label>
            <label>
              Password, 12 characters or more
              <input
                type="password"
                autoComplete="new-password"
                minLength={12}
                value={password}
                onChange={(e) => setPassword(e.target.value)}
              />
            </label>
          </div>
          <Refused error={join.error} />
          <button className="button primary" disabled={join.isPending}>
            Join
          </button>
        </form>
      </Card>
    </div>
  );
}
