/** The part of the API's table about starting experiments and steering them, and about triggers. */
import { z } from "zod";
import { get, Ok, type Operation, post, remove, who } from "./operation.ts";
import {
  AtNode,
  ExperimentForecast,
  ExperimentLabels,
  ForecastExperiment,
  HoldExperiment,
  MigrateExperiment,
  NewTrigger,
  Recording,
  SetTrigger,
  StartedExperiment,
  StartExperiment,
  Trigger,
} from "./experiments.ts";
import { KnownWorkflow, ExperimentProgress, OneProgress } from "./trace-view.ts";

export const experimentOperations = {
  listProgress: get(
    "/api/studio/progress",
    who.machines,
    "how far each experiment is, and what it waits for",
    {
      reply: z.array(ExperimentProgress),
    },
  ),
  getProgress: get(
    "/api/studio/experiments/:id/progress",
    who.machines,
    "how far one is, part by part",
    { reply: OneProgress },
  ),
  listWorkflows: get("/api/studio/workflows", who.machines, "the workflows that can be started", {
    reply: z.array(KnownWorkflow),
  }),
  startExperiment: post(
    "/api/studio/experiments",
    who.machines,
    "starts an experiment of a workflow; a lead one that is labelling work",
    {
      body: StartExperiment,
      reply: StartedExperiment,
    },
  ),
  forecastExperiment: post(
    "/api/studio/forecast",
    who.machines,
    "what an experiment with this input would cost; refuses an input that its workflow would refuse",
    { body: ForecastExperiment, reply: ExperimentForecast },
  ),
  labelExperiment: post(
    "/api/studio/experiments/:id/labels",
    who.machines,
    "its name, note and tags",
    { body: ExperimentLabels, reply: Ok },
  ),
  forkExperiment: post(
    "/api/studio/experiments/:id/fork",
    who.lab,
    "a new experiment from a node, with another input or output there",
    { body: AtNode, reply: StartedExperiment },
  ),
  rewindExperiment: post(
    "/api/studio/experiments/:id/rewind",
    who.lab,
    "the same in place of the old experiment",
    {
      body: AtNode,
      reply: StartedExperiment,
    },
  ),
  reaskExperiment: post(
    "/api/studio/experiments/:id/reask",
    who.staff,
    "a new experiment that asks a question again",
    {
      body: AtNode,
      reply: StartedExperiment,
    },
  ),
  cancelExperiment: post(
    "/api/studio/experiments/:id/cancel",
    who.staff,
    "ends a node and all below it",
    {
      body: AtNode,
      reply: Ok,
    },
  ),
  holdExperiment: post(
    "/api/studio/experiments/:id/hold",
    who.staff,
    "sets an experiment aside until it is released",
    {
      body: HoldExperiment,
      reply: Ok,
    },
  ),
  releaseExperiment: post(
    "/api/studio/experiments/:id/release",
    who.staff,
    "lets an experiment that is held go on",
    {
      reply: Ok,
    },
  ),
  migrateExperiment: post(
    "/api/studio/experiments/:id/migrate",
    who.lab,
    "takes an experiment over to a newer version",
    {
      body: MigrateExperiment,
      reply: StartedExperiment,
    },
  ),
  recordExperiment: get(
    "/api/studio/experiments/:id/record",
    who.staff,
    "what people and models answered, to run it again without them",
    { reply: Recording },
  ),
  listTriggers: get("/api/studio/triggers", who.machines, "what starts experiments by itself", {
    reply: z.array(Trigger),
  }),
  addTrigger: post(
    "/api/studio/triggers",
    who.labMachines,
    "starts experiments at a time, or when data or a model comes",
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
