/** Trees of summaries over HTTP: begun, watched, edited, stopped. What grows them is a workflow. */
import { ExperimentId, type NewTree } from "@tiller/schema";
import { sql } from "@tiller/store";
import {
  anew,
  applyEdit,
  compareTrees,
  createTree,
  exportTree,
  forecastTree,
  headOf,
  importTree,
  judgedOf,
  judgeFromPage,
  listTrees,
  previewEdit,
  askTree,
  forecastQuestion,
  questionsOf,
  treeScore,
  treeVerdicts,
  runOf,
  stopTree,
  treeAgents,
  treeDetail,
  treeFileOf,
  treeId,
  treeNodePage,
  treesBeside,
  treeNodes,
  treeTask,
} from "@tiller/trees";
import { v7 } from "uuid";
import { checkBook } from "../../../recipes/check-book.ts";
import { summariseBook } from "../../../recipes/summarise-book.ts";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

const settingsOf = ({ name: _name, text: _text, agents: _agents, ...settings }: NewTree) =>
  settings;

export const treeRoutes = (d: Deps) => {
  const { db } = d.store;
  /** Under way already, it has seen the word; else a run begins. */
  const grows = async (tree: string, experiment = ExperimentId.parse(`tree-${v7()}`)) => {
    const under = await runOf(db, tree);
    if (under !== undefined) return { tree, experiment: ExperimentId.parse(under) };
    const { agents, name } = await treeAgents(db, tree);
    await d.flow.start(summariseBook.name, { tree }, { id: experiment, title: name, agents });
    await db.run(sql`update tree set experiment = ${experiment} where id = ${tree}`);
    return { tree, experiment };
  };
  /** Refused before anything is begun, and not as the trouble of its first node. */
  const knows = (model: string | undefined) =>
    model === undefined ? undefined : d.modelClient.mustKnow(model);
  return {
    listTrees: () => listTrees(db),
    startTree: async (c, { body }) => {
      await knows(body.model);
      const experiment = ExperimentId.parse(`tree-${v7()}`);
      const id = treeId(experiment);
      const { name, text, agents } = body;
      await createTree(db, { id, name, text, agents, settings: settingsOf(body), by: c.var.me.id });
      return grows(id, experiment);
    },
    forecastTree: async (_, { body }) => {
      await knows(body.model);
      return forecastTree(body.text, settingsOf(body));
    },
    exportTree: async (c, { id }) => {
      const file = await exportTree(db, id);
      c.header("content-type", "application/json");
      c.header("content-disposition", `attachment; filename="${id}.tree.json"`);
      return c.body(JSON.stringify(file));
    },
    importTree: async (c, { body }) => {
      const { file, notes } = await treeFileOf(body, new Date().toISOString());
      const id = treeId(`import-${v7()}`);
      await importTree(db, { id, file, by: c.var.me.id });
      const { nodes, written } = await treeDetail(db, id);
      return { tree: id, nodes, written, notes };
    },
    getTree: (_, { id }) => treeDetail(db, id),
    treeText: async (_, { id }) => ({ text: (await headOf(db, id)).text }),
    treeNodes: async (_, { id, after }) => {
      await treeAgents(db, id); // refuses one that is not there
      return treeNodes(db, id, after);
    },
    treeNode: (_, { id, node }) => treeNodePage(db, id, node),
    treeJudged: (_, { id }) => judgedOf(db, id),
    treeTask: (_, { id, node, kind }) => treeTask(db, id, { node, kind }),
    judgeTreeNode: async (c, { id, node, body }) => {
      await judgeFromPage(db, id, { ...body, node, by: c.var.me });
      return ok;
    },
    treesBeside: (_, { id }) => treesBeside(db, id),
    compareTrees: (_, { id, ...other }) => compareTrees(db, id, other),
    stopTree: async (_, { id }) => {
      await stopTree(db, id);
      return ok;
    },
    growTree: async (_, { id, body: { redo } }) => {
      await treeAgents(db, id);
      await anew(db, id, redo);
      return grows(id);
    },
    previewTreeEdit: (_, { id, body }) => previewEdit(db, id, body),
    editTree: async (c, { id, body }) => {
      await applyEdit(db, id, { ...body, by: c.var.me });
      return grows(id);
    },
    askTree: async (c, { id: tree, body }) => {
      await knows(body.model);
      const experiment = ExperimentId.parse(`tree-${v7()}`);
      const id = treeId(experiment);
      await askTree(db, tree, { ...body, id, by: c.var.me.id });
      return grows(id, experiment);
    },
    forecastTreeQuestion: async (_, { id, body }) => {
      await knows(body.model);
      return forecastQuestion(db, id, body);
    },
    treeQuestions: (_, { id }) => questionsOf(db, id),
    checkTree: async (_, { id: tree, body: { by, nodes } }) => {
      const { settings } = await headOf(db, tree);
      const { agents, name } = await treeAgents(db, tree);
      const { model } = settings;
      const input = { tree, by, nodes, ...(model !== undefined && { model }) };
      const experiment = ExperimentId.parse(`check-${v7()}`);
      const title = `Check ${name}`.slice(0, 200);
      await d.flow.start(checkBook.name, input, { id: experiment, title, agents });
      return { tree, experiment };
    },
    treeVerdicts: (_, { id }) => treeVerdicts(db, id),
    getTreeScore: (_, { id }) => treeScore(db, id),
  } satisfies Partial<Handlers>;
};
