/** Checkpoints and datasets as jobs name them: by id. Where they stand is looked up here, and nowhere in a job's input. */
import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type Artefact, type Checkpoint, TillerError } from "@tiller/schema";
import { blobFile, type Db, inputPath, sql } from "@tiller/store";
import { nameVersion } from "./checkpoints.ts";

/** What a model's folder says of itself. */
export type ModelFolder = Pick<Checkpoint, "role" | "metrics"> & {
  readonly id: string;
  readonly parent: string | null;
};
export type Identify = (folder: string) => Promise<ModelFolder>;

/**
 * The id of what a workflow names: a registered checkpoint or dataset, or a model's folder below a declared one, which is
 * registered first.
 */
export async function resolveArtefact(
  db: Db,
  a: Artefact,
  identify: Identify | undefined,
): Promise<string> {
  if (await placeOf(db, a)) return a.id;
  if (a.kind === "dataset")
    throw new TillerError(
      "not_found",
      `there is no dataset ${JSON.stringify(a.id.slice(0, 80))}. Save its rows with flow.save or flow.dataset, and pass the id that it returns.`,
    );
  if (/^[0-9a-f]{64}$/.test(a.id))
    throw new TillerError(
      "not_found",
      `there is no checkpoint ${a.id}. Look it up among the models in the studio.`,
    );
  const folder = await inputPath(a.id, { kind: "folder" });
  if (!identify)
    throw new TillerError(
      "no_model_reader",
      `${folder} is not registered, and this server reads no models' folders. Pass the id of a registered checkpoint.`,
    );
  const { id, role, parent, metrics } = await identify(folder);
  const known = await placeOf(db, { kind: "checkpoint", id });
  if (!known || !existsSync(known))
    await registerFolder(db, folder, path.basename(folder), { id, role, parent, metrics });
  return id;
}
/** A model's folder as a checkpoint under a name; one that is known already has it as another of its names. */
export const registerFolder = (
  db: Db,
  folder: string,
  name: string,
  { id, role, parent, metrics }: ModelFolder,
): Promise<number> =>
  db.transaction(async (tx) => {
    await tx.run(sql`insert into checkpoint (id, name, kind, path, run, parent, metrics)
      values (${id}, ${name}, ${role}, ${folder}, null, ${parent}, ${JSON.stringify(metrics)})
      on conflict (id) do update set path = excluded.path`);
    return nameVersion(tx, name, id);
  });
const placeOf = (db: Db, a: Artefact): Promise<string | undefined> =>
  db
    .maybe(
      a.kind === "checkpoint"
        ? sql`select path as at from checkpoint where id = ${a.id}`
        : sql`select blob as at from dataset where id = ${a.id}`,
      z.object({ at: z.string() }),
    )
    .then((row) => row?.at);

/** Where a registered one stands on this machine: a checkpoint's folder, the file of a dataset's rows. */
export async function artefactPath(db: Db, home: string, a: Artefact): Promise<string> {
  const at = await placeOf(db, a);
  const file = at !== undefined && a.kind === "dataset" ? blobFile(home, at) : at;
  if (file === undefined || !existsSync(file))
    throw new TillerError(
      "missing_artefact",
      `the ${a.kind} ${a.id} is ${file === undefined ? "not registered" : `not at ${file}`}. Restore the home from a backup, or make it again.`,
    );
  return file;
}
