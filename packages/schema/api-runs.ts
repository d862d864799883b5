/** The part of the API's table that runs of workflows use. */
import { z } from "zod";
import { get, type Operation, post } from "./operation.ts";
import { AtNode, StartedRun, StartRun, WorkflowInfo } from "./runs.ts";
import { RunProgress } from "./trace-view.ts";

export const runOperations = {
  listProgress: get("/api/studio/progress", "how far each run is, and what it waits for", {
    reply: z.array(RunProgress),
  }),
  listWorkflows: get("/api/studio/workflows", "the workflows that can be started", {
    reply: z.array(WorkflowInfo),
  }),
  startRun: post("/api/studio/experiments", "starts a run of a workflow", {
    body: StartRun,
    reply: StartedRun,
  }),
  forkRun: post(
    "/api/studio/experiments/:id/fork",
    "a new run from a node, with another input or output there",
    { body: AtNode, reply: StartedRun },
  ),
  rewindRun: post("/api/studio/experiments/:id/rewind", "the same in place of the old run", {
    body: AtNode,
    reply: StartedRun,
  }),
  reaskRun: post("/api/studio/experiments/:id/reask", "a new run that asks a question again", {
    body: AtNode,
    reply: StartedRun,
  }),
  cancelRun: post("/api/studio/experiments/:id/cancel", "ends a node and all below it", {
    body: AtNode,
    reply: z.looseObject({ ok: z.boolean() }),
  }),
} as const satisfies Record<string, Operation>;
