/** What the client asks of an endpoint, whichever it is: one request out, one completion back, or an error that says which. */
import type { z } from "zod";
import type { ErrorKind } from "./errors.ts";

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface Request {
  readonly messages: readonly Message[];
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  readonly logprobs: boolean;
  /** JSON Schema of an object, where the endpoint takes one */
  readonly schema?: z.core.JSONSchema.JSONSchema | undefined;
}

export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
}

/** What a reply used up, by the endpoint's word. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** of the prompt's tokens, those that the endpoint had kept from before */
  readonly cachedTokens: number;
  /** some of it was not told, or cannot be: counted from lengths */
  readonly estimated: boolean;
}

export interface Completion {
  readonly text: string;
  /** stop, length, or another word of the endpoint's for an end */
  readonly finish: string;
  /** what answered, as the endpoint names it */
  readonly model: string;
  readonly usage: Usage;
  readonly logprobs: readonly TokenLogprob[] | null;
}

export interface SendOptions {
  readonly signal: AbortSignal;
  readonly key?: string | undefined;
  readonly onText?: ((delta: string) => void) | undefined;
}

export interface Endpoint {
  /** Which weights and which server: part of the cache's key. */
  identity(signal: AbortSignal): Promise<string>;
  /** Rejects with an EndpointError, or with the signal's reason. */
  send(request: Request, o: SendOptions): Promise<Completion>;
  /** how a schema is told to it */
  readonly structured: "json_schema" | "json_object" | "prompt";
}

/** A request that failed, by its kind in `errorKinds`. */
export class EndpointError extends Error {
  readonly kind: ErrorKind;
  readonly retryAfterMs: number | undefined;
  /** the endpoint's own word on whether to try again */
  readonly shouldRetry: boolean | undefined;
  /** of a reply that came and is no answer: it is paid all the same */
  readonly usage: Usage | undefined;
  constructor(
    kind: ErrorKind,
    message: string,
    o: ErrorOptions & {
      retryAfterMs?: number | undefined;
      shouldRetry?: boolean | undefined;
      usage?: Usage | undefined;
    } = {},
  ) {
    super(message, o);
    this.name = "EndpointError";
    this.kind = kind;
    this.retryAfterMs = o.retryAfterMs;
    this.shouldRetry = o.shouldRetry;
    this.usage = o.usage;
  }
}

/** About four bytes a token, and a few for a message's frame: for limits and where no usage is told. */
export const estimateTokens = (...texts: readonly string[]): number =>
  texts.reduce((n, t) => n + Math.ceil(Buffer.byteLength(t) / 4), 0);
export const promptEstimate = (messages: readonly Message[]): number =>
  messages.reduce((n, m) => n + 4 + estimateTokens(m.content), 0);
