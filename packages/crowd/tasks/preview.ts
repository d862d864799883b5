/** A kind of work as its preview shows it, and what is wrong with the kind itself. */
import { rng, type TaskPreview, View } from "@tiller/schema";
import {
  aggregationsOf,
  fillable,
  keyOf,
  problemsWith,
  slotsOf,
  type TaskDef,
  wrongAggregations,
} from "@tiller/task";

export function previewOf(def: TaskDef): TaskPreview {
  const problems: string[] = [];
  const view = View.safeParse(def.view);
  for (const i of view.error?.issues ?? []) problems.push(`view.${i.path.join(".")}: ${i.message}`);
  if (view.success) problems.push(...wrongAggregations(def).map((w) => `aggregate: ${w}`));
  if (!def.samples.length) problems.push("There is no sample. Add one to `samples`.");
  const samples = def.samples.map((input, n) => {
    const parsed = def.input.safeParse(input);
    for (const i of parsed.error?.issues ?? [])
      problems.push(`samples.${n}.${i.path.join(".")}: ${i.message}`);
    const simulated = def.simulate(input, { rng: rng(1, def.name, n), skill: 1 });
    for (const p of problemsWith(def, input, simulated))
      problems.push(`The simulated answer to sample ${n + 1} is not taken. ${p}`);
    return { input, simulated };
  });
  return {
    key: keyOf(def),
    title: def.title,
    instructions: def.instructions,
    view: def.view,
    samples,
    aggregate: Object.fromEntries(aggregationsOf(def)),
    slots: fillable(def) ? slotsOf(def) : [],
    problems,
  };
}
