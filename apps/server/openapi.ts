/**
 * The OpenAPI 3.1 document, made of the table of operations and of who may call what, and a page to read it. A route
 * that the table lacks fails a test.
 */
import { Hono } from "hono";
import { html, raw } from "hono/html";
import { z } from "zod";
import { type Operation, operations } from "@tiller/schema";
import type { Env } from "./context.ts";

const table: Readonly<Record<string, Operation>> = operations;
const jsonSchema = (schema: z.ZodType, io: "input" | "output"): Record<string, unknown> => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
};
const Problem = z.object({ code: z.string(), message: z.string() });
const problem = {
  description: "what is wrong and what to do",
  content: { "application/json": { schema: jsonSchema(Problem, "output") } },
};

function document(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, o] of Object.entries(table)) {
    const rule = o.who;
    const query = o.query ? jsonSchema(o.query, "input") : {};
    const required = new Set((query["required"] as string[] | undefined) ?? []);
    const place = (paths[o.path.replace(/:(\w+)/g, "{$1}")] ??= {});
    place[o.method.toLowerCase()] = {
      operationId: name,
      tags: [areaOf(o.path)],
      summary: o.about,
      description: rule === "public" ? "For everybody." : `For ${rule.join(", ")}.`,
      ...(rule === "public" ? { security: [] } : {}),
      parameters: [
        ...[...o.path.matchAll(/:(\w+)/g)].map(([, param]) => ({
          name: param,
          in: "path",
          required: true,
          schema: { type: "string" },
        })),
        ...Object.entries(
          (query["properties"] as Record<string, { description?: string }> | undefined) ?? {},
        ).map(([param, schema]) => ({
          name: param,
          in: "query",
          required: required.has(param),
          description: schema.description,
          schema,
        })),
        ...(o.method === "POST" && !o.bodyAs
          ? [
              {
                name: "Idempotency-Key",
                in: "header",
                required: false,
                description:
                  "the same key again gets the first answer and does nothing twice; kept for a day",
                schema: { type: "string", maxLength: 255 },
              },
            ]
          : []),
      ],
      ...(o.body
        ? {
            requestBody: {
              required: true,
              content: { "application/json": { schema: jsonSchema(o.body, "input") } },
            },
          }
        : {}),
      ...(o.bodyAs ? { requestBody: { required: true, content: { [o.bodyAs]: {} } } } : {}),
      responses: {
        200: {
          description: "done",
          content: {
            [o.replyAs ?? "application/json"]: o.reply
              ? { schema: jsonSchema(o.reply, "output") }
              : {},
          },
        },
        "4XX": problem,
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Tiller",
      version: "1",
      description:
        "People's work, data and experiments. The served models are under /v1, as OpenAI's API has them.",
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "an API key or a session" },
      },
    },
    paths,
  };
}
const areaOf = (path: string): string => path.split("/")[2]!;

const css = `:root{color-scheme:light dark;--ink:#1c2420;--quiet:#5d6a63;--line:#d9ded9;--page:#fbfaf7;--card:#fff;--accent:#1f6f54}
@media(prefers-color-scheme:dark){:root{--ink:#e6eae6;--quiet:#9aa7a0;--line:#323a36;--page:#141816;--card:#1b211e;--accent:#6fc3a3}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,sans-serif}main{max-width:860px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;letter-spacing:-.01em;margin:0}h2{font-size:18px;margin:36px 0 8px;text-transform:capitalize}p{margin:6px 0}.quiet{color:var(--quiet)}a{color:var(--accent)}
details{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:6px 0;padding:0 14px}summary{cursor:pointer;padding:9px 0;display:flex;flex-wrap:wrap;gap:4px 10px;align-items:baseline}
summary b{font:600 12px ui-monospace,monospace;min-width:42px;color:var(--accent)}code,pre{font:13px/1.5 ui-monospace,monospace}summary code{overflow-wrap:anywhere}summary span{color:var(--quiet);flex-basis:100%}
@media(min-width:700px){summary span{flex-basis:auto}}pre{overflow-x:auto;background:var(--page);border:1px solid var(--line);border-radius:6px;padding:10px 12px;margin:6px 0 14px}table{border-collapse:collapse;margin:6px 0 12px}td{padding:3px 14px 3px 0;vertical-align:top}`;

function page() {
  const schemaBlock = (title: string, schema: z.ZodType | undefined, io: "input" | "output") =>
    schema && Object.keys(jsonSchema(schema, io)).length
      ? html`<p>${title}</p>
          <pre tabindex="0">${JSON.stringify(jsonSchema(schema, io), undefined, 2)}</pre>`
      : "";
  const one = ([name, o]: [string, Operation]) => {
    const rule = o.who;
    const query = o.query ? Object.entries(o.query.shape) : [];
    return html`<details id="${name}">
      <summary><b>${o.method}</b><code>${o.path}</code><span>${o.about}</span></summary>
      <p class="quiet">
        ${rule === "public" ? "For everybody." : `For ${rule.join(", ")}.`} In the client:
        <code>${name}()</code>
      </p>
      ${
        query.length
          ? html`<p>Query</p>
              <table>
                ${query.map(
                  ([k, s]) =>
                    html`<tr>
                      <td><code>${k}</code></td>
                      <td>${(s as z.ZodType).description ?? ""}</td>
                    </tr>`,
                )}
              </table>`
          : ""
      }
      ${o.bodyAs ? html`<p>Body: ${o.bodyAs}</p>` : schemaBlock("Body", o.body, "input")}
      ${o.replyAs ? html`<p>Reply: ${o.replyAs}</p>` : schemaBlock("Reply", o.reply, "output")}
    </details>`;
  };
  const areas = Map.groupBy(Object.entries(table), ([, o]) => areaOf(o.path));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>Tiller's API</title>
        <style>
          ${raw(css)}
        </style>
      </head>
      <body>
        <main>
          <h1>Tiller's API</h1>
          <p class="quiet">
            Send an API key as <code>authorization: Bearer …</code>. The whole as
            <a href="/api/openapi.json">OpenAPI 3.1</a>; in TypeScript, <code>@tiller/client</code>.
            A refusal is <code>{code, message}</code>; the message says what to do.
          </p>
          ${[...areas].map(
            ([area, list]) =>
              html`<section>
                <h2>${area}</h2>
                ${list.map(one)}
              </section>`,
          )}
        </main>
      </body>
    </html>`;
}

export const openapiRoutes = () => {
  const text = JSON.stringify(document());
  const readable = page();
  return new Hono<Env>()
    .get("/openapi.json", (c) => c.body(text, 200, { "content-type": "application/json" }))
    .get("/docs", async (c) => {
      // its style stands in the page
      c.header(
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      );
      return c.html(readable);
    });
};
