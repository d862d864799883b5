/** The trace out of the database: pages, one node, comments, search, and a file that comes back equal. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type PersonId, StoredNodeAnswer, type TraceNode } from "@tiller/schema";
import { makeTree, storeTree } from "./fixtures/tree.ts";
import {
  addComment,
  getNode,
  getTracedExperiment,
  listComments,
  searchTrace,
  tracePage,
} from "./trace.ts";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { exportTrace, importTrace } from "./trace-file.ts";
import { forecast } from "./progress.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-trace-"));
const viewer = { script: 'const x = "</script><!--";', style: "body{}" };
const tree = makeTree({ experiment: "study-1", nodes: 160, seed: 3, length: 72_000 });
let store: Store;
let ruth: PersonId;

beforeAll(async () => {
  store = await openStore({ home });
  await storeTree(store, tree);
  ruth = (
    await ensurePerson(store.db, {
      id: "ruth",
      name: "Ruth",
      pseudonym: "researcher-1",
      role: "researcher",
    })
  ).id;
}, 120_000);
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

async function* bytes(pieces: AsyncIterable<string>, cut = 65_537) {
  for await (const p of pieces) {
    const all = Buffer.from(p);
    for (let i = 0; i < all.length; i += cut) yield all.subarray(i, i + cut);
  }
}
/** A node, whatever experiment it stands in. */
const bare = (n: TraceNode, experiment: string) => ({
  ...n,
  id: n.id.slice(experiment.length),
  parent: n.parent?.slice(experiment.length),
  experiment: "",
  seq: 0,
});

test("a tree of the asked size comes out the same for the same seed", () => {
  expect(tree.nodes.length).toBe(160);
  expect(makeTree(tree.options)).toEqual(tree);
  expect(new Set(tree.nodes.map((n) => n.id)).size).toBe(160);
});

test("pages give every node once, then only what changed", async () => {
  const all = await tracePage(store.db, "study-1", 0);
  expect(all.nodes.map((n) => n.id).toSorted()).toEqual(tree.nodes.map((n) => n.id).toSorted());
  expect(await tracePage(store.db, "study-1", all.seq)).toEqual({
    nodes: [],
    seq: all.seq,
    more: false,
  });
  const touched = tree.nodes[5]!.id;
  await store.db.run(
    sql`update node set brief = brief || '!', seq = nextval('node_seq') where id = ${touched}`,
  );
  expect((await tracePage(store.db, "study-1", all.seq)).nodes.map((n) => n.id)).toEqual([touched]);
});

test("a node in full: its blob, its prompt's filled parts, who answered and how long it took", async () => {
  const model = tree.nodes.find((n) => n.kind === "model" && n.name === "critic")!;
  const shown = await getNode(store.db, home, { experiment: "study-1", node: model.id });
  expect(String(shown.output).length).toBeGreaterThan(64_000);
  expect(shown.output).toBe(model.output);
  expect(shown.prompt!.messages[0]!.parts.map((p) => p.filled !== undefined)).toEqual([
    false,
    true,
    false,
    true,
    false,
  ]);
  const ask = tree.nodes.find((n) => n.kind === "ask" && n.state === "done")!;
  const asked = await getNode(store.db, home, { experiment: "study-1", node: ask.id });
  expect(asked.answered.map((a) => a.by)).toEqual(["rater-1", "rater-2", "rater-3"]);
  expect(asked.answered[0]).toMatchObject({ place: 0, activeSeconds: 20, value: { choice: "a" } });
  expect(asked.wait).toBeNull();
  const waiting = tree.nodes.find((n) => n.state === "waiting" && n.kind === "ask")!;
  const open = await getNode(store.db, home, { experiment: "study-1", node: waiting.id });
  expect(open.wait).toMatchObject({
    wanted: 3,
    done: waiting.answers,
    free: 3 - waiting.answers,
    type: "comparison",
    held: [],
  });
  await expect(
    getNode(store.db, home, { experiment: "study-1", node: "study-1/nowhere" }),
  ).rejects.toThrow("has no node study-1/nowhere");
});

test("comments carry the author's pseudonym and stay with their node", async () => {
  const node = tree.nodes[7]!.id;
  const said = await addComment(store.db, {
    experiment: "study-1",
    node,
    person: ruth,
    text: "Why?",
  });
  expect(said).toMatchObject({ author: "researcher-1", node, text: "Why?" });
  expect(await listComments(store.db, "study-1")).toEqual([said]);
  expect((await getNode(store.db, home, { experiment: "study-1", node })).comments).toEqual([said]);
  await expect(
    addComment(store.db, { experiment: "other", node, person: ruth, text: "Why?" }),
  ).rejects.toThrow("experiment other has no node");
});

