/**
 * What stood where when a task was shown, by question: the sides of a pair left to right, the places of a ranked list top
 * to bottom. `packages/task/shown.ts` draws it.
 */
import { z } from "zod";

const Sides = z.tuple([z.enum(["a", "b"]), z.enum(["a", "b"])]).readonly();
const Places = z.array(z.int().min(0)).readonly();
export const Shown = z.record(z.string(), z.union([Sides, Places]));
export type Shown = z.infer<typeof Shown>;
