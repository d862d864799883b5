/**
 * An experiment with values of tens of megabytes: lists, pages and events carry none of them whole, each comes as a file
 * of its own, and an exported trace says what it left out. In process, on the real database.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentId, NodeView } from "@tiller/schema";
import { createExperiment, endExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, writeBlob } from "@tiller/store";
import { exportTrace, importTrace, writeNodes } from "@tiller/flow";
import { openServer, type TestServer } from "./fixtures/server.ts";

const MB = 1_000_000;
const experiment = ExperimentId.parse("large-1");
const at = "2026-01-01T00:00:00.000Z";
/** JSON of so many bytes that no compression makes small. */
const text = (bytes: number) => {
  const words = Array.from({ length: bytes / 8 }, (_, i) =>
    ((i * 2654435761) % 2 ** 32).toString(36).padStart(8, "é").slice(0, 8),
  );
  return words.join("");
};
const output = JSON.stringify({ essay: text(20 * MB) });
const input = JSON.stringify({ words: text(2 * MB) });
let site: TestServer;
let token: string;
let blob: string;

beforeAll(async () => {
  site = await openServer();
  const { store, home } = site;
  const { id } = await ensurePerson(store.db, {
    id: "r",
    name: "R",
    pseudonym: "r-1",
    role: "researcher",
  });
  token = await issueToken(store.db, id, "session");
  await createExperiment(store.db, {
    id: experiment,
    recipe: "r@1",
    title: "Large",
    seed: 1,
    config: { text: text(3 * MB) },
    stages: [],
  });
  blob = await writeBlob(home, Buffer.from(output));
  const node = {
    experiment,
    place: 1,
    startedAt: at,
    endedAt: at,
    state: "done",
    replayed: false,
  } as const;
  const prompt = { messages: [{ role: "user", parts: [{ text: text(2 * MB) }] }] } as never;
  await writeNodes(store.db, [
    {
      ...node,
      id: experiment,
      parent: null,
      kind: "workflow",
      name: "large",
      input: { blob: await writeBlob(home, Buffer.from(input)) },
      output: { blob },
    },
    {
      ...node,
      id: `${experiment}/model`,
      parent: experiment,
      kind: "model",
      name: "model",
      prompt,
      output: { value: "small" },
    },
  ]);
  await endExperiment(store.db, experiment, {
    state: "done",
    resultBlob: blob,
    resultBytes: Buffer.byteLength(output),
  });
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const get = (url: string) =>
  site.app.request(url, { headers: { authorization: `Bearer ${token}` } });
const part = (node: string, which: string) =>
  get(
    `/api/studio/experiments/${experiment}/trace/part?id=${encodeURIComponent(node)}&part=${which}`,
  );
const nodeOf = async (node: string) =>
  NodeView.parse(
    await (
      await get(`/api/studio/experiments/${experiment}/trace/node?id=${encodeURIComponent(node)}`)
    ).json(),
  );

test("no page and no list carries a large value", async () => {
  for (const url of [
    "/api/studio/experiments",
    `/api/studio/experiments/${experiment}`,
    "/api/studio/progress",
    `/api/studio/experiments/${experiment}/trace`,
    `/api/studio/experiments/${experiment}/trace/experiment`,
    `/api/studio/experiments/${experiment}/trace/node?id=${experiment}`,
    `/api/studio/experiments/${experiment}/trace/node?id=${encodeURIComponent(`${experiment}/model`)}`,
    `/api/studio/experiments/${experiment}/trace/digests`,
  ]) {
    const reply = await get(url);
    expect([url, reply.status]).toEqual([url, 200]);
    expect([url, (await reply.text()).length < 20_000]).toEqual([url, true]);
  }
});

test("a node says what is left out, how large it is and how it begins; each part comes whole", async () => {
  const root = await nodeOf(experiment);
  expect([root.input, root.output]).toEqual([null, null]);
  expect(root.large.map((l) => [l.part, l.bytes])).toEqual([
    ["input", Buffer.byteLength(input)],
    ["output", Buffer.byteLength(output)],
  ]);
  expect(output.startsWith(root.large[1]!.begins)).toBe(true);
  expect(root.large[1]!.begins.length).toBeGreaterThan(1000);
  const model = await nodeOf(`${experiment}/model`);
  expect([model.prompt, model.output, model.large.map((l) => l.part)]).toEqual([
    null,
    "small",
    ["prompt"],
  ]);

  const whole = await part(experiment, "output");
  expect(whole.headers.get("content-length")).toBe(String(Buffer.byteLength(output)));
  expect(whole.headers.get("content-disposition")).toContain("large-1.output.json");
  expect((await whole.text()) === output).toBe(true);
  expect((await (await part(experiment, "input")).text()) === input).toBe(true);
  const prompt = (await (await part(`${experiment}/model`, "prompt")).json()) as {
    messages: { parts: { text: string }[] }[];
  };
  expect(prompt.messages[0]!.parts[0]!.text === text(2 * MB)).toBe(true);
  expect(await (await part(`${experiment}/model`, "answers")).json()).toEqual([]);
  expect(
    (await (await get(`/api/studio/experiments/${experiment}/result`)).text()) === output,
  ).toBe(true);

  expect((await part(`${experiment}/none`, "output")).status).toBe(404);
  expect((await part("other", "output")).status).toBe(404);
  expect((await part(experiment, "constructor")).status).toBe(400);
});

test("an exported trace names what it left out, and comes back", async () => {
  let file = "";
  for await (const piece of exportTrace(site.store, experiment, { script: "", style: "" }))
    file += piece;
  expect(file.length).toBeLessThan(12 * MB); // the values below the bound, packed
  async function* bytes() {
    yield Buffer.from(file);
  }
  const { experiment: id } = await importTrace(site.store, bytes(), { by: "r-1" });
  const back = NodeView.parse(
    await (await get(`/api/studio/experiments/${id}/trace/node?id=${id}`)).json(),
  );
  expect(back.output).toBeNull();
  expect(back.large.map((l) => [l.part, l.bytes]).toReversed()).toEqual([
    ["input", Buffer.byteLength(input)],
    ["output", Buffer.byteLength(output)],
  ]);
  const url = `/api/studio/experiments/${id}/trace/part?id=${id}&part=`;
  expect((await (await get(`${url}input`)).text()) === input).toBe(true);
  const gone = await get(`${url}output`);
  expect([gone.status, await gone.json()]).toEqual([
    404,
    expect.objectContaining({ code: "left_out" }),
  ]);
});

test("a damaged value never looks like a whole one", async () => {
  const file = path.join(site.home, "blobs", blob.slice(0, 2), blob);
  const good = readFileSync(file);
  const bad = Buffer.from(good);
  bad[bad.length - 5]! ^= 1;
  writeFileSync(file, bad);
  await expect((await part(experiment, "output")).text()).rejects.toThrow(
    /damaged|terminated|aborted/,
  );
  rmSync(file);
  expect(await (await part(experiment, "output")).json()).toMatchObject({ code: "missing_blob" });
  writeFileSync(file, good);
});

test("a trace that arrives slowly holds no transaction open, and a broken one leaves no file", async () => {
  let file = "";
  for await (const piece of exportTrace(site.store, experiment, { script: "", style: "" }))
    file += piece;
  const bytes = Buffer.from(file);
  let go = () => {};
  const waiting = new Promise<void>((resolve) => (go = resolve));
  const body = new ReadableStream<Uint8Array>({
    async start(out) {
      out.enqueue(bytes.subarray(0, bytes.length - 1000));
      await waiting;
      out.enqueue(bytes.subarray(bytes.length - 1000));
      out.close();
    },
  });
  const init: RequestInit & { duplex: "half" } = {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "text/html" },
    body,
    duplex: "half",
  };
  const arriving = site.app.request("/api/studio/traces", init);
  await expect.poll(() => readdirSync(path.join(site.home, "uploads")).length).toBe(1);
  const open = sql`select count(*)::int from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%'`;
  expect(await site.store.db.value(open, z.number())).toBe(0);
  go();
  expect((await arriving).status).toBe(200);
  const cut = { ...init, body: bytes.subarray(0, bytes.length / 2) };
  expect((await site.app.request("/api/studio/traces", cut)).status).toBe(400);
  expect(readdirSync(path.join(site.home, "uploads"))).toEqual([]);
});
