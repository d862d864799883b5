/** What an item of a kind of work is made of, for whoever fills it from the columns of a file. */
import type { ItemSlot } from "@tiller/schema";
import type { TaskDef } from "./define.ts";
import { readBy, shownBy } from "./kinds/index.ts";
import { at, type Draft, put } from "./paths.ts";

/** What an item of the kind is made of: each path that its view reads. A sample says what stands there where the view does not. */
export function slotsOf({ view, samples }: Pick<TaskDef, "view" | "samples">): ItemSlot[] {
  const found = new Map<string, ItemSlot>();
  const add = (path: string, label: string | undefined, kind: ItemSlot["kind"]) => {
    const sample = at(samples[0], path);
    const known = Array.isArray(sample)
      ? at(sample[0], "role") === undefined
        ? "list"
        : "turns"
      : typeof sample === "number"
        ? "number"
        : kind;
    if (!found.has(path))
      found.set(path, { path, label: label || path.split(".")[0]!, kind: known });
  };
  for (const b of view.show)
    for (const { path, what } of shownBy(b))
      add(path, b.kind === "note" ? undefined : b.label, what);
  for (const f of view.ask) for (const { path, what } of readBy(f)) add(path, undefined, what);
  return [...found.values()];
}

/** Whether a file's columns can fill the kind: its own sample, taken apart and put together by its slots, is an input again. */
export function fillable(def: TaskDef): boolean {
  const [sample] = def.samples;
  const input = slotsOf(def).reduce<Draft>((x, s) => put(x, s.path, at(sample, s.path)), {});
  return sample !== undefined && def.input.safeParse(input).success;
}
