/**
 * The table of operations (packages/schema/api.ts) as routes. A handler gets what was asked as the table says it, parsed:
 * what stands in the path and in the query flat, beside `body`. What it returns is the reply; a `Response` where the reply
 * is a file or a refusal. A route without an operation cannot be written, nor an operation without a handler.
 */
import { type Context, Hono } from "hono";
import type { z } from "zod";
import {
  type Names,
  type Operation,
  type OperationName,
  operations,
  pathsOf,
  TillerError,
} from "@tiller/schema";
import type { Env } from "./context.ts";

type Asked<O extends Operation> = { readonly [K in Names<O["path"]>]: string } & (O extends {
  query: infer Q extends z.ZodType;
}
  ? z.output<Q>
  : object) &
  (O extends { body: infer B extends z.ZodType } ? { readonly body: z.output<B> } : object);
type Reply<O extends Operation> = O extends { reply: infer R extends z.ZodType }
  ? z.input<R> | Response
  : Response;
type Handler<O extends Operation> = (
  c: Context<Env>,
  asked: Asked<O>,
) => Reply<O> | Promise<Reply<O>>;
export type Handlers = { readonly [K in OperationName]: Handler<(typeof operations)[K]> };

export const ok = { ok: true } as const;

/** A reply that its schema does not allow is an error where the program is worked on, and a line of the log elsewhere. */
const STRICT = /^(test|development)$/.test(process.env["NODE_ENV"] ?? "");

/** Literal parts before names: /api/people/invitations is not the person "invitations". */
const rank = (path: string) => path.replaceAll(":", "\uffff");

export function operationRoutes(
  handlers: Handlers,
  o: { strict: boolean } = { strict: STRICT },
): Hono<Env> {
  const app = new Hono<Env>();
  const table = Object.entries(operations as Readonly<Record<string, Operation>>);
  const told = new Set<string>(); // a wrong reply is told once each: a page may ask every second
  const tell = (wrong: string) => {
    if (o.strict) throw new TillerError("wrong_reply", wrong);
    if (!told.has(wrong)) console.error(wrong);
    told.add(wrong);
  };
  for (const [name, operation] of table.toSorted(([, a], [, b]) =>
    rank(a.path) < rank(b.path) ? -1 : 1,
  )) {
    const answer = handlers[name as OperationName] as unknown as Handler<Operation>;
    app.on(operation.method, pathsOf(operation), async (c) => {
      const reply: unknown = await answer(c, await askedOf(operation, c));
      const sent = reply instanceof Response ? reply : c.json(reply);
      if (operation.reply && sent.ok && (o.strict || sent !== reply)) {
        const value: unknown = sent === reply ? await sent.clone().json() : reply;
        const wrong = wrongIn(operation.reply, value);
        if (wrong)
          tell(
            `${name} (${operation.method} ${operation.path}) replied what its schema does not allow: ${wrong}. Mend the handler, or the schema in packages/schema.`,
          );
      }
      return sent;
    });
  }
  return app;
}

async function askedOf(o: Operation, c: Context): Promise<Asked<Operation>> {
  const params = c.req.param() as Record<string, string>;
  const query = o.query ? o.query.parse(c.req.query()) : {};
  if (!o.body) return { ...query, ...params };
  const text = await c.req.text();
  const body: unknown = o.body.parse(text ? JSON.parse(text) : {}); // no body at all: nothing is named
  return { ...query, ...params, body } as Asked<Operation>;
}

/** Fields and what is wrong with them, the first few. */
function wrongIn(schema: z.ZodType, value: unknown): string | undefined {
  const { error } = schema.safeParse(value);
  return error?.issues
    .slice(0, 5)
    .map((i) => `${i.path.join(".") || "the reply"}: ${i.message}`)
    .join("; ");
}
