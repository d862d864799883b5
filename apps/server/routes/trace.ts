/** The trace of a run: its nodes as they change, one in full, comments, search, the file to take away, and back. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import { z } from "zod";
import { ExperimentId, NodeComment, nodeParts, TillerError } from "@tiller/schema";
import {
  addComment,
  exportTrace,
  getNode,
  getTracedRun,
  importTrace,
  listComments,
  nodePart,
  outputDigests,
  searchTrace,
  tracePage,
  type ViewerFiles,
} from "@tiller/store";
import type { Deps, Env } from "../context.ts";
import { spooled } from "../spool.ts";
import { sendWhole } from "../whole.ts";

const After = z.coerce.number().int().min(0).default(0);
const NodeId = z.string().min(1).max(4000);
const Part = z.enum(nodeParts);
const Search = z.string().min(2).max(200);
const NewComment = NodeComment.pick({ node: true, text: true });

/** The viewer as the web app's build left it in `web`. */
export async function viewerFiles(web: string): Promise<ViewerFiles> {
  const read = (name: string) => readFile(path.join(web, "viewer", name), "utf8");
  try {
    return { script: await read("viewer.js"), style: await read("viewer.css") };
  } catch (cause) {
    throw new TillerError(
      "viewer_not_built",
      `the trace viewer is not in ${path.join(web, "viewer")}. Run npm run build:web.`,
      { cause },
    );
  }
}

export const traceRoutes = (d: Deps) => {
  const { db, home } = d.store;
  const run = (id: string) => ExperimentId.parse(id);
  return new Hono<Env>()
    .get("/experiments/:id/trace", async (c) =>
      c.json(await tracePage(db, run(c.req.param("id")), After.parse(c.req.query("after")))),
    )
    .get("/experiments/:id/trace/run", async (c) =>
      c.json(await getTracedRun(db, run(c.req.param("id")))),
    )
    .get("/experiments/:id/trace/node", async (c) =>
      c.json(
        await getNode(db, home, {
          experiment: run(c.req.param("id")),
          node: NodeId.parse(c.req.query("id")),
        }),
      ),
    )
    .get("/experiments/:id/trace/part", async (c) => {
      const experiment = run(c.req.param("id"));
      const node = NodeId.parse(c.req.query("id"));
      const part = Part.parse(c.req.query("part"));
      const whole = await nodePart(db, home, { experiment, node, part });
      return sendWhole(c, whole, `${node.replaceAll("/", ".")}.${part}.json`);
    })
    .get("/experiments/:id/trace/search", async (c) =>
      c.json(
        await searchTrace(db, home, {
          experiment: run(c.req.param("id")),
          text: Search.parse(c.req.query("q")),
        }),
      ),
    )
    .get("/experiments/:id/trace/digests", async (c) =>
      c.json(await outputDigests(db, run(c.req.param("id")))),
    )
    .get("/experiments/:id/trace/comments", async (c) =>
      c.json(await listComments(db, run(c.req.param("id")))),
    )
    .post("/experiments/:id/trace/comments", async (c) => {
      const said = NewComment.parse(await c.req.json());
      const experiment = run(c.req.param("id"));
      return c.json(await addComment(db, { ...said, experiment, person: c.var.me.id }));
    })
    .get("/experiments/:id/trace/file", async (c) => {
      const id = run(c.req.param("id"));
      await getTracedRun(db, id); // a wrong id is a 404, not half a file
      const viewer = await viewerFiles(d.web);
      c.header("content-type", "application/octet-stream");
      c.header(
        "content-disposition",
        `attachment; filename="${id.replaceAll(/[^\w.@-]+/g, "-")}.trace.html"`,
      );
      return stream(c, async (out) => {
        for await (const piece of exportTrace(d.store, id, viewer)) await out.write(piece);
      });
    })
    .post("/traces", async (c) => {
      const made = await spooled(home, c.req.raw.body, (file) =>
        importTrace(d.store, createReadStream(file), { by: c.var.me.pseudonym }),
      );
      return c.json(made);
    });
};
