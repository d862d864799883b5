/**
 * tiller start: Postgres, the server, the simulated raters, and on a new home the first experiment. Started again on the
 * same home it goes on where it was, and begins nothing that nobody asked for.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { serve, type ServerType } from "@hono/node-server";
import { z } from "zod";
import { listHeld, startTriggers } from "@tiller/flow";
import { ExperimentId, own, PersonId, type Role, TillerError } from "@tiller/schema";
import { createApp, serverOptions } from "@tiller/server/app.ts";
import { forgetOldCompletions, SamplerPool, serverModelClient, storedDays } from "@tiller/serve";
import { serverFlow } from "@tiller/server/flow.ts";
import { renderReport } from "@tiller/server/report.ts";
import { publicAddress } from "@tiller/server/security.ts";
import { simulate } from "@tiller/server/simulated-raters.ts";
import {
  declareInputs,
  defaultHome,
  ensurePerson,
  issueToken,
  openStore,
  personOfToken,
  type Store,
  writeWhole,
} from "@tiller/store";
import { expireLeases, listProjects, setQualification, settleDropped } from "@tiller/work";
import { getExperiment, getReport, listExperiments } from "@tiller/lab";
import { keepCards, type Mailer, openMailer, parseAllowed, startWebhooks } from "@tiller/data";
import { buildWeb } from "@tiller/web/build.ts";
import {
  betterContinuations,
  Config,
  smallConfig,
} from "../../recipes/better-continuations/experiment.ts";
import { answeredBySimulated, simulatedRaters } from "../../recipes/better-continuations/raters.ts";
import { Progress, summaryTable } from "./bars.ts";
import { command, verb } from "./command.ts";
import { type First, firstOf, isOlder, noneBegun } from "./first-experiment.ts";
import { countFlag, flag, homeFlag } from "./flags.ts";

const text = z.string().min(1).optional();
const flags = {
  once: z.boolean().default(false).describe("end when the first experiment has ended"),
  json: z.boolean().default(false).describe("the last line is JSON, and no other is written"),
  small: z.boolean().default(false).describe("the first experiment in a minute, to try the parts"),
  port: countFlag(z.int().min(0).max(65535)).default(7070).describe("0: any that is free"),
  host: flag(
    z.string().default("127.0.0.1"),
    "ADDRESS",
    "where to listen: this machine only, unless asked otherwise",
  ),
  home: homeFlag,
  base: flag(text, "DIR", "checkpoint folder of the model to improve"),
  seed: countFlag(z.int()).optional().describe("of the first experiment (1 on a new home)"),
  models: flag(text, "FILE", "models.json in another place than the home"),
  workflows: flag(text, "FILE", "a file of one's own workflows"),
  "public-url": flag(
    z.url({ protocol: /^https?$/ }).optional(),
    "URL",
    "how people reach this server, which links begin with (TILLER_PUBLIC_URL); else what their browser asked for",
  ),
  smtp: flag(text, "URL", "mail server for notices, smtp://user:password@host:587 (TILLER_SMTP)"),
  "mail-from": flag(text, "ADDRESS", "who these mails come from (TILLER_MAIL_FROM)"),
  people: z
    .boolean()
    .default(false)
    .describe("no first experiment and no simulated raters: people alone answer"),
};

const SWEEP_MS = 15_000;
const READY_MS = 5000;

async function start(o: z.infer<z.ZodObject<typeof flags>>): Promise<number> {
  const home = path.resolve(o.home ?? defaultHome());
  if (o.base) declareInputs(o.base);
  const days = storedDays(process.env);
  const store = await openStore({ home, databaseUrl: process.env["DATABASE_URL"] });
  const sampler = new SamplerPool();
  const stopping = new AbortController();
  const pending = new Set<Promise<void>>();
  let server: ServerType | undefined;
  let simulating: Promise<void> | undefined;
  let flow: ReturnType<typeof serverFlow> | undefined;
  let triggers: Awaited<ReturnType<typeof startTriggers>> | undefined;
  let webhooks: AsyncDisposable | undefined;
  let mailer: Mailer | undefined;
  let cards: Disposable | undefined;
  const close = async () => {
    stopping.abort();
    await Promise.race([simulating, sleep(5000, undefined, { ref: false })]); // their last requests end before the database does
    sampler[Symbol.dispose]();
    server?.close();
    if (server && "closeAllConnections" in server) server.closeAllConnections();
    await Promise.allSettled(pending);
    cards?.[Symbol.dispose]();
    await webhooks?.[Symbol.asyncDispose]();
    await mailer?.[Symbol.asyncDispose]();
    await triggers?.close();
    await flow?.close();
    await Promise.race([store.close(), new Promise((r) => setTimeout(r, 5000))]);
  };
  try {
    const web = await buildWeb();
    process.umask(0o077); // what is written from here on, by jobs too, is the owner's alone
    const modelClient = serverModelClient({ store, sampler, file: o.models });
    const { workflows, models: modelsFile } = o;
    flow = serverFlow({ store, sampler, workflows, models: modelsFile, codeRevision: revision() });
    const publicUrl = o["public-url"];
    if (publicUrl) process.env["TILLER_PUBLIC_URL"] = publicUrl; // read at each link that is made
    const seen = () => publicAddress() ?? address;
    const smtp = o.smtp ?? process.env["TILLER_SMTP"];
    const from = o["mail-from"] ?? process.env["TILLER_MAIL_FROM"];
    mailer = smtp ? openMailer({ smtp, from, address: seen }) : undefined;
    triggers = await startTriggers({ store, flow });
    const mailFrom = mailer?.from;
    const app = createApp({ store, flow, sampler, modelClient, pending, web, mailFrom });
    const address = await listen(app.fetch, o, (s) => (server = s));
    await writeWhole(path.join(home, "address"), address); // where `tiller experiment` finds this server
    const allowed = parseAllowed(process.env["TILLER_WEBHOOK_ALLOW"] ?? "");
    webhooks = await startWebhooks(store, { allowed, mailer });
    cards = keepCards(store);
    const link = async (
      id: string,
      name: string,
      pseudonym: string,
      role: Role,
      simulated = false,
    ) => {
      const me = await ensurePerson(store.db, { id, name, pseudonym, role, simulated });
      return `/sign-in?token=${await keptToken(store, me.id, "link")}`;
    };
    const researcher = await link("researcher", "Researcher", "researcher", "researcher");
    // whoever else may rule on disagreements is given the same in the control room
    await setQualification(store.db, null, {
      person: PersonId.parse("researcher"),
      name: "researcher",
      level: 1,
      why: "the researcher of this home",
    });
    await keptToken(store, "researcher", "key"); // what `tiller experiment` acts by
    const admin = await link("admin", "Admin", "admin", "admin");
    const rater = await link("rater", "You", "rater-guest", "rater");
    const key = await keptToken(
      store,
      (
        await ensurePerson(store.db, {
          id: "api",
          name: "API",
          pseudonym: "api",
          role: "service",
        })
      ).id,
      "key",
    );
    const seats = await Promise.all(
      simulatedRaters.map(async (r, i) => ({
        rater: r,
        link: `${address}${await link(
          `simulated-${i + 1}`,
          r.name,
          `rater-${String(i + 1).padStart(2, "0")}`,
          "rater",
          true,
        )}`,
      })),
    );
    // a workflow's code that does not come to an end while it is read keeps nobody from the rest
    await Promise.race([flow.ready(), sleep(READY_MS, undefined, { ref: false })]);
    for (const t of await listHeld(store.db))
      if (t.kind === "held") console.error(`tiller: ${t.experiment} is held: ${t.why}`);
    if (!o.json)
      console.log(
        `\n  Tiller is at ${seen()}\n\n  Studio (researcher)  ${seen()}${researcher}\n  Desk (rater)         ${seen()}${rater}\n  People and pay       ${seen()}${admin}\n  API key              ${key}\n`,
      );

    const started = flow;
    const experiments = await listExperiments(store.db);
    const projects = (await listProjects(store.db)).length;
    const found = o.people ? undefined : firstOf(experiments, { ...o, projects });
    const first = found && (await today(found, started, o.json));
    if (!first && !o.people && !o.json) console.log(noneBegun(experiments, { projects, address }));
    if (first && goesOn(first)) {
      const preset = o.small ? smallConfig : Config.parse({});
      const config = o.base ? { ...preset, base: path.resolve(o.base) } : preset;
      const { id, seed } = first;
      const agents = answeredBySimulated;
      await eventually(() => started.start(betterContinuations, config, { id, seed, agents }));
    }
    if (!o.people) {
      const seed = first?.seed ?? 1;
      simulating = simulate({ address, seats, seed, signal: stopping.signal });
    }
    const sweep = async () => {
      await expireLeases(store.db);
      await settleDropped(store.db);
      if (days) await forgetOldCompletions(store.db, days);
      await flow?.lookForMissed();
    };
    const sweeping = setInterval(() => void sweep().catch(() => {}), SWEEP_MS);
    await sweep().catch(() => {});
    const stopped = new Promise<undefined>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const)
        process.once(signal, () => resolve(undefined));
    });
    const followed = first && (o.once || goesOn(first) || first.known?.state === "done");
    const result = followed
      ? await follow(first.id, { ...o, store, flow: started, stopped, signal: stopping.signal })
      : undefined;
    if (first?.known && !followed && !o.json)
      console.log(`  The first experiment, ${first.id}: ${first.known.state}. See the studio.\n`);
    if (!o.once) await stopped;
    clearInterval(sweeping);
    return result || !o.once ? 0 : 1;
  } finally {
    await close();
  }
}

/** The same; one of an older version as the one that goes on in its place. */
async function today(
  first: First,
  flow: ReturnType<typeof serverFlow>,
  json: boolean,
): Promise<First> {
  const { known } = first;
  if (!known || !isOlder(known)) return first;
  const to = betterContinuations.name;
  const over = { experiment: known.id, to, by: "tiller start" };
  const { experiment: id } = await eventually(() => flow.migrate(over));
  if (!json) console.log(`  ${known.id} is of ${known.recipe}; it goes on as ${id}.\n`);
  return { ...first, id, known: { ...known, id: ExperimentId.parse(id), recipe: to } };
}

