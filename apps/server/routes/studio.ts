/** The researchers' API: experiments, raters, runs, datasets, checkpoints, the report, live events. */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { flagRaters } from "@tiller/crowd";
import { ExperimentId, type LiveEvent } from "@tiller/schema";
import {
  anyRows,
  datasetRows,
  getDataset,
  getMetrics,
  getReport,
  getRun,
  getSample,
  judgmentsOf,
  lineage,
  listCheckpoints,
  listExperiments,
  listRuns,
  listSamples,
  raterProfiles,
  runResult,
  shownExperiment,
} from "@tiller/store";
import { type Deps, type Env } from "../context.ts";
import { sendWhole } from "../whole.ts";
import { REPORT_POLICY, renderReport } from "../report.ts";

const number = (text: string | undefined, fallback: number, max: number) =>
  Math.min(max, Math.max(0, Number(text ?? fallback) || fallback));

export const studioRoutes = (d: Deps) => {
  const { db, home } = d.store;
  return new Hono<Env>()
    .get("/experiments", async (c) => c.json(await listExperiments(db)))
    .get("/experiments/:id", async (c) => c.json(await shownExperiment(db, c.req.param("id"))))
    .get("/experiments/:id/result", async (c) => {
      const id = ExperimentId.parse(c.req.param("id"));
      return sendWhole(c, await runResult(db, home, id), `${id}.result.json`);
    })
    .get("/experiments/:id/raters", async (c) => {
      const judgments = await judgmentsOf(db, {
        experiment: ExperimentId.parse(c.req.param("id")),
      });
      const simulated = new Map((await raterProfiles(db)).map((r) => [r.id, r.simulated]));
      return c.json(
        flagRaters(judgments).map((r) => ({ ...r, simulated: simulated.get(r.rater) ?? false })),
      );
    })
    .get("/experiments/:id/runs", async (c) => c.json(await listRuns(db, c.req.param("id"))))
    .get("/experiments/:id/samples", async (c) =>
      c.json(
        await listSamples(db, {
          experiment: c.req.param("id"),
          run: c.req.query("run"),
          limit: number(c.req.query("limit"), 60, 500),
        }),
      ),
    )
    .get("/experiments/:id/report", async (c) => c.json(await getReport(db, c.req.param("id"))))
    .get("/experiments/:id/report.html", async (c) => {
      c.header("content-security-policy", REPORT_POLICY);
      return c.html(renderReport(await getReport(db, c.req.param("id"))));
    })
    .get("/runs/:id", async (c) => c.json(await getRun(db, c.req.param("id"))))
    .get("/runs/:id/metrics", async (c) =>
      c.json(await getMetrics(db, c.req.param("id"), Number(c.req.query("after") ?? -1))),
    )
    .get("/samples/:id", async (c) => c.json(await getSample(db, c.req.param("id"))))
    .get("/datasets/:id", async (c) => c.json(await getDataset(db, c.req.param("id"))))
    .get("/datasets/:id/rows", async (c) => {
      const [offset, limit] = [
        number(c.req.query("offset"), 0, 1e9),
        number(c.req.query("limit"), 50, 200),
      ];
      const id = c.req.param("id");
      if ((await getDataset(db, id)).kind === "rows")
        return c.json((await anyRows(db, home, id)).slice(offset, offset + limit));
      const rows = (await datasetRows(db, home, id)).slice(offset, offset + limit);
      const judgments = await judgmentsOf(db, { answers: rows.flatMap((r) => r.judgments) });
      const by = Map.groupBy(judgments, (j) => j.task as string);
      return c.json(rows.map((r) => ({ ...r, judgments: by.get(r.task) ?? [] })));
    })
    .get("/checkpoints", async (c) => c.json(await listCheckpoints(db)))
    .get("/lineage/:id", async (c) => c.json(await lineage(db, home, c.req.param("id"))))
    .get("/events", (c) => {
      const experiment = c.req.query("experiment");
      return streamSSE(c, async (stream) => {
        let judgment: LiveEvent | undefined; // hundreds a second: only the newest matters
        const concerns = (e: LiveEvent) =>
          !experiment || !("experiment" in e) || e.experiment === experiment;
        const send = (e: LiveEvent) =>
          void stream.writeSSE({ data: JSON.stringify(e) }).catch(() => {});
        const end = d.store.subscribe((e) => {
          if (!concerns(e)) return;
          if (e.type === "judgment") judgment = e;
          else send(e);
        });
        stream.onAbort(end);
        while (!stream.aborted && !stream.closed) {
          await stream.sleep(500);
          if (judgment) send(judgment);
          judgment = undefined;
        }
        end();
      });
    });
};
