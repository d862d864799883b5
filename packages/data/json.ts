/**
 * JSON of files: numbers keep every digit (those that a double cannot hold stay as their own text, `JSON.rawJSON`), and
 * how deep it nests is bounded, so that what reads it afterwards may recurse.
 */
const DEEPEST = 200;

declare global {
  interface JSON {
    rawJSON(text: string): object;
    isRawJSON(x: unknown): x is { readonly rawJSON: string };
  }
}
export type Raw = { readonly rawJSON: string };
/** A number that no double holds. */
export const isRaw = (x: unknown): x is Raw => JSON.isRawJSON(x);

/** A decimal number without its point, its exponent and its zeros: equal ones have equal texts. */
function normal(text: string): string {
  const [, sign, whole, part = "", exponent = "0"] =
    /^([-+]?)(\d*)\.?(\d*)(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return text;
  const digits = (whole + part).replace(/^0+/, "");
  const bare = digits.replace(/0+$/, "");
  if (!bare) return "0";
  const power = BigInt(exponent) - BigInt(part.length) + BigInt(digits.length - bare.length);
  return `${sign === "-" ? "-" : ""}${bare}e${power}`;
}
/** The number that a decimal text says, as a double where that is the same number, else as its digits. */
export function exactNumber(text: string): number | Raw {
  const n = Number(text);
  const digits = text.length - (text.startsWith("-") ? 1 : 0);
  if (digits <= 15 && /^-?\d+$/.test(text)) return n;
  return Number.isFinite(n) && normal(String(n)) === normal(text)
    ? n
    : (JSON.rawJSON(text.replace(/^\+/, "")) as Raw);
}

const mayLoseDigits = /[\d.]{16}|\d[eE]/;
export class JsonError extends Error {}

/** Parses a text; throws a JsonError that says what is wrong. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = mayLoseDigits.test(text)
      ? JSON.parse(text, exactly as unknown as (this: unknown, key: string, v: unknown) => unknown)
      : JSON.parse(text);
  } catch (e) {
    if (e instanceof RangeError) throw new JsonError(tooDeep, { cause: e });
    throw new JsonError(`not JSON: ${clipped((e as Error).message, 200)}`, { cause: e });
  }
  if (deeper(value, DEEPEST)) throw new JsonError(tooDeep);
  return value;
}
const tooDeep = `it nests deeper than ${DEEPEST} levels. Write it flatter`;
const exactly = (_: string, v: unknown, { source }: { source: string }): unknown =>
  typeof v === "number" ? exactNumber(source) : v;
function deeper(x: unknown, left: number): boolean {
  if (typeof x !== "object" || x === null || isRaw(x)) return false;
  if (!left) return true;
  for (const key in x) if (deeper((x as Record<string, unknown>)[key], left - 1)) return true;
  return false;
}

/** A text for a message: not longer than people read. */
export const clipped = (text: string, most = 80): string =>
  text.length > most
    ? `${text.slice(0, most).replace(/[\ud800-\udbff]$/, "")}... (${text.length} characters)`
    : text;
/** A value for a message. */
export const shownValue = (x: unknown): string => clipped(JSON.stringify(x) ?? String(x));
/** A few of many names. */
export const someOf = (names: readonly string[], most = 20): string =>
  names.length > most
    ? `${names
        .slice(0, most)
        .map((n) => clipped(n))
        .join(", ")} and ${names.length - most} more`
    : names.map((n) => clipped(n)).join(", ");

/** A number as people write it in decimal: no spaces, no hex, no empty cell. Undefined: it is none. */
export function decimal(text: string): number | Raw | undefined {
  if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)) return undefined;
  const json = text
    .replace(/^\+/, "")
    .replace(/^(-?)0+(?=\d)/, "$1")
    .replace(/^(-?)\./, "$10.")
    .replace(/\.(?=$|[eE])/, "");
  return exactNumber(json);
}
