/** Data in and out for staff and services: export and import as streams, webhooks and their deliveries. */
import { Readable } from "node:stream";
import { Hono } from "hono";
import { z } from "zod";
import { exportAnswers, importAnswers } from "@tiller/data";
import { ExportRequest, ImportQuery, NewWebhook, WebhookChange } from "@tiller/schema";
import {
  checkedAddress,
  createWebhook,
  listDeliveries,
  listWebhooks,
  parseAllowed,
  redeliver,
  setWebhookEnabled,
} from "@tiller/store";
import type { Deps, Env } from "../context.ts";
import { spooled } from "../spool.ts";

const DELIVERIES = 100; // a page
const allowed = () => parseAllowed(process.env["TILLER_WEBHOOK_ALLOW"] ?? "");
const Before = z.coerce.number().int().optional();

export const dataRoutes = (d: Deps) => {
  const { db } = d.store;
  return new Hono<Env>()
    .get("/export", async (c) => {
      const file = await exportAnswers(d.store, ExportRequest.parse(c.req.query()));
      c.header("content-type", file.mime);
      c.header("content-disposition", `attachment; filename="${file.name}"`);
      return c.body(Readable.toWeb(file.stream) as globalThis.ReadableStream<Uint8Array>);
    })
    .get("/export/schema", async (c) => {
      const file = await exportAnswers(d.store, ExportRequest.parse(c.req.query()));
      file.stream.destroy();
      c.header("content-type", "application/json");
      c.header("content-disposition", `attachment; filename="${file.name}.schema.json"`);
      return c.body(file.schema);
    })
    .post("/import", async (c) => {
      const q = ImportQuery.parse(c.req.query());
      const counts = await spooled(d.store.home, c.req.raw.body, (file) =>
        importAnswers(d.store, {
          file,
          name: q.name,
          format: q.format,
          kind: q.as,
          experiment: q.experiment,
          rater: q.rater,
          raterPrefix: q.raterPrefix,
          dirt: q.dirt,
          encoding: q.encoding,
          separator: q.separator,
          guarded: q.guarded,
          signal: c.req.raw.signal, // who left waits for nothing
          dry: q.dry,
          now: new Date(),
        }),
      );
      return c.json(counts);
    })
    .get("/webhooks", async (c) => c.json(await listWebhooks(db)))
    .post("/webhooks", async (c) => {
      const wanted = NewWebhook.parse(await c.req.json());
      await checkedAddress(new URL(wanted.url), allowed()); // told now, and checked again at each delivery
      return c.json(await createWebhook(db, c.var.me.id, wanted));
    })
    .post("/webhooks/:id", async (c) => {
      const { enabled } = WebhookChange.parse(await c.req.json());
      await setWebhookEnabled(db, c.req.param("id"), { enabled });
      return c.json({ ok: true });
    })
    .get("/webhooks/:id/deliveries", async (c) =>
      c.json(
        await listDeliveries(db, c.req.param("id"), {
          before: Before.parse(c.req.query("before")),
          limit: DELIVERIES,
        }),
      ),
    )
    .post("/webhooks/:id/deliveries/:delivery", async (c) => {
      await redeliver(
        db,
        c.req.param("id"),
        z.coerce.number().int().parse(c.req.param("delivery")),
      );
      return c.json({ ok: true });
    });
};
