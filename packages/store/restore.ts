/**
 * A backup as a home again: into a folder that is empty, every file checked against the manifest, the paths in it moved to
 * where it is now, and opened once, so that what is said to be restored does start.
 */
import { createHash } from "node:crypto";
import {
  chownSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { DATA, HEAD, Head, MANIFEST, Manifest, platform } from "./backup.ts";
import { embeddedMajor, ownedByPostgres } from "./embedded.ts";
import { moveHome } from "./moved-home.ts";
import { sql } from "./sql.ts";
import { knownMigrations, openStore, UNFINISHED } from "./store.ts";

export interface Restored {
  readonly head: Head;
  readonly files: number;
  readonly answers: number;
  readonly experiments: number;
}

export async function restoreBackup(file: string, home: string): Promise<Restored> {
  if (existsSync(home) && readdirSync(home).length)
    throw new TillerError(
      "home_not_empty",
      `${home} is not empty. Restore into a new folder: --home NEW.`,
    );
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(home, UNFINISHED), "");
  try {
    const { head, files } = await unpack(file, home);
    if (process.getuid?.() === 0) await ownAll(path.join(home, DATA));
    await rm(path.join(home, UNFINISHED));
    await using store = await openStore({ home, guest: true });
    await moveHome(store.db, home, head.home);
    const count = (q: ReturnType<typeof sql>) => store.db.value(q, z.number());
    return {
      head,
      files,
      answers: await count(sql`select count(*)::int from answer`),
      experiments: await count(sql`select count(*)::int from experiment`),
    };
  } catch (e) {
    for (const name of readdirSync(home))
      await rm(path.join(home, name), { recursive: true, force: true });
    throw e;
  }
}

const cutOff = (file: string, cause?: unknown) =>
  new TillerError(
    "damaged_backup",
    `${file} is no whole backup: it was cut off or changed. Use another copy.`,
    { cause },
  );

async function unpack(file: string, home: string): Promise<{ head: Head; files: number }> {
  const found = new Map<string, { size: number; sha256: string }>();
  let head: Head | undefined;
  let manifest: z.infer<typeof Manifest> | undefined;
  const tar = extract();
  const start = await open(file, "r").catch((cause: unknown) => {
    throw new TillerError("no_file", `there is no file ${file}. Check the path.`, { cause });
  });
  const { buffer } = await start.read(Buffer.alloc(2), 0, 2, 0).finally(() => start.close());
  const zipped = buffer[0] === 0x1f && buffer[1] === 0x8b;
  const bytes = createReadStream(file);
  const source: Readable = zipped ? bytes.pipe(createGunzip()) : bytes;
  for (const stream of [bytes, source]) stream.on("error", (e: Error) => tar.destroy(e));
  source.pipe(tar);
  try {
    for await (const entry of tar) {
      const { name, type } = entry.header;
      if (name === HEAD || name === MANIFEST) {
        const json: unknown = JSON.parse(await textOf(entry));
        if (name === HEAD) head = checkedHead(json, file);
        else manifest = Manifest.parse(json);
        continue;
      }
      if (!head) throw cutOff(file);
      const at = path.join(home, name);
      if (name.includes("\0") || !at.startsWith(`${path.resolve(home)}${path.sep}`))
        throw new TillerError("damaged_backup", `${file} names ${name}, outside of a home.`);
      if (type === "directory") {
        await mkdir(at, { recursive: true, mode: 0o700 });
        entry.resume();
      } else if (type === "file") found.set(name, await writeEntry(at, entry));
      else throw new TillerError("damaged_backup", `${file}: ${name} is a ${type}, not a file.`);
    }
  } catch (e) {
    if (
      e instanceof TillerError ||
      ["ENOSPC", "EDQUOT"].includes((e as { code?: string }).code ?? "")
    )
      throw e;
    throw cutOff(file, e);
  }
  if (!head || !manifest) throw cutOff(file);
  for (const [name, { size, sha256 }] of Object.entries(manifest.files)) {
    const got = found.get(name);
    if (got?.size !== size || got.sha256 !== sha256)
      throw new TillerError(
        "damaged_backup",
        `${file}: ${name} ${got ? "is not what was backed up: its hash differs" : "is missing"}. Use another copy.`,
      );
  }
  // written before a folder was replaced
  for (const name of found.keys())
    if (!Object.hasOwn(manifest.files, name)) await rm(path.join(home, name), { force: true });
  return { head, files: Object.keys(manifest.files).length };
}

async function textOf(entry: AsyncIterable<unknown>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of entry) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

async function writeEntry(at: string, entry: AsyncIterable<unknown>) {
  await mkdir(path.dirname(at), { recursive: true, mode: 0o700 });
  const sum = createHash("sha256");
  let size = 0;
  const handle = await open(at, "w", 0o600);
  try {
    for await (const got of entry) {
      const piece = got as Buffer;
      sum.update(piece);
      size += piece.length;
      await handle.writeFile(piece);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { size, sha256: sum.digest("hex") };
}

function checkedHead(json: unknown, file: string): Head {
  const head = Head.safeParse(json);
  if (!head.success)
    throw new TillerError("unknown_backup", `${file} is no backup that this Tiller reads.`, {
      cause: head.error,
    });
  const { migrations, postgres, platform: from } = head.data;
  const known = knownMigrations();
  const newer = migrations.filter((m) => !known.includes(m));
  if (newer.length)
    throw new TillerError(
      "newer_backup",
      `${file} was made by a newer Tiller (${newer.join(", ")}). Restore it with that one.`,
    );
  if (from !== platform || postgres !== embeddedMajor())
    throw new TillerError(
      "other_platform",
      `${file} was made on ${from} with Postgres ${postgres}; this is ${platform} with Postgres ${embeddedMajor()}. Restore it there.`,
    );
  return head.data;
}

/** The database's folder belongs to the user that it experiments as. */
async function ownAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    chownSync(path.join(entry.parentPath, entry.name), ...ownedByPostgres);
  chownSync(folder, ...ownedByPostgres);
}
