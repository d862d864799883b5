/** The part of the API's table that runs of workflows use. */
import { z } from "zod";
import { get, Ok, type Operation, post, remove, who } from "./operation.ts";
import {
  AtNode,
  HoldRun,
  MigrateRun,
  NewTrigger,
  Recording,
  SetTrigger,
  StartedRun,
  StartRun,
  Trigger,
} from "./runs.ts";
import { KnownWorkflow, RunProgress } from "./trace-view.ts";

export const runOperations = {
  listProgress: get(
    "/api/studio/progress",
    who.machines,
    "how far each run is, and what it waits for",
    {
      reply: z.array(RunProgress),
    },
  ),
  listWorkflows: get("/api/studio/workflows", who.machines, "the workflows that can be started", {
    reply: z.array(KnownWorkflow),
  }),
  startRun: post("/api/studio/experiments", who.labMachines, "starts a run of a workflow", {
    body: StartRun,
    reply: StartedRun,
  }),
  forkRun: post(
    "/api/studio/experiments/:id/fork",
    who.lab,
    "a new run from a node, with another input or output there",
    { body: AtNode, reply: StartedRun },
  ),
  rewindRun: post(
    "/api/studio/experiments/:id/rewind",
    who.lab,
    "the same in place of the old run",
    {
      body: AtNode,
      reply: StartedRun,
    },
  ),
  reaskRun: post(
    "/api/studio/experiments/:id/reask",
    who.lab,
    "a new run that asks a question again",
    {
      body: AtNode,
      reply: StartedRun,
    },
  ),
  cancelRun: post("/api/studio/experiments/:id/cancel", who.staff, "ends a node and all below it", {
    body: AtNode,
    reply: Ok,
  }),
  holdRun: post(
    "/api/studio/experiments/:id/hold",
    who.staff,
    "sets a run aside until it is released",
    {
      body: HoldRun,
      reply: Ok,
    },
  ),
  releaseRun: post(
    "/api/studio/experiments/:id/release",
    who.staff,
    "lets a run that is held go on",
    {
      reply: Ok,
    },
  ),
  migrateRun: post(
    "/api/studio/experiments/:id/migrate",
    who.lab,
    "takes a run over to a newer version",
    {
      body: MigrateRun,
      reply: StartedRun,
    },
  ),
  recordRun: get(
    "/api/studio/experiments/:id/record",
    who.staff,
    "what people and models answered, to run it again without them",
    { reply: Recording },
  ),
  listTriggers: get("/api/studio/triggers", who.machines, "what starts runs by itself", {
    reply: z.array(Trigger),
  }),
  addTrigger: post(
    "/api/studio/triggers",
    who.labMachines,
    "starts runs at a time, or when data or a model comes",
    {
      body: NewTrigger,
      reply: Ok,
    },
  ),
  setTrigger: post(
    "/api/studio/triggers/:name/active",
    who.labMachines,
    "pauses one, or resumes it",
    {
      body: SetTrigger,
      reply: Ok,
    },
  ),
  removeTrigger: remove("/api/studio/triggers/:name", who.labMachines, "removes one", {
    reply: Ok,
  }),
} as const satisfies Record<string, Operation>;
