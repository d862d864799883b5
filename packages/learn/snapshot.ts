/** A job's saved state: every resident tensor and a JSON cursor, written as one file and renamed into place. */
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import type { z } from "zod";
import { TillerError } from "@tiller/schema";
import { readSafetensors, writeSafetensors } from "@tiller/lm";
import type { State } from "@tiller/tensor";

/** Saves the states under their prefixes; `keep` says which tensors. Caches of the sampler are left out: they are scratch. */
export async function saveSnapshot(
  file: string,
  states: Readonly<Record<string, State>>,
  cursor: unknown,
  o: { readonly keep?: (name: string) => boolean } = {},
): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true });
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [prefix, state] of Object.entries(states))
    for (const name of state.names()) {
      if (name.startsWith("cache.") || o.keep?.(name) === false) continue;
      const { shape, data } = state.get(name);
      tensors.set(`${prefix}/${name}`, { shape, data });
    }
  await writeSafetensors(file, tensors, { metadata: { cursor: JSON.stringify(cursor) } });
}

/** Loads a snapshot straight into the states' own memory; undefined when there is none. */
export async function loadSnapshot<T>(
  file: string,
  states: Readonly<Record<string, State>>,
  Cursor: z.ZodType<T>,
): Promise<T | undefined> {
  if (!existsSync(file)) return undefined;
  const { metadata } = await readSafetensors(file, {
    place: (key, shape) => {
      const [prefix = "", ...rest] = key.split("/");
      const state = Object.hasOwn(states, prefix) ? states[prefix] : undefined;
      if (!state)
        throw new TillerError(
          "damaged_snapshot",
          `${file} holds a state ${prefix} this job does not know. Delete the file to begin the job again.`,
        );
      const name = rest.join("/");
      // a job begun before scalar heads were (1, d) has the same numbers as (d, 1)
      const turned = name.endsWith("score.weight") && shape[1] === 1;
      return state.buffer(name, turned ? shape.toReversed() : shape, "float32").data;
    },
  });
  return Cursor.parse(JSON.parse(metadata["cursor"] ?? "null"));
}
