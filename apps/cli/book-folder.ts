/**
 * A tree as a folder: `book.json` (what it is made of, and its nodes), `text.txt`, and `outputs.jsonl`, to which every output is
 * added and from which none is taken. An output counts once its line is on the disk, so that a kill at any moment loses nothing.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { z } from "zod";
import { Entry, type Plan } from "@tiller/book";
import { writeFileSafely } from "@tiller/lm";
import { TillerError } from "@tiller/schema";

const Span = z.strictObject({ from: z.int().nonnegative(), to: z.int().nonnegative() });
const Node = z.strictObject({
  id: z.string(),
  height: z.int().nonnegative(),
  index: z.int().nonnegative(),
  span: Span.optional(),
  children: z.array(z.string()),
  parent: z.string().optional(),
  cap: z.int().positive(),
});
export const BookFile = z.strictObject({
  kind: z.literal("tiller-book"),
  version: z.literal(1),
  name: z.string(),
  /** what the tree's form depends on: a folder has one */
  settings: z.strictObject({
    window: z.int(),
    order: z.string(),
    seed: z.int(),
    task: z.string(),
    instructions: z.string(),
    reserve: z.int(),
    counted: z.string().describe("whose tokens are counted"),
    text: z.string().describe("its hash"),
  }),
  nodes: z.array(Node),
});
export type BookFile = z.infer<typeof BookFile>;

const at = (folder: string) => ({
  book: path.join(folder, "book.json"),
  text: path.join(folder, "text.txt"),
  outputs: path.join(folder, "outputs.jsonl"),
  lock: path.join(folder, "lock"),
});

export interface BookFolder {
  readonly book: BookFile;
  readonly text: string;
  readonly entries: readonly Entry[];
}

/** What is there, for whoever looks. */
export function readBook(folder: string): BookFolder {
  const files = at(folder);
  if (!existsSync(files.book))
    throw new TillerError(
      "no_book",
      `there is no ${files.book}. Give a folder that tiller book run made.`,
    );
  let book: BookFile;
  try {
    book = BookFile.parse(JSON.parse(readFileSync(files.book, "utf8")));
  } catch (cause) {
    throw new TillerError(
      "bad_book",
      `${files.book} cannot be read: ${cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll("\n", " ") : (cause as Error).message}. Take it from a backup, or make the tree in a new folder.`,
      { cause },
    );
  }
  return {
    book,
    text: readFileSync(files.text, "utf8"),
    entries: readEntries(files.outputs).entries,
  };
}

/** The lines that are whole; `whole`: their bytes. A last line without its end was being written when the process was killed. */
function readEntries(file: string): { entries: Entry[]; whole: number } {
  if (!existsSync(file)) return { entries: [], whole: 0 };
  const bytes = readFileSync(file);
  const whole = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, whole).toString("utf8").split("\n").slice(0, -1);
  const entries = lines.map((line, i) => {
    try {
      return Entry.parse(JSON.parse(line));
    } catch (cause) {
      throw new TillerError(
        "bad_book",
        `${file}, line ${i + 1}, is no output of a node: ${(cause as Error).message.split("\n")[0]}. Mend or remove that line; nothing else is lost.`,
        { cause },
      );
    }
  });
  return { entries, whole };
}

export interface OpenBook extends Disposable {
  readonly entries: readonly Entry[];
  /** on the disk when it returns */
  add(entry: Entry): void;
}

/** The folder, for the one process that adds to it. It is made where there is none; one of other settings is refused. */
export async function openBook(folder: string, book: BookFile, text: string): Promise<OpenBook> {
  const files = at(folder);
  mkdirSync(folder, { recursive: true });
  lock(files.lock);
  try {
    if (existsSync(files.book)) {
      const old = readBook(folder).book;
      const other = (Object.keys(book.settings) as (keyof BookFile["settings"])[]).filter(
        (k) => old.settings[k] !== book.settings[k],
      );
      if (other.length > 0)
        throw new TillerError(
          "other_book",
          `${folder} has a tree of another ${other.map((k) => `${k} (${String(old.settings[k]).slice(0, 40)}, now ${String(book.settings[k]).slice(0, 40)})`).join(", ")}. Give the same, or another --out.`,
        );
    } else {
      writeFileSync(files.text, text);
      await writeFileSafely(files.book, `${JSON.stringify(book)}\n`);
    }
    const { entries, whole } = readEntries(files.outputs);
    if (existsSync(files.outputs)) truncateSync(files.outputs, whole);
    const log = openSync(files.outputs, "a");
    return {
      entries,
      add: (entry) => {
        writeSync(log, `${JSON.stringify(Entry.parse(entry))}\n`);
        fsyncSync(log);
      },
      [Symbol.dispose]: () => {
        closeSync(log);
        rmSync(files.lock, { force: true });
      },
    };
  } catch (e) {
    rmSync(files.lock, { force: true });
    throw e;
  }
}

/** One process adds at a time. The lock of a process that is gone is nobody's. */
function lock(file: string): void {
  for (;;) {
    try {
      writeFileSync(file, `${process.pid}`, { flag: "wx" });
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      const pid = Number(readFileSync(file, "utf8"));
      if (pid > 0 && pid !== process.pid && lives(pid))
        throw new TillerError(
          "busy_book",
          `process ${pid} is growing this tree. Wait for it, or end it; if that is another program, remove ${file}.`,
          { cause },
        );
      rmSync(file, { force: true });
    }
  }
}
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === "EPERM";
  }
}

export const bookFile = (
  name: string,
  plan: Plan,
  o: { readonly counted: string; readonly text: string },
): BookFile => ({
  kind: "tiller-book",
  version: 1,
  name,
  settings: {
    window: plan.window.tokens,
    order: plan.order,
    seed: plan.seed,
    task: plan.task,
    instructions: plan.instructions,
    reserve: plan.reserve,
    ...o,
  },
  nodes: plan.levels.flat().map((n) => BookFile.shape.nodes.element.parse(n)),
});
