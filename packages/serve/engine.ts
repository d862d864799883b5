/** Registered checkpoints as the engine that the client for models calls them through. */
import { loadChatTemplate } from "@tiller/lm";
import { type Engine, type ModelClient, openModelClient, readModels } from "@tiller/model";
import { type Db, type Store } from "@tiller/store";
import { findServed, servedCheckpoints } from "@tiller/lab";
import type { SamplerPool } from "./sampler.ts";
import { plainDraw } from "./sampler-messages.ts";

const DEFAULT_TOKENS = 256; // where neither the call nor models.json says how many

export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 31);

export function samplerEngine(d: { db: Db; sampler: Pick<SamplerPool, "generate"> }): Engine {
  // a checkpoint's folder does not change
  const templates = new Map<string, boolean>();
  const hasTemplate = async (path: string): Promise<boolean> => {
    const known = templates.get(path) ?? (await loadChatTemplate(path)) !== undefined;
    templates.set(path, known);
    return known;
  };
  return {
    names: async () => (await servedCheckpoints(d.db)).map((c) => c.name),
    resolve: async (name) => {
      const c = await findServed(d.db, name);
      return c && { id: c.id, chat: await hasTemplate(c.path) };
    },
    async *complete(r, signal) {
      const checkpoint = await findServed(d.db, r.checkpoint);
      if (!checkpoint) return; // it was just resolved: the caller sees a reply that broke off
      yield* d.sampler.generate(
        {
          ...plainDraw,
          path: checkpoint.path,
          prompt: typeof r.prompt === "string" ? r.prompt : [...r.prompt],
          maxTokens: r.maxTokens ?? DEFAULT_TOKENS,
          capped: r.maxTokens === undefined,
          logprobs: r.logprobs ? 0 : null,
          temperature: r.temperature,
          topP: r.topP,
          seed: r.seed ?? randomSeed(),
          stop: [...r.stop],
        },
        signal,
      );
    },
  };
}

/** Asks the models of models.json and the registered checkpoints; `file` stands before the home's and TILLER_MODELS. */
export const serverModelClient = (d: {
  store: Pick<Store, "db" | "home">;
  sampler: Pick<SamplerPool, "generate">;
  file?: string | undefined;
}): ModelClient =>
  openModelClient({
    config: readModels({ home: d.store.home, file: d.file, env: process.env }),
    db: d.store.db,
    engine: samplerEngine({ db: d.store.db, sampler: d.sampler }),
  });
