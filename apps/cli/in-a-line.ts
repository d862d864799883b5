/** What stopped a command, in a line, where it is something that whoever typed it can mend; all else keeps its stack. */
import { z } from "zod";
import { own } from "@tiller/schema";

const paths: Readonly<Record<string, string>> = {
  EEXIST: "there is something there already. Name another place",
  EISDIR: "it is a folder. Name a file",
  ENOTDIR: "a part of the path is a file. Name a folder",
  ENOENT: "there is nothing there. Check the path",
  EACCES: "it may not be used by you. Name another place, or change who may",
  EROFS: "nothing can be written there. Name another place",
};

export function inALine(e: unknown): string | undefined {
  if (e instanceof z.ZodError)
    return `${e.issues.map((i) => [i.path.join("."), i.message].filter(Boolean).join(": ")).join("; ")}. Change what was given.`;
  const { code, path } = e as { code?: unknown; path?: unknown };
  const why = typeof code === "string" ? own(paths, code) : undefined;
  return e instanceof Error && why !== undefined && typeof path === "string"
    ? `${path}: ${why} (${code as string}).`
    : undefined;
}
