/** What the committed base model makes of the texts of a set, kept in a file so that it is computed once. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Features, rewardFeatures } from "@tiller/crowd";
import { loadModel, textFeatures } from "@tiller/learn";
import type { PreferenceSet } from "./preferences.ts";

const base = path.resolve(import.meta.dirname, "../models/base");

export async function featuresIn(set: PreferenceSet, keep: string): Promise<Features> {
  const model = await loadModel(base);
  const file = path.join(keep, `${set.name}-${set.digest}-${model.id.slice(0, 12)}.means`);
  const { width } = model.shape;
  if (!existsSync(file)) {
    console.error(`${set.name}: features of ${set.texts.length} texts`);
    mkdirSync(keep, { recursive: true });
    const { means } = await textFeatures(model, set.texts);
    writeFileSync(file, Buffer.from(means.buffer));
  }
  const bytes = readFileSync(file);
  const size = 4 * set.texts.length * width;
  if (bytes.length !== size)
    throw new Error(
      `${file} has ${bytes.length} bytes, ${set.texts.length} texts of ${width} features need ${size}. Remove it.`,
    );
  return rewardFeatures(new Float32Array(new Uint8Array(bytes).buffer), width, set.texts);
}
