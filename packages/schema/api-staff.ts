/** The part of the API's table that those who run the place use: quality, people, pay, the control room. */
import { z } from "zod";
import { Move, MovePreview } from "./assign.ts";
import { ControlRoom, QueueChange, RecentAnswer, WorkerChange } from "./control.ts";
import { OpenThread, Thread, ThreadAct } from "./feedback.ts";
import { PersonId } from "./ids.ts";
import { get, Ok, type Operation, post, who } from "./operation.ts";
import { Correction, LedgerEntry, NewRate, OwnPay, PayRate, Payroll, Period } from "./pay.ts";
import {
  AuditEntry,
  AuditFilter,
  Invitation,
  Invite,
  Join,
  PersonChange,
  RosterPerson,
  Session,
  SetPassword,
  SignedInHere,
  SignIn,
  Welcome,
} from "./people.ts";
import {
  Decide,
  Disagreement,
  LiveQuality,
  Measured,
  Population,
  Populations,
  QualityReport,
  RaterReport,
} from "./quality-report.ts";
import { Gold, GoldAnswer, GoldChange, GoldEvent } from "./quality.ts";
import { CheckReply, CheckRequest, PreviewReply } from "./task-preview.ts";

/** What a figure is asked of: a field of a kind of work, and whose answers. */
const Which = z.object({ type: z.string().min(1), field: z.string().min(1), ...Population.shape });
const Ended = z.strictObject({ ended: z.number() });
const Link = z.strictObject({ link: z.string() });
const PeriodWithNames = Period.safeExtend({
  names: z.enum(["0", "1"]).optional().describe("1 puts real names in: for admins"),
});

