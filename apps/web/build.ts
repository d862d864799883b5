/** Builds the web app when its sources changed since the last build; a few seconds, then never again. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(root, "dist");

function* files(dir: string): Generator<string> {
  for (const name of readdirSync(dir).toSorted()) {
    const at = path.join(dir, name);
    if (statSync(at).isDirectory()) yield* files(at);
    else yield at;
  }
}

/** Returns the folder of the built app. */
export async function buildWeb(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of [
    path.join(root, "index.html"),
    path.join(root, "preview.html"),
    path.join(root, "vite.config.ts"),
    path.join(root, "viewer.config.ts"),
    ...files(path.join(root, "src")),
    ...files(path.join(root, "../../packages/schema")), // the app parses by it
    ...files(path.join(root, "../../packages/task")),
    path.join(root, "../../docs/glossary.md"), // behind the names of figures
  ])
    hash.update(file).update(readFileSync(file));
  const stamp = hash.digest("hex");
  const stampFile = path.join(dist, ".stamp");
  try {
    if (readFileSync(stampFile, "utf8") === stamp) return dist;
  } catch {
    // not built yet
  }
  const { build } = await import("vite");
  // a test's own NODE_ENV would build React for development, and the viewer not at all
  const { NODE_ENV } = process.env;
  process.env["NODE_ENV"] = "production";
  try {
    for (const config of ["vite.config.ts", "viewer.config.ts"])
      await build({ root, configFile: path.join(root, config), logLevel: "error" });
  } finally {
    if (NODE_ENV === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = NODE_ENV;
  }
  writeFileSync(stampFile, stamp);
  return dist;
}