test("search finds what stands in inputs, outputs, errors and blobs, and takes % and quotes as they are", async () => {
  const look = (text: string) => searchTrace(store.db, home, { experiment: "study-1", text });
  const failed = tree.nodes.filter((n) => n.error).map((n) => n.id);
  expect(failed.length).toBeGreaterThan(0);
  const found = await look("ANSWERED 503 four");
  expect([found.nodes.toSorted(), found.complete]).toEqual([failed.toSorted(), true]);
  expect(await look("100%_never")).toEqual({ nodes: [], complete: true });
  // deep inside one large output
  const model = tree.nodes.find((n) => n.name === "critic")!;
  const deep = String(model.output).slice(70_000, 70_120);
  const parts = [1, 2].map((k) => model.id.replace(/critic$/, `review/part ${k}/draft`)); // its readers
  expect((await look(deep)).nodes.toSorted()).toEqual([model.id, ...parts].toSorted());
  expect((await look('a "storm" never named')).nodes).toEqual([]);
});

test("a forecast gives people's answers their own pace, and says when it cannot be made", () => {
  const now = new Date("2026-11-24T12:00:00Z");
  const at = (answers: [number, number], others: [number, number]) =>
    forecast("running", {
      answers: { left: answers[0], recent: answers[1] },
      others: { left: others[0], recent: others[1] },
      elapsed: 3600,
      now,
      queues: [],
    });
  // 10 answers an hour and 20 missing: two hours, however fast the rest goes
  expect(at([20, 10], [5, 500]).end).toBe("2026-11-24T14:00:00.000Z");
  expect(at([20, 0], [5, 500])).toEqual({
    end: null,
    endRange: null,
    basis: "nobody has answered in its time so far: 20 are wanted",
  });
  expect(at([0, 0], [0, 9]).end).toBeNull();
  expect(
    forecast("done", {
      answers: { left: 0, recent: 0 },
      others: { left: 0, recent: 0 },
      elapsed: 9,
      now,
      queues: [],
    }).basis,
  ).toBe("it has ended");
});

test("an experiment goes into a file and comes back equal, beside the old one and into a fresh database", async () => {
  const before = (await tracePage(store.db, "study-1", 0)).nodes;
  const made = await importTrace(store, bytes(exportTrace(store, "study-1", viewer)), {
    by: "researcher-1",
  });
  expect(made).toEqual({ experiment: "study-1-import-1", nodes: 160 });
  const after = (await tracePage(store.db, made.experiment, 0)).nodes;
  expect(after.map((n) => bare(n, made.experiment))).toEqual(before.map((n) => bare(n, "study-1")));
  const experiment = await getTracedExperiment(store.db, made.experiment);
  expect(experiment).toMatchObject({ imported: true, state: "cancelled", title: "Reading study" });
  for (const n of before.filter((_, i) => i % 9 === 0)) {
    const old = await getNode(store.db, home, { experiment: "study-1", node: n.id });
    const back = await getNode(store.db, home, {
      experiment: made.experiment,
      node: made.experiment + n.id.slice("study-1".length),
    });
    expect({ ...bare(back, made.experiment), wait: null }).toEqual({
      ...bare(old, "study-1"),
      wait: null,
    });
  }
  const other = mkdtempSync(path.join(tmpdir(), "tiller-trace-"));
  const fresh = await openStore({ home: other });
  try {
    // exported twice over: the file of the import is as good as the first
    const again = await importTrace(
      fresh,
      bytes(exportTrace(store, made.experiment, viewer), 1000),
      { by: "someone" },
    );
    expect(again.experiment).toBe(made.experiment);
    const nodes = (await tracePage(fresh.db, again.experiment, 0)).nodes;
    expect(nodes.map((n) => bare(n, again.experiment))).toEqual(
      before.map((n) => bare(n, "study-1")),
    );
    expect((await listComments(fresh.db, again.experiment)).map((c) => c.text)).toEqual(["Why?"]);
  } finally {
    await fresh.close();
    rmSync(other, { recursive: true, force: true });
  }
}, 120_000);

test("a file that is not whole is refused and leaves nothing behind", async () => {
  let text = "";
  for await (const p of exportTrace(store, "study-1", viewer)) text += p;
  const experiments = () => store.db.value(sql`select count(*)::int from experiment`, z.number());
  const known = await experiments();
  const load = (t: string) =>
    importTrace(
      store,
      (async function* () {
        yield Buffer.from(t);
      })(),
      { by: "x" },
    );
  await expect(load("<html>hello</html>")).rejects.toThrow("its head is missing");
  await expect(load(text.slice(0, -2000))).rejects.toThrow(/not a whole exported trace/);
  const block = text.indexOf('id="block-0">') + 100;
  await expect(load(text.slice(0, block) + "AAAA" + text.slice(block + 4))).rejects.toThrow(
    "a block is damaged",
  );
  expect(await experiments()).toBe(known);
}, 60_000);

