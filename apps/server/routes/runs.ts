/** Runs: how far each is, starting one, what can be done from a node of its trace, and the triggers that start them. */
import { Hono } from "hono";
import { newTrigger, pauseTrigger, resumeTrigger } from "@tiller/flow";
import {
  AtNode,
  ExperimentId,
  HoldRun,
  MigrateRun,
  NewTrigger,
  SetTrigger,
  StartRun,
  TillerError,
} from "@tiller/schema";
import { getTracedRun, listProgress, listTriggers, removeTrigger } from "@tiller/store";
import type { Deps, Env } from "../context.ts";

export const runRoutes = (d: Deps) => {
  const { db } = d.store;
  /** The node of a run that may be changed. */
  const target = async (id: string, body: unknown) => {
    const at = AtNode.parse(body);
    const run = await getTracedRun(db, ExperimentId.parse(id));
    if (run.imported)
      throw new TillerError(
        "imported_run",
        `${run.id} came out of a file and is for reading only. Start a run of ${run.recipe} anew.`,
      );
    if (at.node !== run.id && !at.node.startsWith(`${run.id}/`))
      throw new TillerError(
        "not_found",
        `${at.node} is no node of ${run.id}. Reload the trace and choose it again.`,
      );
    return { ...at, id: run.id };
  };
  return new Hono<Env>()
    .get("/progress", async (c) => c.json(await listProgress(db, { now: new Date() })))
    .get("/workflows", (c) => c.json(d.flow.workflows()))
    .post("/experiments", async (c) => {
      const { workflow, input, ...o } = StartRun.parse(await c.req.json());
      const origin = { kind: "studio", by: c.var.me.pseudonym };
      return c.json({ experiment: await d.flow.start(workflow, input, { ...o, origin }) });
    })
    .post("/experiments/:id/fork", async (c) => {
      const { node, input, output } = await target(c.req.param("id"), await c.req.json());
      const changed = {
        ...(input === undefined ? {} : { input }),
        ...(output === undefined ? {} : { output }),
      };
      return c.json(await d.flow.fork({ node, ...changed, by: c.var.me.pseudonym }));
    })
    .post("/experiments/:id/rewind", async (c) => {
      const { node } = await target(c.req.param("id"), await c.req.json());
      return c.json(await d.flow.rewind({ node, by: c.var.me.pseudonym }));
    })
    .post("/experiments/:id/reask", async (c) => {
      const { node } = await target(c.req.param("id"), await c.req.json());
      return c.json(await d.flow.reask({ node, by: c.var.me.pseudonym }));
    })
    .post("/experiments/:id/cancel", async (c) => {
      const { node, reason } = await target(c.req.param("id"), await c.req.json());
      const why = reason === undefined ? {} : { reason };
      await d.flow.cancel({ node, by: c.var.me.pseudonym, ...why });
      return c.json({ ok: true });
    })
    .post("/experiments/:id/hold", async (c) => {
      const { id: experiment } = await target(c.req.param("id"), { node: c.req.param("id") });
      const { reason } = HoldRun.parse(await c.req.json());
      const why = reason === undefined ? {} : { reason };
      await d.flow.hold({ experiment, by: c.var.me.pseudonym, ...why });
      return c.json({ ok: true });
    })
    .post("/experiments/:id/release", async (c) => {
      const { id: experiment } = await target(c.req.param("id"), { node: c.req.param("id") });
      await d.flow.release({ experiment });
      return c.json({ ok: true });
    })
    .post("/experiments/:id/migrate", async (c) => {
      const { to } = MigrateRun.parse(await c.req.json());
      const { id: experiment } = await target(c.req.param("id"), { node: c.req.param("id") });
      return c.json(await d.flow.migrate({ experiment, to, by: c.var.me.pseudonym }));
    })
    .get("/experiments/:id/record", async (c) =>
      c.json(await d.flow.record(ExperimentId.parse(c.req.param("id")))),
    )
    .get("/triggers", async (c) => c.json(await listTriggers(db)))
    .post("/triggers", async (c) => {
      const about = { store: d.store, flow: d.flow, by: c.var.me.id };
      await newTrigger(about, NewTrigger.parse(await c.req.json()));
      return c.json({ ok: true });
    })
    .post("/triggers/:name/active", async (c) => {
      const { active } = SetTrigger.parse(await c.req.json());
      const name = c.req.param("name");
      await (active ? resumeTrigger(d.store, name) : pauseTrigger(d.store, name));
      return c.json({ ok: true });
    })
    .delete("/triggers/:name", async (c) => {
      await removeTrigger(db, c.req.param("name"));
      return c.json({ ok: true });
    });
};
