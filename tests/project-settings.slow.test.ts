/** What a lead sets of a project and asks otherwise after its start, over HTTP; and the kind as a file that makes the same. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createClient, type TillerClient } from "@tiller/client";
import { rng } from "@tiller/schema";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { problemsWith, type TaskDef } from "@tiller/task";
import { storedKind } from "@tiller/work";
import { recipes } from "../recipes/index.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let lead: TillerClient;
let drawn = 0.999; // no hidden gold by itself
const raters: TillerClient[] = [];
beforeAll(async () => {
  site = await openServer({ chance: () => drawn, workflows: recipes });
  const clientOf = async (name: string, role: "lead" | "rater") => {
    const me = await ensurePerson(site.store.db, { id: name, name, pseudonym: name, role });
    await site.store.db.run(sql`update person set paid = true where id = ${me.id}`);
    return createClient({
      baseURL: "http://tiller",
      token: await issueToken(site.store.db, me.id, "session"),
      fetch: async (to, init) => site.app.request(to instanceof Request ? to : to.toString(), init),
    });
  };
  lead = await clientOf("lead", "lead");
  for (const name of ["ann", "ben"]) raters.push(await clientOf(name, "rater"));
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const upload = async (body: string, name = "rows.jsonl") =>
  (await lead.uploadItems({ name, body })).file;
const rowsOf = (n: number) =>
  Array.from({ length: n }, (_, i) =>
    JSON.stringify({ prompt: `Say ${i}`, answer: `It is ${i}`, model: `m${i % 2}`, label: "a" }),
  ).join("\n");
const taken = async (who: TillerClient) => {
  const next = await who.nextTask({ body: { holding: [] } });
  return next.kind === "task" ? next.lease : undefined;
};
const send = (who: TillerClient, lease: string, value: Record<string, unknown>, seconds = 0) =>
  who.submitAnswer({
    body: { lease: lease as never, value, activeSeconds: seconds, idleSeconds: 0 },
  });

const verdict = {
  show: [{ kind: "text" as const, from: "prompt", label: "Asked" }],
  ask: [
    {
      kind: "choice" as const,
      name: "verdict",
      label: "Is it polite?",
      options: [
        { value: "yes", label: "Yes" },
        { value: "no", label: "No" },
      ],
    },
    { kind: "text" as const, name: "why", label: "Why", optional: true },
  ],
};

test("fields put together ask, a change holds for what nobody has begun, and what was answered keeps its version", async () => {
  const file = await upload(rowsOf(4));
  const body = {
    title: "Polite",
    kind: "own",
    changes: { title: "Is it polite?", view: verdict },
    file,
  };
  await expect(
    lead.createProject({ body: { ...body, changes: { view: verdict } } }),
  ).rejects.toThrow(/needs a title/);
  const { project: id, items } = await lead.createProject({ body: { ...body, people: 1 } });
  expect(items).toBe(4);
  const first = await taken(raters[0]!);
  await send(raters[0]!, first!.lease, { verdict: "yes" });
  const held = await taken(raters[0]!);

  // another option, and the answer beside the question: a column that was not read before
  const view = {
    show: [...verdict.show, { kind: "text" as const, from: "reply", label: "Answered" }],
    ask: [
      {
        ...verdict.ask[0]!,
        options: [
          ...(verdict.ask[0] as unknown as { options: object[] }).options,
          { value: "rude", label: "Rude" },
        ],
      },
    ],
  };
  await expect(lead.changeKind({ id, body: { view: view as never } })).rejects.toThrow(
    /no column fills Answered/,
  );
  const changed = await lead.changeKind({
    id,
    body: {
      view: view as never,
      mapping: { input: { prompt: "prompt", reply: "answer" }, answer: {} },
    },
  });
  expect(changed).toEqual({ kind: `${id}@2`, moved: 2, kept: 2 });
  await expect(send(raters[0]!, held!.lease, { verdict: "rude" })).rejects.toThrow(/verdict/);
  await send(raters[0]!, held!.lease, { verdict: "no" });
  const next = await taken(raters[1]!);
  expect(next).toMatchObject({ typeVersion: "2", input: { prompt: "Say 2", reply: "It is 2" } });
  await send(raters[1]!, next!.lease, { verdict: "rude" });
  const page = await lead.listItems({ id });
  expect(page.items.map((i) => i.labels[0]?.value)).toEqual(["yes", "no", "rude", undefined]);
  expect(await lead.getItem({ id, place: 1 })).toMatchObject({ version: `${id}@1` });
  expect(await lead.getItem({ id, place: 3 })).toMatchObject({ version: `${id}@2` });
  await lead.changeProject({ id, body: { state: "closed" } });
});

test("a changed ready-made kind keeps its check; as a file it makes the same kind of work", async () => {
  const file = await upload(rowsOf(2));
  const { project: id } = await lead.createProject({
    body: {
      title: "Shorter",
      kind: "question-answer@1",
      changes: { title: "What does it say? `Quote` it with ${care}." },
      file,
      people: 2,
      mapping: { input: { passage: "answer", question: "prompt" }, answer: {} },
    },
  });
  const lease = (await taken(raters[0]!))!;
  expect(lease.type).toBe(id);
  // that an answer is there must be followed by it: the ready-made kind's check says so, not the view
  await expect(send(raters[0]!, lease.lease, { found: "yes" })).rejects.toThrow(/does not fit/);
  await send(raters[0]!, lease.lease, { found: "yes", answer: "That it is 0." });

  const text = await new Response(await lead.kindFile({ name: id })).text();
  const folder = path.join(import.meta.dirname, "fixtures", `kind-${id}`);
  mkdirSync(folder);
  try {
    const at = path.join(folder, "kind.ts");
    writeFileSync(at, text);
    const exported = Object.values((await import(pathToFileURL(at).href)) as object);
    const [made] = exported as TaskDef[];
    const stored = await storedKind(site.store.db, id, undefined);
    const { name, version, title, instructions, view, aggregate } = stored;
    expect(made).toMatchObject({ name, version, title, instructions, view });
    expect(made!.aggregate ?? {}).toEqual(aggregate);
    for (const schema of ["input", "output"] as const)
      expect(z.toJSONSchema(made![schema])).toEqual(z.toJSONSchema(stored[schema]));
    for (const input of made!.samples) {
      const simulated = made!.simulate(input, { rng: rng(1, "test"), skill: 1 });
      for (const value of [simulated, { found: "yes" }])
        expect(problemsWith(made!, input, value)).toEqual(
          problemsWith(stored as TaskDef, input, value),
        );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  await expect(lead.kindFile({ name: "likert" })).rejects.toThrow(/code makes/);
  await lead.changeProject({ id, body: { state: "closed" } });
});

test("people, qualifications, pay, a delegation rule and gold are set after the start too", async () => {
  const pairs = Array.from({ length: 3 }, (_, i) => `Q${i},left ${i},right ${i},a`).join("\n");
  const file = await upload(`prompt,a,b,label\n${pairs}\n`, "pairs.csv");
  const { project: id } = await lead.createProject({
    body: {
      title: "Set",
      kind: "comparison",
      file,
      people: 1,
      requires: [{ qualification: "seen" }],
    },
  });
  expect(await taken(raters[0]!)).toBeUndefined();
  const pay = { per: "piece" as const, amount: 25, currency: "EUR" };
  expect(await lead.changeProject({ id, body: { requires: [], people: 2, pay } })).toMatchObject({
    requires: [],
    people: 2,
    wanted: 6,
    pay,
  });
  const lease = (await taken(raters[0]!))!;
  await send(raters[0]!, lease.lease, { choice: "a" });
  expect((await raters[0]!.ownPay({ from: "2020-01-01", to: "2100-01-01" })).due).toBe(25);

  const { queues } = await lead.controlRoom();
  expect(queues.find((q) => q.experiment === id)).toMatchObject({
    kind: "forced-comparison",
    project: true,
    experimentTitle: "Set",
    done: 1,
    wanted: 6,
  });
  const queue = { kind: "forced-comparison", experiment: id as never };
  await lead.move({ body: { who: { person: "ann" as never }, to: queue } });
  await lead.changeQueue({ body: { ...queue, paused: true, priority: 3 } });
  expect(await lead.getProject({ id })).toMatchObject({ state: "paused" });
  expect(await taken(raters[0]!)).toBeUndefined();
  await lead.changeQueue({ body: { ...queue, paused: false } });

  const known = await lead.knownItems({ id });
  expect(known.map((k) => [k.place, k.begun])).toEqual([
    [1, true],
    [2, false],
    [3, false],
  ]);
  await expect(lead.makeGold({ id, body: { places: [1, 2] } })).rejects.toThrow(/begun item 1/);
  expect(await lead.makeGold({ id, body: { places: [3] } })).toEqual({ gold: 1 });
  expect(await lead.getProject({ id })).toMatchObject({ items: 2, gold: 1, wanted: 4 });

  // hidden gold pays as the project does: its raters cannot tell it by their pay
  drawn = 0;
  const measuring = (await taken(raters[0]!))!;
  drawn = 0.999;
  expect(measuring.task).toMatch(/^measuring\/gold\//);
  await send(raters[0]!, measuring.lease, { choice: "a" });
  expect((await raters[0]!.ownPay({ from: "2020-01-01", to: "2100-01-01" })).due).toBe(50);

  // two answers alike are enough; where they differ a third is asked for
  const rule = {
    title: "A third where two differ",
    field: "choice",
    rules: [
      {
        when: [{ signal: "answers" as const, is: "below" as const, value: 2 }],
        act: "ask" as const,
      },
      {
        when: [{ signal: "split" as const, is: "at least" as const, value: 0.5 }],
        act: "ask" as const,
      },
      { when: [], act: "stop" as const },
    ],
    most: 3,
  };
  expect(await lead.changeProject({ id, body: { rule } })).toMatchObject({ rule: { most: 3 } });
  const rules = (await lead.listDelegationRules({ kind: "forced-comparison" })).rules;
  expect(rules.find((r) => r.body.experiment === id)).toMatchObject({ state: "live" });
  await new Promise((done) => setTimeout(done, 2100)); // a live rule is read again after two seconds
  const again = (await taken(raters[1]!))!;
  expect(again.task).toBe(lease.task);
  await send(raters[1]!, again.lease, { choice: "b" });
  expect((await lead.getItem({ id, place: 1 })).people).toBe(3);
  const closing = { rule: null, state: "closed" as const };
  expect(await lead.changeProject({ id, body: closing })).toMatchObject({ rule: null });
});

test("a lead starts, stops and repeats labelling work, and nothing that trains", async () => {
  const known = await lead.listWorkflows();
  const [training] = known.filter((w) => !w.labelling);
  await expect(
    lead.startExperiment({ body: { workflow: training!.name, input: {} } }),
  ).rejects.toThrow(/trains models, and a work lead starts labelling work: .*amplify@1/);
  const body = { workflow: "amplify@1", input: { question: "Why?", depth: 0 } };
  const { experiment } = await lead.startExperiment({ body });
  await lead.move({ body: { who: { person: "ann" as never }, to: "everything" } });
  await expect
    .poll(async () => (await taken(raters[0]!))?.input, { timeout: 20_000 })
    .toMatchObject({ question: "Why?" });
  await lead.cancelExperiment({ id: experiment, body: { node: experiment } });
  await expect
    .poll(async () => (await lead.getExperiment({ id: experiment })).state, { timeout: 20_000 })
    .toBe("cancelled");
  const again = await lead.startExperiment({ body });
  expect(again.experiment).not.toBe(experiment);
  await lead.cancelExperiment({ id: again.experiment, body: { node: again.experiment } });
});
