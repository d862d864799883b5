/** POST /api/data/import: what its options do, in process; each refusal is 400 with the row and the remedy. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Imported } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let token: string;
beforeAll(async () => {
  site = await openServer();
  const { db } = site.store;
  const me = await ensurePerson(db, {
    id: "robot",
    name: "robot",
    pseudonym: "robot",
    role: "service",
  });
  token = await issueToken(db, me.id, "key");
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});
async function send(query: Record<string, string>, body: string | Uint8Array<ArrayBuffer>) {
  const reply = await site.app.request(`/api/data/import?${new URLSearchParams(query)}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body,
  });
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
}
const good = async (query: Record<string, string>, body: string | Uint8Array<ArrayBuffer>) => {
  const { status, body: said } = await send(query, body);
  expect([status, said["message"]]).toEqual([200, undefined]);
  return Imported.parse(said);
};

const rows = [
  { prompt: "p", chosen: "a", rejected: "b" },
  { prompt: "p", chosen: "a", rejected: "b" },
  { prompt: "p", chosen: "b", rejected: "a" },
  { prompt: "q", chosen: "x", rejected: "x" },
  { prompt: "r", chosen: "x", rejected: "y" },
]
  .map((r) => JSON.stringify(r))
  .join("\n");

test("dirt: kept and counted, left out and counted, or refused with the lines", async () => {
  const ask = (dirt: string) => ({ format: "trl", experiment: `dirt-${dirt}`, dirt });
  expect(await good({ format: "trl", experiment: "dirt-unsaid" }, rows)).toMatchObject({
    rows: 5,
    answers: 4,
    people: 3,
    dirt: [
      { kind: "equal", found: 1, leftOut: 1, lines: [4] },
      { kind: "repeat", found: 1, leftOut: 0, lines: [2] },
      { kind: "both-ways", found: 1, leftOut: 0, lines: [3] },
    ],
  });
  expect(await good(ask("skip"), rows)).toMatchObject({
    answers: 1,
    dirt: [
      { kind: "equal", leftOut: 1 },
      { kind: "repeat", leftOut: 1 },
      { kind: "both-ways", leftOut: 2 },
    ],
  });
  const { status, body } = await send(ask("fail"), rows);
  expect([status, body["message"]]).toEqual([
    400,
    expect.stringMatching(/line 4: chosen and rejected are the same.*nothing was imported/),
  ]);
  expect((await send(ask("perhaps"), rows)).status).toBe(400);
  expect(await good({ ...ask("report"), dry: "1" }, rows)).toMatchObject({ answers: 4, dry: true });
  expect(await good(ask("report"), rows)).toMatchObject({ answers: 4, known: 0 });
});

test("encoding: declared, refused with line and byte where it is wrong, unknown ones named", async () => {
  const csv = (text: string) =>
    Uint8Array.from(Buffer.from(`prompt,chosen,rejected\np,${text},b\n`, "latin1"));
  const ask = { format: "trl", as: "csv", experiment: "encoding" };
  const wrong = await send(ask, csv("caf\u00e9"));
  expect([wrong.status, wrong.body["message"]]).toEqual([
    400,
    expect.stringMatching(/line 2: byte 29 of the file, 0xe9, is no UTF-8\. Say what it is/),
  ]);
  expect(await good({ ...ask, encoding: "windows-1252" }, csv("caf\u00e9"))).toMatchObject({
    answers: 1,
  });
  const out = await site.app.request("/api/data/export?experiment=encoding&format=trl", {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(await out.text()).toContain("caf\u00e9");
  const unknown = await send({ ...ask, encoding: "klingon" }, csv("x"));
  expect([unknown.status, unknown.body["message"]]).toEqual([
    400,
    expect.stringContaining('there is no encoding "klingon". Give utf-8'),
  ]);
  const utf16 = Uint8Array.from(
    Buffer.from("\ufeffprompt,chosen,rejected\nq,\u4e2d,b\n", "utf16le"),
  );
  expect(await good(ask, utf16)).toMatchObject({ answers: 1 });
  expect(await good({ ...ask, separator: ";" }, "prompt;chosen;rejected\nz;c;d\n")).toMatchObject({
    answers: 1,
  });
});

test("guarded: our own CSV says so itself; the word is for files from before", async () => {
  const ask = { format: "trl", as: "csv" };
  const text = async (experiment: string) => {
    const out = await site.app.request(`/api/data/export?experiment=${experiment}&format=trl`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return JSON.parse(await out.text()) as unknown;
  };
  const csv = "prompt,chosen,rejected\np,'=a,b\n";
  await good({ ...ask, experiment: "g1" }, csv);
  expect(await text("g1")).toMatchObject({ chosen: "'=a" });
  await good({ ...ask, experiment: "g2", guarded: "1" }, csv);
  expect(await text("g2")).toMatchObject({ chosen: "=a" });
});
