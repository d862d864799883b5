/** A file's rows into a project: looked at first, then all of them or none. Read twice, so that it may be larger than memory. */
import { createHash, randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { taskNamed, taskTypes } from "@tiller/crowd";
import {
  type AddedItems,
  type AddItems,
  type ItemMapping,
  type ItemsPreview,
  type NewProject,
  own,
  type PersonId,
  type Project,
  type RowProblem,
  TillerError,
  type UploadedFile,
  type View,
} from "@tiller/schema";
import type { Db } from "@tiller/store";
import { fieldsOf, fillable, keyOf, ownKind, slotsOf, type TaskDef } from "@tiller/task";
import {
  changeProject,
  createProject,
  getProject,
  kindOfProject,
  type KnownTask,
  postRows,
  setPay,
  setProjectRule,
  storedKind,
  storedKinds,
  type ProjectRow,
} from "@tiller/work";
import { derivedColumns, withDerived } from "./derived-columns.ts";
import { guessMapping } from "./guess.ts";
import { isWhole, itemOf, type ItemRow, problemOf, wrongMapping } from "./items.ts";
import { type ReadOptions, readRows } from "./read.ts";
import { BadRow, type SourceRow } from "./row.ts";

/** A file that is here already, and how it is written. */
export interface ItemFile extends ReadOptions {
  readonly path: string;
  readonly name: string;
}
const FIRST = 20; // rows that are shown and guessed from
const TOLD = 50; // problems
const CHUNK = 2000; // rows a batch

/** Kinds of work that a file's columns can fill. */
const fillableKinds = (): readonly TaskDef[] => [...taskTypes.values()].filter(fillable);
/** Fields put together, with no kind of work to begin from. */
const OWN = "own";
/** What people say for it. */
const shortNames: Readonly<Record<string, string>> = { comparison: "forced-comparison" };

/** Ready-made, or made in the browser; undefined: none to begin from. */
async function kindNamed(db: Db, key: string): Promise<KnownTask | undefined> {
  if (key === OWN) return undefined;
  const [said = "", version] = key.split("@");
  const name = own(shortNames, said) ?? said;
  const found = [...taskTypes.values()].find(
    (d) => d.name === name && (version === undefined || d.version === version),
  );
  const may = fillableKinds();
  if (found && may.includes(found)) return found;
  const made = found ? undefined : (await storedKinds(db)).find((k) => k.name === name);
  if (made && "base" in made)
    return version === undefined || made.version === version ? made : storedKind(db, name, version);
  throw new TillerError(
    "unknown_kind",
    `${found ? `${key} cannot be filled from columns` : `there is no kind of work ${key}`}. Take one of ${may.map(keyOf).join(", ")}, or ${OWN} with a view.`,
  );
}

const wrongRow = (file: ItemFile, { row, column, message }: RowProblem) =>
  `row ${row}${column === null ? "" : `, column ${column}`}: ${message}`;
async function firstRows(file: ItemFile): Promise<SourceRow[]> {
  const rows: SourceRow[] = [];
  try {
    for await (const row of readRows(file.path, file)) {
      rows.push(row);
      if (rows.length === FIRST) break;
    }
  } catch (e) {
    if (e instanceof BadRow)
      throw new TillerError(
        "bad_file",
        `${file.name}, ${wrongRow(file, problemOf(e))}. Mend it and send the file again.`,
        { cause: e },
      );
    throw e;
  }
  if (!rows.length)
    throw new TillerError("bad_file", `${file.name} has no rows. Send a file with at least one.`);
  return rows;
}
const columnsOf = (rows: readonly SourceRow[]): string[] => {
  const columns = new Set(rows.flatMap((r) => Object.keys(r.row)));
  return [...columns, ...derivedColumns(columns)];
};

/** A conversation that cannot be read is shown as it stands; the preview says what is wrong with it. */
function shownRow(row: SourceRow["row"], line: number): SourceRow["row"] {
  try {
    return withDerived(row, line);
  } catch (e) {
    if (e instanceof BadRow) return row;
    throw e;
  }
}
export async function describeFile(file: ItemFile): Promise<Omit<UploadedFile, "file">> {
  const rows = await firstRows(file);
  const columns = columnsOf(rows);
  return {
    name: file.name,
    as: file.kind,
    columns,
    rows: rows.map(({ line, row }) => ({
      row: line,
      cells: columns.map((c) => {
        const cell = own(shownRow(row, line), c);
        return typeof cell === "string"
          ? cell.slice(0, 500)
          : (JSON.stringify(cell) ?? "").slice(0, 500);
      }),
    })),
  };
}

/** The mapping as given or guessed, with every slot filled. */
async function mappingFor(file: ItemFile, kind: KnownTask, given: ItemMapping | undefined) {
  const rows = await firstRows(file);
  const mapping = given ?? guessMapping(kind, columnsOf(rows), rows);
  const wrong = wrongMapping(kind, mapping);
  if (wrong)
    throw new TillerError(
      "bad_mapping",
      `${file.name}: ${wrong}. Its columns are ${columnsOf(rows).join(", ")}; say which fills what.`,
    );
  return mapping;
}
/** Whether raters would be shown what an earlier row showed them already. */
function repeats(): (item: ItemRow) => boolean {
  const seen = new Set<string>();
  return ({ input }) => {
    const digest = createHash("sha256").update(JSON.stringify(input)).digest("base64");
    const before = seen.size;
    return seen.add(digest).size === before;
  };
}
/** All rows as items, and what is wrong with those that are none. */
async function* itemsOf(
  file: ItemFile,
  kind: KnownTask,
  mapping: ItemMapping,
): AsyncGenerator<{ item: ItemRow; problem?: never } | { item?: never; problem: RowProblem }> {
  let read = 0;
  for await (const row of readRows(file.path, file)) {
    if (++read % 200 === 0) await turn(); // others get theirs: a file may have very many rows
    try {
      yield { item: itemOf(kind, mapping, row) };
    } catch (e) {
      if (!(e instanceof BadRow)) throw e;
      yield { problem: problemOf(e) };
    }
  }
}

export async function previewItems(
  db: Db,
  file: ItemFile,
  asked: { kind: string; view?: View | undefined; mapping?: ItemMapping | undefined },
): Promise<ItemsPreview> {
  const base = await kindNamed(db, asked.kind);
  const shown = { title: "preview", ...(asked.view ? { view: asked.view } : {}) };
  const kind = kindFor(base, shown, "preview");
  const rows = await firstRows(file);
  const mapping = asked.mapping ?? guessMapping(kind, columnsOf(rows), rows);
  const preview = {
    slots: slotsOf(kind),
    fields: fieldsOf(kind.view).map(({ name, label }) => ({ name, label })),
    mapping,
    problems: [] as RowProblem[],
    items: [] as ItemsPreview["items"],
    rows: 0,
    fit: 0,
    answered: 0,
    repeated: 0,
  };
  const again = repeats();
  const wrong = wrongMapping(kind, mapping);
  if (wrong) {
    preview.problems.push({ row: 1, column: null, message: wrong });
    return preview;
  }
  try {
    for await (const { item, problem } of itemsOf(file, kind, mapping)) {
      preview.rows++;
      if (problem) {
        if (preview.problems.length < TOLD) preview.problems.push(problem);
        continue;
      }
      preview.fit++;
      if (isWhole(kind.view, item)) preview.answered++;
      if (again(item)) preview.repeated++;
      const { row, input, answer = null } = item;
      if (preview.items.length < FIRST) preview.items.push({ row, input, answer });
    }
  } catch (e) {
    if (!(e instanceof BadRow)) throw e; // the file ends to be readable here
    preview.rows++;
    preview.problems.unshift(problemOf(e));
  }
  return preview;
}

function kindFor(
  base: KnownTask | undefined,
  { title, instructions, view }: NewProject["changes"],
  name: string,
): KnownTask {
  if (base && title === undefined && instructions === undefined && view === undefined) return base;
  const asks = view ?? base?.view;
  const question = title ?? base?.title;
  if (!asks || question === undefined)
    throw new TillerError(
      "bad_kind",
      `a kind of one's own needs ${asks ? "a title" : "a view"}. Give changes.${asks ? "title" : "view"}.`,
    );
  const said = {
    name,
    version: "1",
    title: question,
    instructions: instructions ?? base?.instructions ?? "",
    view: asks,
  };
  const ready = base && "base" in base ? taskNamed(base.base ?? "") : base;
  return ownKind(said, { base: ready });
}

/** A name that is read: words of the title, and four digits so that two do not meet. */
const projectId = (title: string): string =>
  `${
    title
      .normalize("NFKD")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 40)
      .replace(/^-+|-+$/g, "") || "project"
  }-${randomBytes(2).toString("hex")}`;

export async function createFromFile(
  db: Db,
  by: PersonId,
  file: ItemFile,
  p: Omit<NewProject, "file">,
): Promise<AddedItems> {
  const base = await kindNamed(db, p.kind);
  const id = projectId(p.title);
  const kind = kindFor(base, p.changes, id);
  const mapping = await mappingFor(file, kind, p.mapping);
  const plan = await planOf(file, kind, mapping, p);
  return db.transaction(async (tx) => {
    await createProject(tx, by, {
      id,
      title: p.title,
      kind,
      mapping,
      people: p.people,
      deadline: p.deadline ?? null,
      requires: p.requires,
    });
    const project = await getProject(tx, id);
    const added = await post(tx, by, project, { file, kind, mapping, plan });
    if (p.rule) await setProjectRule(tx, by, project, p.rule);
    if (p.pay) await setPay(tx, by, project, p.pay);
    if (p.state !== "open") await changeProject(tx, by, id, { state: p.state });
    return added;
  });
}

export async function addFromFile(
  db: Db,
  by: PersonId,
  id: string,
  file: ItemFile,
  o: Omit<AddItems, "file">,
): Promise<AddedItems> {
  const project = await getProject(db, id);
  const kind = await kindOfProject(db, id);
  const mapping = await mappingFor(file, kind, o.mapping ?? project.mapping);
  const plan = await planOf(file, kind, mapping, o);
  return db.transaction(async (tx) =>
    post(tx, by, await getProject(tx, id), { file, kind, mapping, plan }),
  );
}

interface Plan {
  readonly out: ReadonlySet<number>;
  readonly gold: ReadonlySet<number>;
}
/** Which rows are left out and which become gold; refuses a file that does not fit. */
async function planOf(
  file: ItemFile,
  kind: KnownTask,
  mapping: ItemMapping,
  o: Pick<AddItems, "leaveOut" | "gold">,
): Promise<Plan> {
  const left = new Set(o.leaveOut === "bad" ? [] : o.leaveOut);
  const problems: RowProblem[] = [];
  const whole: number[] = [];
  let [fit, bad] = [0, 0];
  try {
    for await (const { item, problem } of itemsOf(file, kind, mapping)) {
      const row = item ? item.row : problem.row;
      if (left.has(row)) continue;
      if (problem) {
        bad++;
        if (o.leaveOut === "bad") left.add(row);
        else if (problems.length < TOLD) problems.push(problem);
        continue;
      }
      fit++;
      if (isWhole(kind.view, item)) whole.push(row);
    }
  } catch (e) {
    if (!(e instanceof BadRow)) throw e; // nothing after it can be read, so no row of it can be left out
    problems.unshift(problemOf(e));
    bad++;
  }
  if (problems.length)
    throw new TillerError(
      "bad_rows",
      `${bad} ${bad === 1 ? "row" : "rows"} of ${file.name} ${bad === 1 ? "does" : "do"} not fit, and nothing was posted. ${problems
        .slice(0, 10)
        .map((p) => wrongRow(file, p))
        .join("; ")}. Mend them, or leave them out.`,
    );
  if (!fit)
    throw new TillerError(
      "bad_rows",
      `no row of ${file.name} is left to post. Send one that fits.`,
    );
  if (o.gold > whole.length)
    throw new TillerError(
      "too_little_gold",
      `${o.gold} rows were to become gold, and ${whole.length} have an answer. Ask for fewer, or map the column of answers.`,
    );
  // evenly over the file: its order may mean something
  const step = whole.length / Math.max(1, o.gold);
  const gold = Array.from({ length: o.gold }, (_, i) => whole[Math.floor(i * step)]!);
  return { out: left, gold: new Set(gold) };
}

async function post(
  tx: Db,
  by: PersonId,
  project: Project,
  o: { file: ItemFile; kind: KnownTask; mapping: ItemMapping; plan: Plan },
): Promise<AddedItems> {
  let rows: ProjectRow[] = [];
  let [items, leftOut, repeated] = [0, 0, 0];
  const again = repeats();
  const flush = async () => {
    if (rows.length) await postRows(tx, by, project, o.kind, rows);
    rows = [];
  };
  for await (const { item } of itemsOf(o.file, o.kind, o.mapping)) {
    if (!item || o.plan.out.has(item.row)) {
      leftOut++;
      continue;
    }
    if (again(item)) repeated++;
    const gold = o.plan.gold.has(item.row);
    rows.push({ ...item, gold });
    if (!gold) items++;
    if (rows.length === CHUNK) await flush();
  }
  await flush();
  return { project: project.id, items, gold: o.plan.gold.size, leftOut, repeated };
}
