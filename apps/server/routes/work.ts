/** Work leads' API: queues and forecasts, rules, moves with their preview, policies with their back-test. */
import { Hono } from "hono";
import { z } from "zod";
import { backtest, readyPolicies } from "@tiller/crowd";
import { ExperimentId, Move, NewPolicy, PersonId, RuleBody, TillerError } from "@tiller/schema";
import {
  addRule,
  endRule,
  forecastQueues,
  keepBacktest,
  listPolicies,
  listRoster,
  listRules,
  listWorkers,
  moveWork,
  pastAnswers,
  previewMove,
  savePolicy,
  setPaused,
  setPolicyState,
  workEvents,
} from "@tiller/store";
import type { Deps, Env } from "../context.ts";

const NewRule = z.strictObject({
  kind: z.string().nullable(),
  experiment: ExperimentId.nullable().default(null),
  body: RuleBody,
});
const Named = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,60}$/, "is lower-case words with hyphens"),
  body: NewPolicy,
});
const Version = z.strictObject({ name: z.string(), version: z.int() });

export const workRoutes = (d: Deps) => {
  const { db } = d.store;
  const find = async (v: z.infer<typeof Version>) => {
    const found = (await listPolicies(db)).find(
      (p) => p.name === v.name && p.version === v.version,
    );
    if (!found)
      throw new TillerError(
        "not_found",
        `there is no version ${v.version} of the policy ${v.name}. Look at the list.`,
      );
    return found;
  };
  return new Hono<Env>()
    .get("/queues", async (c) => c.json(await forecastQueues(db)))
    .get("/roster", async (c) => c.json(await listRoster(db)))
    .get("/workers", async (c) => c.json(await listWorkers(db)))
    .get("/rules", async (c) => c.json(await listRules(db)))
    .get("/events", async (c) => c.json(await workEvents(db)))
    .post("/rules", async (c) => {
      const rule = NewRule.parse(await c.req.json());
      return c.json({ id: await addRule(db, c.var.me.id, rule) });
    })
    .post("/rules/:id/end", async (c) => {
      await endRule(db, c.var.me.id, c.req.param("id"));
      return c.json({ ok: true });
    })
    .post("/moves/preview", async (c) =>
      c.json(await previewMove(db, Move.parse(await c.req.json()))),
    )
    .post("/moves", async (c) => {
      await moveWork(db, c.var.me.id, Move.parse(await c.req.json()));
      return c.json({ ok: true });
    })
    .post("/pause", async (c) => {
      const Pause = z.strictObject({
        person: PersonId,
        paused: z.boolean(),
        why: z.string().max(500),
      });
      await setPaused(db, c.var.me.id, Pause.parse(await c.req.json()));
      return c.json({ ok: true });
    })
    .get("/policies", async (c) => {
      const kind = c.req.query("kind") ?? "comparison";
      const ready = Object.entries(readyPolicies).map(([name, make]) => ({
        name,
        body: make(kind),
      }));
      return c.json({ policies: await listPolicies(db), ready });
    })
    .post("/policies", async (c) => {
      const { name, body } = Named.parse(await c.req.json());
      return c.json(await savePolicy(db, c.var.me.id, { name, body }));
    })
    .post("/policies/backtest", async (c) => {
      const v = Version.parse(await c.req.json());
      const { body } = await find(v);
      const past = await pastAnswers(db, body);
      if (past.length < 2)
        throw new TillerError(
          "nothing_to_try_on",
          `there are ${past.length} answers to “${body.field}” of ${body.kind}; a trial needs some. Wait for the first answers, or name another kind.`,
        );
      const truth = new Map(
        past.flatMap((p) => (p.truth === null ? [] : [[p.task, p.truth] as const])),
      );
      const topics = new Map(past.map((p) => [p.task, p.topic]));
      const result = backtest(body, {
        answers: past,
        truth,
        topicOf: (task) => topics.get(task) ?? "",
      });
      await keepBacktest(db, { ...v, backtest: result });
      return c.json(result);
    })
    .post("/policies/state", async (c) => {
      const State = Version.extend({ state: z.enum(["live", "retired"]) });
      await setPolicyState(db, c.var.me.id, State.parse(await c.req.json()));
      return c.json({ ok: true });
    });
};
