/** The researchers' API: experiments, raters, runs, datasets, checkpoints, the report, live events. */
import { stream, streamSSE } from "hono/streaming";
import { raterRows } from "@tiller/crowd";
import { datasetDesk, datasetFromFile } from "@tiller/data";
import { z } from "zod";
import { AnswerId, ExperimentId, type LiveEvent } from "@tiller/schema";
import {
  artefactPath,
  curvesOf,
  datasetRows,
  datasetRuns,
  findServed,
  getDataset,
  getMetrics,
  getReport,
  getRun,
  getSample,
  lineage,
  metricsCsv,
  listCheckpoints,
  listDatasets,
  listExperiments,
  listHistograms,
  listRuns,
  listSamples,
  listServed,
  promote,
  samplesOverTime,
  shownExperiment,
} from "@tiller/lab";
import { closedRecords, onAnyRoom } from "@tiller/sitting";
import { judgedPairs, judgmentsOf, ratedAnswers } from "@tiller/work";
import { experimentResult } from "@tiller/flow";
import type { QualityDesk } from "@tiller/work/quality-thread.ts";
import type { Deps } from "../context.ts";
import type { Handlers } from "../operate.ts";
import { RewardReports } from "../reward-reports.ts";
import { uploadNamed } from "../uploads.ts";
import { sendWhole } from "../whole.ts";
import { REPORT_POLICY, renderReport } from "../report.ts";

/** A row that names the answers behind it. */
const Judged = z.looseObject({ judgments: z.array(AnswerId) });

export const studioRoutes = (d: Deps, figures: QualityDesk) => {
  const { db, home } = d.store;
  const datasets = datasetDesk(d.store);
  const rewards = new RewardReports(db, home);
  const known = (id: string) => getDataset(db, id); // a wrong id is a 404
  return {
    listExperiments: async (c) => {
      const closed = await closedRecords(db, c.var.me.id);
      const blank = { config: {}, stages: [], summary: null, error: null };
      return (await listExperiments(db)).map((e) => (closed.has(e.id) ? { ...e, ...blank } : e));
    },
    getExperiment: (_, { id }) => shownExperiment(db, id),
    getResult: async (c, asked) => {
      const id = ExperimentId.parse(asked.id);
      return sendWhole(c, await experimentResult(db, home, id), `${id}.result.json`);
    },
    listRaters: async (_, { id }) => {
      const rows = raterRows(await ratedAnswers(db, ExperimentId.parse(id)));
      const people = await figures.people();
      // how much and how fast is of this experiment; how reliable somebody is, of all their work
      return rows.map((r) => {
        const own = people.get(r.rater);
        if (!own) return r;
        const { reliability, reliabilityLow, reliabilityHigh, flag, concerns } = own;
        return { ...r, reliability, reliabilityLow, reliabilityHigh, flag, concerns };
      });
    },
    listRuns: (_, { id }) => listRuns(db, id),
    listSamples: (_, { id, run, limit }) => listSamples(db, { experiment: id, run, limit }),
    getReport: (_, { id }) => getReport(db, id),
    reportPage: async (c, { id }) => {
      c.header("content-security-policy", REPORT_POLICY);
      return c.html(renderReport(await getReport(db, id)));
    },
    getRun: (_, { id }) => getRun(db, id),
    getMetrics: (_, { id, after }) => getMetrics(db, id, after),
    samplesOverTime: (_, { id, step }) => samplesOverTime(db, id, step),
    curves: (_, { body }) => curvesOf(db, body),
    judgedPairs: (_, { body: { experiments } }) => judgedPairs(db, experiments),
    metricsFile: async (c, { id }) => {
      await getRun(db, id); // a wrong id is a 404
      c.header("content-type", "text/csv; charset=utf-8");
      c.header(
        "content-disposition",
        `attachment; filename="${id.replaceAll(/[^\w.@-]+/g, "-")}.csv"`,
      );
      return stream(c, async (out) => {
        for await (const piece of metricsCsv(db, id)) await out.write(piece);
      });
    },
    listHistograms: (_, { id }) => listHistograms(db, id),
    getSample: (_, { id }) => getSample(db, id),
    listDatasets: (_, q) => listDatasets(db, q),
    createDataset: async (_, { body: { file, ...o } }) =>
      datasetFromFile(d.store, await uploadNamed(home, file), o),
    getDataset: (_, { id }) => getDataset(db, id),
    datasetRows: async (_, { id, offset, limit }) => {
      const rows = await datasetRows(db, home, id, { offset, limit });
      const named = rows.map((row) => Judged.safeParse(row).data?.judgments);
      const answers = named.flatMap((ids) => ids ?? []);
      if (!answers.length) return rows;
      // a row's judgments in place of their ids
      const found = new Map((await judgmentsOf(db, { answers })).map((j) => [j.answer, j]));
      return rows.map((row, i) =>
        named[i]
          ? { ...(row as object), judgments: named[i].flatMap((a) => found.get(a) ?? []) }
          : row,
      );
    },
    datasetCard: async (_, { id }) => datasets.card((await known(id)).id),
    datasetExamples: async (_, { id, ...query }) => datasets.examples((await known(id)).id, query),
    datasetOverlaps: async (_, { id, other }) =>
      datasets.overlaps((await known(id)).id, other === undefined ? [] : [other]),
    datasetChanges: async (_, { id, ...query }) => {
      await known(query.since);
      return datasets.changes((await known(id)).id, query);
    },
    datasetRuns: async (_, { id }) => datasetRuns(db, (await known(id)).id),
    listCheckpoints: () => listCheckpoints(db),
    listServed: () => listServed(db),
    promoteModel: async (c, { body }) => {
      const found = await findServed(db, body.model);
      // one whose folder is gone would be promoted to nothing
      if (found) await artefactPath(db, home, { kind: "checkpoint", id: found.id });
      return promote(db, { ...body, by: c.var.me.id });
    },
    lineage: (_, { id }) => lineage(db, home, id),
    rewardReport: (_, { id }) => rewards.of(id),
    events: (c, { experiment }) => {
      return streamSSE(c, async (live) => {
        const me = c.var.me.id;
        let closed = await closedRecords(db, me);
        const endRooms = onAnyRoom(d.store, () => {
          closedRecords(db, me).then(
            (now) => (closed = now),
            () => {}, // the database is away, and so are events
          );
        });
        let judgment: LiveEvent | undefined; // hundreds a second: only the newest matters
        const concerns = (e: LiveEvent) => {
          const of = e.type === "experiment" ? e.id : "experiment" in e ? e.experiment : undefined;
          if (of !== undefined && closed.has(of)) return false;
          return !experiment || !("experiment" in e) || e.experiment === experiment;
        };
        const send = (e: LiveEvent) =>
          void live.writeSSE({ data: JSON.stringify(e) }).catch(() => {});
        const end = d.store.subscribe((e) => {
          if (!concerns(e)) return;
          if (e.type === "judgment") judgment = e;
          else send(e);
        });
        const over = () => {
          end();
          endRooms();
        };
        live.onAbort(over);
        while (!live.aborted && !live.closed) {
          await live.sleep(500);
          if (judgment) send(judgment);
          judgment = undefined;
        }
        over();
      });
    },
  } satisfies Partial<Handlers>;
};
