/** What every route gets (the store, the flow, the sampler, the signed-in person), and the guard in front of them all. */
import type { FlowServer } from "@tiller/flow";
import type { ModelClient } from "@tiller/model";
import { type Me, operations, pathsOf } from "@tiller/schema";
import { personOfToken, recordAct, type Store } from "@tiller/store";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import { isAdministrative, ruleOf } from "./access.ts";
import { isOpenai } from "./openai-error.ts";
import { sessionToken } from "./seats.ts";
import { say } from "./problems.ts";
import type { Door } from "./door.ts";
import type { SamplerPool } from "@tiller/serve";
import { clientAddress, hostOf, type Limiter, publicAddress, rateOf, tooMany } from "./security.ts";

export interface Deps {
  readonly store: Store;
  readonly flow: FlowServer;
  readonly sampler: SamplerPool;
  readonly modelClient: ModelClient;
  /** requests being answered: a stop waits for them before it closes the database */
  readonly pending: Set<Promise<void>>;
  /** folder of the built web app */
  readonly web: string;
  /** who mails come from; absent: no mail is sent */
  readonly mailFrom?: string | undefined;
  /** what is left to chance about a lease, by its id: hidden gold, and who explores; drawn from the id where absent */
  readonly chance?: ((lease: string) => () => number) | undefined;
}
/** Once it is done, everybody's pages are told to look at what waits for them. */
export const telling =
  (d: Pick<Deps, "store">) =>
  async <T>(doing: Promise<T>): Promise<T> => {
    const done = await doing;
    d.store.emit({ type: "notice" });
    return done;
  };
export interface Env {
  /** `recorded`: the handler wrote its act into the audit log itself */
  Variables: { me: Me; recorded: boolean };
}

const STREAM_SECONDS = 60;
const replies = new Map(
  Object.values(operations).flatMap((o) =>
    pathsOf(o).map((at) => [`${o.method} ${at}`, "replyAs" in o ? o.replyAs : "application/json"]),
  ),
);

const bearer = (c: Context): string | undefined =>
  c.req.header("authorization")?.match(/^Bearer (.+)$/)?.[1];
export const tokenOf = (c: Context, home: string): string | undefined =>
  bearer(c) ?? sessionToken(c, home);

/** Why a request may not use the cookie: a page of another site sent it. */
export function crossSite(c: Context): string | undefined {
  const origin = c.req.header("origin");
  if (c.req.method === "GET" || c.req.method === "HEAD" || bearer(c)) return undefined;
  if (!origin)
    return c.req.header("sec-fetch-site") === "cross-site"
      ? "Requests from other sites are refused. Use Tiller's own address."
      : undefined;
  const host = URL.canParse(origin) ? new URL(origin).host : undefined;
  return host === hostOf(c) || origin === publicAddress()
    ? undefined
    : `Requests from ${origin} are refused. Use Tiller's own address.`;
}

/**
 * The route that will answer, as it is written: `/api/people/:id`. The catch-all that serves the web app's files also
 * matches the API's paths; there it says nothing.
 */
export function routeOf(c: Context): { method: string; path: string } {
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  const inApi = /^\/(api|v1)\//.test(c.req.path);
  const route = matchedRoutes(c).find((r) => r.method === method && !(inApi && r.path === "/*"));
  return { method, path: route?.path ?? c.req.path };
}

/** Asks the table in access.ts, knows the person, keeps the rates and records what administrators change. */
export const guard = (d: Deps, limiter: Limiter, door: Door) =>
  createMiddleware<Env>(async (c, next) => {
    const { method, path } = routeOf(c);
    const rule = ruleOf(method, path);
    const foreign = crossSite(c);
    if (foreign) return say(c, 403, "cross_site", foreign);
    if (rule === "public") return next();
    const token = tokenOf(c, d.store.home);
    // a key is for programs: it comes as a bearer, never in a cookie
    const kinds = bearer(c) ? (["key", "session"] as const) : (["session"] as const);
    const me = token ? await personOfToken(d.store.db, token, kinds) : undefined;
    if (!me) {
      const from = clientAddress(c);
      const wait = token ? limiter.wait("unknown", from) : 0; // right ones always pass: an office shares one address
      if (wait) return tooMany(c, wait);
      if (token) limiter.take("unknown", from);
      return isOpenai(c.req.path)
        ? say(
            c,
            401,
            "invalid_api_key",
            "Missing or unknown API key. Use the key that Tiller prints at its start.",
          )
        : say(
            c,
            401,
            "signed_out",
            "You are not signed in. Open your sign-in link again, or sign in with your password.",
          );
    }
    // a page says whom it was opened by: nobody acts as who came after in the same browser
    const meant = c.req.header("tiller-person");
    if (meant && meant !== me.id)
      return say(
        c,
        401,
        "signed_out",
        `This page was opened by somebody who is not signed in here any more; ${me.name} is. Sign in again, or reload the page to go on as ${me.name}.`,
      );
    if (!rule.includes(me.role))
      return say(
        c,
        403,
        "not_allowed",
        `This is for ${rule.join(", ")}; your role is ${me.role}. Ask the work lead.`,
      );
    const rate = rateOf(method, c.req.path);
    const wait = limiter.wait(rate, me.id);
    if (wait) return tooMany(c, wait);
    limiter.take(rate, me.id);
    c.set("me", me);
    const events = replies.get(`${method} ${path}`) === "text/event-stream";
    if (events && !door.hasRoom(me.id)) return tooMany(c, STREAM_SECONDS);
    await next();
    const type = c.res.headers.get("content-type") ?? "";
    if (type.includes("event-stream") || c.res.headers.has("content-disposition"))
      c.res = door.watch(c.res, { person: me.id, token: token!, kinds, rule });
    if (isAdministrative(method, path) && c.res.ok && !c.var.recorded)
      await recordAct(d.store.db, {
        actor: me.id,
        action: `${method} ${path}`,
        target: c.req.path,
        after: await bodyOf(c),
      });
  });

/** A small JSON body, without what must stay secret; imports and files are named by the path alone. */
async function bodyOf(c: Context): Promise<unknown> {
  if (!c.req.header("content-type")?.includes("json")) return undefined;
  if (Number(c.req.header("content-length") ?? 0) > 65_536) return undefined;
  const body: unknown = await c.req.json().catch(() => undefined);
  return JSON.parse(
    JSON.stringify(body ?? null, (key, value: unknown) =>
      /password|secret|token|apikey/i.test(key) ? "(hidden)" : value,
    ),
  );
}
