/** What the table of operations says of each. */
import type { z } from "zod";

export interface Operation {
  readonly method: "GET" | "POST" | "DELETE";
  /** as the server's routes are written: `:id` */
  readonly path: string;
  readonly about: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** what comes back as JSON; unknown where the shape is not promised */
  readonly reply?: z.ZodType;
  /** the type of a reply, or of a body, that is no JSON: the client gives and takes a stream */
  readonly replyAs?: string;
  readonly bodyAs?: string;
}
export const get = <const P extends string, const O extends object>(
  path: P,
  about: string,
  more: O,
) => ({ method: "GET", path, about, ...more }) as const;
export const post = <const P extends string, const O extends object>(
  path: P,
  about: string,
  more: O,
) => ({ method: "POST", path, about, ...more }) as const;
export const remove = <const P extends string, const O extends object>(
  path: P,
  about: string,
  more: O,
) => ({ method: "DELETE", path, about, ...more }) as const;
