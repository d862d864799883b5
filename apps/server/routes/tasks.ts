/** The ready-made kinds of work for the studio's previews. */
import { previewOf, taskTypes } from "@tiller/crowd";
import { type PreviewReply, TillerError } from "@tiller/schema";
import { keyOf, problemsWith } from "@tiller/task";
import { recipeTasks } from "../../../recipes/index.ts";
import type { Handlers } from "../operate.ts";

const shown = new Map([...recipeTasks.map((d) => [keyOf(d), d] as const), ...taskTypes]);
let previews: PreviewReply | undefined; // the kinds never change while the server runs

export const taskRoutes = () =>
  ({
    listTasks: () =>
      (previews ??= { tasks: [...shown.values()].map(previewOf), error: null, live: false }),
    checkAnswer: (_, { body: { key, sample, value } }) => {
      const def = shown.get(key);
      if (!def?.samples[sample])
        throw new TillerError(
          "not_found",
          `there is no sample ${sample} of ${key}. The kinds are ${[...shown.keys()].join(", ")}.`,
        );
      return { problems: [...problemsWith(def, def.samples[sample], value)] };
    },
  }) satisfies Partial<Handlers>;
