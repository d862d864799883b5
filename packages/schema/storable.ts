/**
 * Which text can be stored: Postgres keeps neither the character NUL nor half of a surrogate pair, in text or in jsonb.
 * The one place that says so: for requests, imports, tasks and kept replies alike.
 */
import { TillerError } from "./errors.ts";

/** `at`: the path to the text, `body.value.answer`; `what`: what is wrong with it, where, and what to do. */
export interface Unstorable {
  readonly at: string;
  readonly what: string;
}

const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const CONTEXT = 16;
/** In JSON text: what may stand for such a character; a hit is to be looked at. */
const ESCAPED = /\0|\\u(?:0000|d[89a-f])/i;

/** What is wrong with one text; undefined: it can be stored. */
export function unstorableText(text: string): string | undefined {
  const nul = text.indexOf("\0");
  if (nul < 0 && text.isWellFormed()) return undefined;
  const half = text.isWellFormed() ? -1 : text.search(HALF);
  const i = nul >= 0 && (half < 0 || nul < half) ? nul : half;
  const before = text.slice(Math.max(0, i - CONTEXT), i).replace(/^[\udc00-\udfff]/, "");
  const place = before ? `after ${JSON.stringify(before)}` : "at its start";
  return i === nul
    ? `has a NUL character ${place}, which the database does not keep. Take it out`
    : `has half of a Unicode surrogate pair ${place} (a cut emoji, for instance). Write the whole character, or take it out`;
}

/** What a model wrote, with the replacement character for what cannot be stored: nobody is there to be asked for other words. */
export const storableText = (drawn: string): string =>
  drawn.toWellFormed().replaceAll("\0", "\uFFFD");

/** The first text in a JSON value, keys included, that cannot be stored. Never recursive: the value may be of any depth. */
export function findUnstorable(value: unknown, name = ""): Unstorable | undefined {
  const open: { value: unknown; at: string }[] = [{ value, at: name }];
  while (open.length) {
    const { value: x, at } = open.pop()!;
    if (typeof x === "string") {
      const what = unstorableText(x);
      if (what) return { at: at || "the text", what };
    }
    if (typeof x !== "object" || x === null) continue;
    const inner: typeof open = [];
    for (const [key, v] of Object.entries(x)) {
      const what = unstorableText(key);
      if (what) return { at: `a key in ${at || "the value"}`, what };
      if (typeof v === "string" || (typeof v === "object" && v !== null))
        inner.push({ value: v, at: at ? `${at}.${key}` : key });
    }
    for (const i of inner.reverse()) open.push(i); // in the order of the text
  }
  return undefined;
}

/** Whether JSON text may hold what cannot be stored: cheap, and true a little too often. */
export const maybeUnstorable = (json: string): boolean =>
  ESCAPED.test(json) || !json.isWellFormed();

/** Refuses a value that cannot be stored, by the name of the text in it. */
export function requireStorable(value: unknown, name: string): void {
  const found = findUnstorable(value, name);
  if (found) throw new TillerError("unstorable_text", `${found.at} ${found.what}.`);
}
