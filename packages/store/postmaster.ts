/**
 * Whether the Postgres of a data folder runs, told from what its files claim. A postmaster.pid outlives a container and is
 * copied with a home: its number may be another program's by then, and Postgres would refuse to start for ever.
 */
import { lstatSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";

const PORT = 5432;
export const socketOf = (folder: string): string => path.join(folder, `.s.PGSQL.${PORT}`);

const text = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
};
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === "EPERM"; // there, and another user's
  }
};

/** Whether process `pid` is a Postgres of this data folder: its working folder is that one, or its command line says so. */
function isPostgresOf(pid: number, data: string): boolean {
  try {
    const [theirs, ours] = [statSync(`/proc/${pid}/cwd`), statSync(data)];
    return theirs.dev === ours.dev && theirs.ino === ours.ino && /postgres/.test(nameOf(pid));
  } catch {
    // another user's process shows its command line alone; without /proc nothing is known but that it lives
    return process.platform === "linux"
      ? nameOf(pid).includes("postgres") && argumentsOf(pid).includes(data)
      : alive(pid);
  }
}
const argumentsOf = (pid: number): string[] => (text(`/proc/${pid}/cmdline`) ?? "").split("\0");
const nameOf = (pid: number): string => argumentsOf(pid)[0] ?? "";

/** Whether somebody listens on the socket in this folder. */
export const answers = (folder: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(socketOf(folder));
    socket.setTimeout(2000, () => socket.destroy());
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

/**
 * The folder of the socket that a running Postgres of `data` listens on; undefined: none runs. `trusted` says whether
 * a socket folder is ours.
 */
export async function runningIn(
  data: string,
  trusted: (folder: string) => boolean,
): Promise<string | undefined> {
  const [pid, from = "", , , folder = ""] = (text(path.join(data, "postmaster.pid")) ?? "").split(
    "\n",
  );
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 0) return undefined;
  // in a copied home the file names the first one's folders: that server is not this one's
  const inData = !folder.trim() || folder.trim() === from.trim();
  const socket = inData ? data : path.resolve(folder.trim());
  if (alive(number) && isPostgresOf(number, data)) return socket;
  if (!inData && from.trim() !== data) return undefined;
  // a server in another container has a number of its own there; over the shared folder it answers
  return trusted(socket) && (await answers(socket)) ? socket : undefined;
}

const DEAD = [4_194_303, 4_194_302, 4_194_301]; // no Linux gives a higher number; one of these is free
/**
 * Makes files that a server left behind say that it is dead. Postgres then looks itself whether children of it are left,
 * by the shared memory that the file names, and takes the file away.
 */
export function releaseDeadLock(data: string, socketFolders: readonly string[]): void {
  const file = path.join(data, "postmaster.pid");
  const was = text(file);
  if (was !== undefined) {
    const [pid = "", ...rest] = was.split("\n");
    const number = Number(pid);
    if (!Number.isInteger(number) || number <= 0) rmSync(file, { force: true }); // cut off by a full disk or a power cut
    else if (alive(number))
      writeFileSync(file, [DEAD.find((d) => !alive(d)) ?? DEAD[0], ...rest].join("\n"));
  }
  for (const folder of socketFolders) rmSync(`${socketOf(folder)}.lock`, { force: true });
}

/** Whether a folder is this user's alone. */
export function isPrivate(folder: string, uid: number): boolean {
  try {
    const s = lstatSync(folder);
    return s.isDirectory() && s.uid === uid && (s.mode & 0o077) === 0;
  } catch {
    return false;
  }
}
