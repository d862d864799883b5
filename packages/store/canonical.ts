/** What a value is, whatever order its keys come in: Postgres gives an object back with its keys in another order. */
import { createHash } from "node:crypto";

/** JSON with the keys in order and nothing undefined: equal values have equal texts. */
export function canonical(x: unknown): string {
  if (x === undefined || typeof x === "function") return "null";
  if (typeof x !== "object" || x === null) return JSON.stringify(x);
  if (Array.isArray(x)) return `[${x.map(canonical).join(",")}]`;
  const entries = Object.entries(x)
    .filter(([, v]) => v !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(",")}}`;
}

/** The id of rows by what they say. `lines`: JSON, one a row. */
export function rowsId(lines: readonly string[]): string {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(`${canonical(JSON.parse(line))}\n`);
  return hash.digest("hex");
}
