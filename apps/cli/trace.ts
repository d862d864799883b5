/**
 * tiller trace export ID --out FILE: an experiment as one HTML file that opens offline. tiller trace import FILE: back into
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
import { defaultHome, openStore } from "@tiller/store";
import { exportTrace, getTracedExperiment, importTrace } from "@tiller/flow";
import { buildWeb } from "@tiller/web/build.ts";
import { command, verb } from "./command.ts";
import { flag, homeFlag } from "./flags.ts";

const openAt = (home: string | undefined) =>
  openStore({
    home: path.resolve(home ?? defaultHome()),
    databaseUrl: process.env["DATABASE_URL"],
  });

async function importFrom(o: { home?: string | undefined }, file: string): Promise<number> {
  await stat(file).catch(noFile(file));
  await using store = await openAt(o.home);
  const made = await importTrace(store, createReadStream(file), { by: "cli" });
  console.log(`${made.experiment}: ${made.nodes} steps, for reading in the studio`);
  return 0;
}

async function exportTo(
  o: { home?: string | undefined; out?: string | undefined },
  experiment: string,
): Promise<number> {
  await using store = await openAt(o.home);
  await getTracedExperiment(store.db, experiment);
  const out = path.resolve(o.out ?? `${experiment}.trace.html`);
  const part = `${out}.${randomUUID()}.part`; // its own, renamed when it is whole
  try {
    const viewer = await viewerFiles(await buildWeb());
    await pipeline(Readable.from(exportTrace(store, experiment, viewer)), createWriteStream(part));
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

export const traceCommand = command("trace", {
  export: verb({
    what: "an experiment as one HTML file",
    takes: ["ID"],
    flags: {
      out: flag(z.string().min(1).optional(), "FILE", "where to (default: ID.trace.html)"),
      home: homeFlag,
    },
    run: exportTo,
  }),
  import: verb({
    what: "such a file back into the studio, for reading",
    takes: ["FILE"],
    flags: { home: homeFlag },
    run: importFrom,
  }),
});
