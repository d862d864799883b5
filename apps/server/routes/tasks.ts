/** The ready-made kinds of work for the studio's previews. */
import { Hono } from "hono";
import { previewOf, problemsWith, taskTypes } from "@tiller/crowd";
import { type CheckReply, CheckRequest, type PreviewReply, TillerError } from "@tiller/schema";
import type { z } from "zod";
import type { Env } from "../context.ts";

let previews: PreviewReply | undefined; // the kinds never change while the server runs

export const taskRoutes = () =>
  new Hono<Env>()
    .get("/", (c) => {
      previews ??= { tasks: [...taskTypes.values()].map(previewOf), error: null, live: false };
      return c.json(previews);
    })
    .post("/check", async (c) => {
      const { key, sample, value } = CheckRequest.parse(await c.req.json());
      const def = taskTypes.get(key);
      if (!def?.samples[sample])
        throw new TillerError(
          "not_found",
          `there is no sample ${sample} of ${key}. The kinds are ${[...taskTypes.keys()].join(", ")}.`,
        );
      const problems = problemsWith(def, def.samples[sample], value);
      return c.json({ problems } satisfies z.infer<typeof CheckReply>);
    });