test("a file of version 1, whose head calls the experiment a run, comes in the same", async () => {
  let text = "";
  for await (const p of exportTrace(store, "study-1", viewer)) text += p;
  const head = /id="head">([^<]*)</.exec(text)![1]!;
  const { experiment, ...rest } = JSON.parse(Buffer.from(head, "base64").toString());
  const before = Buffer.from(JSON.stringify({ ...rest, version: 1, run: experiment }));
  const file = (async function* () {
    yield Buffer.from(text.replace(head, before.toString("base64")));
  })();
  const made = await importTrace(store, file, { by: "x" });
  expect(await getTracedExperiment(store.db, made.experiment)).toMatchObject({
    title: experiment.title,
    origin: { imported: { from: "study-1" } },
  });
}, 60_000);

test("who answered is read from a file or an import of any age", () => {
  const answer = { task: "t", place: 0, simulated: false, value: 1, activeSeconds: 2, at: "2026-11-26T00:00:00.000Z" }; // prettier-ignore
  const now = { ...answer, by: "rater-1" };
  expect(StoredNodeAnswer.parse({ ...answer, pseudonym: "rater-1" })).toEqual(now);
  expect(StoredNodeAnswer.parse(now)).toEqual(now);
});

test("a file holds its own experiment alone, and no more than it seems", async () => {
  let text = "";
  for await (const p of exportTrace(store, "study-1", viewer)) text += p;
  const element = (id: string) => new RegExp(`id="${id}">([^<]*)<`).exec(text)![1]!;
  const read = (id: string): any =>
    JSON.parse(gunzipSync(Buffer.from(element(id), "base64")).toString());
  const packed = (x: Buffer | string) => gzipSync(x).toString("base64");
  const load = (t: string) =>
    importTrace(
      store,
      bytes(
        (async function* () {
          yield await Promise.resolve(t);
        })(),
      ),
      { by: "x" },
    );
  const changed = (id: string, change: (json: any) => unknown) => {
    const json = read(id);
    return text.replace(element(id), packed(JSON.stringify(change(json) ?? json)));
  };
  const state = () =>
    store.db.many(
      sql`select id, output, links, experiment from node where experiment = 'study-1' order by id`,
      z.unknown(),
    );
  const before = await state();
  const target = read("nodes").find((n: any) => n.kind === "ask").id as string;
  const other = "somebody-elses";
  const refused: [string, string, RegExp][] = [
    [
      "a block that writes elsewhere",
      changed("block-0", (b) => b.map((r: any) => ({ ...r, id: target }))),
      /node 1 should be study-1 and is/,
    ],
    [
      "nodes of another experiment",
      changed("nodes", (n) => void (n[3].id = `${other}/x`)),
      /has a node somebody-elses\/x/,
    ],
    [
      "a parent in another experiment",
      changed("nodes", (n) => void (n[3].parent = other)),
      /has a node somebody-elses/,
    ],
    [
      "a name that only begins like it",
      changed("nodes", (n) => void (n[3].id = "study-12/x")),
      /has a node study-12\/x/,
    ],
    ["a node twice", changed("nodes", (n) => void (n[3].id = n[2].id)), /a node twice/],
    ["a negative cost", changed("nodes", (n) => void (n[3].cost = -1e300)), /cost: Too small/],
    [
      "a count beyond the column",
      changed("nodes", (n) => void (n[3].tokens = 2 ** 40)),
      /tokens: Too big/,
    ],
    ["NUL", changed("nodes", (n) => void (n[3].name = "a\0b")), /has a NUL/],
    [
      "too much unpacked",
      text.replace(element("nodes"), packed(Buffer.alloc(300e6, " "))),
      /unpacks to more than/,
    ],
    [
      "two heads",
      text.replace(
        '<script type="text/tiller-trace" id="nodes"',
        `<script type="text/tiller-trace" id="head">${element("head")}</script>\n$&`,
      ),
      /two heads/,
    ],
    ["no head", text.replace(element("head"), "AAAA"), /head/],
  ];
  for (const [what, file, why] of refused) await expect(load(file), what).rejects.toThrow(why);
  expect(await state()).toEqual(before);

  // a link to a batch of another experiment names nothing here; what is named by its content stays
  const links = [
    { kind: "batch", id: `${other}/ask` },
    { kind: "batch", id: target },
    { kind: "experiment", id: "study-1" },
    { kind: "experiment", id: other },
    { kind: "dataset", id: "d".repeat(64) },
  ];
  const made = await load(changed("block-0", (b) => void (b[1].links = links)));
  const node = made.experiment + read("block-0")[1].id.slice("study-1".length);
  expect(await store.db.value(sql`select links from node where id = ${node}`, z.unknown())).toEqual(
    [
      { kind: "batch", id: `${made.experiment}:${other}/ask` },
      { kind: "batch", id: made.experiment + target.slice("study-1".length) },
      { kind: "experiment", id: made.experiment },
      { kind: "experiment", id: `${made.experiment}:${other}` },
      { kind: "dataset", id: "d".repeat(64) },
    ],
  );
}, 60_000);
