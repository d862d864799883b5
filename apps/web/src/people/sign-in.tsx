/** What somebody sees who is not signed in: name and password, or the way to a link. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api.ts";
import { Card, Refused } from "../design/components.tsx";
import "../control/control.css";

export function SignIn() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [handle, setHandle] = useState("");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => api.signIn({ body: { handle, password } }),
    onSuccess: async ({ home }) => {
      client.clear();
      await navigate({ to: home });
    },
  });
  return (
    <div className="narrow stack centre">
      <div>
        <h1>You are not signed in</h1>
        <p className="quiet">
          Open the sign-in link that Tiller printed when it started, or that the work lead sent you.
        </p>
      </div>
      <Card title="With a password">
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
          <button className="button primary" disabled={enter.isPending}>
            Sign in
          </button>
        </form>
      </Card>
    </div>
  );
}
