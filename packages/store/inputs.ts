/**
 * Files that an experiment's input may name. Whoever starts one, a person or a program, reads with the server's rights: so
 * only files below folders that the operator declared are read, by their real path, links followed.
 *
 * Declared are HOME/inputs, HOME/jobs and HOME/checkpoints with the models that were trained there, what TILLER_INPUTS lists (as PATH does), and
 * the models that come with Tiller.
 */
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";

/** Declares a folder for this process and those that it starts. */
export function declareInputs(...folders: readonly string[]): void {
  const known = declared();
  const fresh = folders.map((f) => path.resolve(f)).filter((f) => !known.includes(f));
  process.env["TILLER_INPUTS"] = [...known, ...fresh].join(path.delimiter);
}
const declared = (): string[] =>
  (process.env["TILLER_INPUTS"] ?? "")
    .split(path.delimiter)
    .filter(Boolean)
    .map((f) => path.resolve(f));

const isBelow = (folder: string, at: string): boolean => {
  const way = path.relative(folder, at);
  return way === "" || (!way.startsWith("..") && !path.isAbsolute(way));
};

/**
 * The real path of a file or folder that an input names: absolute, or relative to a declared folder. What is there and
 * not below one is refused in the same words as what is not there.
 */
export async function inputPath(
  given: string,
  o: { kind: "file" | "folder"; atMost?: number },
): Promise<string> {
  const folders = declared();
  const refused = (cause?: unknown) =>
    new TillerError(
      "input_not_declared",
      `there is no ${o.kind} ${JSON.stringify(given.slice(0, 200))} below ${folders.join(", ") || "any declared folder"}. Put it there, or name its folder in TILLER_INPUTS and start the server again.`,
      cause === undefined ? {} : { cause },
    );
  if (given.includes("\0") || given === "") throw refused();
  const places = path.isAbsolute(given) ? [given] : folders.map((f) => path.join(f, given));
  let why: unknown;
  for (const place of places)
    try {
      const real = await realpath(place);
      const homes = await Promise.all(folders.map((f) => realpath(f).catch(() => undefined)));
      if (!homes.some((home) => home !== undefined && isBelow(home, real))) continue;
      const s = await stat(real);
      if (o.kind === "file" ? !s.isFile() : !s.isDirectory()) continue;
      await access(real, constants.R_OK);
      if (o.atMost !== undefined && s.size > o.atMost)
        throw new TillerError(
          "input_too_large",
          `${given} has ${s.size} bytes; at most ${o.atMost} are read. Cut it.`,
        );
      return real;
    } catch (e) {
      if (e instanceof TillerError) throw e;
      why = e;
    }
  throw refused(why);
}
