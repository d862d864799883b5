/** A researcher's own workflows out of a file: every one that it exports. */
import { existsSync, watchFile } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { TillerError } from "@tiller/schema";
import type { Parent } from "./child.ts";
import type { WorkflowDef } from "./define.ts";
import { doing } from "./fence.ts";
import { readFormerImports } from "./former-imports.ts";

type AnyWorkflow = WorkflowDef<any, any>;
const isWorkflow = (x: unknown): x is AnyWorkflow =>
  typeof x === "object" && x !== null && "run" in x && "migrate" in x && "stages" in x;

export function workflowsFile(file: string): string {
  const where = path.resolve(file);
  if (!existsSync(where))
    throw new TillerError(
      "no_file",
      `there is no file ${where}. Correct --workflows, or start without it: what needs its code is then held.`,
    );
  return where;
}

export async function loadWorkflows(file: string): Promise<AnyWorkflow[]> {
  const where = workflowsFile(file);
  readFormerImports();
  const exported = Object.values((await import(pathToFileURL(where).href)) as object);
  const found = exported.filter(isWorkflow);
  if (!found.length)
    throw new TillerError(
      "no_workflow",
      `${file} exports no workflow. Export what workflow("name@1", ...) returns.`,
    );
  return found;
}

const WATCH_MS = 1000;
const LOAD_MS = 30_000;
/**
 * The same where nothing in the file may keep the server from starting: what is wrong is said, and its workflows are
 * missing until it is mended.
 */
export async function loadFenced(
  file: string,
  others: readonly AnyWorkflow[],
  avoid: readonly string[],
  parent: Pick<Parent, "say" | "again">,
): Promise<AnyWorkflow[]> {
  const what = `the loading of ${file}`;
  const without = (why: string) => {
    watchFile(file, { interval: WATCH_MS, persistent: false }, (now, before) => {
      if (now.mtimeMs !== before.mtimeMs && now.size > 0) parent.again();
    });
    parent.say(
      `${file} could not be loaded: ${why.replace(/\.$/, "")}. Its workflows are missing, and their experiments wait for it. Mend it and save it: it is read again then.`,
    );
  };
  if (avoid.includes(what)) {
    without("it ended the process the last time, or gave nothing else a turn");
    return [];
  }
  try {
    const late = sleep(LOAD_MS, undefined, { ref: false }).then(() => {
      throw new TillerError("slow_load", `it was not done after ${LOAD_MS / 1000} seconds`);
    });
    const found = await Promise.race([doing({ what }, () => loadWorkflows(file)), late]);
    const names = new Set(others.map((w) => w.name));
    for (const { name } of found) {
      if (names.has(name))
        throw new TillerError("taken_name", `two workflows are called ${name}. Rename one`);
      names.add(name);
    }
    return found;
  } catch (e) {
    without(e instanceof Error ? e.message : String(e));
    return [];
  }
}
