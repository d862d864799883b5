/** A project's items asked otherwise from now on: a new version for what nobody has begun, the old one for the rest. */
import {
  type ChangedKind,
  type ChangeKind,
  type ItemMapping,
  type PersonId,
  TillerError,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { keyOf, slotsOf } from "@tiller/task";
import { askUnder, getProject, kindOfProject, nextKind, unbegun } from "@tiller/work";
import { itemOf, wrongMapping } from "./items.ts";
import { parseJson } from "./json.ts";
import { BadRow, type SourceRow } from "./row.ts";

export const changeKind = (
  db: Db,
  by: PersonId,
  id: string,
  { mapping, ...change }: ChangeKind,
): Promise<ChangedKind> =>
  db.transaction(async (tx) => {
    await tx.run(sql`select 1 from project where id = ${id} for update`);
    const project = await getProject(tx, id);
    const before = await kindOfProject(tx, id);
    const same = (["title", "instructions", "view"] as const).every(
      (k) => change[k] === undefined || JSON.stringify(change[k]) === JSON.stringify(before[k]),
    );
    if (same && !mapping) return { kind: keyOf(before), moved: 0, kept: project.items };
    const kind = await nextKind(tx, project, change);
    const columns = mapping ?? mappingLeft(project.mapping, kind);
    const wrong = wrongMapping(kind, columns);
    if (wrong)
      throw new TillerError(
        "bad_mapping",
        `${wrong}. Say which column of the file it is, or show only what was shown before.`,
      );
    const rows = await unbegun(tx, id);
    const reads = slotsOf(kind).some((s) => !slotsOf(before).some((b) => b.path === s.path));
    const inputs = reads || mapping ? rows.map((r) => inputOf(kind, columns, r)) : undefined;
    await askUnder(tx, by, { project, kind, tasks: rows.map((r) => r.task), inputs });
    await tx.run(
      sql`update project set mapping = ${JSON.stringify(columns)}::jsonb where id = ${id}`,
    );
    return { kind: keyOf(kind), moved: rows.length, kept: project.items - rows.length };
  });

/** What the view still shows and asks of a mapping. */
function mappingLeft(mapping: ItemMapping, kind: Parameters<typeof wrongMapping>[0]): ItemMapping {
  const paths = new Set(slotsOf(kind).map((s) => s.path));
  const asked = new Set(kind.view.ask.map((f) => f.name));
  const kept = <T>(from: Readonly<Record<string, T>>, names: ReadonlySet<string>) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => names.has(name)));
  return { input: kept(mapping.input, paths), answer: kept(mapping.answer, asked) };
}

function inputOf(
  kind: Parameters<typeof itemOf>[0],
  mapping: ItemMapping,
  r: { place: number; source: string },
): unknown {
  const row: SourceRow = {
    line: r.place,
    row: parseJson(r.source) as SourceRow["row"],
    text: r.source,
  };
  try {
    return itemOf(kind, mapping, row).input;
  } catch (e) {
    if (!(e instanceof BadRow)) throw e;
    throw new TillerError(
      "bad_rows",
      `item ${r.place} does not fit what is to be asked: ${e.message}. Nothing was changed.`,
      { cause: e },
    );
  }
}
