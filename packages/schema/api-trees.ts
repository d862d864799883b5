/** The part of the API's table about trees of summaries: for leads and researchers. */
import { z } from "zod";
import { CheckTree, TreeScore, TreeVerdicts } from "./tree-checks.ts";
import { NewTreeQuestion, TreeQuestion } from "./tree-questions.ts";
import { get, Ok, post, who, type Operation } from "./operation.ts";
import {
  JudgeTreeNode,
  TreeCompareQuery,
  TreeComparison,
  TreesBeside,
  TreeJudged,
  TreeNodePage,
  TreeTask,
  TreeTaskQuery,
} from "./tree-pages.ts";
import {
  EditTree,
  GrowTree,
  ImportedTree,
  ImportTree,
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
  exportTree: get("/api/trees/:id/export", who.staff, "a tree as one file that comes in again", {
    replyAs: "application/json",
  }),
  importTree: post("/api/trees/import", who.staff, "a tree of a file, or one made elsewhere", {
    body: ImportTree,
    reply: ImportedTree,
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
  treeNode: get(
    "/api/trees/:id/nodes/:node",
    who.staff,
    "a node's versions, edits and judgments, and what it is made from",
    { reply: TreeNodePage },
  ),
  treeJudged: get("/api/trees/:id/judged", who.staff, "how much was said of which nodes", {
    reply: TreeJudged,
  }),
  treeTask: get("/api/trees/:id/nodes/:node/task", who.staff, "a node as a kind of work asks", {
    query: TreeTaskQuery,
    reply: TreeTask,
  }),
  judgeTreeNode: post("/api/trees/:id/nodes/:node/judgments", who.staff, "judges a node", {
    body: JudgeTreeNode,
    reply: Ok,
  }),
  treesBeside: get("/api/trees/:id/beside", who.staff, "what a tree can be compared with", {
    reply: TreesBeside,
  }),
  compareTrees: get(
    "/api/trees/:id/compare",
    who.staff,
    "node by node beside another tree, or itself before an edit",
    { query: TreeCompareQuery, reply: TreeComparison },
  ),
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
  getTreeScore: get("/api/trees/:id/score", who.staff, "are its summaries so: figures", {
    reply: TreeScore,
  }),
  treeVerdicts: get("/api/trees/:id/verdicts", who.staff, "verdicts on sentences, by node", {
    reply: TreeVerdicts,
  }),
  checkTree: post("/api/trees/:id/checks", who.staff, "has summaries checked: check-book", {
    body: CheckTree,
    reply: StartedTree,
  }),
  askTree: post("/api/trees/:id/questions", who.staff, "asks its text a question: another tree", {
    body: NewTreeQuestion,
    reply: StartedTree,
  }),
  forecastTreeQuestion: post(
    "/api/trees/:id/questions/forecast",
    who.staff,
    "what a question would take; asks nothing",
    { body: NewTreeQuestion, reply: TreeForecast },
  ),
  treeQuestions: get("/api/trees/:id/questions", who.staff, "its questions, the newest first", {
    reply: z.array(TreeQuestion),
  }),
} as const satisfies Record<string, Operation>;
