/**
 * Random faults on a tree of people and model steps over three servers on one database: servers killed with -9 or paused
 * past the time others wait, their connections cut, Postgres stopped and killed, two of the clocks an hour wrong. In the end the result is that of a
 * run without faults, every person's task was asked once and answered once, and every effect has one key.
 * Run: npm run faults -- [--faults 1000] [--seed N] [--depth 4] [--minutes M] [--out FILE]   (a seed repeats the choice of faults)
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { PersonId, rng } from "@tiller/schema";
import { ensurePerson, openStore, sql } from "@tiller/store";
import { submitAnswer, takeLease } from "@tiller/work";
import { eventually } from "./eventually.ts";
import { said, size } from "./tree.ts";

const { values: o } = parseArgs({
  options: {
    faults: { type: "string", default: "1000" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    depth: { type: "string", default: "4" },
    minutes: { type: "string", default: "25" },
    out: { type: "string" },
  },
});
const [wanted, depth, seed] = [Number(o.faults), Number(o.depth), Number(o.seed)];
console.log(`seed ${seed}, ${wanted} faults, ${size(depth)} nodes a tree`);
const random = rng(seed, "faults");
const SKEWS = [0, 3_600_000, -3_600_000]; // a server each: what its clock is wrong by, in milliseconds
const SERVERS = SKEWS.length;
const PAUSE_MS = 35_000; // longer than the others wait
const home = mkdtempSync(path.join(tmpdir(), "tiller-faults-"));
const script = fileURLToPath(new URL("./server.ts", import.meta.url));
const skew = new URL("./skew.ts", import.meta.url).href;
const endpoint = await scripted(says("the oracle has spoken"));
const owner = await openStore({ home }); // holds the embedded Postgres, and starts it again when it dies
const databaseUrl = `postgres://tiller@${encodeURIComponent(String(owner.config.host))}/postgres`;
const store = await openStore({ home, databaseUrl, guest: true }); // the people's side: no server among the others
await store.db.run(
  sql`create table effect (key text not null, at timestamptz not null default now())`,
);

// ---- servers
const servers: (ChildProcess & { executor?: string })[] = [];
let over = false;
let fenced = 0;
function serve(i: number, extra: string[] = [], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(
    process.execPath,
    ["--import", skew, script, home, endpoint.baseURL, ...extra],
    {
      env: { ...process.env, DATABASE_URL: databaseUrl, TILLER_SKEW: String(SKEWS[i]), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  ) as ChildProcess & { executor?: string };
  servers[i] = child;
  child.stdout!.on("data", (b: Buffer) => (child.executor ??= b.toString().trim()));
  child.stderr!.on("data", (b: Buffer) => {
    if (b.toString().includes("silent for so long")) fenced++;
    else if (process.env["TILLER_DEBUG"]) process.stderr.write(b);
  });
  child.once("exit", () => {
    if (!over && servers[i] === child) setTimeout(() => !over && serve(i), 50 + random.int(300));
  });
  return child;
}

// ---- people
const experiments: string[] = [];
async function people(): Promise<void> {
  for (let n = 0; n < 3; n++)
    await ensurePerson(store.db, {
      id: `p${n}`,
      name: `P${n}`,
      pseudonym: `rater-${n}`,
      role: "rater",
    });
  const one = async (id: PersonId) => {
    while (!over) {
      const lease = await eventually(() => takeLease(store.db, id, { swap: false }));
      if (!lease) {
        await sleep(40);
        continue;
      }
      const value = { number: said(z.object({ at: z.string() }).parse(lease.input).at) };
      await eventually(() =>
        submitAnswer(store.db, id, { lease: lease.lease, value, activeSeconds: 1, idleSeconds: 0 }),
      );
    }
  };
  await Promise.all([0, 1, 2].map((n) => one(PersonId.parse(`p${n}`))));
}
/** What an experiment's own record says once it has ended. */
async function ended(
  id: string,
): Promise<{ state: string; result: unknown; error: string | null } | undefined> {
  const row = await eventually(() =>
    store.db.maybe(
      sql`select state, result, error from experiment where id = ${id}`,
      z.object({ state: z.string(), result: z.unknown(), error: z.string().nullable() }),
    ),
  );
  return row && row.state !== "running" ? row : undefined;
}

// ---- faults
const postmaster = () =>
  Number(readFileSync(path.join(home, "postgres/data/postmaster.pid"), "utf8").split("\n")[0]);
