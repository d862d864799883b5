/** Values on their way into the record. */
import { jsonText, type StoredValue, whileFull, writeBlob } from "@tiller/store";

const BLOB_BYTES = 64_000; // larger values go to a blob, by hash
const BRIEF = 140; // characters of what came out, in the tree

/**
 * Keeps a value: JSON in the row, or a blob when it is large; waits while the disk is full. What comes back is always
 * what JSON makes of it.
 */
export async function keep(
  home: string,
  value: unknown,
  signal?: AbortSignal,
): Promise<{ stored: StoredValue; value: unknown }> {
  const text = jsonText(value);
  return {
    stored:
      text.length > BLOB_BYTES
        ? { blob: await whileFull(() => writeBlob(home, Buffer.from(text)), signal) }
        : { value: JSON.parse(text) },
    value: JSON.parse(text),
  };
}
export const briefly = (value: unknown): string => {
  const text = typeof value === "string" ? value : jsonText(value ?? "");
  return text.length > BRIEF ? `${text.slice(0, BRIEF)}…`.toWellFormed() : text;
};