export const staffOperations = {
  // quality
  qualityFields: get("/api/quality/fields", who.staff, "what agreement can be asked of", {
    reply: z.array(Measured),
  }),
  qualityPopulations: get(
    "/api/quality/populations",
    who.staff,
    "whose answers there are to look at",
    { query: Which, reply: Populations },
  ),
  qualityReport: get("/api/quality/report", who.staff, "agreement, with intervals", {
    query: Which.extend({
      fresh: z.enum(["0", "1"]).default("0").describe("1: computed now, not the last one"),
    }),
    reply: QualityReport,
  }),
  liveQuality: get("/api/quality/live", who.staff, "reliabilities with the newest answers", {
    query: Which,
    reply: LiveQuality,
  }),
  raterQuality: get("/api/quality/raters/:id", who.staff, "one rater's figures", {
    query: Which,
    reply: RaterReport,
  }),
  disagreements: get(
    "/api/quality/disagreements",
    who.staff,
    "tasks that people answered differently",
    {
      query: Which.extend({
        first: z.string().optional().describe("a person"),
        second: z.string().optional().describe("and another: only tasks on which these two differ"),
        offset: z.coerce.number().int().min(0).default(0),
        limit: z.coerce.number().int().min(1).max(100).default(20),
      }),
      reply: z.array(Disagreement),
    },
  ),
  decide: post("/api/quality/decisions", who.staff, "settles such a task", {
    body: Decide,
    reply: Disagreement,
  }),
  setWeights: post("/api/quality/weights", who.staff, "stores what each rater's answers weigh", {
    body: Which,
    reply: z.strictObject({ changed: z.int() }),
  }),
  listGold: get("/api/quality/gold", who.staff, "tasks with known answers", {
    query: z.strictObject({ type: z.string().optional() }),
    reply: z.array(Gold),
  }),
  getGold: get("/api/quality/gold/:id", who.staff, "one of them with its history", {
    reply: z.strictObject({ gold: Gold, events: z.array(GoldEvent), answers: z.array(GoldAnswer) }),
  }),
  addGold: post("/api/quality/gold", who.staff, "adds or changes one", {
    body: GoldChange,
    reply: Gold,
  }),
  setGoldActive: post("/api/quality/gold/:id/active", who.staff, "retires or restores one", {
    body: z.strictObject({ active: z.boolean(), reason: z.string().trim().min(1).max(4000) }),
    reply: Gold,
  }),
  listThreads: get("/api/quality/threads", who.staff, "notes, feedback and disputes", {
    query: z.strictObject({
      about: PersonId.optional(),
      task: z.string().optional(),
      gold: z.string().optional(),
      states: z.string().optional().describe("names with commas between them"),
    }),
    reply: z.array(Thread),
  }),
  openThread: post("/api/quality/threads", who.staff, "opens one", {
    body: OpenThread,
    reply: Thread,
  }),
  getThread: get("/api/quality/threads/:id", who.staff, "one with its messages", { reply: Thread }),
  answerThread: post("/api/quality/threads/:id", who.staff, "replies, resolves, reopens", {
    body: ThreadAct,
    reply: Thread,
  }),

  // people
  signIn: post(
    "/api/sign-in",
    who.everybody,
    "signs in with a handle and a password; the session is a cookie",
    { body: SignIn, reply: z.strictObject({ home: z.string() }) },
  ),
  readInvitation: get("/api/join/:token", who.everybody, "what an invitation is for", {
    reply: Welcome,
  }),
  join: post("/api/join/:token", who.everybody, "takes an invitation", {
    body: Join,
    reply: z.strictObject({ home: z.string(), pseudonym: z.string() }),
  }),
  signedInHere: get("/api/account/here", who.everybody, "who is signed in in this browser", {
    reply: z.array(SignedInHere),
  }),
  ownSessions: get("/api/account/sessions", who.people, "where one is signed in", {
    reply: z.array(Session),
  }),
  revokeOwnSession: post(
    "/api/account/sessions/:id/revoke",
    who.people,
    "ends a session of one's own",
    { reply: Ended },
  ),
  setPassword: post("/api/account/password", who.people, "sets one's password", {
    body: SetPassword,
    reply: Ok,
  }),
  signOut: post("/api/account/sign-out", who.people, "ends this session", { reply: Ok }),
  listPeople: get("/api/people", who.staff, "everybody", { reply: z.array(RosterPerson) }),
  changePerson: post("/api/people/:id", who.admins, "changes a role, switches somebody off or on", {
    body: PersonChange,
    reply: RosterPerson,
  }),
  newLink: post("/api/people/:id/link", who.admins, "a new sign-in link", { reply: Link }),
  sessionsOf: get("/api/people/:id/sessions", who.admins, "where somebody is signed in", {
    reply: z.array(Session),
  }),
  revokeSessions: post("/api/people/:id/sessions/revoke", who.admins, "ends somebody's sessions", {
    body: z.strictObject({ id: z.string().optional() }),
    reply: Ended,
  }),
  listInvitations: get("/api/people/invitations", who.leads, "open and used invitations", {
    reply: z.array(Invitation),
  }),
  invite: post("/api/people/invitations", who.leads, "invites somebody", {
    body: Invite,
    reply: Link.extend({ invitation: Invitation }),
  }),
  revokeInvitation: post(
    "/api/people/invitations/:id/revoke",
    who.leads,
    "takes an invitation back",
    { reply: Ok },
  ),
  listAudit: get("/api/people/audit", who.leads, "who changed what", {
    query: AuditFilter,
    reply: z.array(AuditEntry),
  }),
  auditFile: get("/api/people/audit.jsonl", who.admins, "the same as a file", {
    query: AuditFilter,
    replyAs: "application/jsonl",
  }),

  // pay
  ownPay: get("/api/account/pay", who.people, "one's own pay, entry by entry", {
    query: Period,
    reply: OwnPay,
  }),
  payroll: get("/api/pay", who.leads, "the payroll of a period", {
    query: PeriodWithNames,
    reply: Payroll,
  }),
  payrollFile: get("/api/pay/payroll.csv", who.leads, "the same as CSV, for payroll programs", {
    query: PeriodWithNames,
    replyAs: "text/csv",
  }),
  payEntries: get("/api/pay/entries.csv", who.leads, "the ledger, entry by entry", {
    query: Period,
    replyAs: "text/csv",
  }),
  payRates: get("/api/pay/rates", who.leads, "what an hour or a piece is paid, over time", {
    reply: z.array(PayRate),
  }),
  setPayRate: post("/api/pay/rates", who.admins, "a new rate, from a day on", {
    body: NewRate,
    reply: z.strictObject({ booked: z.number() }),
  }),
  payOf: get("/api/pay/people/:id", who.leads, "one person's pay", {
    query: Period,
    reply: z.array(LedgerEntry),
  }),
  correctPay: post(
    "/api/pay/people/:id/corrections",
    who.leads,
    "a correcting entry; none is changed",
    { body: Correction, reply: Ok },
  ),

  // the control room
  controlRoom: get("/api/control", who.staff, "people, queues with forecasts, alerts", {
    reply: ControlRoom,
  }),
  quickestAnswers: get("/api/control/answers/:person", who.staff, "a person's quickest answers", {
    reply: z.array(RecentAnswer),
  }),
  previewMove: post("/api/control/preview", who.staff, "what a move would change", {
    body: Move,
    reply: MovePreview,
  }),
  move: post("/api/control/move", who.staff, "moves a person, a group or a queue", {
    body: Move,
    reply: z.strictObject({ id: z.string() }),
  }),
  undoMove: post("/api/control/moves/:id/undo", who.staff, "takes a move back", { reply: Ok }),
  changeWorker: post(
    "/api/control/people/:id",
    who.staff,
    "pauses somebody, sets groups, languages, qualifications",
    { body: WorkerChange, reply: Ok },
  ),
  changeQueue: post("/api/control/queues", who.staff, "pauses or orders a queue", {
    body: QueueChange,
    reply: Ok,
  }),

  // kinds of work
  listTasks: get("/api/tasks", who.people, "the kinds of work with their samples", {
    reply: PreviewReply,
  }),
  checkAnswer: post("/api/tasks/check", who.people, "what is wrong with an answer to a sample", {
    body: CheckRequest,
    reply: CheckReply,
  }),
} as const satisfies Record<string, Operation>;
