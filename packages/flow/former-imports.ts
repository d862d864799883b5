/**
 * Researchers' own files may say `import { defineTask } from "@tiller/schema"`: it stood there until `packages/task` was.
 * In their files that name means both rooms. Our own files import each from its own.
 */
import { registerHooks } from "node:module";

const both = new URL("schema-and-task.ts", import.meta.url).href;
const ours = ["packages/", "apps/"].map((room) => new URL(`../../${room}`, import.meta.url).href);
let reading = false;

/** Before a researcher's file is loaded. */
export function readFormerImports(): void {
  if (reading) return;
  reading = true;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "@tiller/schema" && !ours.some((room) => context.parentURL?.startsWith(room))
        ? next(both, context)
        : next(specifier, context),
  });
}
