/**
 * npm run bench -- models [--calls 1000] [--rounds 3] [--json]
 * What the client for models adds to a call, beside the bare OpenAI client against the same in-process endpoint (16
 * calls in flight, interleaved rounds, medians); and what batching gives: 16 completions of the base model by our own
 * server, one after another and at once.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import OpenAI from "openai";
import { loadCheckpoint } from "@tiller/lm";
import { ModelsConfig, openModelClient } from "@tiller/model";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { CheckpointId, prompt } from "@tiller/schema";
import { ensurePerson, issueToken, openStore } from "@tiller/store";
import { saveCheckpointRow } from "@tiller/lab";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const [calls, rounds] = [Number(values.calls), Number(values.rounds)];
const FLIGHT = 16;
const TOKENS = 48;
const root = fileURLToPath(new URL("..", import.meta.url));
const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-models-"));
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)];

/** Calls a second with FLIGHT in flight, and this process's CPU ms a call (the endpoint runs in it too). */
async function rate(
  n: number,
  call: (i: number) => Promise<unknown>,
): Promise<{ perSecond: number; cpuMs: number }> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  let next = 0;
  const worker = async () => {
    while (next < n) await call(next++);
  };
  await Promise.all(Array.from({ length: FLIGHT }, worker));
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (1000 * n) / (performance.now() - began),
    cpuMs: (user + system) / 1000 / n,
  };
}

const store = await openStore({ home });
try {
  await using at = await scripted(says("a short reply of a few words"));
  const config = ModelsConfig.parse({
    m: { kind: "openai", baseURL: at.baseURL, model: "m", concurrency: FLIGHT },
  });
  const [plain, kept] = [openModelClient({ config }), openModelClient({ config, db: store.db })];
  const bare = new OpenAI({ baseURL: at.baseURL, apiKey: "none", maxRetries: 0 });
  const text = (i: number) => `Question ${i}: ${"word ".repeat(100)}`;
  let serial = 0;
  const ways: Readonly<Record<string, (i: number) => Promise<unknown>>> = {
    bare: (i) =>
      bare.chat.completions.create({ model: "m", messages: [{ role: "user", content: text(i) }] }),
    client: (i) => plain.call("m", prompt`${text(i)}`),
    accounted: (i) => kept.call("m", prompt`${text(i)}`),
    kept: () => kept.call("m", prompt`${text(++serial)}`, { temperature: 0 }),
    hits: () => kept.call("m", prompt`${text(1)}`, { temperature: 0 }),
  };
  const found = Object.fromEntries(
    Object.keys(ways).map((name) => [name, [] as { perSecond: number; cpuMs: number }[]]),
  );
  for (const call of Object.values(ways)) await rate(100, call); // warm
  for (let round = 0; round < rounds; round++)
    for (const [name, call] of Object.entries(ways)) {
      found[name].push(await rate(calls, call));
      at.asked.length = 0;
    }
  const medians = Object.fromEntries(
    Object.entries(found).map(([name, xs]) => [
      name,
      {
        perSecond: Math.round(median(xs.map((x) => x.perSecond))),
        cpuMs: Number(median(xs.map((x) => x.cpuMs)).toFixed(2)),
      },
    ]),
  );

  const base = path.join(root, "models/base");
  await saveCheckpointRow(store.db, {
    id: CheckpointId.parse((await loadCheckpoint(base)).meta.id),
    name: "base",
    role: "lm",
    path: base,
    run: null,
    parent: null,
    metrics: {},
  });
  const api = { id: "api", name: "API", pseudonym: "api", role: "service" as const };
  const apiKey = await issueToken(store.db, (await ensurePerson(store.db, api)).id, "key");
  const server = spawn(
    process.execPath,
    [path.join(root, "apps/server/serve.ts"), "--home", home, "--guest"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const line = await new Promise<string>((resolve) =>
      server.stdout.once("data", (b: Buffer) => resolve(b.toString("utf8"))),
    );
    const { address } = JSON.parse(line) as { address: string };
    const client = new OpenAI({ baseURL: `${address}/v1`, apiKey });
    const complete = async (seed: number) =>
      (
        await client.completions.create({
          model: "base",
          prompt: "The sea was calm that morning, and",
          max_tokens: TOKENS,
          seed,
        })
      ).usage!.completion_tokens;
    const tokensPerSecond = async (run: () => Promise<number[]>) => {
      const began = performance.now();
      const tokens = (await run()).reduce((a, b) => a + b, 0);
      return (1000 * tokens) / (performance.now() - began);
    };
    const seeds = Array.from({ length: FLIGHT }, (_, i) => i);
    const inTurn = async () => {
      const tokens: number[] = [];
      for (const seed of seeds) tokens.push(await complete(seed));
      return tokens;
    };
    const atOnce = () => Promise.all(seeds.map(complete));
    const [one, many]: [number[], number[]] = [[], []];
    await inTurn(); // warm: programs are made
    await atOnce();
    for (let round = 0; round < rounds; round++) {
      one.push(await tokensPerSecond(inTurn));
      many.push(await tokensPerSecond(atOnce));
    }
    const local = { inTurn: Math.round(median(one)), atOnce: Math.round(median(many)) };
    if (values.json) console.log(JSON.stringify({ calls: medians, tokensPerSecond: local }));
    else {
      console.log(`calls a second, ${FLIGHT} in flight, medians of ${rounds} rounds of ${calls}:`);
      for (const [name, m] of Object.entries(medians))
        console.log(`  ${name.padEnd(10)} ${m.perSecond}, ${m.cpuMs} ms of CPU a call`);
      console.log(`tokens a second of models/base over HTTP, ${FLIGHT} completions of ${TOKENS}:`);
      console.log(`  one after another ${local.inTurn}, at once ${local.atOnce}`);
    }
  } finally {
    server.kill("SIGTERM");
    await new Promise((done) => server.once("exit", done));
  }
} finally {
  await store.close();
  rmSync(home, { recursive: true, force: true });
}
