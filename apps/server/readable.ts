/**
 * What a request may hold, whatever its route: text that can be stored, JSON of a bounded depth, well-formed UTF-8.
 * Files that are streamed in (imports) are checked row by row where they are read.
 */
import { createMiddleware } from "hono/factory";
import { findUnstorable, maybeUnstorable, TillerError } from "@tiller/schema";
import { takesFile, wholeBody } from "./bodies.ts";
import { type Env, routeOf } from "./context.ts";

/** Levels of lists and objects: far above what anybody writes, far below what overflows a stack. */
const DEEPEST = 100;

/** How deep JSON text nests, without parsing it. */
export function depthOf(json: string): number {
  let [depth, most] = [0, 0];
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (c === 0x22) {
      for (i++; i < json.length && json.charCodeAt(i) !== 0x22; i++)
        if (json.charCodeAt(i) === 0x5c) i++;
    } else if (c === 0x5b || c === 0x7b) most = Math.max(most, ++depth);
    else if (c === 0x5d || c === 0x7d) depth--;
  }
  return most;
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};
const refuse = (name: string, value: unknown) => {
  const found = findUnstorable(value, name);
  if (found) throw new TillerError("unstorable_text", `${found.at} ${found.what}.`);
};

function checkJson(bytes: ArrayBuffer): void {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new TillerError("bad_request", "The body is not UTF-8 text. Encode it as UTF-8.", {
      cause,
    });
  }
  const depth = depthOf(text);
  if (depth > DEEPEST)
    throw new TillerError(
      "too_deep",
      `The body nests ${depth} levels deep; at most ${DEEPEST} are read. Flatten it.`,
    );
  if (!maybeUnstorable(text)) return;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return; // the route says that it is not JSON
  }
  refuse("body", value);
}

export const readable = createMiddleware<Env>(async (c, next) => {
  const { method, path } = routeOf(c);
  const names = path.split("/");
  c.req.path.split("/").forEach((part, i) => {
    const name = names[i]?.startsWith(":") ? names[i].slice(1) : "the path";
    refuse(name, decoded(part));
  });
  for (const [key, values] of Object.entries(c.req.queries())) {
    refuse("a name in the query", key);
    for (const v of values) refuse(`query.${key}`, v);
  }
  if (c.req.raw.body && !takesFile(method, path)) checkJson(await wholeBody(c));
  await next();
});
