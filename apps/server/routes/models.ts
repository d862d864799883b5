/** The studio's view of the models that can be called: their state here, what they were used for, what is kept. */
import { busyModels, modelPage, modelUse } from "@tiller/model";
import { type ModelState, TillerError } from "@tiller/schema";
import type { Deps } from "../context.ts";
import type { Handlers } from "../operate.ts";

const DAYS = 30;

/** The models of models.json, and how busy whoever calls them is: workflows have a process of their own. */
async function statesNow(d: Pick<Deps, "store" | "modelClient">): Promise<ModelState[]> {
  const busy = await busyModels(d.store.db);
  return d.modelClient.states().map((s) => ({ ...s, ...busy.get(s.name) }));
}

export const modelRoutes = (d: Pick<Deps, "store" | "modelClient">) =>
  ({
    listModels: async () => {
      const states = new Map((await statesNow(d)).map((s) => [s.name, s]));
      const uses = new Map((await modelUse(d.store.db, DAYS)).map((u) => [u.model, u]));
      const models = [...new Set([...states.keys(), ...uses.keys()])].map((name) => ({
        name,
        state: states.get(name) ?? null,
        use: uses.get(name) ?? null,
      }));
      return { models };
    },
    getModel: async (_, { name }) => {
      const state = (await statesNow(d)).find((s) => s.name === name) ?? null;
      const page = await modelPage(d.store.db, name, { days: DAYS, calls: 50 });
      if (!state && !page.days.length)
        throw new TillerError(
          "not_found",
          `there is no model ${name}, and there was none in ${DAYS} days. Look at the list of models.`,
        );
      return { name, state, ...page };
    },
  }) satisfies Partial<Handlers>;
