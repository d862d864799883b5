/** A whole file as text that can be stored: a book, its instructions. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { requireStorable, TillerError } from "@tiller/schema";
import { textOf } from "./text.ts";

/** Refuses what is no text of its encoding (UTF-8 unless declared), and what the database does not keep. */
export async function readText(
  file: string,
  o: { readonly name: string; readonly encoding?: string | undefined },
): Promise<string> {
  const there = await stat(file).catch(() => undefined);
  if (!there?.isFile())
    throw new TillerError("no_file", `there is no file ${o.name}. Check the path.`);
  const pieces: string[] = [];
  for await (const piece of textOf(createReadStream(file), o)) pieces.push(piece);
  const text = pieces.join("");
  requireStorable(text, o.name);
  return text;
}
