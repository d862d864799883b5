/** Values as rows and records keep them: in place, or in a blob when they are large. */
import { readBlob } from "./blobs.ts";

/** A value in the row, or in a blob when it is large. */
export type ShownValue = { readonly value: unknown } | { readonly blob: string };
/** As the record of a workflow has it: exactly, as text. */
export type StoredValue = ShownValue | { readonly text: string };

/** JSON that jsonb takes: it knows no NUL and no half of a surrogate pair. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return /\\u(?:0000|d[89a-f])/i.test(text)
    ? text.replace(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, "$1\\ufffd")
    : text;
}

export const resolveValue = async (home: string, stored: StoredValue | null): Promise<unknown> =>
  stored === null
    ? undefined
    : "blob" in stored
      ? (JSON.parse((await readBlob(home, stored.blob)).toString("utf8")) as unknown)
      : "text" in stored
        ? (JSON.parse(stored.text) as unknown)
        : stored.value;
