/** Text that DBOS sends again and again is planned once a connection, and a table that changes under it does no harm. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLost, openStore, type Store } from "./index.ts";
import { NamingClient } from "./named.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-named-"));
let store: Store;
let client: NamingClient;
beforeAll(async () => {
  store = await openStore({ home });
  client = new NamingClient(store.config);
  await client.connect();
}, 60_000);
afterAll(async () => {
  await client.end();
  await store.close();
  rmSync(home, { recursive: true, force: true });
});
const planned = async (like: string) =>
  (
    await client.query({
      text: "select statement from pg_prepared_statements where statement like $1",
      values: [like],
    })
  ).rows.map((r: { statement: string }) => r.statement);

test("from its fifth time a text with values is a named statement; without values or seldom it is not", async () => {
  const often = "select $1::int + 1 as often";
  for (let i = 0; i < 4; i++)
    expect((await client.query(often, [i])).rows).toEqual([{ often: i + 1 }]);
  expect(await planned("%often%")).toEqual([]);
  for (let i = 4; i < 8; i++)
    expect((await client.query(often, [i])).rows).toEqual([{ often: i + 1 }]);
  for (let i = 0; i < 8; i++) await client.query("select 1 as bare_text");
  await client.query("select $1::int as seldom", [1]);
  expect(await planned("%often%")).toEqual([often]);
  expect(await planned("%bare_text%")).toEqual([]);
  expect(await planned("%seldom%")).toEqual([]);
});

test("with a callback it is the same, as pg's own pool asks", async () => {
  const text = "select $1::int * 2 as called_back";
  const ask = (n: number) =>
    new Promise<number>((done, fail) =>
      client.query(text, [n], (e: Error | null, r?: pg.QueryResult<{ called_back: number }>) =>
        e ? fail(e) : done(r!.rows[0]!.called_back),
      ),
    );
  for (let i = 0; i < 8; i++) expect(await ask(i)).toBe(2 * i);
  expect(await planned("%called_back%")).toEqual([text]);
});

test("a table that changed under a kept plan fails once as a lost connection does, and never again", async () => {
  const text = "select * from changing where id = $1";
  await client.query("create table changing (id int)");
  await client.query("insert into changing values (1)");
  for (let i = 0; i < 8; i++) expect((await client.query(text, [1])).rows).toEqual([{ id: 1 }]);
  await client.query("alter table changing add column more text");
  const error: unknown = await client.query(text, [1]).catch((e: unknown) => e);
  expect(isLost(error)).toBe(true);
  for (let i = 0; i < 8; i++)
    expect((await client.query(text, [1])).rows).toEqual([{ id: 1, more: null }]);
});

test("an error of the statement itself stays what it is", async () => {
  const text = "select 1 / $1::int as divided";
  for (let i = 1; i < 8; i++) await client.query(text, [i]);
  const error: unknown = await client.query(text, [0]).catch((e: unknown) => e);
  expect(isLost(error)).toBe(false);
  expect(error).toMatchObject({ code: "22012" });
});
