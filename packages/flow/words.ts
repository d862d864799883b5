/** What a process that ended said last, in a file that its parent opened: why it was ended, and whose code ran. */
import { readFileSync } from "node:fs";
import { z } from "zod";

export const WORDS_BYTES = 1024;
const who = {
  experiment: z.string().optional(),
  what: z.string().optional(),
  /** where in the code */
  at: z.string().optional(),
};
export const LastWords = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("silent"), seconds: z.number(), ...who }),
  z.strictObject({ kind: z.literal("memory"), megabytes: z.number(), ...who }),
  /** books were kept of whose code ran, and this ran last */
  z.strictObject({ kind: z.literal("ran"), ...who }),
]);
export type LastWords = z.infer<typeof LastWords>;

/** The watchdog's words, else the books'. */
export function readWords(file: string): LastWords | undefined {
  const bytes = readFileSync(file);
  for (const at of [0, WORDS_BYTES]) {
    const text = bytes
      .subarray(at, at + WORDS_BYTES)
      .toString()
      .replaceAll("\0", "")
      .trim();
    if (!text) continue;
    try {
      return LastWords.parse(JSON.parse(text));
    } catch {
      // cut off in the middle of a word: it says nothing
    }
  }
  return undefined;
}
