/** Bad days of the embedded Postgres and its home: stale files, other users' folders, no name, old modes. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { inputPath, openStore, sql } from "./index.ts";
import { prepareHome, startEmbedded } from "./embedded.ts";
import { socketOf } from "./postmaster.ts";

const root = process.getuid?.() === 0;
const folder = mkdtempSync(path.join(tmpdir(), "tiller-bad-days-"));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const home = path.join(folder, "home");
const data = path.join(home, "postgres/data");
const modeOf = (at: string) => (statSync(at).mode & 0o777).toString(8);
/** Opens, asks, closes. */
const works = async (at = home): Promise<string> => {
  await using store = await openStore({ home: at });
  return store.db.value(sql`select count(*)::text from migration`, z.string());
};

test("a home is closed to others, an old one too, its parents untouched; cut uploads are gone", async () => {
  mkdirSync(path.join(home, "uploads"), { recursive: true, mode: 0o755 });
  mkdirSync(path.join(home, "jobs"), { mode: 0o755 });
  writeFileSync(path.join(home, "models.json"), "{}", { mode: 0o644 });
  writeFileSync(path.join(home, "uploads", "cut"), "half", { mode: 0o644 });
  symlinkSync(folder, path.join(home, "link"));
  expect(Number(await works())).toBeGreaterThan(10);
  expect(modeOf(home)).toBe("700");
  expect(modeOf(path.join(home, "jobs"))).toBe("700");
  expect(modeOf(path.join(home, "models.json"))).toBe("600");
  expect(modeOf(folder)).toBe("755"); // also where a link leads
  expect(readdirSync(path.join(home, "uploads"))).toEqual([]);
  if (root) {
    const ls = spawnSync("setpriv", [
      "--reuid=12345",
      "--regid=12345",
      "--clear-groups",
      "ls",
      home,
    ]);
    expect(ls.status).not.toBe(0);
  }
});

