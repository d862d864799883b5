/** The part of the API's table about projects: a lead's own file before raters, and what came of it. */
import { z } from "zod";
import { get, type Operation, post, who } from "./operation.ts";
import {
  AddedItems,
  AddItems,
  ChangeProject,
  ItemPage,
  ItemsPreview,
  NewProject,
  PreviewItems,
  Project,
  ProjectItem,
  ResultsQuery,
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
  exportProject: get(
    "/api/projects/:id/export",
    who.machines,
    "an item a row: its own columns, then label, confidence, answers, seconds, disagreement",
    {
      query: z.strictObject({ as: z.enum(["csv", "jsonl"]).default("csv") }),
      replyAs: "application/octet-stream",
    },
  ),
} as const satisfies Record<string, Operation>;
