/**
 * A home as one file: the database as Postgres' own low-level backup makes it (decision 25), while servers run or not,
 * and after it the files that its rows name. Files only come to be before rows name them, so none is missing.
 *
 * A tar: tiller-backup.json first (versions, so that a restore refuses early), then the files, then manifest.json with the
 * size and SHA-256 of each. What was cut off has no manifest.
 */
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream, type Dirent, existsSync, readFileSync } from "node:fs";
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import pg from "pg";
import { pack, type Pack } from "tar-stream";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { appliedMigrations, type Store } from "./store.ts";

export const HEAD = "tiller-backup.json";
export const MANIFEST = "manifest.json";
export const DATA = "postgres/data";
export const Head = z.strictObject({
  format: z.literal(1),
  at: z.iso.datetime(),
  /** where the home was: rows and jobs name files by it */
  home: z.string(),
  /** the database's files fit this platform and this Postgres */
  platform: z.string(),
  postgres: z.string(),
  migrations: z.array(z.string()),
});
export type Head = z.infer<typeof Head>;
export const Manifest = z.strictObject({
  files: z.record(z.string(), z.strictObject({ size: z.number(), sha256: z.string() })),
});

export const platform = `${process.platform}-${process.arch}`;
export interface BackupDone {
  readonly files: number;
  readonly bytes: number;
}

/** Of the database's folder, what a copy must not have (Postgres' documentation, "Making a Base Backup Using the Low Level API"). */
const notData =
  /^(postmaster\.(pid|opts)|log|backup_label|\.s\.PGSQL.*|pg_internal\.init.*|pgsql_tmp.*|.*\/(pg_internal\.init.*|pgsql_tmp.*|t\d+_\d+.*))$/;
const emptied =
  /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\//;
/** Of the home, what is made anew or is not whole yet. `.old` stands in for a folder while it is replaced. */
const notHome = /^(postgres|uploads|address|\.writable)(\/|$)|\.(part|tmp)(\/|$)/;
const TRIES = 5;
const BLOCK = 1 << 20;

export async function writeBackup(store: Store, out: string): Promise<BackupDone> {
  if (!("host" in store.config) || !store.config.host)
    throw new TillerError(
      "not_embedded",
      `the database is the one of DATABASE_URL, not in ${store.home}. Back it up with its own tools (pg_dump --format=custom), then the folder ${store.home}, in this order.`,
    );
  const part = `${out}.${randomUUID()}.part`;
  const tar = pack();
  const source = Readable.from(tar, { objectMode: false });
  const sink = createWriteStream(part, { mode: 0o600, flags: "wx" });
  const done = out.endsWith(".gz")
    ? pipeline(source, createGzip({ level: 1 }), sink)
    : pipeline(source, sink);
  done.catch(() => {}); // told below
  try {
    const writer = new Writer(tar);
    const head: Head = {
      format: 1,
      at: new Date().toISOString(),
      home: path.resolve(store.home),
      platform,
      postgres: readFileSync(path.join(store.home, DATA, "PG_VERSION"), "utf8").trim(),
      migrations: await appliedMigrations(store.db),
    };
    await writer.text(HEAD, JSON.stringify(head));
    await Promise.race([copyDatabase(store, writer), done]);
    await copyFolder(writer, store.home, "", (name) => notHome.test(name));
    await writer.text(MANIFEST, JSON.stringify({ files: Object.fromEntries(writer.files) }));
    tar.finalize();
    await done;
    const handle = await open(part, "r+");
    await handle.sync().finally(() => handle.close());
    await rename(part, out);
    const bytes = [...writer.files.values()].reduce((sum, f) => sum + f.size, 0);
    return { files: writer.files.size, bytes };
  } catch (e) {
    tar.destroy();
    await rm(part, { force: true });
    if (["ENOSPC", "EDQUOT"].includes(String((e as { code?: unknown }).code)))
      throw new TillerError("disk_full", `no space is left to write ${out}. Give another disk.`, {
        cause: e,
      });
    throw e;
  }
}

