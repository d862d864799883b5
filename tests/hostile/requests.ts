/** Requests to every operation of the API: a body and a query as their schemas want them, then hurt; or bytes that are no request. */
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { type Operation, operations, type Rng } from "@tiller/schema";
import { anything, mutateJson, texts } from "./mutate.ts";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A value of a schema, more or less: what it cannot know (patterns, formats) it guesses. */
export function sampled(
  r: Rng,
  schema: JsonSchema | boolean | undefined,
  root = schema,
  depth = 0,
): unknown {
  if (typeof schema !== "object" || depth > 6) return r.choose(["x", 1, null]);
  const below = (s: unknown) => sampled(r, s as JsonSchema, root, depth + 1);
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1)!;
    return below(schema.$ref === "#" ? root : (root as JsonSchema).$defs?.[name]);
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return r.choose(schema.enum);
  const either = schema.anyOf ?? schema.oneOf;
  if (either?.length) return below(r.choose(either));
  const type = Array.isArray(schema.type) ? r.choose(schema.type) : schema.type;
  switch (type) {
    case "object": {
      const required = new Set(schema.required);
      const keys = Object.entries(schema.properties ?? {}).filter(
        ([k]) => required.has(k) || r.next() < 0.5,
      );
      return Object.fromEntries(keys.map(([k, s]) => [k, below(s)]));
    }
    case "array":
      return Array.from({ length: r.int(3) }, () => below(schema.items));
    case "integer":
    case "number":
      return r.choose([schema.minimum ?? 0, schema.maximum ?? 10, 1]);
    case "boolean":
      return r.next() < 0.5;
    case "null":
      return null;
    default:
      return schema.format === "date-time"
        ? "2026-01-01T00:00:00.000Z"
        : r.choose(["x", "1", "a b"]);
  }
}

export interface Hostile {
  /** the operation's line in the table, or what kind of bytes */
  readonly name: string;
  readonly path: string;
  readonly init: RequestInit;
}
/** Left out: what ends the session that asks, or the one who asks. */
const LEFT_OUT = /sign-out|\/events|\/account|password|sessions|\/backup/;
const all: readonly (readonly [string, Operation])[] = Object.entries(
  operations as Readonly<Record<string, Operation>>,
).filter(([, o]) => !LEFT_OUT.test(o.path));

const asJson = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
const part = (x: string) => {
  try {
    return encodeURIComponent(x);
  } catch {
    return "%ED%A0%80"; // half a pair, as some clients send it
  }
};

export function hostileRequest(r: Rng, known: readonly string[]): Hostile {
  if (r.next() < 0.1) return noRequest(r);
  const [name, o] = r.choose(all);
  // an admin may take a role from one who asks here: it is right that nothing goes on after that
  const named = o.path.startsWith("/api/people/") ? [] : known;
  const id = () => (r.next() < 0.5 && named.length ? r.choose(named) : r.choose(texts));
  let path = o.path.replaceAll(/:\w+/g, () => part(id().slice(0, 500)) || "none");
  if (o.query) {
    const query = mutateJson(r, sampled(r, asJson(o.query)));
    if (typeof query === "object" && query !== null)
      path += `?${Object.entries(query)
        .slice(0, 30)
        .map(
          ([k, v]) =>
            `${part(k.slice(0, 100))}=${part((JSON.stringify(v) ?? "").replaceAll('"', "").slice(0, 500))}`,
        )
        .join("&")}`;
  }
  const headers: Record<string, string> = {};
  let body: string | undefined;
  if (o.method === "POST") {
    const sound = o.body ? sampled(r, asJson(o.body)) : {};
    body =
      JSON.stringify(
        r.next() < 0.3 ? sound : r.next() < 0.1 ? anything(r) : mutateJson(r, sound),
      ) ?? "";
    headers["content-type"] = "application/json";
    if (r.next() < 0.1) headers["idempotency-key"] = r.choose(["k", "x".repeat(300), "1"]);
  }
  return {
    name: `${o.method} ${o.path} (${name})`,
    path,
    init: { method: o.method, headers, ...(body === undefined ? {} : { body }) },
  };
}

/** No JSON, too much of it, another type, packed. */
function noRequest(r: Rng): Hostile {
  const path = r.choose([
    "/api/studio/experiments",
    "/v1/chat/completions",
    "/v1/completions",
    "/api/sign-in",
    "/api/studio/traces",
    "/api/data/import?name=a.jsonl&as=jsonl&format=trl&dry=true",
    "/api/desk/answers",
  ]);
  const bodies: Readonly<Record<string, () => [BodyInit, Record<string, string>]>> = {
    "half JSON": () => ['{"a":', { "content-type": "application/json" }],
    "deep JSON": () => ["[".repeat(100_000), { "content-type": "application/json" }],
    "much JSON": () => [`{"a":"${"x".repeat(3e6)}"}`, { "content-type": "application/json" }],
    "a list of much": () => [`[${"1,".repeat(500_000)}1]`, { "content-type": "application/json" }],
    text: () => ["hello", { "content-type": "text/plain" }],
    nothing: () => ["", {}],
    bytes: () => [
      new Uint8Array(5000).map(() => r.int(256)),
      { "content-type": "application/octet-stream" },
    ],
    packed: () => [
      new Uint8Array(gzipSync(Buffer.alloc(50e6, " "))),
      { "content-type": "application/json", "content-encoding": "gzip" },
    ],
    "a packed file": () => [
      new Uint8Array(gzipSync(Buffer.alloc(50e6, "{"))),
      { "content-type": "application/octet-stream" },
    ],
  };
  const name = r.choose(Object.keys(bodies));
  const [body, headers] = bodies[name]!();
  return { name: `${name} to ${path}`, path, init: { method: "POST", body, headers } };
}
