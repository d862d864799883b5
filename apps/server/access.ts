/**
 * Who may call what: the one place where this rule lives. The server asks it before every request; the matrix test
 * (tests/security.test.ts) fails when a route has no line here. A route without a line falls under its area, so that
 * forgetting one never opens anything.
 */
import type { Role } from "@tiller/schema";
import { own } from "@tiller/schema";

const people = ["rater", "lead", "researcher", "admin"] as const;
const staff = ["lead", "researcher", "admin"] as const;
const leads = ["lead", "admin"] as const;
const lab = ["researcher", "admin"] as const;
const admins = ["admin"] as const;
/** researchers, and programs by an API key */
const labMachines = ["researcher", "admin", "service"] as const;
const machines = ["lead", "researcher", "admin", "service"] as const;

/** `public`: nobody needs to be signed in. */
export type Rule = readonly Role[] | "public";

/** By method and path, as the routes are written. */
export const access: Readonly<Record<string, Rule>> = {
  // signing in, and one's own account
  "GET /sign-in": "public",
  "POST /api/sign-in": "public",
  "GET /api/join/:token": "public",
  "POST /api/join/:token": "public",
  "GET /api/me": people,
  "GET /api/account/sessions": people,
  "POST /api/account/sessions/:id/revoke": people,
  "POST /api/account/password": people,
  "POST /api/account/sign-out": people,

  // the desk: a person's own tasks and own numbers
  "POST /api/desk/next": people,
  "POST /api/desk/answers": people,
  "POST /api/desk/undo": people,
  "POST /api/desk/skip": people,
  "POST /api/desk/renew": people,
  "POST /api/desk/beat": people,
  "POST /api/desk/drafts": people,
  "GET /api/desk/drafts/:lease": people,
  "POST /api/desk/instructions": people,
  "POST /api/desk/concerns": people,
  "GET /api/desk/concerns": people,
  "GET /api/desk/progress": people,
  "GET /api/desk/me": people,
  "GET /api/desk/inbox": staff,
  "POST /api/desk/concerns/:id/reply": staff,
  "POST /api/desk/referrals/:lease": staff,

  "GET /api/desk/feedback": people,
  "POST /api/desk/feedback": people,
  "POST /api/desk/feedback/:id": people,

  // joining: one's own way in, and the programmes
  "GET /api/joining": people,
  "POST /api/joining/consent": people,
  "POST /api/joining/answers": people,
  "POST /api/joining/leave": people,
  "GET /api/joining/people": staff,
  "POST /api/joining/admit": leads,
  "GET /api/joining/programmes": staff,
  "POST /api/joining/programmes": staff,
  "POST /api/joining/programmes/end": staff,

  // who gets what: queues, moves, rules, policies
  "GET /api/work/queues": staff,
  "GET /api/work/roster": staff,
  "GET /api/work/workers": staff,
  "GET /api/work/rules": staff,
  "GET /api/work/events": staff,
  "POST /api/work/rules": leads,
  "POST /api/work/rules/:id/end": leads,
  "POST /api/work/moves/preview": leads,
  "POST /api/work/moves": leads,
  "POST /api/work/pause": leads,
  "GET /api/work/policies": staff,
  "POST /api/work/policies": staff,
  "POST /api/work/policies/backtest": staff,
  "POST /api/work/policies/state": staff,

  // quality: figures, gold, disagreements, notes and threads
  "GET /api/quality/fields": staff,
  "GET /api/quality/populations": staff,
  "GET /api/quality/report": staff,
  "GET /api/quality/live": staff,
  "GET /api/quality/raters/:id": staff,
  "GET /api/quality/disagreements": staff,
  "POST /api/quality/decisions": staff,
  "POST /api/quality/weights": staff,
  "GET /api/quality/gold": staff,
  "GET /api/quality/gold/:id": staff,
  "POST /api/quality/gold": staff,
  "POST /api/quality/gold/:id/active": staff,
  "GET /api/quality/threads": staff,
  "POST /api/quality/threads": staff,
  "GET /api/quality/threads/:id": staff,
  "POST /api/quality/threads/:id": staff,

  // people and the record of what was done
  "GET /api/people": staff,
  "POST /api/people/:id": admins,
  // whoever has a link is that person, name and all: not for those who see pseudonyms
  "POST /api/people/:id/link": admins,
  "GET /api/people/:id/sessions": admins,
  "POST /api/people/:id/sessions/revoke": admins,
  "GET /api/people/invitations": leads,
  "POST /api/people/invitations": leads,
  "POST /api/people/invitations/:id/revoke": leads,
  "GET /api/people/audit": leads,
  "GET /api/people/audit.jsonl": admins,

  // pay; by name for admins only
  "GET /api/account/pay": people,
  "GET /api/pay": leads,
  "GET /api/pay/payroll.csv": leads,
  "GET /api/pay/entries.csv": leads,
  "GET /api/pay/rates": leads,
  "POST /api/pay/rates": admins,
  "GET /api/pay/people/:id": leads,
  "POST /api/pay/people/:id/corrections": leads,

  // the control room
  "GET /api/control": staff,
  "GET /api/control/answers/:person": staff,
  "POST /api/control/preview": staff,
  "POST /api/control/move": staff,
  "POST /api/control/moves/:id/undo": staff,
  "POST /api/control/people/:id": staff,
  "POST /api/control/queues": staff,

  // the lab
  "GET /api/studio/experiments": staff,
  "GET /api/studio/experiments/:id": staff,
  "GET /api/studio/experiments/:id/raters": staff,
  "GET /api/studio/experiments/:id/runs": staff,
  "GET /api/studio/experiments/:id/samples": staff,
  "GET /api/studio/experiments/:id/report": staff,
  "GET /api/studio/experiments/:id/report.html": staff,
  "GET /api/studio/runs/:id": staff,
  "GET /api/studio/runs/:id/metrics": staff,
  "GET /api/studio/samples/:id": staff,
  "GET /api/studio/datasets/:id": staff,
  "GET /api/studio/datasets/:id/rows": staff,
  "GET /api/studio/checkpoints": staff,
  "GET /api/studio/lineage/:id": staff,
  "GET /api/studio/events": staff,
  "GET /api/studio/experiments/:id/trace": machines,
  "GET /api/studio/experiments/:id/trace/run": machines,
  "GET /api/studio/experiments/:id/trace/node": staff,
  "GET /api/studio/experiments/:id/trace/part": staff,
  "GET /api/studio/experiments/:id/trace/search": staff,
  "GET /api/studio/experiments/:id/trace/digests": staff,
  "GET /api/studio/experiments/:id/trace/comments": staff,
  "POST /api/studio/experiments/:id/trace/comments": staff,
  "GET /api/studio/experiments/:id/trace/file": staff,
  "POST /api/studio/traces": staff,
  "GET /api/studio/progress": machines,
  "GET /api/studio/workflows": machines,
  // programs start runs and read how they do; what changes a run under way, or takes people's answers out, is a person's act
  "POST /api/studio/experiments": labMachines,
  "POST /api/studio/experiments/:id/fork": lab,
  "POST /api/studio/experiments/:id/rewind": lab,
  "POST /api/studio/experiments/:id/reask": lab,
  "POST /api/studio/experiments/:id/cancel": staff,
  "POST /api/studio/experiments/:id/hold": staff,
  "POST /api/studio/experiments/:id/release": staff,
  "POST /api/studio/experiments/:id/migrate": lab,
  "GET /api/studio/experiments/:id/record": staff,
  "GET /api/studio/experiments/:id/result": staff,
  "GET /api/studio/triggers": machines,
  "POST /api/studio/triggers": labMachines,
  "POST /api/studio/triggers/:name/active": labMachines,
  "DELETE /api/studio/triggers/:name": labMachines,

  "GET /api/studio/models": staff,
  "GET /api/studio/models/:name": staff,

  // the kinds of work; trying one out changes nothing, so it is not kept as an administrative act
  "GET /api/tasks": people,
  "POST /api/tasks/check": people,
  // data in and out
  "GET /api/data/export": machines,
  "GET /api/data/export/schema": machines,
  "POST /api/data/import": machines,
  "GET /api/data/webhooks": machines,
  "POST /api/data/webhooks": machines,
  "POST /api/data/webhooks/:id": machines,
  "GET /api/data/webhooks/:id/deliveries": machines,
  "POST /api/data/webhooks/:id/deliveries/:delivery": machines,
  "GET /api/openapi.json": "public",
  "GET /api/docs": "public",

  // the served models
  "GET /v1/models": machines,
  "GET /v1/models/:id{.+}": machines,
  "POST /v1/completions": machines,
  "POST /v1/chat/completions": machines,
  "GET /v1/chat/completions": machines,
  "GET /v1/chat/completions/:id": machines,
  "GET /v1/chat/completions/:id/messages": machines,
  "DELETE /v1/chat/completions/:id": machines,

  // the server itself, and the web app's files
  "GET /healthz": "public",
  "GET /metrics": machines,
  "GET /*": "public",
};

/** What holds where a route has no line: the first area that its path begins with. */
const areas: readonly (readonly [string, Rule])[] = [
  ["/api/desk/", people],
  ["/api/studio/", staff],
  ["/api/quality/", staff],
  ["/api/work/", staff],
  ["/api/joining/", staff],
  ["/api/control/", staff],
  ["/v1/", machines],
  ["/api/", lab],
  ["/", admins],
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
