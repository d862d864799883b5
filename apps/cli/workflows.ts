/** A researcher's own workflows out of a file: every one that it exports. */
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { WorkflowDef } from "@tiller/flow";
import { TillerError } from "@tiller/schema";

type AnyWorkflow = WorkflowDef<any, any>;
const isWorkflow = (x: unknown): x is AnyWorkflow =>
  typeof x === "object" && x !== null && "run" in x && "migrate" in x && "stages" in x;

export async function loadWorkflows(file: string): Promise<AnyWorkflow[]> {
  const where = path.resolve(file);
  if (!existsSync(where))
    throw new TillerError("no_file", `there is no file ${where}. Check --workflows.`);
  const exported = Object.values((await import(pathToFileURL(where).href)) as object);
  const found = exported.filter(isWorkflow);
  if (!found.length)
    throw new TillerError(
      "no_workflow",
      `${file} exports no workflow. Export what workflow("name@1", ...) returns.`,
    );
  return found;
}
