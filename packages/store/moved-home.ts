/**
 * A home at another place than it was: rows, blobs and jobs name files by its path, and those of the old one then lead to
 * the new one. Dataset versions stay as they are: their hash is their name.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { writeBlob } from "./blobs.ts";
import { writeWhole } from "./files.ts";
import { type Db, type Sql, sql } from "./sql.ts";

/** Where values are kept, and with them paths and the hashes of blobs. */
const values = [
  ["dbos.operation_outputs", "output", "text"],
  ["dbos.workflow_input", "inputs", "text"],
  ["dbos.workflow_output", "output", "text"],
  ["dbos.workflow_status", "inputs", "text"],
  ["dbos.workflow_status", "output", "text"],
  ["experiment", "config", "jsonb"],
  ["experiment", "result", "jsonb"],
  ["node", "input", "jsonb"],
  ["node", "output", "jsonb"],
  ["run", "config", "jsonb"],
  ["trigger", "input", "jsonb"],
] as const;
const BLOB = `"blob": ?"([0-9a-f]{64})"`;

/** In JSON a path is a text of its own: how one below `home` begins. */
const inJson = (home: string): string => JSON.stringify(`${home}/`).slice(0, -1);
/** JSON with the paths below one folder as paths below another. */
export const repathed = (json: string, from: string, to: string): string =>
  json.replaceAll(inJson(from), inJson(to));

export async function moveHome(db: Db, home: string, old: string): Promise<void> {
  const to = path.resolve(home);
  if (old === to) return;
  const blobs = await moveBlobs(db, to, old);
  const like = (text: string) => `%${text.replaceAll(/[%_\\]/g, "\\$&")}%`;
  await db.transaction(async (tx) => {
    await tx.run(
      sql`insert into former_home (path) values (${old}) on conflict (path) do update set at = now()`,
    );
    await tx.run(
      sql`update checkpoint set path = ${to} || substr(path, ${old.length + 1}) where starts_with(path, ${`${old}/`})`,
    );
    await tx.run(
      sql`create temporary table moved_blob (was text primary key, now text not null) on commit drop`,
    );
    for (const [was, now] of blobs)
      await tx.run(sql`insert into moved_blob (was, now) values (${was}, ${now})`);
    for (const column of ["carried", "result_blob"])
      await tx.run(
        sql`update experiment e set ${raw(column)} = m.now from moved_blob m where m.was = e.${raw(column)}`,
      );
    for (const [table, column, type] of values) {
      if (!(await tx.value(sql`select to_regclass(${table}) is not null`, z.boolean()))) continue;
      const [t, c, as] = [raw(table), raw(column), raw(type)];
      await tx.run(
        sql`update ${t} set ${c} = replace(${c}::text, ${inJson(old)}, ${inJson(to)})::${as} where ${c}::text like ${like(inJson(old))}`,
      );
      await tx.run(
        sql`update ${t} t set ${c} = replace(t.${c}::text, m.was, m.now)::${as} from moved_blob m where m.was = substring(t.${c}::text from ${BLOB})`,
      );
    }
  });
  const jobs = path.join(home, "jobs");
  if (!existsSync(jobs)) return;
  for (const job of await readdir(jobs))
    for (const name of ["input.json", "result.json"]) {
      const at = path.join(jobs, job, name);
      const text = await readFile(at, "utf8").catch(() => "");
      const now = repathed(text, old, to);
      if (now !== text) await writeWhole(at, now, { mode: 0o600 });
    }
}
const raw = (text: string): Sql => ({ text, values: [] });

/** Large values with paths in them become blobs of another hash: which is now which. */
async function moveBlobs(db: Db, home: string, old: string): Promise<Map<string, string>> {
  const moved = new Map<string, string>();
  const folder = path.join(home, "blobs");
  if (!existsSync(folder)) return moved;
  const named = await db.many(sql`select blob from dataset`, z.object({ blob: z.string() }));
  const datasets = new Set(named.map((d) => d.blob));
  for (const part of await readdir(folder))
    for (const hash of await readdir(path.join(folder, part))) {
      if (datasets.has(hash)) continue;
      const bytes = await readFile(path.join(folder, part, hash));
      if (!bytes.includes(inJson(old))) continue;
      const text = repathed(bytes.toString("utf8"), old, home);
      moved.set(hash, await writeBlob(home, Buffer.from(text)));
    }
  return moved;
}

/** Where this home was before. */
export const formerHomes = async (db: Db): Promise<string[]> =>
  (
    await db.many(sql`select path from former_home order by at`, z.object({ path: z.string() }))
  ).map((r) => r.path);
