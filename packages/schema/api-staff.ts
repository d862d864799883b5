/** The part of the API's table that those who run the place use: quality, people, pay, the control room. */
import { z } from "zod";
import { Move, MovePreview } from "./assign.ts";
import { QueueChange, WorkerChange } from "./control.ts";
import { OpenThread, ThreadAct } from "./feedback.ts";
import { get, type Operation, post } from "./operation.ts";
import { Correction, NewRate, OwnPay, PayRate, Period } from "./pay.ts";
import {
  AuditEntry,
  Invitation,
  Invite,
  Join,
  PersonChange,
  RosterPerson,
  Session,
  SetPassword,
  SignIn,
  Welcome,
} from "./people.ts";
import { Decide, LiveQuality, Populations } from "./quality-report.ts";
import { Gold, GoldChange } from "./quality.ts";
import { CheckRequest } from "./task-preview.ts";

const any = z.unknown();

export const staffOperations = {
  // quality
  qualityFields: get("/api/quality/fields", "what agreement can be asked of", { reply: any }),
  qualityPopulations: get("/api/quality/populations", "whose answers there are to look at", {
    reply: Populations,
  }),
  qualityReport: get("/api/quality/report", "agreement, with intervals", { reply: any }),
  liveQuality: get("/api/quality/live", "reliabilities with the newest answers", {
    reply: LiveQuality,
  }),
  raterQuality: get("/api/quality/raters/:id", "one rater's figures", { reply: any }),
  disagreements: get("/api/quality/disagreements", "tasks that people answered differently", {
    reply: any,
  }),
  decide: post("/api/quality/decisions", "settles such a task", { body: Decide, reply: any }),
  setWeights: post("/api/quality/weights", "stores what each rater's answers weigh", {
    body: z.strictObject({ type: z.string(), field: z.string() }),
    reply: z.strictObject({ changed: z.int() }),
  }),
  listGold: get("/api/quality/gold", "tasks with known answers", { reply: z.array(Gold) }),
  getGold: get("/api/quality/gold/:id", "one of them with its history", { reply: any }),
  addGold: post("/api/quality/gold", "adds or changes one", { body: GoldChange, reply: any }),
  setGoldActive: post("/api/quality/gold/:id/active", "retires or restores one", {
    body: z.strictObject({ active: z.boolean(), reason: z.string().min(1).max(4000) }),
    reply: any,
  }),
  listThreads: get("/api/quality/threads", "notes, feedback and disputes", { reply: any }),
  openThread: post("/api/quality/threads", "opens one", { body: OpenThread, reply: any }),
  getThread: get("/api/quality/threads/:id", "one with its messages", { reply: any }),
  answerThread: post("/api/quality/threads/:id", "replies, resolves, reopens", {
    body: ThreadAct,
    reply: any,
  }),

  // people
  signIn: post("/api/sign-in", "signs in with a handle and a password; the session is a cookie", {
    body: SignIn,
    reply: any,
  }),
  readInvitation: get("/api/join/:token", "what an invitation is for", { reply: Welcome }),
  join: post("/api/join/:token", "takes an invitation", { body: Join, reply: any }),
  ownSessions: get("/api/account/sessions", "where one is signed in", { reply: z.array(Session) }),
  revokeOwnSession: post("/api/account/sessions/:id/revoke", "ends a session of one's own", {
    reply: any,
  }),
  setPassword: post("/api/account/password", "sets one's password", {
    body: SetPassword,
    reply: any,
  }),
  signOut: post("/api/account/sign-out", "ends this session", { reply: any }),
  listPeople: get("/api/people", "everybody", { reply: z.array(RosterPerson) }),
  changePerson: post("/api/people/:id", "changes a role, switches somebody off or on", {
    body: PersonChange,
    reply: any,
  }),
  newLink: post("/api/people/:id/link", "a new sign-in link", { reply: any }),
  sessionsOf: get("/api/people/:id/sessions", "where somebody is signed in", {
    reply: z.array(Session),
  }),
  revokeSessions: post("/api/people/:id/sessions/revoke", "ends somebody's sessions", {
    body: z.strictObject({ id: z.string().optional() }),
    reply: any,
  }),
  listInvitations: get("/api/people/invitations", "open and used invitations", {
    reply: z.array(Invitation),
  }),
  invite: post("/api/people/invitations", "invites somebody", { body: Invite, reply: any }),
  revokeInvitation: post("/api/people/invitations/:id/revoke", "takes an invitation back", {
    reply: any,
  }),
  listAudit: get("/api/people/audit", "who changed what", { reply: z.array(AuditEntry) }),
  auditFile: get("/api/people/audit.jsonl", "the same as a file", { replyAs: "application/jsonl" }),

  // pay
  ownPay: get("/api/account/pay", "one's own pay, entry by entry", {
    query: Period,
    reply: OwnPay,
  }),
  payroll: get("/api/pay", "the payroll of a period", { query: Period, reply: any }),
  payrollFile: get("/api/pay/payroll.csv", "the same as CSV, for payroll programs", {
    query: Period,
    replyAs: "text/csv",
  }),
  payEntries: get("/api/pay/entries.csv", "the ledger, entry by entry", {
    query: Period,
    replyAs: "text/csv",
  }),
  payRates: get("/api/pay/rates", "what an hour or a piece is paid, over time", {
    reply: z.array(PayRate),
  }),
  setPayRate: post("/api/pay/rates", "a new rate, from a day on", { body: NewRate, reply: any }),
  payOf: get("/api/pay/people/:id", "one person's pay", { query: Period, reply: any }),
  correctPay: post("/api/pay/people/:id/corrections", "a correcting entry; none is changed", {
    body: Correction,
    reply: any,
  }),

  // the control room
  controlRoom: get("/api/control", "people, queues with forecasts, alerts", { reply: any }),
  quickestAnswers: get("/api/control/answers/:person", "a person's quickest answers", {
    reply: any,
  }),
  previewMove: post("/api/control/preview", "what a move would change", {
    body: Move,
    reply: MovePreview,
  }),
  move: post("/api/control/move", "moves a person, a group or a queue", { body: Move, reply: any }),
  undoMove: post("/api/control/moves/:id/undo", "takes a move back", { reply: any }),
  changeWorker: post(
    "/api/control/people/:id",
    "pauses somebody, sets groups, languages, qualifications",
    { body: WorkerChange, reply: any },
  ),
  changeQueue: post("/api/control/queues", "pauses or orders a queue", {
    body: QueueChange,
    reply: any,
  }),

  // kinds of work
  listTasks: get("/api/tasks", "the kinds of work with their samples", { reply: any }),
  checkAnswer: post("/api/tasks/check", "what is wrong with an answer to a sample", {
    body: CheckRequest,
    reply: any,
  }),
} as const satisfies Record<string, Operation>;
