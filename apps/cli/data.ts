/**
 * tiller data export: answers into a file, with the schema beside. Runs beside a server on the same home.
 * tiller data import: answers out of a file, by a format or a mapping; --dry-run says what would happen.
 * tiller data card: what a file of rows or a dataset is made of (data-card.ts).
 */
import { randomUUID } from "node:crypto";
import { createWriteStream, existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { exportAnswers, importAnswers } from "@tiller/data";
import {
  dirtInWords,
  dirtPolicies,
  ExportRequest,
  fileKinds,
  importNames,
  SchemaFile,
  TillerError,
} from "@tiller/schema";
import { defaultHome, openStore, type Store } from "@tiller/store";
import { command, verb } from "./command.ts";
import { csvFlags, separatorOf } from "./csv.ts";
import { cardVerb } from "./data-card.ts";
import { flag, homeFlag } from "./flags.ts";

const text = z.string().min(1).optional();
const exportFlags = {
  out: flag(z.string().min(1), "FILE", "where to"),
  as: flag(
    z.string().optional(),
    `${fileKinds.join("|")}[.gz]`,
    "how it is written (default: as FILE's name ends)",
  ),
  ...pick(ExportRequest.shape),
  home: homeFlag,
};
const importFlags = {
  as: flag(
    z.string().default("answers"),
    `${importNames.join("|")}|MAPPING.json`,
    "what a row says, or how to read it",
  ),
  experiment: flag(text, "ID", "the experiment that the answers are put under"),
  rater: flag(text, "COLUMN", "the column that says who answered"),
  "rater-prefix": flag(z.string().optional(), "TEXT", "before every rater's name"),
  dirt: z.enum(dirtPolicies).default("report").describe("what happens to rows that are doubtful"),
  ...csvFlags,
  "dry-run": z.boolean().default(false).describe("say what would happen, and change nothing"),
  home: homeFlag,
};
function pick({
  format,
  experiment,
  batch,
  type,
  since,
  until,
  undone,
}: typeof ExportRequest.shape) {
  return {
    format,
    experiment: flag(experiment, "ID", "answers of this experiment only"),
    batch: flag(batch, "ID", "of this batch only"),
    type: flag(type, "NAME", "of this kind of work only"),
    since: flag(since, "TIME", "submitted at this time or later"),
    until: flag(until, "TIME", "submitted before this time"),
    undone,
  };
}
type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;

const openHome = (o: { home?: string | undefined }): Promise<Store> =>
  openStore({
    home: path.resolve(o.home ?? defaultHome()),
    databaseUrl: process.env["DATABASE_URL"],
    guest: true,
  });

async function exportTo({ out, as, home, ...asked }: Flags<typeof exportFlags>): Promise<number> {
  // the name of the file says how it is written, unless --as does
  const [, kind, gz] = /(?:^|\.)(jsonl|csv|parquet)(\.gz)?$/.exec(as ?? path.basename(out)) ?? [];
  if (!kind)
    throw new TillerError(
      "bad_flag",
      `${as ?? out} does not say how to write. Give --as ${fileKinds.join(", --as ")} or one of them with .gz.`,
    );
  const request = ExportRequest.parse({ ...asked, as: kind, gzip: gz !== undefined });
  await using store = await openHome({ home });
  const began = performance.now();
  const file = await exportAnswers(store, request);
  const part = `${out}.${randomUUID()}.part`; // its own, renamed when it is whole
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

async function importFrom(o: Flags<typeof importFlags>, file: string): Promise<number> {
  const beside = `${file}.schema.json`;
  const types = existsSync(beside)
    ? SchemaFile.parse(JSON.parse(readFileSync(beside, "utf8"))).types
    : undefined;
  await using store = await openHome(o);
  const report = await importAnswers(store, {
    file,
    format: o.as,
    experiment: o.experiment,
    rater: o.rater,
    raterPrefix: o["rater-prefix"],
    dirt: o.dirt,
    encoding: o.encoding,
    separator: separatorOf(o.separator),
    guarded: o.guarded ?? (types !== undefined || undefined), // beside what we wrote lies its schema
    types,
    dry: o["dry-run"],
    now: new Date(),
  });
  const into = report.experiments.length
    ? ` in the experiment ${report.experiments.join(", ")}`
    : "";
  console.log(
    `${report.rows} rows read. ${report.dry ? "This would add" : "Added"} ${report.answers} answers to ${report.tasks} tasks by ${report.people} people${into}; ${report.known} answers were here already, unchanged.`,
  );
  for (const { kind, found, leftOut, lines } of report.dirt)
    console.log(
      `${found} rows ${dirtInWords[kind]}: ${leftOut === 0 ? "kept" : leftOut === found ? "left out" : `${leftOut} left out`} (line ${lines.join(", ")}${found > lines.length ? ", ..." : ""}).`,
    );
  if (report.types.length) console.log(`New kinds of work: ${report.types.join(", ")}.`);
  if (report.dataset) console.log(`The comparisons are the dataset version ${report.dataset}.`);
  return 0;
}

export const dataCommand = command("data", {
  export: verb({
    what: "answers into a file, with the schema beside it",
    flags: exportFlags,
    run: exportTo,
  }),
  import: verb({
    what: "answers out of a file, by a format or a mapping",
    takes: ["FILE"],
    flags: importFlags,
    run: importFrom,
  }),
  card: cardVerb,
});
