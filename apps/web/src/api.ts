/** The server, typed by the shared schemas: every reply is parsed. */
import type { z } from "zod";

export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
export async function parse<T>(response: Response, schema: z.ZodType<T>): Promise<T> {
  const body: unknown = await response.json().catch(() => ({}));
  if (!response.ok) {
    const { code = "error", message = `The server answered ${response.status}.` } = body as {
      code?: string;
      message?: string;
    };
    throw new ApiError(response.status, code, message);
  }
  return schema.parse(body);
}
export const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> =>
  parse(await fetch(path), schema);
export const post = async <T>(
  path: string,
  body: unknown,
  schema: z.ZodType<T>,
  o: { keepalive?: boolean } = {},
): Promise<T> =>
  parse(
    await fetch(path, {
      ...o,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
    schema,
  );
export const remove = async <T>(path: string, schema: z.ZodType<T>): Promise<T> =>
  parse(await fetch(path, { method: "DELETE" }), schema);
