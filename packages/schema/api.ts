/**
 * The HTTP API as one table: the routes of the server are checked against it, the OpenAPI document is made of it, and
 * the typed client has a method for each of its names. The schemas are the ones that the routes parse with.
 */
import { z } from "zod";
import { runOperations } from "./api-runs.ts";
import { staffOperations } from "./api-staff.ts";
import { workOperations } from "./api-work.ts";
import {
  CreatedWebhook,
  ExportRequest,
  Imported,
  ImportQuery,
  NewWebhook,
  Webhook,
  WebhookChange,
  WebhookDelivery,
} from "./data.ts";
import {
  Acknowledge,
  Beat,
  BeatReply,
  Concern,
  Inbox,
  OwnWork,
  RaiseConcern,
  SavedDraft,
  SaveDraft,
  SaveDraftReply,
  SettleReferral,
} from "./desk.ts";
import {
  Checkpoint,
  Dataset,
  Experiment,
  LabelledPair,
  Lineage,
  MetricPoint,
  Report,
  Run,
  Sample,
} from "./lab.ts";
import { OpenThread, ThreadAct } from "./feedback.ts";
import { LeaseId } from "./ids.ts";
import { ModelList, ModelPage } from "./models.ts";
import { get, type Operation, post } from "./operation.ts";
import { NodeComment, TracePage } from "./trace.ts";
import { NodeDigest, nodeParts, NodeView, TracedRun, TraceFound } from "./trace-view.ts";
import {
  DeskProgress,
  Judgment,
  Me,
  NextReply,
  RaterRow,
  Skip,
  SkipReply,
  Submit,
  SubmitReply,
  Undo,
  UndoReply,
} from "./work.ts";

const Ok = z.looseObject({ ok: z.boolean() });
const any = z.unknown();
const page = z.strictObject({
  offset: z.coerce.number().optional(),
  limit: z.coerce.number().optional(),
});

