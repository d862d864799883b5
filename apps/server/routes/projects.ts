/** Projects for staff and services: a file in, looked at and posted; pause, close, reopen; results and their export. */
import { z } from "zod";
import {
  addFromFile,
  createFromFile,
  csvHeader,
  csvLine,
  describeFile,
  kindOfFile,
  previewItems,
} from "@tiller/data";
import {
  changeProject,
  getProject,
  listProjects,
  pageOf,
  projectItem,
  resultsOf,
  tableOf,
} from "@tiller/work";
import type { Deps } from "../context.ts";
import type { Handlers } from "../operate.ts";
import { keepUpload, uploadNamed } from "../uploads.ts";

export const projectRoutes = (d: Deps) => {
  const { db, home } = d.store;
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
    listItems: async (_, { id, ...q }) => pageOf(await resultsOf(db, id), q),
    getItem: (_, { id, place }) => projectItem(db, id, z.coerce.number().int().parse(place)),
    exportProject: async (c, { id, as }) => {
      const { columns, rows } = tableOf(await resultsOf(db, id, { fresh: true }));
      c.header("content-type", as === "csv" ? "text/csv; charset=utf-8" : "application/jsonl");
      c.header("content-disposition", `attachment; filename="${id}.${as}"`);
      return c.body(
        as === "csv"
          ? csvHeader(columns) +
              rows.map((r) => csvLine(columns.map((k) => r.get(k) ?? ""))).join("")
          : rows.map((r) => `${JSON.stringify(Object.fromEntries(r))}\n`).join(""),
      );
    },
  } satisfies Partial<Handlers>;
};
