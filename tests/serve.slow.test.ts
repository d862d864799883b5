/**
 * Both ways to start a server, as processes of their own: a workflow's flow.model calls a model of models.json there,
 * and what it cost stands in the trace.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { ExperimentProgress, TracePage } from "@tiller/schema";
import { ensurePerson, issueToken, openStore } from "@tiller/store";

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});
const folder = () => {
  const home = mkdtempSync(path.join(tmpdir(), "tiller-serve-"));
  ends.push(() => rmSync(home, { recursive: true, force: true }));
  return home;
};
function server(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const child = spawn(process.execPath, args, {
    stdio: [...stdio],
    env: { ...process.env, ...env },
  });
  ends.push(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  });
  return child;
}
/** A file that the server writes once it listens. */
const written = async (file: string): Promise<string> => {
  const read = () => {
    try {
      return readFileSync(file, "utf8").trim();
    } catch {
      return "";
    }
  };
  await expect.poll(read, { timeout: 90_000 }).not.toBe("");
  return read();
};

/** apps/server/serve.ts, on a database that is there already. */
async function served(config: string): Promise<{ address: string; key: string }> {
  const home = folder();
  const store = await openStore({ home, guest: true });
  ends.push(() => store.close());
  const about = { id: "api", name: "API", pseudonym: "api", role: "service" } as const;
  const key = await issueToken(store.db, (await ensurePerson(store.db, about)).id, "key");
  const { user, database, host } = store.config;
  const DATABASE_URL = `postgres://${user}@localhost/${database}?host=${encodeURIComponent(String(host))}`;
  const own = path.join(home, "server");
  mkdirSync(own);
  writeFileSync(path.join(own, "models.json"), config);
  const child = server(["apps/server/serve.ts", "--home", own, "--guest"], { DATABASE_URL });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return { ...z.object({ address: z.string() }).parse(JSON.parse(line.toString())), key };
}
/** `tiller start`, on a home of its own. */
async function started(config: string): Promise<{ address: string; key: string }> {
  const home = folder();
  writeFileSync(path.join(home, "models.json"), config);
  server(["apps/cli/main.ts", "start", "--people", "--json", "--port", "0", "--home", home]);
  const address = await written(path.join(home, "address"));
  return { address, key: await written(path.join(home, "tokens", "key-api")) };
}

test.each([
  ["serve.ts", served],
  ["tiller start", started],
])(
  "a workflow calls a model of models.json: %s",
  async (_, start) => {
    await using endpoint = await scripted(says("They say too little."));
    const price = { prompt: 1, completion: 2 };
    const critic = { kind: "openai", baseURL: endpoint.baseURL, model: "m", price };
    const { address, key } = await start(JSON.stringify({ critic }));
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const api = async <T>(url: string, schema: z.ZodType<T>, body?: unknown): Promise<T> => {
      const post = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
      const reply = await fetch(`${address}/api/studio/${url}`, { headers, ...post });
      return schema.parse(await reply.json());
    };
    const sizes = { passages: 1, minPassage: 10, maxPassage: 24, people: 2 };
    const { experiment } = await api("experiments", z.object({ experiment: z.string() }), {
      workflow: "reading-study@1",
      input: { ...sizes, questions: ["Who acts?"], critic: "critic" },
      agents: { "*": { kind: "simulated" } },
    });
    const progress = async () =>
      (await api("progress", z.array(ExperimentProgress))).find((r) => r.id === experiment);
    await expect.poll(async () => (await progress())?.state, { timeout: 30_000 }).toBe("done");
    expect(endpoint.asked).toHaveLength(1);
    const { nodes } = await api(`experiments/${experiment}/trace`, TracePage);
    const call = nodes.find((n) => n.kind === "model");
    expect(call).toMatchObject({ name: "critique", agent: "critic", state: "done" });
    expect((await progress())?.spent).toMatchObject({ money: call!.cost, tokens: call!.tokens });
    expect(call!.cost).toBeGreaterThan(0);
  },
  180_000,
);