/** Postgres may be down from the last time: then it is hit once it is back. */
const hit = (signal: NodeJS.Signals) => eventually(() => void process.kill(postmaster(), signal));
let paused: ChildProcess | undefined;
const faults: Record<string, { weight: number; act: () => Promise<void> | void }> = {
  cut: {
    weight: 80,
    act: () =>
      eventually(() =>
        store.db.run(
          sql`select pg_terminate_backend(pid) from pg_stat_activity where starts_with(application_name, ${`tiller ${servers[random.int(SERVERS)]!.executor}`}) and random() < 0.7`,
        ),
      ).then(() => {}),
  },
  kill: {
    weight: 14,
    act: () => {
      const victim = servers[random.int(SERVERS)]!;
      if (victim !== paused) victim.kill("SIGKILL"); // what is paused shall wake up
    },
  },
  pause: {
    weight: 3,
    act: () => {
      if (paused) return;
      const victim = servers[random.int(SERVERS)]!;
      paused = victim;
      victim.kill("SIGSTOP");
      setTimeout(() => {
        victim.kill("SIGCONT"); // by now the others have its work: it may write nothing
        paused = undefined;
      }, PAUSE_MS);
    },
  },
  stop: { weight: 2, act: () => hit("SIGINT") },
  crash: { weight: 1, act: () => hit("SIGKILL") },
};
const told: Record<string, string> = {
  cut: "connections of a server cut",
  kill: "server killed with -9",
  pause: "server paused for 35 s (SIGSTOP, SIGCONT)",
  stop: "Postgres stopped",
  crash: "Postgres killed with -9",
};
const names = Object.keys(faults);
const total = names.reduce((n, f) => n + faults[f]!.weight, 0);
function choose(): string {
  let at = random.int(total);
  return names.find((f) => (at -= faults[f]!.weight) < 0)!;
}

// ---- the experiment
const deadline = Date.now() + 60_000 * Number(o.minutes);
const happened = new Map<string, number>();
async function finish(id: string): Promise<unknown> {
  for (;;) {
    const end = await ended(id);
    if (end?.state === "done") return end.result;
    if (end) throw new Error(`${id} ${end.state}: ${end.error}`);
    if (Date.now() > deadline) throw new Error(`${id} has not ended within ${o.minutes} minutes`);
    await sleep(200);
  }
}
let failed = false;
try {
  experiments.push("calm");
  serve(0, ["calm", String(depth)]);
  for (let i = 1; i < SERVERS; i++) serve(i);
  const working = people();
  const expected = await finish("calm");
  console.log(`without faults: ${JSON.stringify(expected)}`);

  let [count, round] = [0, 0];
  while (count < wanted) {
    const id = `storm-${round++}`;
    experiments.push(id);
    let begun = false;
    for (let i = 0; !begun; i = (i + 1) % SERVERS) {
      if (servers[i] === paused) continue;
      servers[i]!.kill("SIGKILL"); // its place starts with the order to begin this tree
      serve(i, [id, String(depth)]);
      for (let t = 0; t < 600 && !begun; t++) {
        await sleep(100);
        begun = await eventually(() =>
          store.db.value(
            sql`select exists (select 1 from experiment where id = ${id})`,
            z.boolean(),
          ),
        );
      }
    }
    let storming = true;
    const storm = (async () => {
      while (storming && count < wanted && Date.now() < deadline) {
        const name = choose();
        await faults[name]!.act();
        happened.set(name, (happened.get(name) ?? 0) + 1);
        count++;
        await sleep(name === "cut" ? 50 + random.int(250) : 400 + random.int(1200));
      }
    })();
    const result = await finish(id);
    storming = false;
    await storm;
    if (JSON.stringify(result) !== JSON.stringify(expected))
      throw new Error(
        `${id} ended with ${JSON.stringify(result)}, without faults it is ${JSON.stringify(expected)}`,
      );
    console.log(
      `${id}: the same; ${count} faults so far ${JSON.stringify(Object.fromEntries(happened))}, ${fenced} fenced`,
    );
  }
  await sleep(500);
  const books = await eventually(() =>
    store.db.one(
      sql`select (select count(*)::int from batch) as batches, (select count(*)::int from task) as tasks, (select count(*)::int from answer where undone_at is null) as answers,
          (select count(distinct key)::int from effect) as keys, (select count(*)::int from effect) as effects`,
      z.object({
        batches: z.number(),
        tasks: z.number(),
        answers: z.number(),
        keys: z.number(),
        effects: z.number(),
      }),
    ),
  );
  const each = experiments.length * size(depth);
  console.log(`${experiments.length} trees of ${size(depth)} nodes: ${JSON.stringify(books)}`);
  for (const name of ["batches", "tasks", "answers", "keys"] as const)
    if (books[name] !== each) throw new Error(`${books[name]} ${name} where ${each} were expected`);
  console.log(`${count} passed, 0 failed`);
  if (o.out)
    writeFileSync(
      o.out,
      `# Random faults over workflows on three servers, ${new Date().toISOString().slice(0, 10)}

Command: \`npm run faults -- --faults ${wanted} --seed ${seed} --depth ${depth} --minutes ${o.minutes}\`

${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}; ${SERVERS} servers on one Postgres, their clocks wrong by ${SKEWS.map((s) => s / 60_000).join(", ")} minutes.

| fault | times |
| --- | --- |
${[...happened].map(([name, n]) => `| ${told[name]} | ${n} |`).join("\n")}

${fenced} servers found themselves declared dead after a pause and stopped.

${experiments.length} trees of ${size(depth)} nodes, the first without faults: every result is ${JSON.stringify(expected)}; ${books.tasks} tasks asked, ${books.answers} answered, ${books.keys} idempotency keys in ${books.effects} effects.
`,
    );
  over = true;
  await working;
} catch (e) {
  failed = true;
  console.error(`seed ${seed}:`, e);
} finally {
  over = true;
  for (const s of servers) {
    s.kill("SIGCONT");
    s.kill("SIGKILL");
  }
  await sleep(300);
  await Promise.race([store.close().then(() => owner.close()), sleep(5000)]).catch(() => {});
  await endpoint[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
