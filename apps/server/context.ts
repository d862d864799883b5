/** What every route gets: the store, the flow, the sampler, and the signed-in person. */
import type { FlowServer } from "@tiller/flow";
import type { Me, Role } from "@tiller/schema";
import type { Store } from "@tiller/store";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { getCookie } from "hono/cookie";
import { personOfToken } from "@tiller/store";
import type { SamplerPool } from "./sampler.ts";

export interface Deps {
  readonly store: Store;
  readonly flow: FlowServer;
  readonly sampler: SamplerPool;
  /** requests being answered: a stop waits for them before it closes the database */
  readonly pending: Set<Promise<void>>;
  /** folder of the built web app */
  readonly web: string;
}
export interface Env {
  Variables: { me: Me };
}
export const SESSION = "tiller_session";

const bearer = (c: Context): string | undefined =>
  c.req.header("authorization")?.match(/^Bearer (.+)$/)?.[1];

/** Why a request may not use the cookie: a page of another site sent it. */
function crossSite(c: Context): string | undefined {
  const origin = c.req.header("origin");
  if (c.req.method === "GET" || bearer(c) || !origin) return undefined;
  const host = URL.canParse(origin) ? new URL(origin).host : undefined;
  return host === c.req.header("host")
    ? undefined
    : `Requests from ${origin} are refused. Use Tiller's own address.`;
}

/** Lets in people with a session (cookie or bearer) whose role is allowed. */
export const allow = (d: Deps, roles: readonly Role[]) =>
  createMiddleware<Env>(async (c, next) => {
    const token = bearer(c) ?? getCookie(c, SESSION);
    const me = token ? await personOfToken(d.store.db, token, ["session"]) : undefined;
    if (!me)
      return c.json(
        { code: "signed_out", message: "You are not signed in. Open your sign-in link again." },
        401,
      );
    if (!roles.includes(me.role))
      return c.json(
        {
          code: "not_allowed",
          message: `This is for ${roles.join(" and ")}s; you are a ${me.role}. Ask the work lead.`,
        },
        403,
      );
    const foreign = crossSite(c);
    if (foreign) return c.json({ code: "cross_site", message: foreign }, 403);
    c.set("me", me);
    return next();
  });

/** API clients: a key, or any signed-in session. */
export const apiClient = (d: Deps) =>
  createMiddleware<Env>(async (c, next) => {
    const token = bearer(c) ?? getCookie(c, SESSION);
    const me = token ? await personOfToken(d.store.db, token, ["key", "session"]) : undefined;
    if (!me)
      return c.json(
        {
          error: {
            message: "Missing or unknown API key. Use the key that Tiller prints at its start.",
            type: "invalid_request_error",
            param: null,
            code: "invalid_api_key",
          },
        },
        401,
      );
    const foreign = crossSite(c);
    if (foreign)
      return c.json(
        {
          error: {
            message: foreign,
            type: "invalid_request_error",
            param: null,
            code: "cross_site",
          },
        },
        403,
      );
    c.set("me", me);
    return next();
  });
