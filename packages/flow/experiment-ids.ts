/** Ids of experiments: no slash, since places begin with them, and no longer than what is put before places may be. */
import { createHash, randomUUID } from "node:crypto";
import { TillerError } from "@tiller/schema";

const BYTES = 200; // as long as those of earlier versions
const ROOT = 80; // characters that a branch keeps of its root's

/** Refuses what cannot be one. */
export function refuseId(id: string): void {
  if (/[/\p{Cc}]/u.test(id) || id !== id.toWellFormed() || id === "." || id === "..")
    throw new TillerError(
      "bad_id",
      `an experiment's id has no slash and no control characters: ${JSON.stringify(id.slice(0, 60))}. Give it another.`,
    );
  if (Buffer.byteLength(id) > BYTES)
    throw new TillerError(
      "bad_id",
      `an experiment's id has at most ${BYTES} bytes, and ${id.slice(0, 40)}… has ${Buffer.byteLength(id)}. Give it a shorter one.`,
    );
}

/** A branch is named by its root, however many branches lie between. */
export function branchId(experiment: string, kind: string): string {
  const root = experiment.replace(/(-(fork|rewind|reask)-[0-9a-f]{6})+$/, "");
  return `${root.slice(0, ROOT).toWellFormed()}-${kind}-${randomUUID().slice(0, 6)}`;
}
/** The same each time: who migrates twice goes on with the first. */
export function migratedId(experiment: string, to: string): string {
  const id = `${experiment}-${to.replace("@", "-")}`;
  if (id.length <= 120) return id;
  const hash = createHash("sha256").update(id).digest("hex").slice(0, 8);
  return `${experiment.slice(0, ROOT).toWellFormed()}-${hash}-${to.replace("@", "-").slice(-30)}`;
}
