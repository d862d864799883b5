/** Who writes the summaries: a checkpoint on this machine, or an endpoint of models.json. Neither needs a server or a database. */
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { Answer, Ask, CountTokens, Rates } from "@tiller/book";
import { loadChatTemplate, loadCheckpoint, loadTokenizer } from "@tiller/lm";
import { ModelError, modelsFile, openModelClient, readModels } from "@tiller/model";
import { estimateTokens } from "@tiller/model/endpoint.ts";
import { own, prompt, TillerError } from "@tiller/schema";
import { plainDraw, SamplerPool, textOf } from "@tiller/serve";
import { defaultHome } from "@tiller/store";

export interface Policy extends Disposable {
  /** its name and version, part of what its outputs are addressed by */
  readonly name: string;
  readonly count: CountTokens;
  readonly counted: string;
  /** tokens that it takes, prompt and output together; undefined: it does not say */
  readonly positions: number | undefined;
  readonly reserve: number;
  readonly parallel: number;
  readonly price: Rates["price"];
  respond(ask: Ask, signal: AbortSignal): Promise<Answer>;
}

const STOPS = ["\n----", "\n====", "TL;DR:"]; // what a model that goes on writing the prompt's form would begin with

export async function checkpointPolicy(dir: string, temperature: number): Promise<Policy> {
  if (!existsSync(path.join(dir, "config.json")))
    throw new TillerError(
      "not_found",
      `there is no checkpoint ${dir}. Give --base a model's folder.`,
    );
  const folder = path.resolve(dir);
  const { shape, meta } = await loadCheckpoint(folder);
  const tokenizer = await loadTokenizer(folder);
  const chat = (await loadChatTemplate(folder)) !== undefined;
  const sampler = new SamplerPool();
  const name = `${path.basename(folder)} ${meta.id.slice(0, 12)}, temperature ${temperature}`;
  return {
    name,
    counted: `checkpoint ${meta.id.slice(0, 12)}`,
    count: (text) => (text === "" ? 0 : tokenizer.encode(text).length),
    positions: shape.positions,
    reserve: chat ? 64 : tokenizer.start.length,
    parallel: 8,
    price: { prompt: 0, completion: 0 },
    respond: async (ask, signal) => {
      const began = performance.now();
      let [text, tokens, promptTokens] = ["", 0, ask.tokens];
      for await (const part of sampler.generate(
        {
          ...plainDraw,
          path: folder,
          prompt: chat ? [{ role: "user", content: ask.prompt }] : ask.prompt,
          maxTokens: ask.node.cap,
          capped: false,
          temperature,
          topP: 1,
          seed: ask.seed,
          stop: STOPS,
        },
        signal,
      )) {
        text += textOf(part.tokens);
        tokens += part.tokens.length;
        promptTokens = part.promptTokens ?? promptTokens;
      }
      signal.throwIfAborted();
      const seconds = (performance.now() - began) / 1000;
      return { text, author: { kind: "policy", name }, promptTokens, tokens, seconds, cost: 0 };
    },
    [Symbol.dispose]: () => sampler[Symbol.dispose](),
  };
}

export function endpointPolicy(
  model: string,
  o: {
    readonly temperature: number;
    readonly models?: string | undefined;
    readonly home?: string | undefined;
  },
): Policy {
  const where = { home: path.resolve(o.home ?? defaultHome()), file: o.models, env: process.env };
  const config = readModels(where);
  const named = own(config, model);
  if (named?.kind !== "openai")
    throw new TillerError(
      "unknown_model",
      named
        ? `${model} is a checkpoint on this machine. Give its folder: --base DIR.`
        : `${modelsFile(where)} names no model ${model}. It has: ${Object.keys(config).join(", ") || "none"}. Add it, or give --models FILE or --base DIR.`,
    );
  const client = openModelClient({ config });
  const name = `${model} (${named.model}), temperature ${o.temperature}`;
  return {
    name,
    counted: "four bytes a token",
    count: estimateTokens,
    positions: named.contextTokens,
    reserve: named.api === "chat" ? 16 : 0,
    parallel: named.concurrency,
    price: named.price,
    respond: async (ask, signal) => {
      const author = { kind: "policy", name } as const;
      try {
        const r = await client.call(model, prompt`${ask.prompt}`, {
          temperature: o.temperature,
          maxTokens: ask.node.cap,
          seed: ask.seed,
          stop: STOPS,
          signal,
        });
        const { text, promptTokens, completionTokens: tokens, cost } = r;
        return { text, author, promptTokens, tokens, cost, seconds: r.ms / 1000 };
      } catch (e) {
        if (
          !(
            e instanceof ModelError &&
            e.code === "model_empty" &&
            e.message.includes("finish_reason stop")
          )
        )
          throw e;
        const { promptTokens, completionTokens: tokens, cost } = e.used; // nothing to say: front matter
        return { text: "", author, promptTokens, tokens, cost, seconds: 0 };
      }
    },
    [Symbol.dispose]: () => {},
  };
}
