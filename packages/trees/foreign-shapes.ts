/**
 * Trees of summaries that were made elsewhere as chunks and merges: our plain shape of chunks and merges, what BooookScore's hierarchical
 * summaries are written as (Chang et al. 2024, `summ.py`), and LangChain's map-reduce with its intermediate steps. What such a file does
 * not say is asked for and never guessed.
 */
import { z } from "zod";
import { Author } from "@tiller/book/keys.ts";
import { own, TillerError } from "@tiller/schema";

const Name = z.union([z.string().min(1), z.int().min(0).transform(String)]);
const given = {
  id: Name.optional().describe("else its number: chunks from 0, merges go on from there"),
  summary: z.string().optional().describe("left out: to be written"),
  author: Author.optional(),
};
/** Chunks and merges. */
export const ForeignTree = z.strictObject({
  name: z.string().optional(),
  system: z
    .string()
    .min(1)
    .optional()
    .describe("what wrote the summaries, where none says so itself"),
  text: z
    .string()
    .min(1)
    .optional()
    .describe("the book, in which every chunk stands word for word"),
  chunks: z.array(z.strictObject({ ...given, text: z.string().min(1) })).min(1),
  merges: z.array(z.strictObject({ ...given, children: z.array(Name).min(1) })),
});
export type ForeignTree = z.infer<typeof ForeignTree>;

const Documents = z.object({
  input_documents: z.array(z.object({ page_content: z.string().min(1) })).min(1),
  intermediate_steps: z.array(z.string()),
  output_text: z.string(),
});
const Levels = z.object({ summaries_dict: z.record(z.string(), z.array(z.string())) });
const Books = z.record(z.string(), z.array(z.string().min(1)).min(1));

export interface ForeignOptions {
  /** of a file of several */
  readonly book?: string | undefined;
  /** BooookScore's chunks by book, which it keeps in a file of their own */
  readonly chunks?: unknown;
  /** summaries of a height are divided among those above them, where the file does not say how they were */
  readonly evenly?: boolean | undefined;
}
export const bad = (what: string, remedy: string) =>
  new TillerError("bad_tree", `the tree cannot be imported: ${what}. ${remedy}`);

/** Whatever shape it has, as chunks and merges. */
export function foreignOf(json: unknown, o: ForeignOptions): ForeignTree {
  const is = (name: string) =>
    typeof json === "object" && json !== null && Object.hasOwn(json, name);
  if (is("chunks")) return parsed(ForeignTree, json, "chunks and merges");
  if (is("input_documents")) return ofDocuments(parsed(Documents, json, "LangChain's map-reduce"));
  if (is("all_nodes") || is("layer_to_nodes"))
    throw bad(
      "it is one of RAPTOR's, which puts passages together by their meaning: what is summarised together stands apart in the book, and in several places of the tree",
      "A tree over a book is of neighbours.",
    );
  const books = z.record(z.string(), z.unknown()).safeParse(json);
  if (books.success && Object.values(books.data).some((b) => Levels.safeParse(b).success))
    return ofLevels(books.data, o);
  throw bad(
    "it has neither chunks and merges, nor input_documents with intermediate_steps (LangChain), nor books with their summaries_dict (BooookScore)",
    "Give one of these, or what tiller book export wrote.",
  );
}
function parsed<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const { success, data, error } = schema.safeParse(json);
  if (success) return data;
  const issues = error.issues.slice(0, 5).map((i) => `${i.path.join(".")}: ${i.message}`);
  throw bad(`as ${what} it has faults (${issues.join("; ")})`, "Correct them.");
}

function ofDocuments(d: z.infer<typeof Documents>): ForeignTree {
  const { input_documents: documents, intermediate_steps: steps } = d;
  if (documents.length !== steps.length)
    throw bad(
      `it has ${documents.length} documents and ${steps.length} intermediate steps`,
      "Each document has its own: run the chain with return_intermediate_steps, and without collapsing.",
    );
  const chunks = documents.map((x, i) => ({ text: x.page_content, summary: steps[i]! }));
  const children = chunks.map((_, i) => String(i));
  return { system: "map-reduce", chunks, merges: [{ children, summary: d.output_text }] };
}

function ofLevels(books: Readonly<Record<string, unknown>>, o: ForeignOptions): ForeignTree {
  const name = o.book ?? Object.keys(books)[0]!;
  if (o.book === undefined && Object.keys(books).length > 1)
    throw bad(
      `it has ${Object.keys(books).length} books: ${Object.keys(books).slice(0, 5).join(", ")}`,
      "Name one (--book).",
    );
  const { summaries_dict: levels } = parsed(Levels, own(books, name), `BooookScore's book ${name}`);
  const texts = own(parsed(Books, o.chunks ?? {}, "BooookScore's chunks by book"), name);
  const bottom = own(levels, "0") ?? [];
  if (!texts || texts.length !== bottom.length)
    throw bad(
      `${name} has ${bottom.length} summaries of chunks and ${texts?.length ?? 0} chunks`,
      "BooookScore keeps the chunks in a file of their own: give it as JSON, by book (--chunks).",
    );
  const chunks = texts.map((text, i) => ({ text, summary: bottom[i]! }));
  const merges: ForeignTree["merges"] = [];
  let below = chunks.map((_, i) => String(i));
  for (let level = 1; below.length > 1; level++) {
    const here = own(levels, String(level)) ?? [];
    if (here.length === 0)
      throw bad(
        `${name} has nothing above its ${below.length} summaries of level ${level - 1}`,
        "Finish it first.",
      );
    if (here.length > 1 && !o.evenly)
      throw bad(
        `${name} has ${here.length} summaries at level ${level} and ${below.length} below them, and the file does not say which went into which`,
        "Divide them evenly in their order (--evenly), or give chunks and merges.",
      );
    if (here.length >= below.length)
      throw bad(
        `${name} has ${here.length} summaries at level ${level}, and ${below.length} below them`,
        "A level has fewer than the one below it.",
      );
    const first = chunks.length + merges.length;
    for (const [i, summary] of here.entries())
      merges.push({
        summary,
        children: below.slice(
          Math.floor((i * below.length) / here.length),
          Math.floor(((i + 1) * below.length) / here.length),
        ),
      });
    below = here.map((_, i) => String(first + i));
  }
  return { name, system: "BooookScore", chunks, merges };
}
