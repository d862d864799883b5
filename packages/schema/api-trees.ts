/** The part of the API's table about trees of summaries: for leads and researchers. */
import { z } from "zod";
import { get, Ok, post, who, type Operation } from "./operation.ts";
import {
  EditTree,
  GrowTree,
  NewTree,
  StartedTree,
  TreeDetail,
  TreeEdit,
  TreeEffect,
  TreeForecast,
  TreeInList,
  TreeNodes,
  TreeNodesQuery,
  TreeText,
} from "./trees.ts";

export const treeOperations = {
  listTrees: get("/api/trees", who.staff, "trees of summaries, the newest first", {
    reply: z.array(TreeInList),
  }),
  startTree: post("/api/trees", who.staff, "begins a tree of summaries over a text", {
    body: NewTree,
    reply: StartedTree,
  }),
  forecastTree: post("/api/trees/forecast", who.staff, "what a tree would take; asks nothing", {
    body: NewTree,
    reply: TreeForecast,
  }),
  getTree: get("/api/trees/:id", who.staff, "a tree: how far it is, what it took, what is left", {
    reply: TreeDetail,
  }),
  treeText: get("/api/trees/:id/text", who.staff, "the text of a tree, edits applied", {
    reply: TreeText,
  }),
  treeNodes: get("/api/trees/:id/nodes", who.staff, "where its nodes stand, or what changed", {
    query: TreeNodesQuery,
    reply: TreeNodes,
  }),
  stopTree: post("/api/trees/:id/stop", who.staff, "stops at the best so far", { reply: Ok }),
  growTree: post("/api/trees/:id/grow", who.staff, "goes on, or does over what has aged", {
    body: GrowTree,
    reply: StartedTree,
  }),
  previewTreeEdit: post("/api/trees/:id/edits/preview", who.staff, "what an edit would do", {
    body: TreeEdit,
    reply: TreeEffect,
  }),
  editTree: post("/api/trees/:id/edits", who.staff, "other words of the book, or a summary", {
    body: EditTree,
    reply: StartedTree,
  }),
} as const satisfies Record<string, Operation>;
