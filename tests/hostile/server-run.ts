/**
 * A real `tiller start`, and what the world may do to it at once: hostile requests as every role, hostile workflows, a
 * model endpoint of many moods. All the while somebody asks for /healthz and runs sound workflows.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { rng, type Rng } from "@tiller/schema";
import { wildEndpoint } from "./endpoint.ts";
import { hostileRequest } from "./requests.ts";
import { kinds } from "./workflows.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const START_MS = 180_000;
const ANSWER_MS = 90_000; // the longest answer: a call waits a minute for the workflows' process to be there again
const HEALTH_MS = 20_000; // the longest that others wait
const HEAP_MEGABYTES = 1000; // of a process
const MEGABYTES = 4000; // the server with all its children, Postgres too
const LANES = 3; // requests under way at once
const SHOWN = 20;
const TOKENS = ["key-researcher", "key-api", "link-rater", "link-admin"]; // what a start leaves for its owner

interface Server {
  readonly child: ChildProcess;
  readonly address: string;
  /** the end of what it wrote to its log */
  readonly log: () => string;
}
async function start(home: string): Promise<Server> {
  rmSync(path.join(home, "address"), { force: true });
  const args = ["apps/cli/main.ts", "start", "--people", "--port", "0", "--home", home];
  const child = spawn(process.execPath, [...args, "--workflows", "tests/hostile/workflows.ts"], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    // little memory for each process, so that a workflow which takes all of it is soon found out
    env: { ...process.env, NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}` },
  });
  let said = "";
  child.stderr.on("data", (b: Buffer) => (said = (said + b.toString()).slice(-3000)));
  const end = Date.now() + START_MS;
  const file = path.join(home, "address");
  const written = () =>
    existsSync(file) &&
    readFileSync(file, "utf8").trim() &&
    TOKENS.every((name) => existsSync(path.join(home, "tokens", name)));
  while (!written()) {
    if (child.exitCode !== null || Date.now() > end)
      throw new Error(`the server does not start (${child.exitCode}): ${said}`);
    await sleep(200);
  }
  return { child, address: readFileSync(file, "utf8").trim(), log: () => said };
}
async function stop({ child }: Server): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), 60_000);
  await once(child, "exit");
  clearTimeout(kill);
}

/** Memory of a process and all below it, in MB; 0 where ps does not tell. */
function memory(pid: number): number {
  try {
    const rows = execFileSync("ps", ["-eo", "pid=,ppid=,rss="])
      .toString()
      .trim()
      .split("\n")
      .map((l) => l.trim().split(/\s+/).map(Number) as [number, number, number]);
    const tree = new Set([pid]);
    for (let grown = true; grown;) {
      grown = false;
      for (const [id, parent] of rows)
        if (tree.has(parent) && !tree.has(id)) {
          tree.add(id);
          grown = true;
        }
    }
    return rows.reduce((sum, [id, , kb]) => sum + (tree.has(id) ? kb / 1024 : 0), 0);
  } catch {
    return 0;
  }
}

/** Over a connection of its own: one that a refused body ended says nothing about the server. */
async function fresh(
  address: string,
  o: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; text: string }> {
  const asked = request(address, { ...o, agent: false, timeout: ANSWER_MS });
  asked.on("timeout", () => asked.destroy(new Error(`no answer after ${ANSWER_MS} ms`)));
  asked.end(o.body);
  const [reply] = (await once(asked, "response")) as [IncomingMessage];
  return { status: reply.statusCode ?? 0, text: await text(reply) };
}

const Error_ = z.union([
  z.looseObject({ code: z.string(), message: z.string() }),
  z.looseObject({ error: z.looseObject({ message: z.string() }) }),
]);
/** The process that runs workflows is away for a moment: said with what to do, it is an answer. */
const isAway = (status: number, text: string): boolean =>
  status === 503 && /"code":"(workflows_away|workflows_lost|busy)"/.test(text);
const RunState = z.looseObject({ id: z.string(), state: z.string() });

export async function server(o: {
  minutes: number;
  seed: number;
  from: number;
}): Promise<string[]> {
  const home = mkdtempSync(path.join(tmpdir(), "tiller-hostile-"));
  chmodSync(home, 0o755);
  using endpoint = await wildEndpoint(rng(o.seed, "endpoint"));
  const model = {
    kind: "openai",
    baseURL: endpoint.baseURL,
    model: "wild",
    timeoutSeconds: 2,
    attempts: 2,
    repairs: 1,
  };
  writeFileSync(path.join(home, "models.json"), JSON.stringify({ wild: model }));
  const faults = new Map<string, string>();
  const fault = (key: string, detail: string, n = 0) => {
    if (!faults.has(key))
      faults.set(key, `${key} (--seed ${o.seed} --from ${n})\n${detail.slice(0, 4000)}`);
  };
  const statuses: Record<string, number> = {};
  const longest = { answer: 0, health: 0, memory: 0 };
  let running = await start(home);
  const ask = async (where: string, init: RequestInit = {}) => {
    const began = Date.now();
    const response = await fetch(running.address + where, {
      redirect: "manual",
      ...init,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    return { status: response.status, text, ms: Date.now() - began };
  };
  const token = (name: string) => readFileSync(path.join(home, "tokens", name), "utf8").trim();
  const keys = [token("key-researcher"), token("key-api")];
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  /** A session, by the link that `tiller start` prints. */
  const session = async (link: string): Promise<Record<string, string>> => {
    const response = await fetch(`${running.address}/sign-in?token=${token(link)}`, {
      redirect: "manual",
    });
    return { cookie: (response.headers.getSetCookie()[0] ?? "").split(";")[0]! };
  };
  const roles = [
    bearer(keys[0]!),
    bearer(keys[1]!),
    await session("link-rater"),
    await session("link-admin"),
    {},
  ];
  const run = async (workflow: string, input: unknown) => {
    const { status, text } = await fresh(`${running.address}/api/studio/experiments`, {
      method: "POST",
      headers: { ...roles[0]!, "content-type": "application/json" },
      body: JSON.stringify({ workflow, input }),
    });
    return status === 200
      ? z.looseObject({ experiment: z.string() }).parse(JSON.parse(text)).experiment
      : undefined;
  };
  const stateOf = async (id: string) => {
    const { status, text } = await fresh(`${running.address}/api/studio/progress`, {
      headers: roles[0]!,
    });
    if (status !== 200) return `status ${status}`;
    return z
      .array(RunState)
      .parse(JSON.parse(text))
      .find((x) => x.id === id)?.state;
  };
  const ended = async (id: string, ms: number) => {
    const until = Date.now() + ms;
    let state: string | undefined;
    do {
      state = await stateOf(id).catch((e: unknown) => String(e));
      if (state !== "running") return state;
      await sleep(500);
    } while (Date.now() < until);
    return state;
  };

  const known: string[] = ["hostile@1", "researcher", "comparison"];
  let over = false;
  let n = o.from;
  const lane = async () => {
    while (!over) {
      const number = n++;
      const random: Rng = rng(o.seed, "request", number);
      const hostile = hostileRequest(random, known);
      const as = random.choose(roles);
      try {
        const { status, text, ms } = await ask(hostile.path, {
          ...hostile.init,
          headers: { ...as, ...(hostile.init.headers as Record<string, string>) },
        });
        statuses[status] = (statuses[status] ?? 0) + 1;
        longest.answer = Math.max(longest.answer, ms);
        if (status >= 500 && !isAway(status, text))
          fault(
            `${status} from ${hostile.name}`,
            `${hostile.path}\n${JSON.stringify(hostile.init.body)?.slice(0, 500)}\n${text}\n${running.log()}`,
            number,
          );
        else if (status >= 400 && !Error_.safeParse(safeJson(text)).success && text)
          fault(`an error without words from ${hostile.name}`, `${status} ${text}`, number);
      } catch (e) {
        const cause = String((e as Error).cause ?? e);
        // a body that is refused before it was read may end the connection
        if (
          !/ECONNRESET|other side closed|EPIPE|Failed to parse URL|not a valid|invalid header/i.test(
            cause,
          )
        )
          fault(`no answer to ${hostile.name}`, `${hostile.path} ${cause}`, number);
        if (running.child.exitCode !== null) return;
      }
    }
  };
  const health = async () => {
    while (!over) {
      const began = Date.now();
      const status = await fresh(`${running.address}/healthz`).then((r) => r.status, String);
      const ms = Date.now() - began;
      longest.health = Math.max(longest.health, ms);
      if (status !== 200) fault("/healthz", String(status), n);
      if (ms > HEALTH_MS) fault("/healthz waits", `${ms} ms`, n);
      longest.memory = Math.max(longest.memory, memory(running.child.pid!));
      if (longest.memory > MEGABYTES) fault("memory", `${Math.round(longest.memory)} MB`, n);
      if (running.child.exitCode !== null)
        return fault("the server ended", String(running.child.exitCode), n);
      await sleep(300);
    }
  };
  const workflows = async () => {
    const order = rng(o.seed, "kinds").shuffle(kinds);
    for (let k = 0; !over; k++) {
      const kind = order[k % order.length]!;
      const id = await run("hostile@1", { kind }).catch((e: unknown) => {
        fault(`an experiment of "${kind}" cannot be started`, String(e), n);
        return undefined;
      });
      if (id) known.push(id);
      const other = await run("sound@1", { n: k }).catch(() => undefined);
      const [bad, good] = await Promise.all([
        id && ended(id, 120_000),
        other && ended(other, 120_000),
      ]);
      if (bad === "running") {
        fault(`an experiment of "${kind}" is running for ever`, id ?? "", n);
        await fresh(`${running.address}/api/studio/experiments/${id}/cancel`, {
          method: "POST",
          headers: { ...roles[0]!, "content-type": "application/json" },
          body: JSON.stringify({ node: id }),
        }).catch(() => {});
      }
      if (good !== "done") fault(`a sound experiment beside "${kind}" is ${good}`, other ?? "", n);
    }
  };
  try {
    const work = Promise.all([...Array.from({ length: LANES }, lane), health(), workflows()]);
    await Promise.race([sleep(o.minutes * 60_000), work]);
    over = true;
    await Promise.race([work, sleep(180_000)]);
    // in the end: it serves, it stops, it starts again and serves
    const last = await run("sound@1", { n: 1 }).catch(() => undefined);
    if ((last && (await ended(last, 120_000))) !== "done")
      fault("no sound experiment at the end", last ?? "", n);
    await stop(running);
    running = await start(home);
    const again = await run("sound@1", { n: 2 });
    if ((again && (await ended(again, 120_000))) !== "done")
      fault("no sound experiment after a restart", again ?? "", n);
  } finally {
    await stop(running);
    rmSync(home, { recursive: true, force: true });
  }
  console.log(
    `${n - o.from} requests: ${Object.entries(statuses)
      .map(([s, count]) => `${s} x ${count}`)
      .join(
        ", ",
      )}; longest answer ${longest.answer} ms, /healthz ${longest.health} ms, memory ${Math.round(longest.memory)} MB`,
  );
  return [...faults.values()].slice(0, SHOWN);
}
function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
