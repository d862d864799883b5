/**
 * A backup under load and its restore: every answer that was there before it began is in it, files are checked, an experiment
 * that waited goes on, and what was cut off or changed is refused.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentId } from "@tiller/schema";
import { createExperiment } from "@tiller/lab";
import { openStore, restoreBackup, sql, type Store, writeBackup } from "./index.ts";
import { writeBlob, readBlob } from "./blobs.ts";

const folder = mkdtempSync(path.join(tmpdir(), "tiller-backup-"));
chmodSync(folder, 0o755); // Postgres has a user of its own where this runs as root
const home = path.join(folder, "home");
const file = path.join(folder, "backup.tar");
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
  await store.db.run(sql`create table load (id int primary key, words text)`);
});
afterAll(async () => {
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});
const rows = (s: Store) => s.db.value(sql`select count(*)::int from load`, z.number());

test("under load: all that was there is in it, consistent, and the copy opens and goes on", async () => {
  const hash = await writeBlob(home, Buffer.from("a large value"));
  await createExperiment(store.db, {
    id: ExperimentId.parse("e1"),
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  const model = path.join(home, "jobs/job-1/policy");
  mkdirSync(model, { recursive: true });
  writeFileSync(path.join(model, "model.safetensors"), Buffer.alloc(3 << 20, 7));
  writeFileSync(path.join(home, "jobs/job-1/result.json"), JSON.stringify({ path: model }));
  writeFileSync(path.join(home, "jobs/job-1/snapshot.part"), "half");
  await store.db.run(
    sql`insert into checkpoint (id, name, kind, path, metrics) values ('c1', 'policy', 'lm', ${model}, '{}')`,
  );
  let [id, busy] = [0, true];
  const insert = () => store.db.run(sql`insert into load values (${id++}, repeat('words ', 2000))`);
  for (let i = 0; i < 200; i++) await insert();
  const load = (async () => {
    while (busy) {
      await insert();
      await store.db.run(sql`update load set words = words || 'x' where id % 50 = ${id % 50}`);
      if (id % 100 === 0) await store.db.run(sql`checkpoint`);
    }
  })();
  const before = await rows(store);
  const done = await writeBackup(store, file);
  const after = await rows(store);
  busy = false;
  await load;
  expect(done.files).toBeGreaterThan(500);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(existsSync(`${file}.part`)).toBe(false);
  const left = await store.db.value(
    sql`select count(*)::int from pg_replication_slots`,
    z.number(),
  );
  expect(left).toBe(0); // nothing keeps the log for ever

  const fresh = path.join(folder, "restored");
  const restored = await restoreBackup(file, fresh);
  const experiments = await store.db.value(sql`select count(*)::int from experiment`, z.number());
  expect([restored.experiments, restored.files]).toEqual([experiments, done.files]);
  await using copy = await openStore({ home: fresh });
  const got = await rows(copy);
  expect(got).toBeGreaterThanOrEqual(before);
  expect(got).toBeLessThanOrEqual(after);
  // a prefix of what was written, none missing in between, none half
  const last = await copy.db.value(sql`select max(id) + 1 from load`, z.number());
  expect(last).toBe(got);
  expect((await readBlob(fresh, hash)).toString()).toBe("a large value");
  const moved = path.join(fresh, "jobs/job-1/policy");
  expect(await copy.db.value(sql`select path from checkpoint`, z.string())).toBe(moved);
  expect(readFileSync(path.join(fresh, "jobs/job-1/result.json"), "utf8")).toContain(moved);
  expect(statSync(path.join(moved, "model.safetensors")).size).toBe(3 << 20);
  expect(existsSync(path.join(fresh, "jobs/job-1/snapshot.part"))).toBe(false);
  await copy.db.run(sql`insert into load values (-1, '')`);
}, 300_000);

test("compressed, with the server stopped, comes back the same", async () => {
  await store.close();
  const zipped = path.join(folder, "backup.tar.gz");
  {
    await using guest = await openStore({ home, guest: true });
    await writeBackup(guest, zipped);
  }
  expect(statSync(zipped).size).toBeLessThan(statSync(file).size / 2);
  await restoreBackup(zipped, path.join(folder, "unzipped"));
  store = await openStore({ home });
}, 300_000);

test("what is not empty, cut off, changed or no backup is refused, and nothing is left", async () => {
  await expect(restoreBackup(file, home)).rejects.toThrow(/is not empty/);
  const bad = path.join(folder, "bad.tar");
  const target = path.join(folder, "target");
  const refused = async (what: RegExp) => {
    await expect(restoreBackup(bad, target)).rejects.toThrow(what);
    expect(existsSync(target) && statSync(target).isDirectory()).toBe(true);
    rmSync(target, { recursive: true });
  };
  cpSync(file, bad);
  truncateSync(bad, statSync(bad).size - 4096);
  await refused(/cut off|is missing/);
  truncateSync(bad, 100_000);
  await refused(/cut off/);
  const bytes = readFileSync(file);
  const place = bytes.indexOf("a large value");
  expect(place).toBeGreaterThan(0);
  bytes[place] = 0x41;
  writeFileSync(bad, bytes);
  await refused(/its hash differs/);
  writeFileSync(bad, "no tar at all");
  await refused(/no whole backup/);
  rmSync(bad);
  await refused(/there is no file/);
}, 300_000);
