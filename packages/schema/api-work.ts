/** The part of the API's table about who gets what, and how people join. */
import { z } from "zod";
import {
  Move,
  MovePreview,
  QueueForecast,
  RosterRow,
  RuleBody,
  Worker,
  WorkEvent,
  WorkRule,
} from "./assign.ts";
import { ExperimentId, PersonId } from "./ids.ts";
import {
  Joining,
  JoiningAnswer,
  JoiningReply,
  JoiningRow,
  Programme,
  StoredProgramme,
} from "./joining.ts";
import { get, type Operation, post } from "./operation.ts";
import { Backtest, NewPolicy } from "./policy.ts";

const any = z.unknown();
const Ok = z.looseObject({ ok: z.boolean() });
const PolicyVersion = z.strictObject({ name: z.string(), version: z.int() });

export const workOperations = {
  // who gets what
  workQueues: get("/api/work/queues", "queues with their forecasts", {
    reply: z.array(QueueForecast),
  }),
  workRoster: get("/api/work/roster", "who is on which queue", { reply: z.array(RosterRow) }),
  listWorkers: get("/api/work/workers", "people with languages, groups, qualifications", {
    reply: z.array(Worker),
  }),
  listRules: get("/api/work/rules", "the rules of who gets what", { reply: z.array(WorkRule) }),
  workEvents: get("/api/work/events", "what was changed about them, and by whom", {
    reply: z.array(WorkEvent),
  }),
  addRule: post("/api/work/rules", "adds a rule", {
    body: z.strictObject({
      kind: z.string().nullable(),
      experiment: ExperimentId.nullable().optional(),
      body: RuleBody,
    }),
    reply: any,
  }),
  endRule: post("/api/work/rules/:id/end", "ends a rule", { reply: Ok }),
  previewWorkMove: post("/api/work/moves/preview", "what a move would change", {
    body: Move,
    reply: MovePreview,
  }),
  moveWork: post("/api/work/moves", "moves a person, a group or a queue", {
    body: Move,
    reply: Ok,
  }),
  pauseWorker: post("/api/work/pause", "pauses somebody, or lets them go on", {
    body: z.strictObject({ person: PersonId, paused: z.boolean(), why: z.string().max(500) }),
    reply: Ok,
  }),
  listPolicies: get("/api/work/policies", "delegation policies, and the ready-made ones", {
    query: z.strictObject({ kind: z.string().optional() }),
    reply: any,
  }),
  savePolicy: post("/api/work/policies", "a policy's next version, as a draft", {
    body: z.strictObject({ name: z.string(), body: NewPolicy }),
    reply: any,
  }),
  backtestPolicy: post("/api/work/policies/backtest", "tries it on past answers", {
    body: PolicyVersion,
    reply: Backtest,
  }),
  setPolicyState: post("/api/work/policies/state", "takes it live, or retires it", {
    body: PolicyVersion.extend({ state: z.enum(["live", "retired"]) }),
    reply: Ok,
  }),

  // joining
  ownJoining: get("/api/joining", "where one stands on the way in", { reply: Joining }),
  giveConsent: post("/api/joining/consent", "gives one's consent", { reply: Ok }),
  answerJoining: post("/api/joining/answers", "answers a training or test item", {
    body: JoiningAnswer,
    reply: JoiningReply,
  }),
  leaveWork: post("/api/joining/leave", "leaves", {
    body: z.strictObject({ why: z.string().max(2000).optional() }),
    reply: Ok,
  }),
  listJoining: get("/api/joining/people", "who is on the way in", { reply: z.array(JoiningRow) }),
  admit: post("/api/joining/admit", "admits somebody by hand, with the reason", {
    body: z.strictObject({ person: PersonId, why: z.string().min(1).max(2000) }),
    reply: Ok,
  }),
  listProgrammes: get("/api/joining/programmes", "programmes of joining", {
    reply: z.array(StoredProgramme),
  }),
  saveProgramme: post("/api/joining/programmes", "a programme's next version", {
    body: z.strictObject({ name: z.string(), body: Programme }),
    reply: any,
  }),
  endProgramme: post("/api/joining/programmes/end", "ends it: people join without one", {
    reply: Ok,
  }),
} as const satisfies Record<string, Operation>;
