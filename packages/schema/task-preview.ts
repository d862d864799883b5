/** Kinds of work as the preview page gets them: GET /api/tasks, of the server and of `tiller task preview`. */
import { z } from "zod";
import { ItemSlot } from "./projects.ts";
import { View } from "./view.ts";

export const TaskPreview = z.strictObject({
  key: z.string().describe("name@version"),
  title: z.string(),
  instructions: z.string(),
  view: View,
  samples: z.array(z.strictObject({ input: z.unknown(), simulated: z.unknown() })),
  aggregate: z.record(z.string(), z.string()).describe("field -> how answers are joined"),
  slots: z.array(ItemSlot).describe("what a file's columns fill; none where no file can"),
  problems: z.array(z.string()).describe("what is wrong with the kind itself"),
});
export type TaskPreview = z.infer<typeof TaskPreview>;

export const PreviewReply = z.strictObject({
  tasks: z.array(TaskPreview),
  error: z
    .strictObject({ message: z.string(), file: z.string(), line: z.number().nullable() })
    .nullable()
    .describe("why the file cannot be loaded; the tasks are then those of before"),
  live: z.boolean().describe("GET /api/tasks/changes says when the file changed"),
});
export type PreviewReply = z.infer<typeof PreviewReply>;

/** POST /api/tasks/check: an answer to a sample against the code of its kind. */
export const CheckRequest = z.strictObject({
  key: z.string(),
  sample: z.int().min(0),
  value: z.unknown(),
});
export type CheckRequest = z.infer<typeof CheckRequest>;
export const CheckReply = z.strictObject({ problems: z.array(z.string()) });
