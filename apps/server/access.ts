/**
 * Who may call what: by the table of operations, and below for what is no operation. The server asks it before every
 * request; the matrix test (tests/security.slow.test.ts) tries every route with every role. An unknown route falls under its
 * area, so that forgetting one never opens anything.
 */
import { operations, own, pathsOf, type Rule, who } from "@tiller/schema";

/** Pages, files, the served models as OpenAI's API has them, and what watches the server. */
const others: Readonly<Record<string, Rule>> = {
  "GET /sign-in": who.everybody,
  "GET /api/openapi.json": who.everybody,
  "GET /api/docs": who.everybody,
  "GET /v1/models": who.machines,
  "GET /v1/models/:id{.+}": who.machines,
  "POST /v1/completions": who.machines,
  "POST /v1/chat/completions": who.machines,
  "GET /v1/chat/completions": who.machines,
  "GET /v1/chat/completions/:id": who.machines,
  "GET /v1/chat/completions/:id/messages": who.machines,
  "DELETE /v1/chat/completions/:id": who.machines,
  "GET /healthz": who.everybody,
  "GET /metrics": who.machines,
  "GET /*": who.everybody,
};

/** By method and path, as the routes are written. */
export const access: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    Object.values(operations).flatMap((o) => pathsOf(o).map((at) => [`${o.method} ${at}`, o.who])),
  ),
  ...others,
};

/** What holds where a route has no line: the first area that its path begins with. */
const areas: readonly (readonly [string, Rule])[] = [
  ["/api/desk/", who.people],
  ["/api/studio/", who.staff],
  ["/api/quality/", who.staff],
  ["/api/work/", who.staff],
  ["/api/joining/", who.staff],
  ["/api/control/", who.staff],
  ["/api/projects", who.staff],
  ["/v1/", who.machines],
  ["/api/", who.lab],
  ["/", who.admins],
];

export const ruleOf = (method: string, path: string): Rule =>
  own(access, `${method} ${path}`) ?? areas.find(([start]) => path.startsWith(start))![1];

/** Changes by those who run the place are kept in the audit log; people's own work and model calls are not. */
export const isAdministrative = (method: string, path: string): boolean => {
  const rule = ruleOf(method, path);
  return (
    method !== "GET" && rule !== "public" && !rule.includes("rater") && !path.startsWith("/v1/")
  );
};