test("a folder that many share is no home", () => {
  const shared = path.join(folder, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  expect(() => prepareHome(shared, { embedded: true })).toThrow(/many share/);
  expect(modeOf(shared)).toBe("777");
});

const lock = () => `${socketOf(data)}.lock`;
const stale = (pid: number | string, dir = data) =>
  `${pid}\n${dir}\n1700000000\n5432\n${dir}\n\n   123456   7\nready   \n`;
test.each([
  ["of another program that lives", () => stale(process.pid)],
  ["of pid 1", () => stale(1)],
  ["of a home that was copied", () => stale(process.pid, "/srv/elsewhere/postgres/data")],
  ["that a full disk left empty", () => ""],
  ["of nonsense", () => "what\n"],
])("a postmaster.pid %s does not keep the database from starting", async (_, text) => {
  writeFileSync(path.join(data, "postmaster.pid"), text(), { mode: 0o600 });
  writeFileSync(lock(), `${process.pid}\n`, { mode: 0o600 });
  if (root) for (const f of [lock(), path.join(data, "postmaster.pid")]) chownSync(f, 65534, 65534);
  expect(Number(await works())).toBeGreaterThan(10);
});

test("a server that runs is adopted, not doubled; its copy starts as one of its own", async () => {
  await using store = await openStore({ home });
  const pid = readFileSync(path.join(data, "postmaster.pid"), "utf8").split("\n")[0];
  {
    await using guest = await openStore({ home, guest: true });
    await guest.db.run(sql`select 1`);
  }
  expect(readFileSync(path.join(data, "postmaster.pid"), "utf8").split("\n")[0]).toBe(pid);
  await store.db.run(sql`checkpoint`);
  const copy = path.join(folder, "copy");
  cpSync(home, copy, { recursive: true, filter: (f) => !f.includes(".s.PGSQL") });
  if (root) execFileSync("chown", ["-R", "65534:65534", path.join(copy, "postgres/data")]);
  expect(Number(await works(copy))).toBeGreaterThan(10);
  await store.db.run(sql`select 1`); // and the first goes on
});

test("a socket folder that somebody else made is not used", async () => {
  const long = path.join(folder, "a-home-with-a-rather-long-name-as-cloud-volumes-have", "home");
  const longData = path.join(long, "postgres/data");
  expect(longData.length).toBeGreaterThan(80);
  const hash = createHash("sha256").update(longData).digest("hex").slice(0, 12);
  const theirs = path.join(tmpdir(), `tiller-${hash}`);
  mkdirSync(theirs);
  chmodSync(theirs, 0o777);
  if (root) chownSync(theirs, 12345, 12345);
  try {
    expect(Number(await works(long))).toBeGreaterThan(10);
    expect(readdirSync(theirs)).toEqual([]);
    const used = path.join(tmpdir(), readFileSync(path.join(long, "postgres/socket"), "utf8"));
    expect([modeOf(used), used === theirs]).toEqual(["700", false]);
    expect(statSync(used).uid).toBe(root ? 65534 : process.getuid!());
    expect(Number(await works(long))).toBeGreaterThan(10); // and again at the same place
    expect(readFileSync(path.join(long, "postgres/socket"), "utf8")).toBe(path.basename(used));
    rmSync(used, { recursive: true, force: true });
  } finally {
    rmSync(theirs, { recursive: true, force: true });
  }
});

test.runIf(root && process.platform === "linux")(
  "a user without a name, a home folder or anything else starts",
  () => {
    const own = path.join(folder, "nameless");
    mkdirSync(own);
    chownSync(own, 23456, 0);
    const index = path.join(import.meta.dirname, "index.ts");
    const code = `const { openStore, sql } = await import(${JSON.stringify(index)});
      await using s = await openStore({ home: ${JSON.stringify(path.join(own, "home"))} });
      console.log(await s.db.run(sql\`select 1\`));`;
    const ran = spawnSync(
      "setpriv",
      ["--reuid=23456", "--regid=0", "--clear-groups", process.execPath, "--input-type=module"],
      { input: code, env: { PATH: process.env["PATH"] }, encoding: "utf8" },
    );
    expect(`${ran.stdout}${ran.stderr}`).toBe("1\n");
  },
);

const codeOf = async (at: string): Promise<[string, string]> => {
  try {
    await works(at);
    return ["works", ""];
  } catch (e) {
    return [(e as { code: string }).code, (e as Error).message];
  }
};
test.each([
  ["without PG_VERSION", (at: string) => rmSync(path.join(at, "PG_VERSION"))],
  ["with an empty pg_control", (at: string) => truncateSync(path.join(at, "global/pg_control"))],
  [
    "without its log of changes",
    (at: string) => rmSync(path.join(at, "pg_wal"), { recursive: true }),
  ],
])(
  "a database %s is named, left as it is, and works once the files are back",
  async (_, damage) => {
    const kept = path.join(folder, "kept");
    cpSync(data, kept, { recursive: true, preserveTimestamps: true });
    damage(data);
    const [code, message] = await codeOf(home);
    expect([code, message]).toEqual([
      "damaged_database",
      expect.stringContaining("tiller restore"),
    ]);
    expect(existsSync(path.join(data, "base/1"))).toBe(true); // nothing was made anew
    rmSync(data, { recursive: true });
    cpSync(kept, data, { recursive: true });
    if (root) execFileSync("chown", ["-R", "65534:65534", data]);
    rmSync(kept, { recursive: true });
    expect(Number(await works())).toBeGreaterThan(10);
  },
  60_000,
);

test("the home of a newer Tiller is refused before anything changes, and its Postgres is stopped", async () => {
  const mark = async (act: ReturnType<typeof sql>) => {
    await using store = await openStore({ home });
    await store.db.run(act);
  };
  await mark(sql`insert into migration (name) values ('999-later.sql')`);
  expect(await codeOf(home)).toEqual([
    "newer_home",
    expect.stringMatching(/999-later.*Start the newer one/),
  ]);
  expect(existsSync(path.join(data, "postmaster.pid"))).toBe(false);
  const admin = new pg.Client({ host: data, user: "tiller", database: "postgres" });
  const running = await startEmbedded(home);
  await admin.connect();
  await admin.query("delete from migration where name = '999-later.sql'");
  await admin.end();
  await running.stop();
  expect(Number(await works())).toBeGreaterThan(10);
}, 60_000);

test.each(["it's", 'a "quote"', "$HOME", "`id`", "new\nline"])(
  "a home called %j, which a shell would read, is refused",
  (name) => {
    const at = path.join(folder, name);
    expect(() => prepareHome(at, { embedded: true })).toThrow(/Give another with --home/);
    expect(existsSync(at)).toBe(false);
    prepareHome(at, { embedded: false });
  },
);

test.runIf(root)("a home of somebody else names both users", () => {
  const theirs = path.join(folder, "theirs");
  mkdirSync(theirs, { mode: 0o755 });
  const index = path.join(import.meta.dirname, "embedded.ts");
  const code = `const { prepareHome } = await import(${JSON.stringify(index)});
    try { prepareHome(${JSON.stringify(theirs)}, { embedded: true }) } catch (e) { console.log(e.message) }`;
  const ran = spawnSync(
    "setpriv",
    ["--reuid=23456", "--regid=0", "--clear-groups", process.execPath, "--input-type=module"],
    { input: code, env: { PATH: process.env["PATH"] }, encoding: "utf8" },
  );
  expect(ran.stdout).toMatch(/EACCES; it belongs to user 0, this is 23456\). Start as the user/);
});

test("an input names files below declared folders only, by their real path", async () => {
  const inputs = path.join(home, "inputs");
  mkdirSync(path.join(inputs, "sub"), { recursive: true });
  writeFileSync(path.join(inputs, "book.txt"), "text");
  writeFileSync(path.join(folder, "secret"), "secret");
  symlinkSync(path.join(folder, "secret"), path.join(inputs, "out"));
  symlinkSync(path.join(inputs, "book.txt"), path.join(inputs, "in"));
  symlinkSync("/", path.join(inputs, "all"));
  mkdirSync(`${inputs}-beside`);
  writeFileSync(`${inputs}-beside/book.txt`, "not declared");
  const file = (given: string) => inputPath(given, { kind: "file", atMost: 100 });
  for (const good of ["book.txt", "in", "sub/../book.txt", path.join(inputs, "book.txt")])
    expect(await file(good)).toBe(path.join(inputs, "book.txt"));
  for (const bad of [
    "out",
    "../tokens/key-researcher",
    "../../secret",
    path.join(home, "models.json"),
    path.join(folder, "secret"),
    `${inputs}-beside/book.txt`,
    "/etc/passwd",
    "/proc/self/environ",
    "all/etc/passwd",
    "all/proc/self/environ",
    "/dev/zero",
    "file:///etc/passwd",
    "C:\\Windows\\win.ini",
    "..\\..\\secret",
    "\\\\host\\share",
    "sub",
    "book.txt\0.png",
    "",
    "none",
  ])
    await expect(file(bad), bad).rejects.toThrow(
      /there is no file .* below .*inputs.*TILLER_INPUTS/,
    );
  writeFileSync(path.join(inputs, "large"), "x".repeat(101));
  await expect(file("large")).rejects.toThrow(/101 bytes/);
  expect(existsSync(path.join(inputs, "book.txt"))).toBe(true);
});
