/** The part of the API's table about who gets what, and how people join. */
import { z } from "zod";
import { QueueForecast, RosterRow, RuleBody, Worker, WorkEvent, WorkRule } from "./assign.ts";
import { ExperimentId, PersonId } from "./ids.ts";
import {
  Joining,
  JoiningAnswer,
  JoiningReply,
  JoiningRow,
  QualificationType,
  StoredQualificationType,
} from "./joining.ts";
import { get, Ok, type Operation, post, who } from "./operation.ts";
import { Backtest, NewDelegationRule, DelegationRule, StoredDelegationRule } from "./delegation.ts";

const hyphened = z.string().regex(/^[a-z][a-z0-9-]{0,60}$/, "is lower-case words with hyphens");
const RuleVersion = z.strictObject({ name: z.string(), version: z.int() });

export const workOperations = {
  // who gets what
  workQueues: get("/api/work/queues", who.staff, "queues with their forecasts", {
    reply: z.array(QueueForecast),
  }),
  workRoster: get("/api/work/roster", who.staff, "who is on which queue", {
    reply: z.array(RosterRow),
  }),
  listWorkers: get(
    "/api/work/workers",
    who.staff,
    "people with languages, groups, qualifications",
    {
      reply: z.array(Worker),
    },
  ),
  listRules: get("/api/work/rules", who.staff, "the rules of who gets what", {
    reply: z.array(WorkRule),
  }),
  workEvents: get("/api/work/events", who.staff, "what was changed about them, and by whom", {
    reply: z.array(WorkEvent),
  }),
  addRule: post("/api/work/rules", who.leads, "adds a rule", {
    body: z.strictObject({
      kind: z.string().nullable(),
      experiment: ExperimentId.nullable().default(null),
      body: RuleBody,
    }),
    reply: z.strictObject({ id: z.string() }),
  }),
  endRule: post("/api/work/rules/:id/end", who.leads, "ends a rule", { reply: Ok }),
  listDelegationRules: get(
    "/api/work/delegation-rules",
    who.staff,
    "delegation rules, and the ready-made ones",
    {
      formerly: "/api/work/policies",
      query: z.strictObject({ kind: z.string().default("comparison") }),
      reply: z.strictObject({
        rules: z.array(StoredDelegationRule),
        ready: z.array(z.strictObject({ name: z.string(), body: DelegationRule })),
      }),
    },
  ),
  saveDelegationRule: post(
    "/api/work/delegation-rules",
    who.staff,
    "a rule's next version, as a draft",
    {
      formerly: "/api/work/policies",
      body: z.strictObject({ name: hyphened, body: NewDelegationRule }),
      reply: StoredDelegationRule,
    },
  ),
  backtestDelegationRule: post(
    "/api/work/delegation-rules/backtest",
    who.staff,
    "tries it on past answers",
    {
      formerly: "/api/work/policies/backtest",
      body: RuleVersion,
      reply: Backtest,
    },
  ),
  setDelegationRuleState: post(
    "/api/work/delegation-rules/state",
    who.staff,
    "takes it live, or retires it",
    {
      formerly: "/api/work/policies/state",
      body: RuleVersion.extend({ state: z.enum(["live", "retired"]) }),
      reply: Ok,
    },
  ),

  // joining
  ownJoining: get("/api/joining", who.people, "where one stands on the way in", { reply: Joining }),
  giveConsent: post("/api/joining/consent", who.people, "gives one's consent", { reply: Ok }),
  answerJoining: post("/api/joining/answers", who.people, "answers a training or test item", {
    body: JoiningAnswer,
    reply: JoiningReply,
  }),
  leaveWork: post("/api/joining/leave", who.people, "leaves", {
    body: z.strictObject({ why: z.string().max(2000).default("") }),
    reply: Ok,
  }),
  listJoining: get("/api/joining/people", who.staff, "who is on the way in", {
    reply: z.array(JoiningRow),
  }),
  admit: post("/api/joining/admit", who.leads, "admits somebody by hand, with the reason", {
    body: z.strictObject({ person: PersonId, why: z.string().min(1).max(2000) }),
    reply: Ok,
  }),
  listQualificationTypes: get(
    "/api/joining/qualifications",
    who.staff,
    "types of qualification, version by version",
    {
      formerly: "/api/joining/programmes",
      reply: z.array(StoredQualificationType),
    },
  ),
  saveQualificationType: post("/api/joining/qualifications", who.staff, "a type's next version", {
    formerly: "/api/joining/programmes",
    body: z.strictObject({ name: hyphened, body: QualificationType }),
    reply: StoredQualificationType,
  }),
  endQualificationType: post(
    "/api/joining/qualifications/end",
    who.staff,
    "ends it: people join without one",
    {
      formerly: "/api/joining/programmes/end",
      reply: Ok,
    },
  ),
} as const satisfies Record<string, Operation>;
