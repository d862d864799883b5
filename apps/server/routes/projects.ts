/** Projects for staff and services: a file in, looked at and posted; pause, close, reopen; results and their export. */
import { z } from "zod";
import {
  addFromFile,
  createFromFile,
  describeFile,
  kindOfFile,
  mimes,
  previewItems,
  resultsDesk,
} from "@tiller/data";
import { changeProject, getProject, listProjects, reviewItems, undoReview } from "@tiller/work";
import type { Deps } from "../context.ts";
import type { Handlers } from "../operate.ts";
import { keepUpload, uploadNamed } from "../uploads.ts";

const json = (body: string) =>
  new Response(body, { headers: { "content-type": "application/json" } });
const placeOf = (place: string) => z.coerce.number().int().parse(place);

export const projectRoutes = (d: Deps) => {
  const { db, home, config } = d.store;
  const results = resultsDesk(config);
  return {
    uploadItems: (c, { name, encoding, separator }) => {
      const about = { name, kind: kindOfFile(name), encoding, separator };
      return keepUpload(home, c.req.raw.body, about, describeFile);
    },
    previewItems: async (_, { body: { file, ...asked } }) =>
      previewItems(await uploadNamed(home, file), asked),
    createProject: async (c, { body: { file, ...p } }) =>
      createFromFile(db, c.var.me.id, await uploadNamed(home, file), p),
    listProjects: () => listProjects(db),
    getProject: (_, { id }) => getProject(db, id),
    changeProject: (c, { id, body }) => changeProject(db, c.var.me.id, id, body),
    addItems: async (c, { id, body: { file, ...o } }) =>
      addFromFile(db, c.var.me.id, id, await uploadNamed(home, file), o),
    listItems: async (_, { id, ...q }) => json(await results.page(id, q)),
    getItem: async (_, { id, place }) => json(await results.item(id, placeOf(place))),
    projectPeople: (_, { id }) => results.people(id),
    reviewItems: async (c, { id, body }) => {
      const [place] = Array.isArray(body.items) ? body.items : [];
      if (body.act === "fix") await results.checkFix(id, place!, body.value);
      const items = await results.reviewable(id, body.items);
      const done = await reviewItems(db, c.var.me, { project: id, asked: body, items });
      results.changed(id);
      return done;
    },
    undoReview: async (c, { id, review }) => {
      const done = await undoReview(db, c.var.me, { project: id, review });
      results.changed(id);
      return done;
    },
    exportCounts: (_, { id, ...file }) => results.counts(id, file),
    exportProject: async (c, { id, ...file }) => {
      const bytes = await results.file(id, file);
      const name = `${id}${file.rows === "items" ? "" : `-${file.rows}`}.${file.as}`;
      c.header("content-type", mimes[file.as]);
      c.header("content-disposition", `attachment; filename="${name}"`);
      return c.body(bytes);
    },
  } satisfies Partial<Handlers>;
};
