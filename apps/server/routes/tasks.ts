/** The ready-made kinds of work for the studio's previews. */
import { previewOf, problemsWith, taskTypes } from "@tiller/crowd";
import { type PreviewReply, TillerError } from "@tiller/schema";
import type { Handlers } from "../operate.ts";

let previews: PreviewReply | undefined; // the kinds never change while the server runs

export const taskRoutes = () =>
  ({
    listTasks: () =>
      (previews ??= { tasks: [...taskTypes.values()].map(previewOf), error: null, live: false }),
    checkAnswer: (_, { body: { key, sample, value } }) => {
      const def = taskTypes.get(key);
      if (!def?.samples[sample])
        throw new TillerError(
          "not_found",
          `there is no sample ${sample} of ${key}. The kinds are ${[...taskTypes.keys()].join(", ")}.`,
        );
      return { problems: problemsWith(def, def.samples[sample], value) };
    },
  }) satisfies Partial<Handlers>;
