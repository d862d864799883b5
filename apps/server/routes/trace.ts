/** The trace of an experiment: its nodes as they change, one in full, comments, search, the file to take away, and back. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { stream } from "hono/streaming";
import { ExperimentId, TillerError } from "@tiller/schema";
import {
  addComment,
  exportTrace,
  getNode,
  getTracedExperiment,
  importTrace,
  listComments,
  nodePart,
  outputDigests,
  searchTrace,
  tracePage,
  type ViewerFiles,
} from "@tiller/flow";
import type { Deps } from "../context.ts";
import type { Handlers } from "../operate.ts";
import { spooled } from "../spool.ts";
import { sendWhole } from "../whole.ts";

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
  const idOf = (id: string) => ExperimentId.parse(id);
  return {
    tracePage: (_, { id, after }) => tracePage(db, idOf(id), after),
    tracedExperiment: (_, { id }) => getTracedExperiment(db, idOf(id)),
    traceNode: (_, { experiment, id: node }) =>
      getNode(db, home, { experiment: idOf(experiment), node }),
    tracePart: async (c, { experiment, id: node, part }) => {
      const whole = await nodePart(db, home, { experiment: idOf(experiment), node, part });
      return sendWhole(c, whole, `${node.replaceAll("/", ".")}.${part}.json`);
    },
    searchTrace: (_, { id, q }) => searchTrace(db, home, { experiment: idOf(id), text: q }),
    traceDigests: (_, { id }) => outputDigests(db, idOf(id)),
    traceComments: (_, { id }) => listComments(db, idOf(id)),
    commentTrace: (c, { id, body }) =>
      addComment(db, { ...body, experiment: idOf(id), person: c.var.me.id }),
    traceFile: async (c, asked) => {
      const id = idOf(asked.id);
      await getTracedExperiment(db, id); // a wrong id is a 404, not half a file
      const viewer = await viewerFiles(d.web);
      c.header("content-type", "application/octet-stream");
      c.header(
        "content-disposition",
        `attachment; filename="${id.replaceAll(/[^\w.@-]+/g, "-")}.trace.html"`,
      );
      return stream(c, async (out) => {
        for await (const piece of exportTrace(d.store, id, viewer)) await out.write(piece);
      });
    },
    importTrace: (c) =>
      spooled(home, c.req.raw.body, (file) =>
        importTrace(d.store, createReadStream(file), { by: c.var.me.pseudonym }),
      ),
  } satisfies Partial<Handlers>;
};