/** It begins now, or is under way by the code that is here. */
const goesOn = ({ known }: First): boolean =>
  !known ||
  ((known.state === "running" || known.state === "held") &&
    known.recipe === betterContinuations.name);

/** Draws the first experiment until it ends or the server is stopped, and says what came out; its result. */
async function follow(
  id: string,
  o: {
    readonly once: boolean;
    readonly json: boolean;
    readonly store: Store;
    readonly flow: ReturnType<typeof serverFlow>;
    readonly stopped: Promise<undefined>;
    readonly signal: AbortSignal;
  },
): Promise<unknown> {
  const { db } = o.store;
  const progress = new Progress();
  const shown = { tty: process.stdout.isTTY, quiet: o.json };
  const draw = async () => progress.draw(await getExperiment(db, id), shown);
  const drawing = setInterval(() => void draw().catch(() => {}), 500);
  const stuck = async () => {
    for (; !o.signal.aborted; await sleep(1000, undefined, { ref: false })) {
      const { state, error } = await getExperiment(db, id);
      if (state === "held") throw new TillerError("held", `${id} is held: ${error}`);
    }
  };
  try {
    const ends = [o.flow.wait(id), o.stopped, ...(o.once ? [stuck()] : [])];
    const result = await Promise.race(ends);
    clearInterval(drawing);
    if (result) await draw();
    if (result) await finish(o.store, id, result, o.json);
    return result;
  } catch (e) {
    if (o.once) throw e;
    console.error(`tiller: ${id} ended without a result: ${(e as Error).message}`); // the server goes on
    return undefined;
  } finally {
    clearInterval(drawing);
  }
}

