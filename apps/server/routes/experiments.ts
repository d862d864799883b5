/** Experiments: how far each is, starting one, what can be done from a node of its trace, and the triggers that start them. */
import {
  forecastExperiment,
  getTracedExperiment,
  listProgress,
  listTriggers,
  newTrigger,
  oneProgress,
  pauseTrigger,
  removeTrigger,
  resumeTrigger,
} from "@tiller/flow";
import { labelExperiment } from "@tiller/lab";
import { ExperimentId, type Me, TillerError } from "@tiller/schema";
import { closedRecords } from "@tiller/sitting";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

export const experimentRoutes = (d: Deps) => {
  const { db } = d.store;
  /** A node of an experiment that may be changed; the experiment's own unless it is said. */
  const target = async (id: string, node = id) => {
    const experiment = await getTracedExperiment(db, ExperimentId.parse(id));
    if (experiment.imported)
      throw new TillerError(
        "imported_experiment",
        `${experiment.id} came out of a file and is for reading only. Start an experiment of ${experiment.recipe} anew.`,
      );
    if (node !== experiment.id && !node.startsWith(`${experiment.id}/`))
      throw new TillerError(
        "not_found",
        `${node} is no node of ${experiment.id}. Reload the trace and choose it again.`,
      );
    return node;
  };
  /** Leads ask people; what trains is for researchers. */
  const mayStart = ({ role }: Me, workflow: string) => {
    const known = d.flow.workflows();
    if (role !== "lead" || known.find((w) => w.name === workflow)?.labelling !== false) return;
    throw new TillerError(
      "not_allowed",
      `${workflow} trains models, and a work lead starts labelling work: ${known
        .filter((w) => w.labelling)
        .map((w) => w.name)
        .join(", ")}. Ask a researcher.`,
    );
  };
  const because = (reason: string | undefined) => (reason === undefined ? {} : { reason });
  return {
    listProgress: async (c) => {
      const closed = await closedRecords(db, c.var.me.id);
      const all = await listProgress(db, { now: new Date() });
      return all.filter((p) => !closed.has(p.id));
    },
    getProgress: (_, { id }) => oneProgress(db, ExperimentId.parse(id), new Date()),
    listWorkflows: () => d.flow.workflows(),
    startExperiment: async (c, { body: { workflow, input, ...o } }) => {
      mayStart(c.var.me, workflow);
      const origin = { kind: "studio", by: c.var.me.pseudonym };
      return { experiment: await d.flow.start(workflow, input, { ...o, origin }) };
    },
    forecastExperiment: (_, { body }) => forecastExperiment(db, d.flow, body),
    labelExperiment: async (_, { id, body }) => {
      await labelExperiment(db, ExperimentId.parse(id), body);
      d.store.emit({ type: "experiment", id: ExperimentId.parse(id) });
      return ok;
    },
    forkExperiment: async (c, { id, body: { input, output, ...at } }) => {
      const node = await target(id, at.node);
      const changed = {
        ...(input === undefined ? {} : { input }),
        ...(output === undefined ? {} : { output }),
      };
      return d.flow.fork({ node, ...changed, by: c.var.me.pseudonym });
    },
    rewindExperiment: async (c, { id, body }) =>
      d.flow.rewind({ node: await target(id, body.node), by: c.var.me.pseudonym }),
    reaskExperiment: async (c, { id, body }) => {
      const node = await target(id, body.node);
      mayStart(c.var.me, (await getTracedExperiment(db, ExperimentId.parse(id))).recipe);
      return d.flow.reask({ node, by: c.var.me.pseudonym });
    },
    cancelExperiment: async (c, { id, body }) => {
      const node = await target(id, body.node);
      await d.flow.cancel({ node, by: c.var.me.pseudonym, ...because(body.reason) });
      return ok;
    },
    holdExperiment: async (c, { id, body: { reason } }) => {
      const experiment = await target(id);
      await d.flow.hold({ experiment, by: c.var.me.pseudonym, ...because(reason) });
      return ok;
    },
    releaseExperiment: async (_, { id }) => {
      await d.flow.release({ experiment: await target(id) });
      return ok;
    },
    migrateExperiment: async (c, { id, body: { to } }) =>
      d.flow.migrate({ experiment: await target(id), to, by: c.var.me.pseudonym }),
    recordExperiment: (_, { id }) => d.flow.record(ExperimentId.parse(id)),
    listTriggers: () => listTriggers(db),
    addTrigger: async (c, { body }) => {
      await newTrigger({ store: d.store, flow: d.flow, by: c.var.me.id }, body);
      return ok;
    },
    setTrigger: async (_, { name, body: { active } }) => {
      await (active ? resumeTrigger(d.store, name) : pauseTrigger(d.store, name));
      return ok;
    },
    removeTrigger: async (_, { name }) => {
      await removeTrigger(db, name);
      return ok;
    },
  } satisfies Partial<Handlers>;
};
