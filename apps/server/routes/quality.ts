/** The quality API: figures with intervals, disagreements and their settling, hidden gold, notes and disputes. */
import { z } from "zod";
import { type Me, type Population, QualityReport, ThreadState } from "@tiller/schema";
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
  seeFeedback,
  setGoldActive,
  settled,
  setWeights,
} from "@tiller/work";
import { type Deps, telling } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";
import type { QualityDesk } from "@tiller/work/quality-thread.ts";

const about = ({ type, field, ...population }: { type: string; field: string } & Population) => ({
  type,
  field,
  population,
});
const json = (body: string) =>
  new Response(body, { headers: { "content-type": "application/json" } });
/** Staff at the desk are raters too, of their own answers. */
const asRater = (me: Me) => ({ id: me.id, role: "rater" as const });

export const qualityRoutes = (d: Deps, figures: QualityDesk) => {
  const { db } = d.store;
  const told = telling(d);
  return {
    qualityFields: () => measuredFields(db),
    qualityReport: async (_, { fresh, ...which }) =>
      json(await figures.study(about(which), { fresh: fresh === "1" })),
    qualityPopulations: (_, which) => populationsOf(db, which),
    liveQuality: async (_, which) => json(await figures.live(about(which))),
    raterQuality: async (_, { id, ...which }) => json(await figures.rater(about(which), id)),
    disagreements: async (_, { first, second, offset, limit, ...which }) => {
      if (first && second)
        return disagreementsBetween(db, { ...about(which), first, second, offset, limit });
      // the queue: what splits people most and nobody settled
      const report = QualityReport.pick({ disputed: true }).parse(
        JSON.parse(await figures.study(about(which))),
      );
      const tasks = report.disputed.map((x) => x.task);
      const done = await settled(db, tasks);
      const open = tasks.filter((t) => !done.has(t));
      return disagreementsOn(db, open.slice(offset, offset + limit));
    },
    decide: (c, { body }) => told(decide(db, c.var.me.id, body)),
    setWeights: async (_, { body }) => {
      const report = QualityReport.pick({ people: true }).parse(
        JSON.parse(await figures.study(about(body))),
      );
      const people = report.people.map(({ person, weight }) => ({ person, weight }));
      return { changed: await setWeights(db, { type: body.type, people }) };
    },
    listGold: (_, { type }) => listGold(db, { type }),
    getGold: async (_, { id }) => {
      const gold = await getGold(db, id);
      const answers = (await goldAnswers(db, { type: gold.type })).filter((a) => a.gold === id);
      return { gold, events: await goldEvents(db, id), answers };
    },
    addGold: (c, { body }) => saveGold(db, c.var.me.id, body),
    setGoldActive: (c, { id, body }) => setGoldActive(db, c.var.me.id, { ...body, id }),
    listThreads: (c, { states: named, ...q }) => {
      const states = named ? z.array(ThreadState).parse(named.split(",")) : undefined;
      return listThreads(db, c.var.me, { ...q, states });
    },
    openThread: (c, { body }) => told(openThread(db, c.var.me, body)),
    getThread: (c, { id }) => getThread(db, c.var.me, id),
    answerThread: (c, { id, body }) => told(actOnThread(db, c.var.me, id, body)),

    // the rater's side
    listFeedback: (c) => deskFeedback(db, c.var.me),
    seeFeedback: async (c, { body }) => {
      await told(seeFeedback(db, c.var.me, body.until));
      return ok;
    },
    giveFeedback: (c, { body }) =>
      told(openThread(db, asRater(c.var.me), { ...body, kind: "dispute" })),
    answerFeedback: (c, { id, body }) => told(actOnThread(db, asRater(c.var.me), id, body)),
  } satisfies Partial<Handlers>;
};
