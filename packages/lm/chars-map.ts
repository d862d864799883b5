/**
 * SentencePiece's precompiled table of replacements (Kudo and Richardson 2018; a double-array trie by darts-clone),
 * read as spm_precompiled does: the first entry that begins a grapheme of under six bytes, else of each character.
 */
import { z } from "zod";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

export function charsMap(base64: string): (text: string) => string {
  const bytes = Buffer.from(base64, "base64");
  if (!bytes.length) return (text) => text;
  const size = bytes.length >= 4 ? bytes.readUInt32LE(0) : -1;
  z.int()
    .nonnegative()
    .multipleOf(4)
    .max(Math.max(0, bytes.length - 4))
    .parse(size);
  const units = new Uint32Array(new Uint8Array(bytes.subarray(4, 4 + size)).buffer);
  const texts = bytes.subarray(4 + size);

  const replaced = (chunk: string): string | undefined => {
    const offset = (unit: number) => (unit >>> 10) << ((unit & 512) >>> 6);
    let at = offset(units[0] ?? 0);
    for (const byte of Buffer.from(chunk)) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if ((unit >>> 8) & 1) {
        const from = (units[at] ?? 0) & 0x7fffffff;
        const to = texts.indexOf(0, from);
        return texts.toString("utf8", from, to < 0 ? texts.length : to);
      }
    }
    return undefined;
  };
  return (text) => {
    let out = "";
    for (const { segment } of graphemes.segment(text)) {
      const whole = Buffer.byteLength(segment) < 6 ? replaced(segment) : undefined;
      if (whole !== undefined) out += whole;
      else for (const char of segment) out += replaced(char) ?? char;
    }
    return out;
  };
}
