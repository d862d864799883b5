/** Trees as files: one that comes in again, datasets of its labels, and trees that were made elsewhere. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { grow, Log } from "@tiller/book";
import { makerOf } from "@tiller/book/keys.ts";
import { TillerError, TreeSettings } from "@tiller/schema";
import { rowsOf, TreeFile } from "@tiller/trees";
import { count, planAgain } from "@tiller/trees/plan.ts";
import { grownFile } from "@tiller/trees/tree-file.ts";
import { readBook } from "./book-folder.ts";
import { verb } from "./command.ts";
import { flag } from "./flags.ts";
import { remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;
const given = z.string().min(1).optional();

const isFolder = (name: string) => existsSync(name) && statSync(name).isDirectory();
/** A folder of `book run` as a tree's file. Its tokens were another tokenizer's: earlier summaries may be cut elsewhere here. */
async function fileOfFolder(folder: string): Promise<TreeFile> {
  const { book, text, entries } = readBook(folder);
  const { window, order, seed, instructions } = book.settings;
  const settings = TreeSettings.parse({ window, seed, context: order, instructions });
  const plan = planAgain(
    text,
    settings,
    book.nodes.map(({ span, parent, ...n }) => ({
      ...n,
      ...(span ? { span } : {}),
      ...(parent === undefined ? {} : { parent }),
    })),
  );
  const policy =
    entries.findLast((e) => makerOf(plan, e.author.name) === e.maker)?.author.name ?? "a policy";
  const { outputs } = await grow(plan, { log: new Log(entries), count, policy });
  const at = statSync(path.join(folder, "book.json")).mtime.toISOString();
  const { name } = book;
  return grownFile({
    name,
    settings,
    policy,
    plan,
    outputs,
    entries,
    from: "line",
    people: false,
    at,
  });
}

const exportFlags = {
  out: flag(z.string().min(1), "DIR", "a new or empty folder"),
  ...remoteFlags,
};
async function exported(o: Flags<typeof exportFlags>, what: string): Promise<number> {
  const file = isFolder(what)
    ? await fileOfFolder(what)
    : TreeFile.parse(await new Response(await remote(o).exportTree({ id: what })).json());
  const { rows, left } = rowsOf(file);
  mkdirSync(o.out, { recursive: true });
  const to = (name: string) => path.join(o.out, name);
  if (existsSync(to("tree.json")))
    throw new TillerError(
      "not_empty",
      `${to("tree.json")} is there already. Give another --out, or remove it.`,
    );
  const lines = Object.entries(rows).map(([name, of]: [string, readonly object[]]) => {
    writeFileSync(to(`${name}.jsonl`), of.map((row) => `${JSON.stringify(row)}\n`).join(""));
    return [`${name}.jsonl`, `${of.length}`];
  });
  writeFileSync(to("tree.json"), `${JSON.stringify(file)}\n`); // last: with it the folder is whole
  if (o.json) console.log(JSON.stringify({ rows: Object.fromEntries(lines), left }));
  else {
    console.log(`${to("tree.json")}: the whole tree\n\n${table(["file", "rows"], lines)}`);
    for (const [why, n] of Object.entries(left)) console.log(`in no row: ${n} (${why})`);
  }
  return 0;
}

const importFlags = {
  chunks: flag(given, "FILE", "BooookScore's chunks as JSON, by book"),
  book: flag(given, "NAME", "of a file of several"),
  evenly: z
    .boolean()
    .default(false)
    .describe("divide a height's summaries evenly where the file does not say how they were"),
  name: flag(given, "NAME", "what the tree is called (default: as the file is)"),
  model: flag(given, "NAME", "writes what is missing; else people do"),
  ...remoteFlags,
};
function jsonOf(file: string): z.infer<ReturnType<typeof z.json>> {
  if (!existsSync(file))
    throw new TillerError("no_file", `there is no file ${file}. Check the path.`);
  try {
    return z.json().parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new TillerError(
      "bad_tree",
      `${file} is no JSON: ${(cause as Error).message}. A pickle has to be written as JSON first.`,
      { cause },
    );
  }
}
async function imported(o: Flags<typeof importFlags>, from: string): Promise<number> {
  const tree = isFolder(from) ? await fileOfFolder(from) : jsonOf(from);
  const { book, evenly, model } = o;
  const made = await remote(o).importTree({
    body: {
      tree,
      evenly,
      name: o.name ?? path.basename(from, ".json"),
      ...(o.chunks === undefined ? {} : { chunks: jsonOf(o.chunks) }),
      ...(book === undefined ? {} : { book }),
      ...(model === undefined ? {} : { model }),
    },
  });
  if (o.json) console.log(JSON.stringify(made));
  else
    console.log(
      [
        `${made.tree}: ${made.written} of ${made.nodes} summaries`,
        ...made.notes,
        `How far it is: tiller book status ${made.tree}`,
      ].join("\n"),
    );
  return 0;
}

export const fileVerbs = {
  export: verb({
    what: "a tree as one file, and its labels as datasets (summarize-from-feedback, TRL)",
    takes: ["TREE|FOLDER"],
    flags: exportFlags,
    run: exported,
  }),
  import: verb({
    what: "a tree of a file, or one that was made elsewhere, onto the server",
    takes: ["FILE|FOLDER"],
    flags: importFlags,
    run: imported,
  }),
};
