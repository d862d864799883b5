/**
 * Loads a file with kinds of work in a process of its own, so that every save starts from fresh code and a file that
 * crashes or hangs takes nothing with it. Sends what it found, then checks answers until it is stopped.
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { previewOf } from "@tiller/crowd";
import { readFormerImports } from "@tiller/flow/former-imports.ts";
import { keyOf, problemsWith, type TaskDef } from "@tiller/task";
import type { ChildMessage, ParentMessage } from "./task-preview.ts";

const file = process.argv[2]!;
const send = (message: ChildMessage) => process.send!(message);

const isTask = (x: unknown): x is TaskDef =>
  x !== null &&
  typeof x === "object" &&
  ["name", "version", "view", "input", "output", "samples"].every((key) => key in x);

/** The line of the file in the first place of the stack that names it; an excerpt may begin above the line it means. */
function lineIn(stack: string): number | null {
  for (const name of [pathToFileURL(file).href, file]) {
    const at = stack.indexOf(`${name}:`);
    if (at < 0) continue;
    const [place, ...excerpt] = stack.slice(at + name.length + 1).split("\n");
    const caret = excerpt.findIndex((line) => /^\s*\^+\s*$/.test(line));
    return Number.parseInt(place!, 10) + Math.max(0, caret - 1);
  }
  return null;
}

readFormerImports();
try {
  const found = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const defs = new Map(
    Object.values(found)
      .filter(isTask)
      .map((d) => [keyOf(d), d]),
  );
  if (!defs.size)
    throw new Error(
      `the file exports no kind of work, but ${Object.keys(found).join(", ") || "nothing"}. Export what defineTask returns.`,
    );
  send({ kind: "tasks", tasks: [...defs.values()].map(previewOf) });
  process.on("message", ({ id, key, sample, value }: ParentMessage) => {
    const def = defs.get(key);
    const problems = def
      ? [...problemsWith(def, def.samples[sample], value)]
      : [`There is no ${key}.`];
    send({ kind: "checked", id, problems });
  });
} catch (e) {
  const error = e as Error;
  send({
    kind: "error",
    error: { message: `${error.name}: ${error.message}`, file, line: lineIn(error.stack ?? "") },
  });
}
