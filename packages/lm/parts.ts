/** The small files of a checkpoint, each read as one text and parsed within bounds of size and depth. */
import { TillerError } from "@tiller/schema";
import { Ranged } from "./files.ts";

/** Bytes of the largest known tokenizer.json are 35 million; configurations and templates have far fewer. */
const LIMIT = 256_000_000;
export const CONFIG_LIMIT = 16_000_000;
/** No file of any model nests deeper than some twenty levels; what walks a value calls itself once a level. */
const DEEPEST = 200;

export const damaged = (file: string, what: string, cause?: unknown): TillerError =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is damaged: ${what}. Restore the folder from a copy or make the checkpoint again.`,
    { cause },
  );

/** The bytes of a small file; one that cannot be read is damage. */
export async function readPart(file: string, limit = LIMIT): Promise<Buffer> {
  await using opened = await Ranged.open(file, (what, cause) => damaged(file, what, cause));
  if (opened.size > limit)
    throw new TillerError(
      "too_large",
      `${file} has ${opened.size} bytes, at most ${limit} are read as one text. Is it the right file?`,
    );
  const bytes = Buffer.alloc(opened.size);
  await opened.read(bytes, 0);
  return bytes;
}

const [QUOTE, BACKSLASH, OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] =
  Buffer.from('"\\{}[]');
/** How deep the brackets outside of texts nest. */
function depthOf(bytes: Uint8Array): number {
  let [depth, most] = [0, 0];
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i];
    if (c === OPEN_OBJECT || c === OPEN_ARRAY) most = Math.max(most, ++depth);
    else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) depth--;
    else if (c === QUOTE)
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
  }
  return most;
}

export function jsonOf(file: string, bytes: Buffer): unknown {
  const depth = depthOf(bytes);
  if (depth > DEEPEST)
    throw damaged(file, `its brackets nest ${depth} deep, at most ${DEEPEST} are read`);
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw damaged(file, "it is no JSON", cause);
  }
}
