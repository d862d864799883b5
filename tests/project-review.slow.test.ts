/** What a lead does with results, over HTTP: undecided splits, accept, fix, send back, undo, people, and files that others read. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { qualityCommand } from "@tiller/cli/quality.ts";
import { createClient, type TillerClient } from "@tiller/client";
import { readComparisons, readRows } from "@tiller/data";
import type { ProjectExport } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let lead: TillerClient;
const rater = new Map<string, TillerClient>();
let id: string;
beforeAll(async () => {
  site = await openServer({ chance: () => 0.999 });
  const clientOf = async (name: string, role: "lead" | "rater") => {
    const me = await ensurePerson(site.store.db, { id: name, name, pseudonym: name, role });
    return createClient({
      baseURL: "http://tiller",
      token: await issueToken(site.store.db, me.id, "session"),
      fetch: async (to, init) => site.app.request(to instanceof Request ? to : to.toString(), init),
    });
  };
  lead = await clientOf("lead", "lead");
  for (const name of ["ann", "ben"]) rater.set(name, await clientOf(name, "rater"));
  const rows = Array.from({ length: 6 }, (_, i) => `What is ${i}?,left ${i},right ${i},seen ${i}`);
  const { file } = await lead.uploadItems({
    name: "pairs.csv",
    body: `prompt,a,b,label\n${rows.join("\n")}\n`,
  });
  const asked = { title: "Pairs", kind: "forced-comparison@1", file, people: 2 };
  ({ project: id } = await lead.createProject({ body: asked }));
  await answerAll("ann", () => "a");
  await answerAll("ben", (text) => (/What is [05]/.test(text) ? "b" : "a"));
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

async function answerAll(who: string, choose: (input: string) => "a" | "b"): Promise<number> {
  const client = rater.get(who)!;
  for (let n = 0; ; n++) {
    const next = await client.nextTask({ body: { holding: [] } });
    if (next.kind !== "task") return n;
    const { lease, input } = next.lease;
    const value = { choice: choose(JSON.stringify(input)) };
    await client.submitAnswer({ body: { lease, value, activeSeconds: 0, idleSeconds: 0 } });
  }
}
const shown = async (show: "undecided" | "review" | "accepted" | "returned" | "fixed") =>
  (await lead.listItems({ id, show })).items.map((i) => i.place);
const file = async (o: { rows?: ProjectExport["rows"]; as: "csv" | "jsonl" | "parquet" }) =>
  new Uint8Array(await new Response(await lead.exportProject({ id, ...o })).arrayBuffer());
const jsonl = async (rows: ProjectExport["rows"]) =>
  new TextDecoder()
    .decode(await file({ rows, as: "jsonl" }))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("an even split is undecided, and TRL gets only what was decided", async () => {
  expect(await shown("undecided")).toEqual([1, 6]);
  const { items, states } = await lead.listItems({ id, limit: 1 });
  expect(items[0]!.labels[0]).toMatchObject({ undecided: true, words: "undecided" });
  expect(items[0]!.labels[0]!.value).toBeUndefined();
  expect(states).toMatchObject({ review: 6, open: 0 });
  const rows = await jsonl("trl");
  expect(rows).toHaveLength(4);
  expect(rows[0]).toEqual({ prompt: "What is 1?", chosen: "left 1", rejected: "right 1" });
  expect(await lead.exportCounts({ id, rows: "trl", as: "jsonl" })).toEqual({
    rows: 4,
    leftOut: [{ why: "undecided", items: 2 }],
  });
  expect((await jsonl("items"))[0]).toMatchObject({ choice: "undecided", label: "seen 0" });
});

test("votes are each pair once with who chose what, and comparisons are read from them", async () => {
  const rows = await jsonl("votes");
  expect(rows).toHaveLength(6);
  const [even, agreed] = rows.map((r) => (r["votes"] as { choice: string }[]).map((v) => v.choice));
  expect([even!.toSorted(), agreed]).toEqual([
    ["a", "b"],
    ["a", "a"],
  ]);
  expect(rows[0]).toMatchObject({ prompt: "What is 0?", a: "left 0", b: "right 0" });
  const at = path.join(mkdtempSync(path.join(tmpdir(), "tiller-votes-")), "votes.jsonl");
  onTestFinished(() => rmSync(path.dirname(at), { recursive: true }));
  writeFileSync(at, rows.map((r) => JSON.stringify(r)).join("\n"));
  const { pairs } = await readComparisons(at);
  expect(pairs).toHaveLength(6);
  expect(new Set(pairs.flatMap((p) => p.votes.map((v) => v.rater))).size).toBe(2);
  await expect(lead.exportProject({ id, rows: "votes", as: "csv" })).rejects.toThrow(/as jsonl/);
});

test("accept, fix and send back in bulk; what cannot be done is named; each is taken back whole", async () => {
  const all = await lead.reviewItems({
    id,
    body: { act: "accept", items: { show: "review" } },
  } as never);
  expect(all).toMatchObject({ items: 4 });
  expect(all.left.map((l) => l.place)).toEqual([1, 6]);
  expect(all.left[0]!.why).toMatch(/choice is undecided: fix it, or send it back/);
  expect(await shown("accepted")).toEqual([2, 3, 4, 5]);

  await expect(
    lead.reviewItems({ id, body: { act: "fix", items: [1], value: { choice: "tie" } } }),
  ).rejects.toThrow(/item 1: .*choice/);
  const fixed = await lead.reviewItems({
    id,
    body: { act: "fix", items: [1], value: { choice: "b" }, note: "The right one has the number." },
  });
  expect((await lead.getItem({ id, place: 1 })).labels[0]).toMatchObject({
    value: "b",
    undecided: false,
  });
  expect((await jsonl("items"))[0]).toMatchObject({
    choice: "b",
    state: "fixed",
    reviewed_by: "lead",
  });
  expect((await jsonl("votes"))[0]!["votes"]).toEqual([{ choice: "b", rater: "lead" }]);
  // who said otherwise is told
  expect((await rater.get("ann")!.listFeedback()).threads.map((t) => t.messages[0]!.text)).toEqual([
    "The right one has the number.",
  ]);
  expect((await rater.get("ben")!.listFeedback()).threads).toEqual([]);

  const sent = await lead.reviewItems({ id, body: { act: "return", items: [6, 5] } });
  expect(sent).toMatchObject({ items: 2, left: [] });
  expect(await shown("returned")).toEqual([5, 6]);
  expect(await lead.getProject({ id })).toMatchObject({ answers: 8, wanted: 12 });
  expect((await lead.getItem({ id, place: 6 })).said.map((s) => s.returned)).toEqual([true, true]);
  expect(await lead.undoReview({ id, review: sent.review })).toMatchObject({ items: 2, left: [] });
  expect(await lead.getProject({ id })).toMatchObject({ answers: 12 });
  expect(await shown("accepted")).toEqual([2, 3, 4, 5]); // the acceptance of 5 stands again

  const again = await lead.reviewItems({ id, body: { act: "return", items: [6] } });
  expect(await answerAll("ann", () => "b")).toBe(1); // whoever answered may have it once more
  await expect(lead.undoReview({ id, review: again.review })).rejects.toThrow(
    /nothing was taken back: item 6: people are at it again/,
  );
  expect(await answerAll("ben", () => "b")).toBe(1);
  expect((await lead.getItem({ id, place: 6 })).labels[0]).toMatchObject({ value: "b" });
  expect(await shown("review")).toEqual([6]);
  await lead.undoReview({ id, review: fixed.review });
  expect(await shown("undecided")).toEqual([1]);
});

test("answers by person, and every answer as a file that `tiller quality aggregate` reads", async () => {
  expect(await lead.projectPeople({ id })).toMatchObject([
    { rater: "ann", answers: 7, returned: 1, compared: 5, agreement: 1, gold: { right: 0, of: 0 } },
    { rater: "ben", answers: 7, returned: 1 },
  ]);
  const all = await jsonl("answers");
  expect(all).toHaveLength(14);
  expect(all[0]).toMatchObject({ item: 1, worker: "ann", choice: "a", sent_back: false });
  const csv = path.join(site.home, "answers.csv");
  writeFileSync(csv, await file({ rows: "answers", as: "csv" }));
  const said: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
  const told = vi.spyOn(console, "error").mockImplementation(() => {});
  try {
    expect(await qualityCommand.run(["aggregate", csv, "--json"])).toBe(0);
    expect(told).toHaveBeenCalledWith(expect.stringContaining("2 rows left out"));
  } finally {
    log.mockRestore();
    told.mockRestore();
  }
  expect(JSON.parse(said[0]!)).toMatchObject({ population: { answers: 12 }, repeated: 0 });

  const parquet = path.join(site.home, "items.parquet");
  writeFileSync(parquet, await file({ as: "parquet" }));
  const rows: Readonly<Record<string, unknown>>[] = [];
  for await (const { row } of readRows(parquet, { kind: "parquet" })) rows.push(row);
  expect(rows).toHaveLength(6);
  expect(rows[1]).toMatchObject({
    prompt: "What is 1?",
    choice: "a",
    state: "accepted",
    gold: false,
  });
});

test("written answers become prompts and completions; what TRL has no rows for is refused by name", async () => {
  const { file: texts } = await lead.uploadItems({
    name: "texts.jsonl",
    body: '{"passage":"The sea is wide.","claim":"It is narrow."}\n',
  });
  const votes = await lead.createProject({
    body: { title: "Votes", kind: "claim-vote@1", file: texts, state: "paused" },
  });
  await expect(lead.exportProject({ id: votes.project, rows: "trl", as: "jsonl" })).rejects.toThrow(
    /claim-vote@1 asks .*\(choice\).*Export an item a row/,
  );
  const written = await lead.createProject({
    body: { title: "Free", kind: "free-form@1", file: texts, people: 1 },
  });
  const next = await rater.get("ann")!.nextTask({ body: { holding: [] } });
  if (next.kind !== "task") throw new Error("nothing to write");
  const [field] = next.lease.view.ask;
  await rater.get("ann")!.submitAnswer({
    body: {
      lease: next.lease.lease,
      value: { [field!.name]: "It is as wide as the sky, I would say." },
      activeSeconds: 0,
      idleSeconds: 0,
    },
  });
  const stream = await lead.exportProject({ id: written.project, rows: "trl", as: "jsonl" });
  expect(JSON.parse(await new Response(stream).text())).toMatchObject({
    completion: "It is as wide as the sky, I would say.",
  });
});
