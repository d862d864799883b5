/** tiller data card: what a file of rows or a dataset version is made of, and what it shares with others. */
import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import {
  cardOf,
  describeRows,
  kindOfFile,
  overlapsOf,
  readRows,
  savedRows,
  sharedBetween,
  textsOf,
} from "@tiller/data";
import { type DatasetCard, type Shared, type Spread, TillerError } from "@tiller/schema";
import { defaultHome, openStore, sql, type Store } from "@tiller/store";
import { verb } from "./command.ts";
import { csvFlags, separatorOf } from "./csv.ts";
import { flag, homeFlag } from "./flags.ts";

const column = z.string().min(1).optional();
const flags = {
  against: flag(column, "FILE|DATASET", "count what is in this one as well"),
  task: flag(column, "COLUMN", "what is judged, where a row is one judgment (task)"),
  rater: flag(column, "COLUMN", "who judged (rater, worker, annotator or by)"),
  label: flag(column, "COLUMN", "what they said (label, choice, winner or value.choice)"),
  source: flag(column, "COLUMN", "where a row comes from (source, subset or topic)"),
  split: flag(column, "COLUMN", "which split a row is in (split)"),
  ...csvFlags,
  json: z.boolean().default(false).describe("machine-readable"),
  home: homeFlag,
};
type Flags = z.infer<z.ZodObject<typeof flags>>;

async function* fileRows(file: string, o: Flags): AsyncGenerator<unknown> {
  const how = {
    kind: kindOfFile(file),
    encoding: o.encoding,
    separator: separatorOf(o.separator),
    guarded: o.guarded,
  };
  for await (const { text } of readRows(file, how)) yield JSON.parse(text);
}

async function card(o: Flags, of: string): Promise<number> {
  await using opened = new AsyncDisposableStack();
  let store: Store | undefined;
  const home = path.resolve(o.home ?? defaultHome());
  const open = async () =>
    (store ??= opened.use(
      await openStore({ home, databaseUrl: process.env["DATABASE_URL"], guest: true }),
    ));
  const { task, rater, label, source, split } = o;
  const columns = { task, rater, label, source, split };
  const isFile = existsSync(of);
  let made: DatasetCard;
  if (isFile) made = (await describeRows(fileRows(of, o), { columns })).card;
  else {
    const given = Object.entries(columns).find(([, v]) => v !== undefined);
    if (given)
      throw new TillerError(
        "bad_flag",
        `--${given[0]} names a column of a file, and ${of} is a dataset, whose judgments are known. Leave it out, or give a file that is there.`,
      );
    const { db } = await open();
    made = await cardOf(db, home, await datasetId(db, of));
  }
  const shared: (Shared & { with: string })[] = [];
  if (!isFile)
    for (const { name, other, same, near, prompts } of await overlapsOf(
      (await open()).db,
      home,
      made.hash,
      [],
    ))
      shared.push({ with: `${name} ${other.slice(0, 12)}`, same, near, prompts });
  if (o.against !== undefined) {
    const rows = async (which: string) =>
      existsSync(which)
        ? fileRows(which, o)
        : savedRows((await open()).db, home, await datasetId((await open()).db, which));
    const mine = await textsOf(await rows(of), columns);
    const theirs = await textsOf(await rows(o.against), columns);
    const { rows: _, ...counts } = sharedBetween(mine, theirs);
    shared.push({ with: o.against, ...counts });
  }
  if (o.json) console.log(JSON.stringify({ ...made, against: shared }));
  else console.log(inWords(made, shared).join("\n"));
  return 0;
}
/** By its id, or the beginning of one that no other begins with. */
async function datasetId(db: Store["db"], asked: string): Promise<string> {
  const found = /^[0-9a-f]{8,64}$/.test(asked)
    ? await db.many(
        sql`select id from dataset where id like ${`${asked}%`} limit 2`,
        z.object({ id: z.string() }),
      )
    : [];
  if (found.length === 1) return found[0]!.id;
  throw new TillerError(
    "not_found",
    `${asked} is no file that is there, and ${found.length ? "several datasets begin" : "no dataset begins"} so. Give a file, or 8 digits or more of a dataset's id.`,
  );
}

const spread = (s: Spread | null, digits = 0): string => {
  if (!s) return "-";
  const n = (x: number) => x.toFixed(digits);
  return `${n(s.median)} (5 to 95 %: ${n(s.low)} to ${n(s.high)}; ${n(s.least)} to ${n(s.most)}; mean ${n(s.mean)})`;
};
const share = (x: number | null) => (x === null ? "-" : x.toFixed(3));
function inWords(c: DatasetCard, shared: readonly (Shared & { with: string })[]): string[] {
  const d = c.duplicates;
  const lines: [string, string][] = [
    ["rows", String(c.rows)],
    ["hash", c.hash],
    [
      "fields",
      c.fields.map((f) => (f.rows === c.rows ? f.name : `${f.name} (${f.rows})`)).join(", "),
    ],
    ["prompt, characters", spread(c.lengths.prompt)],
    ["text, characters", spread(c.lengths.text)],
    ["preferred less other", spread(c.lengths.difference)],
    ["the longer is preferred", c.longer ? `${share(c.longer.share)} of ${c.longer.n}` : "-"],
    ["the same row again", String(d.rows)],
    ["the same words again", String(d.same)],
    [
      "near-duplicates",
      `${d.near} rows in ${d.groups} groups, the largest ${d.largest} (Jaccard ${d.threshold} of three-word shingles)${d.passedBy ? `; ${d.passedBy} pairs were not compared` : ""}`,
    ],
    ["prompt again", String(d.prompts)],
    ["splits", c.splits.map((s) => `${s.name} ${s.rows}`).join(", ") || "-"],
    ...c.shared.map((s): [string, string] => [`${s.of} in ${s.with}`, sharedIn(s)]),
    ...shared.map((s): [string, string] => [`also in ${s.with}`, sharedIn(s)]),
    [
      "sources",
      c.sources
        .slice(0, 8)
        .map((s) => `${s.name} ${s.rows}`)
        .join(", ") || "-",
    ],
    [
      "judgments",
      `${c.judgments} by ${c.peopleInAll} people${c.simulated ? `, ${c.simulated} simulated` : ""}${c.missing ? `; ${c.missing} named that are not there` : ""}`,
    ],
    [
      "agreement",
      c.agreement
        ? `${share(c.agreement.raw.at)} of pairs (${share(c.agreement.raw.low)} to ${share(c.agreement.raw.high)}), alpha ${share(c.agreement.krippendorff.at)}, over ${c.agreement.tasks} judged twice or more`
        : "-",
    ],
    ["strength", spread(c.strength, 2)],
    [
      "weights",
      c.weights.rows
        ? `${spread(c.weights.spread, 2)}; ${c.weights.zero} count nothing; like ${c.weights.effective.toFixed(0)} rows of equal weight`
        : "none: all count 1",
    ],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, says]) => `${name.padEnd(width)}  ${says}`);
}
const sharedIn = (s: Shared): string =>
  `${s.near} rows nearly, ${s.same} of them in the same words; ${s.prompts} prompts`;

export const cardVerb = verb({
  what: "what a file of rows or a dataset is made of: lengths, near-duplicates, people, agreement, weights",
  takes: ["FILE|DATASET"],
  flags,
  run: card,
});
