/** Checkpoints on this machine. The engine is whoever holds them; this room only says what it wants of it. */
import { TillerError } from "@tiller/schema";
import type { LocalModel } from "./config.ts";
import { type Endpoint, EndpointError, type Message, promptEstimate } from "./endpoint.ts";
import { flatPrompt } from "./openai.ts";

export interface EnginePart {
  readonly text: string;
  /** of each token behind this text, oldest first */
  readonly logprobs?: readonly number[] | undefined;
  readonly promptTokens?: number | undefined;
  readonly finish?: "stop" | "length" | undefined;
}
export interface EngineRequest {
  /** an id that `resolve` gave */
  readonly checkpoint: string;
  /** a text to go on from, or messages for the checkpoint's chat template */
  readonly prompt: string | readonly Message[];
  readonly temperature: number;
  readonly topP: number;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly seed?: number | undefined;
}
export interface Engine {
  /** Names of the checkpoints that can be called. */
  names(): Promise<string[]>;
  /** The checkpoint of this name or id; undefined where there is none. */
  resolve(checkpoint: string): Promise<{ id: string; chat: boolean } | undefined>;
  complete(request: EngineRequest, signal: AbortSignal): AsyncIterable<EnginePart>;
}

const DEFAULT_TOKENS = 256; // where neither the call nor models.json says how many

export function localEndpoint(config: LocalModel, engine: Engine): Endpoint {
  const found = async () => {
    const checkpoint = await engine.resolve(config.checkpoint);
    if (checkpoint) return checkpoint;
    const names = (await engine.names()).join(", ") || "none yet";
    throw new TillerError(
      "unknown_checkpoint",
      `there is no checkpoint ${config.checkpoint}. There are: ${names}.`,
    );
  };
  return {
    structured: "prompt",
    identity: async () => {
      const { id, chat } = await found();
      return `checkpoint ${id} ${config.api ?? (chat ? "chat" : "completions")}`;
    },
    send: async (r, { signal, onText }) => {
      const { id, chat } = await found();
      const api = config.api ?? (chat ? "chat" : "completions");
      let [text, finish, promptTokens] = ["", "", 0];
      const logprobs: { token: string; logprob: number }[] = [];
      try {
        const parts = engine.complete(
          {
            checkpoint: id,
            prompt: api === "chat" ? r.messages : flatPrompt(r.messages),
            temperature: r.temperature ?? 1,
            topP: r.topP ?? 1,
            maxTokens: r.maxTokens ?? DEFAULT_TOKENS,
            stop: r.stop ?? [],
            seed: r.seed,
          },
          signal,
        );
        for await (const part of parts) {
          text += part.text;
          finish = part.finish ?? finish;
          promptTokens = part.promptTokens ?? promptTokens;
          // several tokens may make one character: the text stands at the last of them
          const values = part.logprobs ?? [];
          values.forEach((logprob, i) =>
            logprobs.push({ token: i === values.length - 1 ? part.text : "", logprob }),
          );
          if (part.text) onText?.(part.text);
        }
      } catch (e) {
        signal.throwIfAborted();
        if (e instanceof TillerError && e.code !== "sampler_crashed") {
          const kind = e.code === "too_long" ? "too_long" : "refused";
          throw new EndpointError(kind, e.message, { cause: e });
        }
        throw new EndpointError("unavailable", (e as Error).message, { cause: e });
      }
      signal.throwIfAborted();
      if (!finish) throw new EndpointError("broken_stream", "the sampler ended without a reply");
      return {
        text,
        finish,
        model: id,
        usage: {
          promptTokens: promptTokens || promptEstimate(r.messages),
          completionTokens: logprobs.length,
          cachedTokens: 0,
          estimated: !promptTokens,
        },
        logprobs: r.logprobs ? logprobs : null,
      };
    },
  };
}