/** Again as long as the process that runs workflows is not there: a workflow's code may keep it from starting for a while. */
async function eventually<T>(act: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await act();
    } catch (e) {
      if ((e as { code?: unknown }).code !== "workflows_away") throw e;
    }
}

async function finish(store: Store, id: string, result: unknown, json: boolean): Promise<void> {
  const file = path.join(store.home, "reports", `${id}.html`);
  mkdirSync(path.dirname(file), { recursive: true });
  const report = await getReport(store.db, id);
  await writeWhole(file, renderReport(report));
  const table = summaryTable(report.summary);
  console.log(json ? JSON.stringify(result) : `\n${table}\n\n  Report: ${file}\n`);
}

/** The same token at every start of a home, kept in a file that only its owner reads. */
async function keptToken(store: Store, person: string, kind: "link" | "key"): Promise<string> {
  const me = person as Parameters<typeof issueToken>[1];
  const file = path.join(store.home, "tokens", `${kind}-${person}`);
  try {
    const token = readFileSync(file, "utf8");
    if ((await personOfToken(store.db, token, [kind]))?.id === me) return token;
  } catch {
    // first start of this home
  }
  const token = await issueToken(store.db, me, kind, { forever: true });
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeWhole(file, token, { mode: 0o600 });
  return token;
}

