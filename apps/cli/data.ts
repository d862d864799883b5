/**
 * tiller data export: answers into a file, with the schema beside. Runs beside a server on the same home.
 * tiller data import: answers out of a file; see import below.
 */
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { exportAnswers, ExportRequest, fileKinds } from "@tiller/data";
import { TillerError } from "@tiller/schema";
import { defaultHome, openStore, type Store } from "@tiller/store";
import { parseFlags } from "./flags.ts";

const usage = `tiller data export --out FILE [--format ${ExportRequest.shape.format.unwrap().options.join("|")}] [--as jsonl|csv|parquet, with .gz if wanted]
                   [--experiment ID] [--batch ID] [--type NAME] [--since TIME] [--until TIME] [--undone mark]`;

const home = z.string().min(1).optional();
const openHome = (o: { home?: string | undefined }): Promise<Store> =>
  openStore({
    home: path.resolve(o.home ?? defaultHome()),
    databaseUrl: process.env["DATABASE_URL"],
    guest: true,
  });

export async function run([verb, ...args]: string[]): Promise<number> {
  if (verb === "export") return exportTo(args);
  throw new TillerError("bad_command", `say export:\n${usage}`);
}

async function exportTo(args: string[]): Promise<number> {
  const { experiment, batch, type, since, until, undone, format } = ExportRequest.shape;
  const {
    out,
    as,
    home: _,
    ...asked
  } = parseFlags(args, {
    home,
    out: z.string().min(1),
    as: z.string().optional(),
    experiment,
    batch,
    type,
    since,
    until,
    undone,
    format,
  });
  // the name of the file says how it is written, unless --as does
  const [, kind, gz] = /(?:^|\.)(jsonl|csv|parquet)(\.gz)?$/.exec(as ?? path.basename(out)) ?? [];
  if (!kind)
    throw new TillerError(
      "bad_flag",
      `${as ?? out} does not say how to write. Give --as ${fileKinds.join(", --as ")} or one of them with .gz.`,
    );
  const request = ExportRequest.parse({ ...asked, as: kind, gzip: gz !== undefined });
  await using store = await openHome({ home: _ });
  const began = performance.now();
  const file = await exportAnswers(store, request);
  const part = `${out}.part`; // renamed when it is whole
  try {
    await mkdir(path.dirname(path.resolve(out)), { recursive: true });
    await pipeline(file.stream, createWriteStream(part));
    await writeFile(`${out}.schema.json`, file.schema);
    await rename(part, out);
  } catch (e) {
    await rm(part, { force: true });
    throw e;
  }
  const { rows, leftOut } = file.counts();
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${out}: ${rows} rows in ${seconds.toFixed(1)} s; what the columns mean is in ${path.basename(out)}.schema.json`,
  );
  if (leftOut)
    console.log(
      `${leftOut} answers are not in it: ties and other kinds of work have no chosen side.`,
    );
  return 0;
}