export const operations = {
  // the desk
  me: get("/api/me", "the signed-in person", { reply: Me }),
  nextTask: post("/api/desk/next", "a task on loan, or word that there is none", {
    body: z.strictObject({ holding: z.array(z.string()).max(16).optional() }),
    reply: NextReply,
  }),
  submitAnswer: post(
    "/api/desk/answers",
    "hands in an answer; the same lease again gives the same reply",
    { body: Submit, reply: SubmitReply },
  ),
  undoAnswer: post("/api/desk/undo", "takes the last answer back, for two minutes", {
    body: Undo,
    reply: UndoReply,
  }),
  skipTask: post("/api/desk/skip", "gives a task back with a reason", {
    body: Skip,
    reply: SkipReply,
  }),
  renewLease: post("/api/desk/renew", "keeps a task longer", {
    body: z.strictObject({ lease: LeaseId }),
    reply: z.strictObject({ renewed: z.boolean() }),
  }),
  beat: post("/api/desk/beat", "tells the time spent on the task in hand", {
    body: Beat,
    reply: BeatReply,
  }),
  saveDraft: post("/api/desk/drafts", "keeps an unfinished answer", {
    body: SaveDraft,
    reply: SaveDraftReply,
  }),
  getDraft: get("/api/desk/drafts/:lease", "the unfinished answer", {
    reply: SavedDraft.nullable(),
  }),
  readInstructions: post(
    "/api/desk/instructions",
    "says that a version of the instructions was read",
    { body: Acknowledge, reply: any },
  ),
  raiseConcern: post("/api/desk/concerns", "flags a task", { body: RaiseConcern, reply: any }),
  listConcerns: get("/api/desk/concerns", "one's own concerns and what came of them", {
    reply: z.array(Concern),
  }),
  progress: get("/api/desk/progress", "one's own figures", { reply: DeskProgress }),
  ownWork: get("/api/desk/me", "one's own hours and answers", {
    query: z.strictObject({ zone: z.string().optional() }),
    reply: OwnWork,
  }),
  inbox: get("/api/desk/inbox", "concerns and skipped tasks that wait for an answer", {
    reply: Inbox,
  }),
  answerConcern: post("/api/desk/concerns/:id/reply", "answers a concern", {
    body: z.strictObject({ reply: z.string().min(1).max(4000) }),
    reply: any,
  }),
  settleReferral: post(
    "/api/desk/referrals/:lease",
    "says what becomes of a task that was passed to researchers",
    { body: SettleReferral, reply: any },
  ),
  listFeedback: get("/api/desk/feedback", "feedback on one's own answers", { reply: any }),
  giveFeedback: post("/api/desk/feedback", "opens a thread about one's own answer", {
    body: OpenThread.omit({ kind: true }),
    reply: any,
  }),
  answerFeedback: post("/api/desk/feedback/:id", "replies in a thread", {
    body: ThreadAct,
    reply: any,
  }),

  // data in and out
  exportAnswers: get(
    "/api/data/export",
    "answers as a file, by pseudonym; filtered and in any of the formats",
    { query: ExportRequest, replyAs: "application/octet-stream" },
  ),
  exportSchema: get(
    "/api/data/export/schema",
    "what the columns of that file mean, and its kinds of work in full",
    { query: ExportRequest, reply: any },
  ),
  importAnswers: post("/api/data/import", "answers out of a file, all of them or none", {
    query: ImportQuery,
    bodyAs: "application/octet-stream",
    reply: Imported,
  }),
  listWebhooks: get("/api/data/webhooks", "who is told of what", { reply: z.array(Webhook) }),
  createWebhook: post(
    "/api/data/webhooks",
    "tells a URL of events; the secret is in the reply and nowhere else",
    { body: NewWebhook, reply: CreatedWebhook },
  ),
  setWebhook: post("/api/data/webhooks/:id", "switches a webhook on or off", {
    body: WebhookChange,
    reply: Ok,
  }),
  listDeliveries: get("/api/data/webhooks/:id/deliveries", "what was sent, newest first", {
    query: z.strictObject({ before: z.coerce.number().optional() }),
    reply: z.array(WebhookDelivery),
  }),
  redeliver: post("/api/data/webhooks/:id/deliveries/:delivery", "sends a delivery again", {
    reply: Ok,
  }),

  // the lab
  listExperiments: get("/api/studio/experiments", "all experiments, newest first", {
    reply: z.array(Experiment),
  }),
  getExperiment: get("/api/studio/experiments/:id", "one experiment with its stages", {
    reply: Experiment,
  }),
  getResult: get("/api/studio/experiments/:id/result", "what its workflow returned, whole", {
    replyAs: "application/json",
  }),
  listRaters: get(
    "/api/studio/experiments/:id/raters",
    "the raters of an experiment with their figures",
    { reply: z.array(RaterRow) },
  ),
  listRuns: get("/api/studio/experiments/:id/runs", "its jobs", { reply: z.array(Run) }),
  listSamples: get("/api/studio/experiments/:id/samples", "texts that its models wrote", {
    query: z.strictObject({ run: z.string().optional(), limit: z.coerce.number().optional() }),
    reply: z.array(Sample),
  }),
  getReport: get("/api/studio/experiments/:id/report", "its report", { reply: Report }),
  reportPage: get("/api/studio/experiments/:id/report.html", "its report as a page", {
    replyAs: "text/html",
  }),
  getRun: get("/api/studio/runs/:id", "one job", { reply: Run }),
  getMetrics: get("/api/studio/runs/:id/metrics", "a job's curves", {
    query: z.strictObject({ after: z.coerce.number().optional() }),
    reply: z.array(MetricPoint),
  }),
  getSample: get("/api/studio/samples/:id", "one text", { reply: Sample }),
  getDataset: get("/api/studio/datasets/:id", "a dataset version", { reply: Dataset }),
  datasetRows: get(
    "/api/studio/datasets/:id/rows",
    "its rows; pairs with the judgments behind them",
    {
      query: page,
      reply: z.union([
        z.array(z.looseObject({ ...LabelledPair.shape, judgments: z.array(Judgment) })),
        z.array(z.unknown()),
      ]),
    },
  ),
  listCheckpoints: get("/api/studio/checkpoints", "all models, newest first", {
    reply: z.array(Checkpoint),
  }),
  lineage: get("/api/studio/lineage/:id", "the walk back from a checkpoint", { reply: Lineage }),
  events: get("/api/studio/events", "live events", {
    query: z.strictObject({ experiment: z.string().optional() }),
    replyAs: "text/event-stream",
  }),
  tracePage: get("/api/studio/experiments/:id/trace", "nodes of the trace that changed", {
    query: z.strictObject({ after: z.coerce.number().optional() }),
    reply: TracePage,
  }),
  tracedRun: get("/api/studio/experiments/:id/trace/run", "the run that the trace is of", {
    reply: TracedRun,
  }),
  traceNode: get("/api/studio/experiments/:id/trace/node", "one node in full", {
    query: z.strictObject({ id: z.string() }),
    reply: NodeView,
  }),
  tracePart: get(
    "/api/studio/experiments/:id/trace/part",
    "a node's input, output, prompt or answers, whole, as a file",
    {
      query: z.strictObject({ id: z.string(), part: z.enum(nodeParts) }),
      replyAs: "application/json",
    },
  ),
  searchTrace: get(
    "/api/studio/experiments/:id/trace/search",
    "nodes whose texts hold these words",
    { query: z.strictObject({ q: z.string() }), reply: TraceFound },
  ),
  traceDigests: get(
    "/api/studio/experiments/:id/trace/digests",
    "hashes of inputs and outputs, to compare two runs",
    { reply: z.array(NodeDigest) },
  ),
  traceComments: get("/api/studio/experiments/:id/trace/comments", "comments", {
    reply: z.array(NodeComment),
  }),
  commentTrace: post("/api/studio/experiments/:id/trace/comments", "comments on a node", {
    body: NodeComment.pick({ node: true, text: true }),
    reply: any,
  }),
  traceFile: get(
    "/api/studio/experiments/:id/trace/file",
    "the run as one file that opens offline",
    { replyAs: "text/html" },
  ),
  importTrace: post("/api/studio/traces", "takes such a file in", {
    bodyAs: "text/html",
    reply: any,
  }),
  listModels: get("/api/studio/models", "language models that may be called, with what they cost", {
    reply: ModelList,
  }),
  getModel: get("/api/studio/models/:name", "one of them with its calls", { reply: ModelPage }),

  ...runOperations,
  ...workOperations,
  ...staffOperations,
} as const satisfies Record<string, Operation>;
export type OperationName = keyof typeof operations;
