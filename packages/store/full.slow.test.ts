/**
 * A disk that is full, at the start and while a server runs: a small tmpfs is the home's disk. Needs root and mount;
 * elsewhere nothing is tried.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { openStore, sql, writeBlob } from "./index.ts";

delete process.env["TILLER_POSTGRES_TEMPLATE"]; // as a newcomer's machine: a database of its own

const disk = mkdtempSync(path.join(tmpdir(), "tiller-disk-"));
const mount = (size: number, ...more: string[]) =>
  spawnSync("mount", ["-t", "tmpfs", "-o", [`size=${size}m`, ...more].join(","), "tmpfs", disk])
    .status === 0;
const mounted = process.getuid?.() === 0 && mount(10);
afterAll(() => {
  if (mounted) spawnSync("umount", ["-l", disk]);
  rmSync(disk, { recursive: true, force: true });
});
const home = path.join(disk, "home");
const free = () => statfsSync(disk).bavail * statfsSync(disk).bsize;
const fill = () => {
  const at = path.join(disk, "filler");
  mkdirSync(disk, { recursive: true });
  try {
    for (let n = 0; ; n++)
      writeFileSync(`${at}-${n}`, Buffer.alloc(Math.min(2 ** 20, Math.max(4096, free()))));
  } catch {
    // full
  }
};
const empty = () => {
  for (let n = 0; n < 2000; n++) rmSync(`${path.join(disk, "filler")}-${n}`, { force: true });
};

test.runIf(mounted)(
  "a disk too small for the database is named; with room it starts",
  async () => {
    for (const size of [10, 60]) {
      mount(size, "remount");
      await expect(openStore({ home })).rejects.toThrow(/[Ff]ree some/);
    }
    mount(450, "remount");
    await using store = await openStore({ home });
    expect(await store.db.value(sql`select 1`, z.number())).toBe(1);
  },
  120_000,
);

test.runIf(mounted)(
  "a disk that can only be read is named; nothing is lost",
  async () => {
    mount(450, "remount", "ro");
    await expect(openStore({ home })).rejects.toThrow(/EROFS.*Give another/);
    mount(450, "remount", "rw");
    await using store = await openStore({ home });
    expect(await store.db.value(sql`select 1`, z.number())).toBe(1);
  },
  120_000,
);

test.runIf(mounted)(
  "a disk that fills while a server runs: what was taken stays, the rest is refused by name, and it goes on",
  async () => {
    await using store = await openStore({ home });
    const { db } = store;
    await db.run(sql`create table kept (n int primary key, text text)`);
    const said: number[] = [];
    const put = async (n: number) => {
      await db.run(
        sql`insert into kept select ${n}, string_agg(md5(i::text || ${String(n)}), '') from generate_series(1, 10000) i`,
      );
      said.push(n);
    };
    await put(0);
    fill();
    await expect(writeBlob(home, Buffer.alloc(200_000, "x"))).rejects.toThrow(/no space is left/);
    let refused: { code?: string } | undefined;
    for (let n = 1; n < 400 && !refused; n++)
      await put(n).catch((e: { code?: string }) => (refused = e));
    expect(refused).toMatchObject({
      code: expect.stringMatching(/^(?:53100|57P0\d|08\w+)$|disk_full|EPIPE|ECONN/),
    });
    empty();
    await expect
      .poll(() => db.value(sql`select 1`, z.number()).catch(() => 0), { timeout: 60_000 })
      .toBe(1);
    const kept = await db.many(sql`select n from kept order by n`, z.object({ n: z.number() }));
    expect(said.filter((n) => !kept.some((k) => k.n === n))).toEqual([]); // whoever was told that it is kept, it is
    await put(1000);
    await writeBlob(home, Buffer.alloc(200_000, "x"));
  },
  180_000,
);
