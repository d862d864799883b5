/** tiller project: a file's rows before raters, and what came of them, on the running server. */
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { access, rename, rm } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { z } from "zod";
import type { TillerClient } from "@tiller/client";
import {
  AddItems,
  ChangeProject,
  fileKinds,
  NewProject,
  projectFormats,
  projectStates,
  TillerError,
} from "@tiller/schema";
import { command, verb } from "./command.ts";
import { csvFlags, separatorOf } from "./csv.ts";
import { countFlag, flag } from "./flags.ts";
import { jsonFlag, remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

const text = z.string().min(1).optional();
const fileFlags = {
  mapping: flag(text, "JSON|@FILE", "which columns fill what, where the guess is wrong"),
  gold: flag(
    countFlag(z.number().min(0)).optional(),
    "N",
    "so many rows with an answer become hidden gold",
  ),
  "leave-out": flag(text, "bad|ROW,ROW", "rows that are not posted: all that do not fit, or these"),
  encoding: csvFlags.encoding,
  separator: csvFlags.separator,
  ...remoteFlags,
};
const createFlags = {
  kind: flag(z.string().min(1), "NAME", "of work, ready-made: tiller task list"),
  title: flag(text, "TEXT", "of the project (default: the file's name)"),
  question: flag(text, "TEXT", "what raters are asked, in place of the kind's title"),
  guidelines: flag(text, "FILE", "Markdown, in place of the kind's"),
  people: flag(countFlag(z.number().positive()).default(3), "N", "an item"),
  deadline: flag(text, "TIME", "with a zone, 2027-01-31T18:00:00Z"),
  paused: z.boolean().default(false).describe("hand nothing out yet"),
  ...fileFlags,
};
type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;
type Remote = Flags<typeof remoteFlags>;
const outFlags = {
  out: flag(z.string().min(1), "FILE", "where to; its end, .csv, .jsonl or .parquet, says how"),
  rows: z
    .enum(projectFormats)
    .default("items")
    .describe("an item a row, every answer, or what TRL trains on"),
  ...remoteFlags,
};
const setFlags = {
  state: flag(z.enum(projectStates).optional(), projectStates.join("|"), "what it becomes"),
  deadline: flag(text, "TIME", "with a zone"),
  people: flag(countFlag(z.number().positive()).optional(), "N", "an item"),
  requires: flag(text, "NAME", "a qualification that its raters need, or nothing"),
  pay: flag(countFlag(z.number().min(0)).optional(), "CENTS", "an answer, in minor units"),
  currency: flag(z.string().length(3).default("EUR"), "CODE", "of --pay"),
  ...remoteFlags,
};
const resultFlags = {
  sort: z
    .enum(["place", "answers", "confidence", "disagreement", "seconds"])
    .default("place")
    .describe("by what"),
  down: z.boolean().default(false).describe("the largest first"),
  limit: flag(countFlag(z.number().min(1).max(200)).default(50), "N", "so many items"),
  ...remoteFlags,
};

async function sent(client: TillerClient, o: Flags<typeof fileFlags>, file: string) {
  await access(file).catch((cause: unknown) => {
    throw new TillerError("no_file", `cannot read ${file}. Check the path.`, { cause });
  });
  const body = Readable.toWeb(createReadStream(file)) as ReadableStream as BodyInit;
  const separator = separatorOf(o.separator);
  const uploaded = await client.uploadItems({
    name: path.basename(file),
    ...(o.encoding === undefined ? {} : { encoding: o.encoding }),
    ...(separator === undefined ? {} : { separator }),
    body,
  });
  const out = o["leave-out"];
  return {
    file: uploaded.file,
    ...(o.mapping === undefined ? {} : { mapping: jsonFlag("mapping", o.mapping) }),
    ...(o.gold === undefined ? {} : { gold: o.gold }),
    ...(out === undefined ? {} : { leaveOut: out === "bad" ? out : out.split(",").map(Number) }),
  };
}
function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const read = schema.safeParse(body);
  if (!read.success) throw new TillerError("bad_flag", z.prettifyError(read.error));
  return read.data;
}
const many = (n: number, one: string) => `${n} ${one}${n === 1 ? "" : "s"}`;
const again = ({ repeated }: { readonly repeated: number }) =>
  repeated
    ? `; ${many(repeated, "row")} ${repeated === 1 ? "shows" : "show"} what an earlier one shows already`
    : "";

