/** The quality API: figures with intervals, disagreements and their settling, hidden gold, notes and disputes. */
import { Hono } from "hono";
import { z } from "zod";
import {
  Decide,
  GoldChange,
  OpenThread,
  PersonId,
  Population,
  QualityReport,
  ThreadAct,
  ThreadState,
} from "@tiller/schema";
import {
  actOnThread,
  decide,
  deskFeedback,
  disagreementsBetween,
  disagreementsOn,
  getGold,
  getThread,
  goldAnswers,
  goldEvents,
  listGold,
  listThreads,
  measuredFields,
  openThread,
  populationsOf,
  saveGold,
  setGoldActive,
  settled,
  setWeights,
} from "@tiller/store";
import type { Deps, Env } from "../context.ts";
import { qualityDesk } from "../quality.ts";

const Which = z
  .object({
    type: z.string().min(1),
    field: z.string().min(1),
    ...Population.shape,
  })
  .transform(({ type, field, ...population }) => ({ type, field, population }));
const Page = z.object({
  first: z.string().optional(),
  second: z.string().optional(),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
const json = (body: string) =>
  new Response(body, { headers: { "content-type": "application/json" } });

export const qualityRoutes = (d: Deps) => {
  const { db } = d.store;
  const figures = qualityDesk(d.store.config);
  return new Hono<Env>()
    .get("/fields", async (c) => c.json(await measuredFields(db)))
    .get("/report", async (c) => {
      const about = Which.parse(c.req.query());
      return json(await figures.study(about, { fresh: c.req.query("fresh") === "1" }));
    })
    .get("/populations", async (c) => c.json(await populationsOf(db, Which.parse(c.req.query()))))
    .get("/live", async (c) => json(await figures.live(Which.parse(c.req.query()))))
    .get("/raters/:id", async (c) =>
      json(await figures.rater(Which.parse(c.req.query()), c.req.param("id"))),
    )
    .get("/disagreements", async (c) => {
      const [about, q] = [Which.parse(c.req.query()), Page.parse(c.req.query())];
      if (q.first && q.second)
        return c.json(
          await disagreementsBetween(db, { ...about, ...q, first: q.first, second: q.second }),
        );
      // the queue: what splits people most and nobody settled
      const report = QualityReport.pick({ disputed: true }).parse(
        JSON.parse(await figures.study(about)),
      );
      const tasks = report.disputed.map((x) => x.task);
      const done = await settled(db, tasks);
      const open = tasks.filter((t) => !done.has(t));
      return c.json(await disagreementsOn(db, open.slice(q.offset, q.offset + q.limit)));
    })
    .post("/decisions", async (c) =>
      c.json(await decide(db, c.var.me.id, Decide.parse(await c.req.json()))),
    )
    .post("/weights", async (c) => {
      const about = Which.parse(await c.req.json());
      const report = QualityReport.pick({ people: true }).parse(
        JSON.parse(await figures.study(about)),
      );
      const people = report.people.map(({ person, weight }) => ({ person, weight }));
      return c.json({ changed: await setWeights(db, { type: about.type, people }) });
    })
    .get("/gold", async (c) => c.json(await listGold(db, { type: c.req.query("type") })))
    .get("/gold/:id", async (c) => {
      const id = c.req.param("id");
      const gold = await getGold(db, id);
      const answers = (await goldAnswers(db, { type: gold.type })).filter((a) => a.gold === id);
      return c.json({ gold, events: await goldEvents(db, id), answers });
    })
    .post("/gold", async (c) =>
      c.json(await saveGold(db, c.var.me.id, GoldChange.parse(await c.req.json()))),
    )
    .post("/gold/:id/active", async (c) => {
      const o = z
        .strictObject({ active: z.boolean(), reason: z.string().trim().min(1).max(4000) })
        .parse(await c.req.json());
      return c.json(await setGoldActive(db, c.var.me.id, { ...o, id: c.req.param("id") }));
    })
    .get("/threads", async (c) => {
      const q = z
        .object({
          about: PersonId.optional(),
          task: z.string().optional(),
          gold: z.string().optional(),
          states: z.string().optional(),
        })
        .parse(c.req.query());
      const states = q.states ? z.array(ThreadState).parse(q.states.split(",")) : undefined;
      return c.json(await listThreads(db, c.var.me, { ...q, states }));
    })
    .post("/threads", async (c) =>
      c.json(await openThread(db, c.var.me, OpenThread.parse(await c.req.json()))),
    )
    .get("/threads/:id", async (c) => c.json(await getThread(db, c.var.me, c.req.param("id"))))
    .post("/threads/:id", async (c) =>
      c.json(
        await actOnThread(db, c.var.me, c.req.param("id"), ThreadAct.parse(await c.req.json())),
      ),
    );
};

/** The rater's side: /api/desk/feedback. Staff at the desk are raters too, of their own answers. */
export const feedbackRoutes = (d: Deps) => {
  const { db } = d.store;
  const asRater = (me: Env["Variables"]["me"]) => ({ id: me.id, role: "rater" as const });
  return new Hono<Env>()
    .get("/", async (c) => c.json(await deskFeedback(db, c.var.me)))
    .post("/", async (c) =>
      c.json(
        await openThread(
          db,
          asRater(c.var.me),
          OpenThread.parse({ ...z.looseObject({}).parse(await c.req.json()), kind: "dispute" }),
        ),
      ),
    )
    .post("/:id", async (c) =>
      c.json(
        await actOnThread(
          db,
          asRater(c.var.me),
          c.req.param("id"),
          ThreadAct.parse(await c.req.json()),
        ),
      ),
    );
};
