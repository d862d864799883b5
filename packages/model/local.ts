/** Checkpoints on this machine. The engine is whoever holds them; this room only says what it wants of it. */
import { TillerError } from "@tiller/schema";
import type { LocalModel } from "./config.ts";
import { type Endpoint, EndpointError, type Message, promptEstimate } from "./endpoint.ts";
import { flatPrompt } from "./openai.ts";

export interface EnginePart {
  /** the next tokens; `text` is a token's part of the reply, `logprob` there where it was asked for */
  readonly tokens: readonly { readonly text: string; readonly logprob?: number | undefined }[];
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
  /** undefined: as many as the context has room for, and no more than are usual */
  readonly maxTokens?: number | undefined;
  readonly logprobs: boolean;
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

/** A token without the log-prob that was asked for is no reply: whoever adds them up would count too few. */
function givenOr(logprob: number | undefined, token: string): number {
  if (logprob !== undefined) return logprob;
  throw new EndpointError(
    "no_logprobs",
    `the sampler gave no log-prob of the token ${JSON.stringify(token)}`,
  );
}

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
      let [text, finish, promptTokens, completionTokens] = ["", "", 0, 0];
      const logprobs: { token: string; logprob: number }[] = [];
      try {
        const parts = engine.complete(
          {
            checkpoint: id,
            prompt: api === "chat" ? r.messages : flatPrompt(r.messages),
            temperature: r.temperature ?? 1,
            topP: r.topP ?? 1,
            maxTokens: r.maxTokens,
            logprobs: r.logprobs,
            stop: r.stop ?? [],
            seed: r.seed,
          },
          signal,
        );
        for await (const part of parts) {
          finish = part.finish ?? finish;
          promptTokens = part.promptTokens ?? promptTokens;
          completionTokens += part.tokens.length;
          const delta = part.tokens.map((t) => t.text).join("");
          text += delta;
          if (r.logprobs)
            for (const { text: token, logprob } of part.tokens)
              logprobs.push({ token, logprob: givenOr(logprob, token) });
          if (delta) onText?.(delta);
        }
      } catch (e) {
        signal.throwIfAborted();
        if (e instanceof EndpointError) throw e;
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
          completionTokens,
          cachedTokens: 0,
          estimated: !promptTokens,
        },
        logprobs: r.logprobs ? logprobs : null,
      };
    },
  };
}
