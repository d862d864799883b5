/** The HTTP application: sign-in, desk, studio, the OpenAI-compatible API, health, and the web app's files. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { requireOpenRecord } from "@tiller/sitting";
import { sql } from "@tiller/store";
import { type Deps, type Env, guard } from "./context.ts";
import { controlRoutes } from "./routes/control.ts";
import { idempotent } from "./idempotency.ts";
import { openapiRoutes } from "./openapi.ts";
import { boundedBody } from "./bodies.ts";
import { Door } from "./door.ts";
import { operationRoutes } from "./operate.ts";
import { answerTo } from "./problems.ts";
import { readable } from "./readable.ts";
import { dataRoutes } from "./routes/data.ts";
import { deskRoutes } from "./routes/desk.ts";
import { modelRoutes } from "./routes/models.ts";
import { joiningRoutes } from "./routes/joining.ts";
import { openaiRoutes } from "./routes/openai.ts";
import { qualityRoutes } from "./routes/quality.ts";
import { payRoutes } from "./routes/pay.ts";
import { accountRoutes, peopleRoutes, signInRoutes } from "./routes/people.ts";
import { experimentRoutes } from "./routes/experiments.ts";
import { studioRoutes } from "./routes/studio.ts";
import { projectRoutes } from "./routes/projects.ts";
import { roomRoutes } from "./routes/rooms.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { traceRoutes } from "./routes/trace.ts";
import { treeRoutes } from "./routes/trees.ts";
import { workRoutes } from "./routes/work.ts";
import { pathWithoutSeat } from "./seats.ts";
import { Limiter, securityHeaders } from "./security.ts";
import { own } from "@tiller/schema";
import { qualityDesk } from "@tiller/work/quality-thread.ts";

const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  css: "text/css",
  woff2: "font/woff2",
  svg: "image/svg+xml",
  png: "image/png",
  json: "application/json",
};

/** Operations that were, and what does the same. */
const gone: Readonly<Record<string, string>> = {
  "POST /api/work/moves/preview": "POST /api/control/preview",
  "POST /api/work/moves": "POST /api/control/move",
  "POST /api/work/pause": "POST /api/control/people/:id",
};

/**
 * A rater reads for longer than Node keeps a connection (5 s): each request would open a new one, and one that is sent as
 * the old one closes would fail. Node ends every request after five minutes, an upload in the middle too: bodies have
 * their own bounds here (bodies.ts), heads still one minute.
 */
export const serverOptions = {
  keepAliveTimeout: 75_000,
  requestTimeout: 0,
  headersTimeout: 60_000,
};

export function createApp(d: Deps): Hono<Env> {
  const app = new Hono<Env>({ getPath: pathWithoutSeat });
  const limiter = new Limiter();
  app.onError(answerTo);
  app.use(async (c, next) => {
    const answering = next();
    d.pending.add(answering);
    await answering.finally(() => d.pending.delete(answering));
  });
  app.use(
    securityHeaders,
    guard(d, limiter, new Door(d.store)),
    boundedBody,
    readable,
    idempotent(d),
  );
  app.use("/api/studio/experiments/:experiment/*", async (c, next) => {
    await requireOpenRecord(d.store.db, c.req.param("experiment"), c.var.me.id);
    await next();
  });

  const page = async (c: Context, status: 200 | 401 = 200) => {
    const bytes = await readFile(path.join(d.web, "index.html")).catch(() => undefined);
    if (!bytes) return c.text("The web app is not built. Run npm run build:web.", 404);
    c.header("content-type", types["html"]);
    c.header("cache-control", status === 200 ? "no-cache" : "no-store");
    return c.body(bytes, status);
  };
  const figures = qualityDesk(d.store.config);
  const { link, handlers } = signInRoutes(d, limiter, page);
  app.route("/", link);
  app.route(
    "/",
    operationRoutes({
      ...handlers,
      ...accountRoutes(d),
      ...peopleRoutes(d),
      ...payRoutes(d),
      ...controlRoutes(d, figures),
      ...dataRoutes(d),
      ...deskRoutes(d, figures),
      ...qualityRoutes(d, figures),
      ...workRoutes(d),
      ...joiningRoutes(d),
      ...studioRoutes(d, figures),
      ...traceRoutes(d),
      ...experimentRoutes(d),
      ...modelRoutes(d),
      ...projectRoutes(d),
      ...roomRoutes(d),
      ...treeRoutes(d),
      ...taskRoutes(),
    }),
  );
  app.route("/api", openapiRoutes());
  app.route("/v1", openaiRoutes(d));
  app.all("/api/*", (c) => {
    const asked = `${c.req.method} ${c.req.path}`;
    const now = own(gone, asked);
    const message = now ? `There is no ${asked} any more. Use ${now}.` : `There is no ${asked}.`;
    return c.json({ code: "not_found", message }, 404);
  });

  app.get("/healthz", async (c) =>
    c.json({ ok: (await d.store.db.value(sql`select 1`, z.number())) === 1 }),
  );
  app.get("/metrics", async (c) => {
    const count = (table: "answer" | "lease" | "experiment") =>
      d.store.db.value({ text: `select count(*)::int from ${table}`, values: [] }, z.number());
    const rows = [
      ["tiller_answers_total", await count("answer")],
      ["tiller_leases_total", await count("lease")],
      ["tiller_experiments_total", await count("experiment")],
      ["process_resident_memory_bytes", process.memoryUsage().rss],
    ];
    return c.text(rows.map(([name, value]) => `${name} ${value}\n`).join(""));
  });

  // the web app; every other path is a page of it
  app.get("*", async (c) => {
    const wanted = path.normalize(c.req.path).replace(/^\/+/, "");
    const file = /\.\w+$/.test(wanted) && !wanted.includes("..") ? wanted : undefined;
    if (!file) return page(c);
    const bytes = await readFile(path.join(d.web, file)).catch(() => undefined);
    if (!bytes) return c.text("Not found", 404);
    c.header("content-type", own(types, file.split(".").at(-1)!) ?? "application/octet-stream");
    c.header(
      "cache-control",
      file.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    );
    return c.body(bytes);
  });
  return app;
}