/** The low-level backup of the documentation: start, copy while it runs, stop, and the log in between. */
async function copyDatabase(store: Store, writer: Writer): Promise<void> {
  const data = path.join(store.home, DATA);
  const client = new pg.Client({ ...store.config, application_name: "tiller backup" });
  client.on("error", () => {}); // cut while files are copied: its next query says so
  await client.connect();
  const ask = async (text: string, values: unknown[] = []) =>
    Object.values((await client.query<Record<string, string>>(text, values)).rows[0] ?? {}).map(
      String,
    );
  try {
    // keeps the log of the time of the copy; goes with the connection
    const slot = `tiller_backup_${randomUUID().replaceAll("-", "")}`;
    await ask("select slot_name from pg_create_physical_replication_slot($1, true, true)", [slot]);
    const [first = ""] = await ask("select pg_walfile_name(pg_backup_start('tiller', true))");
    await copyFolder(
      writer,
      data,
      DATA,
      (name) => name === "global/pg_control" || notData.test(name) || emptied.test(name),
      { torn: true },
    );
    await writer.file(path.join(data, "global/pg_control"), `${DATA}/global/pg_control`, {
      torn: true,
    });
    const [last = "", label = ""] = await ask(
      "select pg_walfile_name(lsn), labelfile from pg_backup_stop(false)",
    );
    await writer.text(`${DATA}/backup_label`, label);
    const log = (await readdir(path.join(data, "pg_wal"))).filter(
      (name) =>
        name.endsWith(".history") || (/^[0-9A-F]{24}$/.test(name) && name >= first && name <= last),
    );
    if (!log.includes(first) || !log.includes(last))
      throw new TillerError(
        "log_recycled",
        `the database's log of the time of the backup is not all there (${first} to ${last}). Try again at a quieter time.`,
      );
    for (const name of log.toSorted())
      await writer.file(path.join(data, "pg_wal", name), `${DATA}/pg_wal/${name}`, { torn: true });
  } finally {
    await client.end();
  }
}

const gone = (e: unknown): boolean => (e as { code?: unknown }).code === "ENOENT";

/** All files below, but for what `leave` names; a folder that is replaced meanwhile is read again. */
async function copyFolder(
  writer: Writer,
  folder: string,
  as: string,
  leave: (name: string) => boolean,
  o: { torn?: boolean } = {},
  below = "",
): Promise<void> {
  const at = path.join(folder, below);
  for (let attempt = 1; ; attempt++) {
    const written: string[] = [];
    try {
      const before = await stat(at);
      const entries: Dirent[] = await readdir(at, { withFileTypes: true });
      for (const entry of entries.toSorted((a, b) => a.name.localeCompare(b.name))) {
        const name = path.posix.join(below, entry.name);
        const to = path.posix.join(as, name);
        if (entry.isDirectory() && !leave(name)) {
          await writer.folder(to);
          await copyFolder(writer, folder, as, leave, o, name);
        } else if (entry.isFile() && !leave(name)) {
          if (await writer.file(path.join(folder, name), to, o)) written.push(to);
        }
      }
      if ((await stat(at)).ino === before.ino) return;
    } catch (e) {
      if (!gone(e)) throw e;
      if (below && !existsSync(at)) return; // taken away meanwhile
    }
    for (const name of written) writer.files.delete(name);
    if (attempt === TRIES)
      throw new TillerError(
        "folder_changes",
        `${at} was replaced ${TRIES} times while it was copied. Try again at a quieter time.`,
      );
  }
}

/** Writes entries into the tar, waiting for it, and keeps what they were. */
class Writer {
  readonly files = new Map<string, { size: number; sha256: string }>();
  readonly #tar: Pack;
  constructor(tar: Pack) {
    this.#tar = tar;
  }
  async text(name: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await new Promise<void>((resolve, reject) =>
      this.#tar.entry({ name, mode: 0o600, size: bytes.length }, bytes, (e) =>
        e ? reject(e) : resolve(),
      ),
    );
    if (name !== HEAD && name !== MANIFEST)
      this.files.set(name, {
        size: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
      });
  }
  async folder(name: string): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#tar.entry({ name: `${name}/`, type: "directory", mode: 0o700 }, (e) =>
        e ? reject(e) : resolve(),
      ),
    );
  }
  /**
   * As many bytes as there were at the beginning. `torn`: a file of the database, which may change and shrink under the
   * copy; its log puts that right. False: it is gone.
   */
  async file(from: string, name: string, o: { torn?: boolean } = {}): Promise<boolean> {
    let handle: FileHandle;
    try {
      handle = await open(from, "r");
    } catch (e) {
      if (gone(e)) return false;
      throw e;
    }
    try {
      const { size } = await handle.stat();
      const sum = createHash("sha256");
      const entry = this.#tar.entry({ name, mode: 0o600, size });
      const failed = new Promise<never>((_, reject) => entry.once("error", reject));
      failed.catch(() => {});
      const ended = new Promise<void>((resolve) => entry.once("finish", resolve));
      for (let at = 0; at < size;) {
        const piece = Buffer.alloc(Math.min(BLOCK, size - at));
        const { bytesRead } = await handle.read(piece, 0, piece.length, at);
        if (bytesRead === 0 && !o.torn)
          throw new TillerError(
            "file_changes",
            `${from} became shorter while it was copied. Try again.`,
          );
        const bytes = bytesRead ? piece.subarray(0, bytesRead) : piece; // zeros where a file of the database ended
        sum.update(bytes);
        at += bytes.length;
        if (!entry.write(bytes))
          await Promise.race([new Promise<void>((r) => entry.once("drain", () => r())), failed]);
      }
      entry.end(undefined);
      await Promise.race([ended, failed]);
      this.files.set(name, { size, sha256: sum.digest("hex") });
      return true;
    } finally {
      await handle.close();
    }
  }
}