async function create(o: Flags<typeof createFlags>, file: string): Promise<number> {
  const client = remote(o);
  const changes = {
    ...(o.question === undefined ? {} : { title: o.question }),
    ...(o.guidelines === undefined ? {} : { instructions: readFileSync(o.guidelines, "utf8") }),
  };
  const given = {
    title: o.title ?? path.basename(file).replace(/\..*$/, ""),
    kind: o.kind,
    people: o.people,
    changes,
    state: o.paused ? "paused" : "open",
    ...(o.deadline === undefined ? {} : { deadline: o.deadline }),
  };
  const body = checked(NewProject, { ...given, ...(await sent(client, o, file)) });
  const added = await client.createProject({ body });
  if (o.json) console.log(JSON.stringify(added));
  else
    console.log(
      `${added.project}: ${many(added.items, "item")}, ${many(o.people, "person").replace("persons", "people")} each; ${added.gold} gold, ${many(added.leftOut, "row")} left out${again(added)}. ${o.paused ? `It is paused: tiller project set ${added.project} --state open` : "Raters get them now."}`,
    );
  return 0;
}
async function add(o: Flags<typeof fileFlags>, id: string, file: string): Promise<number> {
  const client = remote(o);
  const added = await client.addItems({ id, body: checked(AddItems, await sent(client, o, file)) });
  if (o.json) console.log(JSON.stringify(added));
  else
    console.log(
      `${id}: ${many(added.items, "item")} more; ${added.gold} gold, ${many(added.leftOut, "row")} left out${again(added)}.`,
    );
  return 0;
}
async function list(o: Remote): Promise<number> {
  const projects = await remote(o).listProjects();
  if (o.json) console.log(JSON.stringify(projects));
  else if (!projects.length) console.log("No projects. Make one: tiller project create --help");
  else
    console.log(
      table(
        ["project", "title", "kind", "items", "answers", "state"],
        projects.map((p) => [
          p.id,
          p.title,
          `${p.type}@${p.typeVersion}`,
          String(p.items),
          `${p.answers} of ${p.wanted}`,
          p.state,
        ]),
      ),
    );
  return 0;
}
async function set(o: Flags<typeof setFlags>, id: string): Promise<number> {
  const { state, deadline, people: each, requires, pay, currency } = o;
  const body = checked(ChangeProject, {
    ...(state ? { state } : {}),
    ...(deadline ? { deadline } : {}),
    ...(each ? { people: each } : {}),
    ...(requires ? { requires: requires === "nothing" ? [] : [{ qualification: requires }] } : {}),
    ...(pay === undefined ? {} : { pay: { per: "piece", amount: pay, currency } }),
  });
  const project = await remote(o).changeProject({ id, body });
  console.log(`${id} is ${project.state}.`);
  return 0;
}
const figure = (x: number | null) => (x === null ? "-" : x.toFixed(2));
async function results(o: Flags<typeof resultFlags>, id: string): Promise<number> {
  const page = await remote(o).listItems({
    id,
    sort: o.sort,
    order: o.down ? "down" : "up",
    limit: o.limit,
  });
  if (o.json) {
    console.log(JSON.stringify(page));
    return 0;
  }
  const short = (s: string) => s.replaceAll(/\s+/g, " ").slice(0, 40);
  console.log(
    table(
      [
        "item",
        ...page.fields.map((f) => f.name),
        "confidence",
        "answers",
        "seconds",
        "disagreement",
      ],
      page.items.map((i) => [
        `${i.place} ${short(i.text)}`,
        ...page.fields.map((f) => short(i.labels.find((l) => l.field === f.name)?.words || "-")),
        figure(i.labels[0]?.confidence ?? null),
        i.gold ? "gold" : `${i.answers} of ${i.people}`,
        i.seconds === null ? "-" : i.seconds.toFixed(0),
        figure(i.disagreement),
      ]),
    ),
  );
  if (page.total > page.items.length)
    console.log(
      `${page.items.length} of ${page.total}. All of them: tiller project export ${id} --out FILE.csv`,
    );
  return 0;
}
async function people(o: Remote, id: string): Promise<number> {
  const rows = await remote(o).projectPeople({ id });
  if (o.json) console.log(JSON.stringify(rows));
  else
    console.log(
      table(
        ["rater", "answers", "sent back", "seconds", "as the label", "gold right"],
        rows.map((p) => [
          p.simulated ? `${p.rater} (simulated)` : p.rater,
          String(p.answers),
          String(p.returned),
          p.seconds === null ? "-" : p.seconds.toFixed(0),
          figure(p.agreement),
          p.gold.of ? `${p.gold.right} of ${p.gold.of}` : "-",
        ]),
      ),
    );
  return 0;
}
async function exportTo(o: Flags<typeof outFlags>, id: string): Promise<number> {
  const as = fileKinds.find((kind) => o.out.endsWith(`.${kind}`));
  if (!as)
    throw new TillerError(
      "bad_flag",
      `--out ${o.out} ends in none of ${fileKinds.map((k) => `.${k}`).join(", ")}. Name it so.`,
    );
  const client = remote(o);
  const file = { id, rows: o.rows, as };
  const counts = await client.exportCounts(file);
  const stream = await client.exportProject(file);
  const part = `${o.out}.${randomUUID()}.part`; // renamed when it is whole
  try {
    await pipeline(Readable.fromWeb(stream as ReadableStream), createWriteStream(part));
    await rename(part, o.out);
  } catch (e) {
    await rm(part, { force: true });
    throw e;
  }
  console.log(`${o.out} is written: ${many(counts.rows, "row")}.`);
  for (const { why, items } of counts.leftOut)
    console.log(`Left out: ${many(items, "item")} (${why}).`);
  return 0;
}

const takes = ["PROJECT"];
export const projectCommand = command("project", {
  create: verb({
    what: "puts a file's rows before raters",
    takes: ["FILE"],
    flags: createFlags,
    run: create,
  }),
  add: verb({ what: "further rows", takes: ["PROJECT", "FILE"], flags: fileFlags, run: add }),
  list: verb({ what: "all of them, newest first", flags: remoteFlags, run: list }),
  set: verb({
    what: "pauses one, closes, archives or reopens it; people, who may, pay",
    takes,
    flags: setFlags,
    run: set,
  }),
  results: verb({ what: "an item a line", takes, flags: resultFlags, run: results }),
  people: verb({ what: "its answers by person", takes, flags: remoteFlags, run: people }),
  export: verb({
    what: "its results as a CSV, JSONL or Parquet file",
    takes,
    flags: outFlags,
    run: exportTo,
  }),
});
