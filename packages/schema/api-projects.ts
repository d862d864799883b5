/** The part of the API's table about projects: a lead's own file before raters, and what came of it. */
import { z } from "zod";
import { get, type Operation, post, who } from "./operation.ts";
import { ChangedKind, ChangeKind, KnownKind } from "./kinds.ts";
import { ProjectForecast } from "./label-forecast.ts";
import {
  ItemPage,
  ProjectExport,
  ProjectExportCounts,
  ProjectItem,
  ProjectPerson,
  ResultsQuery,
  ReviewedItems,
  ReviewItems,
} from "./project-results.ts";
import {
  AddedItems,
  AddItems,
  ChangeProject,
  ItemsPreview,
  KnownItem,
  MakeGold,
  NewProject,
  PreviewItems,
  Project,
  UploadedFile,
  UploadQuery,
} from "./projects.ts";

export const projectOperations = {
  uploadItems: post(
    "/api/projects/files",
    who.machines,
    "takes a file of items and says what is in it; the requests that follow name it",
    { query: UploadQuery, bodyAs: "application/octet-stream", reply: UploadedFile },
  ),
  previewItems: post(
    "/api/projects/preview",
    who.machines,
    "what the rows of a file are as items of a kind of work, and which do not fit",
    { body: PreviewItems, reply: ItemsPreview },
  ),
  createProject: post(
    "/api/projects",
    who.machines,
    "puts the items of a file before people; all of them or none",
    { body: NewProject, reply: AddedItems },
  ),
  listProjects: get("/api/projects", who.machines, "all projects, newest first", {
    reply: z.array(Project),
  }),
  getProject: get("/api/projects/:id", who.machines, "one project", { reply: Project }),
  changeProject: post(
    "/api/projects/:id",
    who.machines,
    "pauses a project, closes, archives or reopens it; its title and deadline",
    { body: ChangeProject, reply: Project },
  ),
  changeKind: post(
    "/api/projects/:id/kind",
    who.machines,
    "asks what nobody has begun otherwise, as a new version",
    { body: ChangeKind, reply: ChangedKind },
  ),
  knownItems: get(
    "/api/projects/:id/known",
    who.machines,
    "its rows that came with an answer, the first 200",
    { reply: z.array(KnownItem) },
  ),
  makeGold: post(
    "/api/projects/:id/gold",
    who.machines,
    "makes hidden gold of rows that came with an answer and nobody has begun",
    { body: MakeGold, reply: z.strictObject({ gold: z.int() }) },
  ),
  listKinds: get("/api/kinds", who.machines, "kinds of work that are known here", {
    reply: z.array(KnownKind),
  }),
  kindFile: get(
    "/api/kinds/:name/file",
    who.machines,
    "a kind of work that was made in the browser, as the TypeScript file that says the same",
    { query: z.strictObject({ version: z.string().optional() }), replyAs: "text/plain" },
  ),
  addItems: post("/api/projects/:id/items", who.machines, "further items out of a file", {
    body: AddItems,
    reply: AddedItems,
  }),
  listItems: get(
    "/api/projects/:id/items",
    who.machines,
    "its items with label, confidence, seconds and disagreement; filtered and sorted",
    { query: ResultsQuery, reply: ItemPage },
  ),
  getItem: get("/api/projects/:id/items/:place", who.machines, "one item with its answers", {
    reply: ProjectItem,
  }),
  projectPeople: get("/api/projects/:id/people", who.machines, "its answers by person", {
    reply: z.array(ProjectPerson),
  }),
  labelForecast: get(
    "/api/projects/:id/label-forecast",
    who.machines,
    "what more labels would buy, of a project that compares two texts: worked out when it is asked for",
    { reply: ProjectForecast },
  ),
  reviewItems: post(
    "/api/projects/:id/reviews",
    who.machines,
    "accepts labels, puts the lead's own in their place, or sends items back to be asked again",
    { body: ReviewItems, reply: ReviewedItems },
  ),
  undoReview: post(
    "/api/projects/:id/reviews/:review/undo",
    who.machines,
    "takes such an act back, on all of its items",
    { reply: ReviewedItems },
  ),
  exportProject: get(
    "/api/projects/:id/export",
    who.machines,
    "its results as a file: an item a row, an answer a row, or what TRL trains on",
    { query: ProjectExport, replyAs: "application/octet-stream" },
  ),
  exportCounts: get(
    "/api/projects/:id/export/counts",
    who.machines,
    "the rows that such a file has, and the items that it cannot say",
    { query: ProjectExport, reply: ProjectExportCounts },
  ),
} as const satisfies Record<string, Operation>;
