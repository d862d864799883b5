/** tiller book show FOLDER: the tree beside the book, as one HTML file. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { bookReader } from "@tiller/book";
import { readBook } from "./book-folder.ts";
import { flag } from "./flags.ts";

export const showFlags = { out: flag(z.string().min(1), "FILE", "the HTML file") };

export async function showBook(
  o: z.infer<z.ZodObject<typeof showFlags>>,
  folder: string,
): Promise<number> {
  const { book, text, entries } = readBook(folder);
  const outputs = new Map(entries.map((e) => [e.node, e])); // the newest of each
  const { window, order, seed } = book.settings;
  const page = bookReader({
    name: path
      .basename(book.name, ".txt")
      .replaceAll("_", " ")
      .replace(/^\d+ /, "")
      .replace(/^./, (c) => c.toUpperCase()),
    nodes: book.nodes,
    text,
    outputs,
    made: `window ${window.toLocaleString("en-GB")} tokens · context ${order} · seed ${seed}`,
  });
  writeFileSync(o.out, page);
  console.log(`${o.out}: ${outputs.size} of ${book.nodes.length} summaries, opens in any browser`);
  return 0;
}
