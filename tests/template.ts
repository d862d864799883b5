/**
 * The pages are built once, and not by the first files at once, each emptying what another serves. One database is made for
 * a whole run of tests, with all tables; each home begins as a copy of it, which takes a tenth of the time. A machine that
 * loses power may lose a copy's last second: no test takes its power.
 */
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openStore, sql } from "@tiller/store";
import { buildWeb } from "@tiller/web/build.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-template-"));

export async function setup(): Promise<void> {
  if (process.env["TILLER_TESTS"]) await buildWeb();
  const store = await openStore({ home });
  await store.db.run(sql`delete from executor`);
  await store.close();
  const data = path.join(home, "postgres/data");
  appendFileSync(path.join(data, "postgresql.conf"), "\nfsync = off\nfull_page_writes = off\n");
  process.env["TILLER_POSTGRES_TEMPLATE"] = data;
}

export const teardown = (): void => rmSync(home, { recursive: true, force: true });
