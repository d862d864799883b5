/** Data in and out for staff and services: export and import as streams, webhooks and their deliveries. */
import { Readable } from "node:stream";
import { z } from "zod";
import {
  checkedAddress,
  createWebhook,
  exportAnswers,
  importAnswers,
  listDeliveries,
  listWebhooks,
  noMail,
  parseAllowed,
  redeliver,
  setWebhookEnabled,
} from "@tiller/data";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";
import { spooled } from "../spool.ts";

const DELIVERIES = 100; // a page
const allowed = () => parseAllowed(process.env["TILLER_WEBHOOK_ALLOW"] ?? "");

export const dataRoutes = (d: Deps) => {
  const { db } = d.store;
  return {
    exportAnswers: async (c, asked) => {
      const file = await exportAnswers(d.store, asked);
      c.header("content-type", file.mime);
      c.header("content-disposition", `attachment; filename="${file.name}"`);
      return c.body(Readable.toWeb(file.stream) as globalThis.ReadableStream<Uint8Array>);
    },
    exportSchema: async (c, asked) => {
      const file = await exportAnswers(d.store, asked);
      file.stream.destroy();
      c.header("content-type", "application/json");
      c.header("content-disposition", `attachment; filename="${file.name}.schema.json"`);
      return c.body(file.schema);
    },
    importAnswers: (c, { as, ...q }) =>
      spooled(d.store.home, c.req.raw.body, (file) =>
        importAnswers(d.store, {
          file,
          name: q.name,
          format: q.format,
          kind: as,
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
      ),
    listWebhooks: () => listWebhooks(db),
    createWebhook: async (c, { body: wanted }) => {
      const url = new URL(wanted.url);
      if (url.protocol !== "mailto:") await checkedAddress(url, allowed()); // told now, and checked again at each delivery
      else if (d.mailFrom === undefined) throw noMail(wanted.url);
      return createWebhook(db, c.var.me.id, wanted);
    },
    mailSettings: () => ({ from: d.mailFrom ?? null }),
    setWebhook: async (_, { id, body: { enabled } }) => {
      await setWebhookEnabled(db, id, { enabled });
      return ok;
    },
    listDeliveries: (_, { id, before }) => listDeliveries(db, id, { before, limit: DELIVERIES }),
    redeliver: async (_, { id, delivery }) => {
      await redeliver(db, id, z.coerce.number().int().parse(delivery));
      return ok;
    },
  } satisfies Partial<Handlers>;
};
