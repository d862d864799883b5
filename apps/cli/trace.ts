/**
 * tiller trace export RUN --out FILE: a run as one HTML file that opens offline. tiller trace import FILE: back into
 * the studio, for reading. Both work beside a running server and without one.
 */
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { viewerFiles } from "@tiller/server/routes/trace.ts";
import { defaultHome, exportTrace, getTracedRun, importTrace, openStore } from "@tiller/store";
import { buildWeb } from "@tiller/web/build.ts";
import { parseFlags } from "./flags.ts";

const usage =
  "tiller trace export RUN [--out FILE] [--home DIR] | tiller trace import FILE [--home DIR]";

export async function run([verb, what, ...rest]: string[]): Promise<number> {
  if ((verb !== "export" && verb !== "import") || !what || what.startsWith("--"))
    throw new TillerError("bad_command", `say what to export or import: ${usage}`);
  const flags = parseFlags(rest, {
    out: z.string().min(1).optional(),
    home: z.string().min(1).optional(),
  });
  if (verb === "import") await stat(what).catch(noFile(what));
  const home = path.resolve(flags.home ?? defaultHome());
  await using store = await openStore({ home, databaseUrl: process.env["DATABASE_URL"] });
  if (verb === "import") {
    const made = await importTrace(store, createReadStream(what), { by: "cli" });
    console.log(`${made.experiment}: ${made.nodes} steps, for reading in the studio`);
    return 0;
  }
  await getTracedRun(store.db, what);
  const out = path.resolve(flags.out ?? `${what}.trace.html`);
  const part = `${out}.${randomUUID()}.part`; // its own, renamed when it is whole
  try {
    const viewer = await viewerFiles(await buildWeb());
    await pipeline(Readable.from(exportTrace(store, what, viewer)), createWriteStream(part));
    await rename(part, out);
  } finally {
    await rm(part, { force: true });
  }
  console.log(`${out}: ${((await stat(out)).size / 1e6).toFixed(1)} MB, opens in any browser`);
  return 0;
}

const noFile = (file: string) => (cause: unknown) => {
  throw new TillerError("no_file", `there is no file ${file}. Check the path.`, { cause });
};
