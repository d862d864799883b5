/** Chat completions that were asked to be kept (`store: true`), as OpenAI's API gives them back: to who asked for them. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import {
  forgetCompletion,
  type StoredCompletion,
  storedCompletion,
  storedCompletions,
} from "@tiller/serve";
import type { Deps, Env } from "../context.ts";
import { openaiError } from "../openai-error.ts";
import { setOwn } from "@tiller/schema";

/** Who asked; nobody where the routes run without the guard. */
export const personOf = (c: Context<Env>): string | null =>
  (c.var as Partial<Env["Variables"]>).me?.id ?? null;

const Query = z.strictObject({
  model: z.string().optional(),
  after: z.string().optional(),
  order: z.enum(["asc", "desc"]).default("asc"),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const storedRoutes = (d: Pick<Deps, "store">) => {
  const { db } = d.store;
  const missing = (c: Context) =>
    c.json(
      openaiError(
        404,
        "not_found",
        `There is no stored chat completion ${c.req.param("id")}.`,
        "id",
      ),
      404,
    );
  const page = (data: readonly unknown[], ids: readonly string[], more: boolean) => ({
    object: "list",
    data,
    first_id: ids[0] ?? null,
    last_id: ids.at(-1) ?? null,
    has_more: more,
  });
  return new Hono<Env>()
    .get("/", async (c) => {
      const flat: Record<string, string> = {};
      const metadata: Record<string, string> = {};
      for (const [key, value] of Object.entries(c.req.query())) {
        const label = /^metadata\[(.+)\]$/.exec(key)?.[1];
        setOwn(label === undefined ? flat : metadata, label ?? key, value);
      }
      const query = Query.safeParse(flat);
      if (!query.success) {
        const [issue] = query.error.issues;
        const param = issue!.path.join(".") || null;
        const message = `${param ?? "query"}: ${issue!.message}.`;
        return c.json(openaiError(400, "invalid_value", message, param), 400);
      }
      const { limit, order, model, after } = query.data;
      const found = await storedCompletions(db, {
        person: personOf(c),
        model,
        after,
        metadata,
        newestFirst: order === "desc",
        limit: limit + 1,
      });
      const shown = found.slice(0, limit);
      const ids = shown.map((s: StoredCompletion) => s.id);
      return c.json(
        page(
          shown.map((s) => s.reply),
          ids,
          found.length > limit,
        ),
      );
    })
    .get("/:id", async (c) => {
      const found = await storedCompletion(db, personOf(c), c.req.param("id"));
      return found ? c.json(found.reply) : missing(c);
    })
    .get("/:id/messages", async (c) => {
      const found = await storedCompletion(db, personOf(c), c.req.param("id"));
      if (!found) return missing(c);
      const ids = found.messages.map((m) => String(m["id"]));
      return c.json(page(found.messages, ids, false));
    })
    .delete("/:id", async (c) => {
      const id = c.req.param("id");
      if (!(await forgetCompletion(db, personOf(c), id))) return missing(c);
      return c.json({ object: "chat.completion.deleted", id, deleted: true });
    });
};
