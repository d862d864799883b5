/** What the table of operations says of each: where it is, who may call it, what goes in and what comes back. */
import { z } from "zod";
import type { Role } from "./work.ts";

/** `public`: nobody needs to be signed in. */
export type Rule = readonly Role[] | "public";
export const who = {
  everybody: "public",
  people: ["rater", "lead", "researcher", "admin"],
  staff: ["lead", "researcher", "admin"],
  leads: ["lead", "admin"],
  lab: ["researcher", "admin"],
  admins: ["admin"],
  /** researchers, and programs by an API key */
  labMachines: ["researcher", "admin", "service"],
  machines: ["lead", "researcher", "admin", "service"],
} as const satisfies Record<string, Rule>;

interface Asked {
  readonly method: "GET" | "POST" | "DELETE";
  /** as the server's routes are written: `:id` */
  readonly path: string;
  /** an older path of the same, which still answers */
  readonly formerly?: string;
  readonly who: Rule;
  readonly about: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** the type of a body that is no JSON: the client gives a stream */
  readonly bodyAs?: string;
}
/** Each says what comes back: JSON by a schema, or a type that is no JSON, which the client takes as a stream. */
export type Operation = Asked &
  (
    | { readonly reply: z.ZodType; readonly replyAs?: never }
    | { readonly replyAs: string; readonly reply?: never }
  );

/** Where an operation answers: at its path, and at the one that it had before. */
export const pathsOf = (o: Pick<Asked, "path" | "formerly">): string[] =>
  o.formerly === undefined ? [o.path] : [o.path, o.formerly];

const of =
  <const M extends Asked["method"]>(method: M) =>
  <const P extends string, const W extends Rule, const O extends object>(
    path: P,
    roles: W,
    about: string,
    more: O,
  ) =>
    ({ method, path, who: roles, about, ...more }) as const;
export const get = of("GET");
export const post = of("POST");
export const remove = of("DELETE");

/** Done, with nothing to tell. */
export const Ok = z.strictObject({ ok: z.literal(true) });

/** The names that a path has in it: "id" of /api/people/:id. */
export type Names<P extends string> = P extends `${string}:${infer N}/${infer R}`
  ? N | Names<`/${R}`>
  : P extends `${string}:${infer N}`
    ? N
    : never;
