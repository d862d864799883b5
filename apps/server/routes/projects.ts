/** Projects for staff and services: a file in, looked at and posted; pause, close, reopen; results and their export. */
import { Readable } from "node:stream";
import { z } from "zod";
import { taskNamed, taskTypes } from "@tiller/crowd";
import {
  addFromFile,
  changeKind,
  createFromFile,
  describeFile,
  kindOfFile,
  mimes,
  previewItems,
  resultsDesk,
} from "@tiller/data";
import {
  changeProject,
  getProject,
  inputsOf,
  knownItems,
  listProjects,
  makeGold,
  reviewItems,
  storedKind,
  storedKinds,
  undoReview,
} from "@tiller/work";
import { recipeTasks } from "../../../recipes/index.ts";
import { type KnownKind, TillerError } from "@tiller/schema";
import type { Db } from "@tiller/store";
import { keyOf, kindFile, slotsOf } from "@tiller/task";
import type { Deps } from "../context.ts";
import { LabelForecasts } from "../label-forecasts.ts";
import type { Handlers } from "../operate.ts";
import { keepUpload, uploadNamed } from "../uploads.ts";

/** Those that were asked of anybody, and the ready-made ones. */
async function knownKinds(db: Db): Promise<KnownKind[]> {
  const ready = [...taskTypes.values(), ...recipeTasks];
  const stored = await storedKinds(db);
  const names = new Set(stored.map((k) => k.name));
  const all = [...stored, ...ready.filter((d) => !names.has(d.name))];
  return Promise.all(
    all.map(async (kind): Promise<KnownKind> => {
      const { name, version, title, instructions, view } = kind;
      const made = "base" in kind;
      const [sample] = kind.samples.length ? kind.samples : await inputsOf(db, kind);
      return {
        name,
        version,
        title,
        instructions,
        view,
        base: made ? (kind.base ?? null) : null,
        from: taskTypes.has(keyOf(kind)) ? "ready-made" : made ? "browser" : "workflow",
        slots: slotsOf({ view, samples: sample === undefined ? [] : [sample] }),
        sample: sample ?? null,
      };
    }),
  );
}

/** Piece by piece: others get their turn between. */
function* sliced(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += SLICE) yield bytes.subarray(at, at + SLICE);
}
const SLICE = 1 << 18;

const json = (body: string) =>
  new Response(body, { headers: { "content-type": "application/json" } });
const placeOf = (place: string) => z.coerce.number().int().parse(place);

export const projectRoutes = (d: Deps) => {
  const { db, home, config } = d.store;
  const results = resultsDesk(config);
  const forecasts = new LabelForecasts((id) => results.file(id, { rows: "votes", as: "jsonl" }));
  return {
    uploadItems: (c, { name, encoding, separator }) => {
      const about = { name, kind: kindOfFile(name), encoding, separator };
      return keepUpload(home, c.req.raw.body, about, describeFile);
    },
    previewItems: async (_, { body: { file, ...asked } }) =>
      previewItems(db, await uploadNamed(home, file), asked),
    createProject: async (c, { body: { file, ...p } }) =>
      createFromFile(db, c.var.me.id, await uploadNamed(home, file), p),
    listProjects: () => listProjects(db),
    getProject: (_, { id }) => getProject(db, id),
    changeProject: async (c, { id, body }) => {
      const changed = await changeProject(db, c.var.me.id, id, body);
      results.changed(id);
      return changed;
    },
    changeKind: async (c, { id, body }) => {
      const changed = await changeKind(db, c.var.me.id, id, body);
      results.changed(id);
      return changed;
    },
    knownItems: (_, { id }) => knownItems(db, id),
    makeGold: async (c, { id, body: { places } }) => {
      const made = await makeGold(db, c.var.me.id, id, places);
      results.changed(id);
      return made;
    },
    listKinds: () => knownKinds(db),
    kindFile: async (c, { name, version }) => {
      const kind = await storedKind(db, name, version);
      if (!("base" in kind))
        throw new TillerError(
          "not_made_here",
          `${name} is a kind of work that code makes: its file is in packages/crowd/tasks, or with its workflow.`,
        );
      const base = kind.base === undefined ? undefined : taskNamed(kind.base);
      c.header("content-disposition", `attachment; filename="${name}.ts"`);
      return c.text(kindFile(kind, { base, samples: await inputsOf(db, kind) }));
    },
    addItems: async (c, { id, body: { file, ...o } }) =>
      addFromFile(db, c.var.me.id, id, await uploadNamed(home, file), o),
    listItems: async (_, { id, ...q }) => json(await results.page(id, q)),
    getItem: async (_, { id, place }) => json(await results.item(id, placeOf(place))),
    projectPeople: (_, { id }) => results.people(id),
    labelForecast: async (_, { id }) => forecasts.of(await getProject(db, id)),
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
      return c.body(Readable.toWeb(Readable.from(sliced(bytes))) as ReadableStream<Uint8Array>);
    },
  } satisfies Partial<Handlers>;
};