const listenFaults: Readonly<Record<string, readonly [code: string, why: string]>> = {
  EADDRINUSE: ["port_taken", "{at} is taken. Stop what uses it, or give another with --port."],
  EACCES: [
    "port_refused",
    "{at} needs more rights than this user has. Give one above 1023 with --port.",
  ],
  EADDRNOTAVAIL: [
    "bad_host",
    "{at} cannot be listened on: this machine has no such address. Give another --host.",
  ],
  EAFNOSUPPORT: [
    "bad_host",
    "{at} cannot be listened on: this machine has no such address. Give another --host.",
  ],
  ENOTFOUND: [
    "bad_host",
    "{at} cannot be listened on: no address is known by this name. Give another --host.",
  ],
  EAI_AGAIN: [
    "bad_host",
    "{at} cannot be listened on: no address is known by this name. Give another --host.",
  ],
};
/** How this machine reaches what listens there: on its loopback or on all addresses by `localhost`, else by the address. */
export const nameOf = (host: string): string =>
  /^(?:127\.0\.0\.1|0\.0\.0\.0|::1?|localhost)$/.test(host)
    ? "localhost"
    : host.includes(":")
      ? `[${host}]`
      : host;

function listen(
  fetch: (r: Request) => Response | Promise<Response>,
  { host, port }: { host: string; port: number },
  opened: (s: ServerType) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: host, serverOptions }, (info) =>
      resolve(`http://${nameOf(host)}:${info.port}`),
    );
    opened(server);
    server.on("error", (cause: NodeJS.ErrnoException) => {
      const [code, why] = own(listenFaults, cause.code ?? "") ?? [];
      const at = `port ${port} of ${host}`;
      reject(code && why ? new TillerError(code, why.replace("{at}", at), { cause }) : cause);
    });
  });
}

function revision(): string {
  try {
    return execFileSync("git", ["rev-parse", "HEAD"], {
      cwd: path.dirname(fileURLToPath(import.meta.url)),
      stdio: ["ignore", "pipe", "ignore"],
    })
      .toString()
      .trim();
  } catch {
    return "unknown";
  }
}

const what = "the server, and the first experiment unless --people";
export const startCommand = command("start", { "": verb({ what, flags, run: start }) });
