/**
 * The HTTP API as one table: the routes of the server are checked against it, the OpenAPI document is made of it, and
 * the typed client has a method for each of its names. The schemas are the ones that the routes parse with.
 */
import { z } from "zod";
import { experimentOperations } from "./api-experiments.ts";
import { projectOperations } from "./api-projects.ts";
import { roomOperations } from "./api-rooms.ts";
import { treeOperations } from "./api-trees.ts";
import { staffOperations } from "./api-staff.ts";
import { workOperations } from "./api-work.ts";
import {
  CreatedWebhook,
  ExportRequest,
  Imported,
  ImportQuery,
  MailSettings,
  NewWebhook,
  SchemaFile,
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
  Leave,
  OwnWork,
  RaiseConcern,
  SavedDraft,
  SaveDraft,
  SaveDraftReply,
  SettleReferral,
} from "./desk.ts";
import { Checkpoint, Dataset, Experiment, Lineage, MetricPoint, Run } from "./lab.ts";
import {
  ChangesQuery,
  DatasetCard,
  DatasetChanges,
  DatasetOverlap,
  DatasetRun,
  Examples,
  ExamplesQuery,
} from "./cards.ts";
import { CurvesQuery, JudgedPair, JudgedPairsQuery, RunCurves } from "./curves.ts";
import { NewDataset } from "./rows.ts";
import { Histogram, Sample, SamplesOverTime } from "./samples.ts";
import { Report } from "./report.ts";
import { CheckpointReward } from "./reward-report.ts";
import { Promote, ServedModel } from "./served.ts";
import { DeskFeedback, Notices, OpenThread, Thread, ThreadAct } from "./feedback.ts";
import { DatasetId, LeaseId } from "./ids.ts";
import { SeenAnswer } from "./seen.ts";
import { ModelList, ModelPage } from "./models.ts";
import { get, Ok, type Operation, post, who } from "./operation.ts";
import { NodeComment, TracePage } from "./trace.ts";
import { NodeDigest, nodeParts, NodeView, TracedExperiment, TraceFound } from "./trace-view.ts";
import {
  DeskPreview,
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

const count = (fallback: number, most: number) =>
  z.coerce.number().int().min(0).max(most).default(fallback);
/** A time zone's name that Postgres and the browser both know. */
const Zone = z.string().refine((zone) => {
  try {
    return Boolean(Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}, "is not a time zone like Europe/London");
const NodePath = z.string().min(1).max(4000);

export const operations = {
  // the desk
  me: get("/api/me", who.people, "the signed-in person", { reply: Me }),
  nextTask: post("/api/desk/next", who.people, "a task on loan, or word that there is none", {
    body: z.strictObject({ holding: z.array(z.string()).max(16).default([]) }),
    reply: NextReply,
  }),
  submitAnswer: post(
    "/api/desk/answers",
    who.people,
    "hands in an answer; the same lease again gives the same reply",
    { body: Submit, reply: SubmitReply },
  ),
  undoAnswer: post("/api/desk/undo", who.people, "takes the last answer back, for two minutes", {
    body: Undo,
    reply: UndoReply,
  }),
  skipTask: post("/api/desk/skip", who.people, "gives a task back with a reason", {
    body: Skip,
    reply: SkipReply,
  }),
  renewLease: post("/api/desk/renew", who.people, "keeps a task longer", {
    body: z.strictObject({ lease: LeaseId }),
    reply: z.strictObject({ renewed: z.boolean() }),
  }),
  beat: post("/api/desk/beat", who.people, "tells the time spent on the task in hand", {
    body: Beat,
    reply: BeatReply,
  }),
  previewDesk: get("/api/desk/preview", who.staff, "what one would get next, without taking it", {
    reply: DeskPreview,
  }),
  leaveTasks: post("/api/desk/leave", who.people, "gives back what was not begun", {
    body: Leave,
    reply: Ok,
  }),
  saveDraft: post("/api/desk/drafts", who.people, "keeps an unfinished answer", {
    body: SaveDraft,
    reply: SaveDraftReply,
  }),
  getDraft: get("/api/desk/drafts/:lease", who.people, "the unfinished answer", {
    reply: SavedDraft,
  }),
  readInstructions: post(
    "/api/desk/instructions",
    who.people,
    "says that a version of the instructions was read",
    { body: Acknowledge, reply: Ok },
  ),
  raiseConcern: post("/api/desk/concerns", who.people, "flags a task", {
    body: RaiseConcern,
    reply: Concern,
  }),
  listConcerns: get("/api/desk/concerns", who.people, "one's own concerns and what came of them", {
    reply: z.array(Concern),
  }),
  progress: get("/api/desk/progress", who.people, "one's own figures", { reply: DeskProgress }),
  ownWork: get("/api/desk/me", who.people, "one's own hours and answers", {
    query: z.strictObject({ zone: Zone.default("UTC") }),
    reply: OwnWork,
  }),
  ownAnswers: get("/api/desk/me/answers", who.people, "one's own answers, the newest first", {
    query: z.strictObject({
      before: z.iso.datetime().optional().describe("the time of the last that is known"),
      limit: count(20, 100),
    }),
    reply: z.array(SeenAnswer),
  }),
  getAnswer: get("/api/desk/answers/:id", who.people, "an answer with its task; a rater's own", {
    reply: SeenAnswer,
  }),
  inbox: get("/api/desk/inbox", who.staff, "concerns and skipped tasks that wait for an answer", {
    reply: Inbox,
  }),
  answerConcern: post("/api/desk/concerns/:id/reply", who.staff, "answers a concern", {
    body: z.strictObject({ reply: z.string().trim().min(1).max(4000) }),
    reply: Concern,
  }),
  settleReferral: post(
    "/api/desk/referrals/:lease",
    who.staff,
    "says what becomes of a task that was passed to researchers",
    { body: SettleReferral, reply: Ok },
  ),
  listFeedback: get("/api/desk/feedback", who.people, "feedback on one's own answers", {
    reply: DeskFeedback,
  }),
  seeFeedback: post("/api/desk/feedback/seen", who.people, "says that the feedback was read", {
    body: z.strictObject({ until: z.iso.datetime().describe("what came later is still new") }),
    reply: Ok,
  }),
  giveFeedback: post("/api/desk/feedback", who.people, "opens a thread about one's own answer", {
    body: OpenThread.omit({ kind: true }),
    reply: Thread,
  }),
  answerFeedback: post("/api/desk/feedback/:id", who.people, "replies in a thread", {
    body: ThreadAct,
    reply: Thread,
  }),

  notices: get("/api/notices", who.people, "how many things wait for one, by page", {
    reply: Notices,
  }),
  noticeEvents: get("/api/notices/events", who.people, "a word whenever these may have changed", {
    replyAs: "text/event-stream",
  }),

  // data in and out
  exportAnswers: get(
    "/api/data/export",
    who.machines,
    "answers as a file, by pseudonym; filtered and in any of the formats",
    { query: ExportRequest, replyAs: "application/octet-stream" },
  ),
  exportSchema: get(
    "/api/data/export/schema",
    who.machines,
    "what the columns of that file mean, and its kinds of work in full",
    { query: ExportRequest, reply: SchemaFile },
  ),
  importAnswers: post(
    "/api/data/import",
    who.machines,
    "answers out of a file, all of them or none",
    {
      query: ImportQuery,
      bodyAs: "application/octet-stream",
      reply: Imported,
    },
  ),
  listWebhooks: get("/api/data/webhooks", who.machines, "who is told of what", {
    reply: z.array(Webhook),
  }),
  createWebhook: post(
    "/api/data/webhooks",
    who.machines,
    "tells a URL, or a mail address by mailto:, of events; the secret is in the reply and nowhere else",
    { body: NewWebhook, reply: CreatedWebhook },
  ),
  mailSettings: get("/api/data/mail", who.machines, "whether this server sends mail", {
    reply: MailSettings,
  }),
  setWebhook: post("/api/data/webhooks/:id", who.machines, "switches a webhook on or off", {
    body: WebhookChange,
    reply: Ok,
  }),
  listDeliveries: get(
    "/api/data/webhooks/:id/deliveries",
    who.machines,
    "what was sent, newest first",
    {
      query: z.strictObject({ before: z.coerce.number().int().optional() }),
      reply: z.array(WebhookDelivery),
    },
  ),
  redeliver: post(
    "/api/data/webhooks/:id/deliveries/:delivery",
    who.machines,
    "sends a delivery again",
    {
      reply: Ok,
    },
  ),

  // the lab
  listExperiments: get("/api/studio/experiments", who.staff, "all experiments, newest first", {
    reply: z.array(Experiment),
  }),
  getExperiment: get("/api/studio/experiments/:id", who.staff, "one experiment with its stages", {
    reply: Experiment,
  }),
  getResult: get(
    "/api/studio/experiments/:id/result",
    who.staff,
    "what its workflow returned, whole",
    {
      replyAs: "application/json",
    },
  ),
  listRaters: get(
    "/api/studio/experiments/:id/raters",
    who.staff,
    "the raters of an experiment with their figures",
    { reply: z.array(RaterRow) },
  ),
  listRuns: get("/api/studio/experiments/:id/runs", who.staff, "its runs, one a job", {
    reply: z.array(Run),
  }),
  listSamples: get(
    "/api/studio/experiments/:id/samples",
    who.staff,
    "texts that its models wrote",
    {
      query: z.strictObject({ run: z.string().optional(), limit: count(60, 500) }),
      reply: z.array(Sample),
    },
  ),
  getReport: get("/api/studio/experiments/:id/report", who.staff, "its report", { reply: Report }),
  reportPage: get("/api/studio/experiments/:id/report.html", who.staff, "its report as a page", {
    replyAs: "text/html",
  }),
  getRun: get("/api/studio/runs/:id", who.staff, "one run", { reply: Run }),
  getMetrics: get("/api/studio/runs/:id/metrics", who.staff, "a run's curves", {
    query: z.strictObject({ after: z.coerce.number().default(-1) }),
    reply: z.array(MetricPoint),
  }),
  samplesOverTime: get(
    "/api/studio/runs/:id/samples",
    who.staff,
    "what its model wrote at a step beside the base, and how varied it was at each",
    {
      query: z.strictObject({ step: z.coerce.number().int().min(0).optional() }),
      reply: SamplesOverTime,
    },
  ),
  curves: post(
    "/api/studio/curves",
    who.staff,
    "curves of runs, of long ones thinned: mean, lowest and highest of steps put together",
    { body: CurvesQuery, reply: z.array(RunCurves) },
  ),
  judgedPairs: post(
    "/api/studio/judged-pairs",
    who.staff,
    "what people judged between texts of several experiments",
    { body: JudgedPairsQuery, reply: z.array(JudgedPair) },
  ),
  metricsFile: get(
    "/api/studio/runs/:id/metrics.csv",
    who.staff,
    "every step of a run, a metric a column",
    { replyAs: "text/csv" },
  ),
  listHistograms: get(
    "/api/studio/runs/:id/histograms",
    who.staff,
    "how figures of a run were spread over its batches, by step",
    { reply: z.array(Histogram) },
  ),
  getSample: get("/api/studio/samples/:id", who.staff, "one text with its tokens", {
    reply: Sample,
  }),
  listDatasets: get("/api/studio/datasets", who.staff, "the newest dataset versions", {
    query: z.strictObject({
      schema: z.string().optional(),
      name: z.string().optional().describe("the versions of one name"),
      limit: count(200, 1000),
    }),
    reply: z.array(Dataset),
  }),
  createDataset: post(
    "/api/studio/datasets",
    who.labMachines,
    "a file that was uploaded as a dataset version; all of its rows or none",
    { body: NewDataset, reply: Dataset },
  ),
  getDataset: get("/api/studio/datasets/:id", who.staff, "a dataset version", { reply: Dataset }),
  datasetRows: get(
    "/api/studio/datasets/:id/rows",
    who.staff,
    "its rows, each with the judgments behind it where it names some",
    {
      query: z.strictObject({ offset: count(0, 1e9), limit: count(50, 200) }),
      reply: z.union([
        z.array(z.looseObject({ judgments: z.array(Judgment) })),
        z.array(z.unknown()),
      ]),
    },
  ),
  datasetCard: get(
    "/api/studio/datasets/:id/card",
    who.staff,
    "what it is made of; made now where it was not yet",
    { reply: DatasetCard },
  ),
  datasetExamples: get(
    "/api/studio/datasets/:id/examples",
    who.staff,
    "rows by agreement, strength, length, rater, source and what they repeat, with their judgments",
    { query: ExamplesQuery, reply: Examples },
  ),
  datasetOverlaps: get(
    "/api/studio/datasets/:id/overlaps",
    who.staff,
    "what it shares with the sets that evaluations read, and with another that is named",
    {
      query: z.strictObject({ other: DatasetId.optional() }),
      reply: z.array(DatasetOverlap),
    },
  ),
  datasetChanges: get(
    "/api/studio/datasets/:id/changes",
    who.staff,
    "rows added, removed and changed since another version",
    { query: ChangesQuery, reply: DatasetChanges },
  ),
  datasetRuns: get("/api/studio/datasets/:id/runs", who.staff, "the runs that read it", {
    reply: z.array(DatasetRun),
  }),
  listCheckpoints: get("/api/studio/checkpoints", who.staff, "all models, newest first", {
    reply: z.array(Checkpoint),
  }),
  listServed: get(
    "/api/studio/served",
    who.staff,
    "models by name: every version with its figures, which one is served, and who decided it",
    { reply: z.array(ServedModel) },
  ),
  promoteModel: post(
    "/api/studio/served",
    who.lab,
    "serve a version by its name from now; an earlier one: roll back",
    { body: Promote, reply: ServedModel },
  ),
  lineage: get("/api/studio/lineage/:id", who.staff, "the walk back from a checkpoint", {
    reply: Lineage,
  }),
  rewardReport: get(
    "/api/studio/checkpoints/:id/reward",
    who.staff,
    "a reward model beside what is cheap, of the pairs that its training kept back; worked out when it is asked for",
    { reply: CheckpointReward },
  ),
  events: get("/api/studio/events", who.staff, "live events", {
    query: z.strictObject({ experiment: z.string().optional() }),
    replyAs: "text/event-stream",
  }),
  tracePage: get(
    "/api/studio/experiments/:id/trace",
    who.machines,
    "nodes of the trace that changed",
    {
      query: z.strictObject({ after: z.coerce.number().int().min(0).default(0) }),
      reply: TracePage,
    },
  ),
  tracedExperiment: get(
    "/api/studio/experiments/:id/trace/experiment",
    who.machines,
    "the experiment that the trace is of",
    {
      formerly: "/api/studio/experiments/:id/trace/run",
      reply: TracedExperiment,
    },
  ),
  traceNode: get("/api/studio/experiments/:experiment/trace/node", who.staff, "one node in full", {
    query: z.strictObject({ id: NodePath }),
    reply: NodeView,
  }),
  tracePart: get(
    "/api/studio/experiments/:experiment/trace/part",
    who.staff,
    "a node's input, output, prompt or answers, whole, as a file",
    {
      query: z.strictObject({ id: NodePath, part: z.enum(nodeParts) }),
      replyAs: "application/json",
    },
  ),
  searchTrace: get(
    "/api/studio/experiments/:id/trace/search",
    who.staff,
    "nodes whose texts hold these words",
    { query: z.strictObject({ q: z.string().min(2).max(200) }), reply: TraceFound },
  ),
  traceDigests: get(
    "/api/studio/experiments/:id/trace/digests",
    who.staff,
    "hashes of inputs and outputs, to compare two experiments",
    { reply: z.array(NodeDigest) },
  ),
  traceComments: get("/api/studio/experiments/:id/trace/comments", who.staff, "comments", {
    reply: z.array(NodeComment),
  }),
  commentTrace: post(
    "/api/studio/experiments/:id/trace/comments",
    who.staff,
    "comments on a node",
    { body: NodeComment.pick({ node: true, text: true }), reply: NodeComment },
  ),
  traceFile: get(
    "/api/studio/experiments/:id/trace/file",
    who.staff,
    "the experiment as one file that opens offline",
    { replyAs: "text/html" },
  ),
  importTrace: post("/api/studio/traces", who.staff, "takes such a file in", {
    bodyAs: "text/html",
    reply: z.strictObject({ experiment: z.string(), nodes: z.number() }),
  }),
  listModels: get(
    "/api/studio/models",
    who.staff,
    "language models that may be called, with what they cost",
    {
      reply: ModelList,
    },
  ),
  getModel: get("/api/studio/models/:name", who.staff, "one of them with its calls", {
    reply: ModelPage,
  }),

  ...experimentOperations,
  ...projectOperations,
  ...roomOperations,
  ...treeOperations,
  ...workOperations,
  ...staffOperations,
} as const satisfies Record<string, Operation>;
export type OperationName = keyof typeof operations;
