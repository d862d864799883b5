/**
 * The HTTP API as typed methods, one for each name in the table of packages/schema/api.ts. Replies are parsed by the
 * schemas that the server wrote them with.
 *
 *   const tiller = createClient({ baseURL: "http://localhost:7070", token: process.env.TILLER_KEY });
 *   const experiments = await tiller.listExperiments();
 */
import { z } from "zod";
import {
  type Names,
  type Operation,
  type OperationName,
  operations,
  TillerError,
} from "@tiller/schema";
import { formerMethods } from "./former.ts";

export { formerMethods };

type Place<P extends string> = [Names<P>] extends [never]
  ? object
  : { readonly [K in Names<P>]: string | number };
type Query<O> = O extends { query: infer Q extends z.ZodType } ? Partial<z.input<Q>> : object;
type Body<O> = O extends { body: infer B extends z.ZodType }
  ? { readonly body: z.input<B> }
  : O extends { bodyAs: string }
    ? { readonly body: BodyInit }
    : object;
/** What stands in the path and in the query comes flat, beside `body`. */
type Input<O extends Operation> = Place<O["path"]> & Query<O> & Body<O> & CallOptions;
type Output<O> = O extends { reply: infer R extends z.ZodType }
  ? z.output<R>
  : ReadableStream<Uint8Array>;
interface CallOptions {
  /** the same key again is answered as the first time and does nothing twice */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
  /** goes on when the page that sent it is left */
  readonly keepalive?: boolean;
}
type Method<O extends Operation> =
  object extends Input<O>
    ? (input?: Input<O>) => Promise<Output<O>>
    : (input: Input<O>) => Promise<Output<O>>;
type Former = typeof formerMethods;
export type TillerClient = { readonly [K in OperationName]: Method<(typeof operations)[K]> } & {
  readonly [K in keyof Former]: Method<(typeof operations)[Former[K]]>;
};

/** The server's refusal in its own words, or a reply that is not Tiller's. */
export class ApiError extends TillerError {
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super(code, message);
    this.status = status;
  }
}
const Refusal = z.object({ code: z.string(), message: z.string() });

/** Path and query of a call: what a link to a file needs. */
export function addressOf(operation: Operation, asked: Readonly<Record<string, unknown>>): string {
  const query = new Map(Object.entries(asked).filter(([, v]) => v !== undefined));
  const path = operation.path.replace(/:(\w+)/g, (_, name: string) => {
    const value = String(query.get(name));
    query.delete(name);
    return encodeURIComponent(value);
  });
  const rest = new URLSearchParams([...query].map(([name, value]) => [name, String(value)]));
  return rest.size ? `${path}?${rest}` : path;
}

export function createClient(o: {
  baseURL: string;
  /** an API key or a session; a page of Tiller's own has its cookie in its place */
  token?: string;
  fetch?: typeof fetch;
}): TillerClient {
  const call =
    (operation: Operation) =>
    async (input: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
      const { body, idempotencyKey, signal, keepalive, ...rest } = input as CallOptions & {
        body?: unknown;
      };
      const url = new URL(o.baseURL.replace(/\/$/, "") + addressOf(operation, rest));
      const raw = operation.bodyAs !== undefined;
      const reply = await (o.fetch ?? fetch)(url, {
        method: operation.method,
        headers: {
          ...(o.token === undefined ? {} : { authorization: `Bearer ${o.token}` }),
          ...(body === undefined ? {} : { "content-type": operation.bodyAs ?? "application/json" }),
          ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
        },
        ...(body === undefined ? {} : { body: raw ? (body as BodyInit) : JSON.stringify(body) }),
        ...(raw ? { duplex: "half" } : {}), // a stream as a body
        ...(signal ? { signal } : {}),
        ...(keepalive ? { keepalive } : {}),
      });
      if (!reply.ok) {
        const said = Refusal.safeParse(await reply.json().catch(() => undefined));
        throw said.success
          ? new ApiError(reply.status, said.data.code, said.data.message)
          : new ApiError(
              reply.status,
              "bad_reply",
              `${operation.method} ${url.pathname} was answered with HTTP ${reply.status}. Is ${o.baseURL} Tiller's address?`,
            );
      }
      return operation.reply ? operation.reply.parse(await reply.json()) : reply.body;
    };
  const methods = Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [name, call(operation)]),
  );
  const former = Object.entries(formerMethods).map(([was, name]) => [was, methods[name]]);
  return { ...methods, ...Object.fromEntries(former) } as unknown as TillerClient;
}
