/**
 * Kinds of work that are made in the browser: a ready-made one that says something else, or fields put together. All that
 * a file would say follows from the view, and from the ready-made one as far as it still asks and shows the same.
 */
import { z } from "zod";
import type { ItemSlot, View } from "@tiller/schema";
import { outputOf } from "./answer.ts";
import { keyOf, type TaskDef } from "./define.ts";
import { fieldsOf, readBy, shownBy } from "./kinds/index.ts";
import { simulateView } from "./simulate.ts";
import { slotsOf } from "./slots.ts";

export interface OwnKind extends TaskDef {
  /** name@version of the ready-made one that it was made from */
  readonly base: string | undefined;
}

export function ownKind(
  o: Pick<TaskDef, "name" | "version" | "title" | "instructions" | "view">,
  { base, samples }: { base?: TaskDef | undefined; samples?: readonly unknown[] } = {},
): OwnKind {
  const { name, version, title, instructions, view } = o;
  const shown = samples ?? (base && readsLike(base, view) ? base.samples : []);
  const check = base && checkLike(base, view);
  return {
    name,
    version,
    title,
    instructions,
    view,
    base: base && keyOf(base),
    input:
      base && readsLike(base, view)
        ? base.input
        : inputOf(slotsOf({ view, samples: base?.samples ?? [] })),
    output: outputOf(view),
    aggregate: base ? aggregateLike(base, view) : {},
    samples: shown,
    simulate: (input, how) => simulateView(view, input, how),
    ...(check ? { check } : {}),
  };
}

const pathsOf = (view: View): string[] => [
  ...view.show.flatMap((b) => shownBy(b).map((r) => r.path)),
  ...view.ask.flatMap((f) => readBy(f).map((r) => r.path)),
];
/** Whether exactly the same parts of an input are read. */
function readsLike(base: TaskDef, view: View): boolean {
  const [was, is] = [new Set(pathsOf(base.view)), new Set(pathsOf(view))];
  return was.size === is.size && [...was].every((p) => is.has(p));
}
/** The questions that a view has in common with a ready-made kind. */
function askedLike(base: TaskDef, view: View): Set<string> {
  const kinds = new Map(fieldsOf(base.view).map((f) => [f.name, f.kind]));
  return new Set(fieldsOf(view).flatMap((f) => (kinds.get(f.name) === f.kind ? [f.name] : [])));
}
function aggregateLike(base: TaskDef, view: View): NonNullable<TaskDef["aggregate"]> {
  const same = askedLike(base, view);
  return Object.fromEntries(
    Object.entries(base.aggregate ?? {}).filter(([name]) => same.has(name)),
  );
}
/** The ready-made kind's own check, where all that it may look at is still shown and asked; else undefined. */
export function checkLike(base: TaskDef, view: View): NonNullable<TaskDef["check"]> | undefined {
  if (!base.check) return undefined;
  const same = askedLike(base, view);
  const read = new Set(pathsOf(view));
  const whole =
    fieldsOf(base.view).every((f) => same.has(f.name)) &&
    pathsOf(base.view).every((p) => read.has(p));
  return whole ? (input, output) => base.check!(input, output) : undefined;
}

const values: Readonly<Record<ItemSlot["kind"], z.ZodType>> = {
  text: z.string(),
  number: z.number(),
  list: z.array(z.string()),
  turns: z.array(z.strictObject({ role: z.string(), text: z.string() })),
};
/** The schema of inputs that have all that a view reads, and nothing else. */
function inputOf(slots: readonly ItemSlot[]): z.ZodType {
  const groups = Map.groupBy(slots, ({ path }) => path.split(".")[0]!);
  return z.strictObject(
    Object.fromEntries(
      [...groups].map(([key, inside]) => {
        const deeper = inside
          .map((s) => ({ ...s, path: s.path.slice(key.length + 1) }))
          .filter((s) => s.path !== "");
        return [key, deeper.length ? inputOf(deeper) : values[inside[0]!.kind]];
      }),
    ),
  );
}
