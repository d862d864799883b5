/**
 * tiller run: runs of workflows on the running server, over its API. What gets a run out of the way, and the list of
 * them, also work on the database of a home whose server does not run.
 */
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import type { TillerClient } from "@tiller/client";
import { Agents, Budget, type RunProgress, TillerError, type TraceNode } from "@tiller/schema";
import { cancelInDatabase, holdRun, listProgress, releaseRun } from "@tiller/store";
import { countFlag, parseFlags } from "./flags.ts";
import { jsonFlag, orWithoutServer, remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

const json = z.string().min(1).optional();
const verbs = {
  list: { what: "", flags: {} },
  show: { what: "ID", flags: {} },
  workflows: { what: "", flags: {} },
  start: {
    what: "NAME --input JSON|@FILE [--agents JSON] [--budget JSON] [--seed N]",
    flags: { input: json, agents: json, budget: json, seed: countFlag(z.int()).default(1) },
  },
  cancel: { what: "NODE [--reason TEXT]", flags: { reason: z.string().optional() } },
  hold: { what: "ID [--reason TEXT]", flags: { reason: z.string().optional() } },
  release: { what: "ID", flags: {} },
  fork: { what: "NODE [--input JSON|--output JSON]", flags: { input: json, output: json } },
  rewind: { what: "NODE", flags: {} },
  reask: { what: "NODE", flags: {} },
  migrate: { what: "ID --to NAME", flags: { to: z.string().min(1) } },
  record: { what: "ID --out FILE", flags: { out: z.string().min(1) } },
} as const;
type Verb = keyof typeof verbs;
const usage = Object.entries(verbs)
  .map(([verb, { what }]) => `  tiller run ${verb} ${what}`.trimEnd())
  .join("\n");
const isVerb = (verb: string | undefined): verb is Verb =>
  verb !== undefined && Object.hasOwn(verbs, verb);

export async function run([verb, ...args]: string[]): Promise<number> {
  if (!isVerb(verb)) throw new TillerError("bad_command", `say what to do:\n${usage}`);
  const named = verbs[verb].what !== "";
  const [about, ...rest] = named ? args : ["", ...args];
  if (about === undefined || about.startsWith("--"))
    throw new TillerError("bad_command", `say which: tiller run ${verb} ${verbs[verb].what}`);
  const said = <S extends z.ZodRawShape>(flags: S) =>
    parseFlags(rest, { ...remoteFlags, ...flags });
  const value = (name: string, given: string | undefined) =>
    given === undefined ? {} : { [name]: jsonFlag(name, given) };
  const at = { id: about.split("/")[0]! };

  const acts: { [V in Verb]: () => Promise<string> } = {
    list: async () => {
      const o = said(verbs.list.flags);
      const runs = await orWithoutServer(
        o,
        () => remote(o).listProgress(),
        ({ db }) => listProgress(db, { now: new Date() }),
      );
      return o.json ? JSON.stringify(runs) : listed(runs);
    },
    show: async () => {
      const o = said(verbs.show.flags);
      const tiller = remote(o);
      const nodes = await nodesOf(tiller, about);
      if (o.json) return JSON.stringify(nodes);
      const progress = (await tiller.listProgress()).find((r) => r.id === about);
      return `${progress ? `${listed([progress])}\n\n` : ""}${tree(nodes)}`;
    },
    workflows: async () => {
      const o = said(verbs.workflows.flags);
      const known = await remote(o).listWorkflows();
      if (o.json) return JSON.stringify(known);
      return table(
        ["workflow", "title"],
        known.map((w) => [w.name, w.title]),
      );
    },
    start: async () => {
      const o = said(verbs.start.flags);
      const body = {
        workflow: about,
        input: o.input === undefined ? {} : jsonFlag("input", o.input),
        agents: Agents.parse(o.agents === undefined ? {} : jsonFlag("agents", o.agents)),
        budget: Budget.parse(o.budget === undefined ? {} : jsonFlag("budget", o.budget)),
        seed: o.seed,
      };
      return (await remote(o).startRun({ body })).experiment;
    },
    cancel: async () => {
      const { reason, ...o } = said(verbs.cancel.flags);
      const why = reason === undefined ? {} : { reason };
      await orWithoutServer<unknown>(
        o,
        () => remote(o).cancelRun({ ...at, body: { node: about, ...why } }),
        ({ db }) =>
          cancelInDatabase(
            db,
            about,
            `cancelled from the command line${reason ? `: ${reason}` : ""}`,
          ),
      );
      return `${about} is cancelled, with all below it.`;
    },
    hold: async () => {
      const { reason, ...o } = said(verbs.hold.flags);
      const why = reason === undefined ? {} : { reason };
      await orWithoutServer<unknown>(
        o,
        () => remote(o).holdRun({ ...at, body: why }),
        ({ db }) => holdRun(db, at.id, `held from the command line${reason ? `: ${reason}` : ""}`),
      );
      return `${at.id} is held. Let it go on: tiller run release ${at.id}`;
    },
    release: async () => {
      const o = said(verbs.release.flags);
      await orWithoutServer<unknown>(
        o,
        () => remote(o).releaseRun(at),
        ({ db }) => releaseRun(db, at.id),
      );
      return `${at.id} is released.`;
    },
    fork: async () => {
      const o = said(verbs.fork.flags);
      const changed = { ...value("input", o.input), ...value("output", o.output) };
      return (await remote(o).forkRun({ ...at, body: { node: about, ...changed } })).experiment;
    },
    rewind: async () =>
      (await remote(said(verbs.rewind.flags)).rewindRun({ ...at, body: { node: about } }))
        .experiment,
    reask: async () =>
      (await remote(said(verbs.reask.flags)).reaskRun({ ...at, body: { node: about } })).experiment,
    migrate: async () => {
      const { to, ...o } = said(verbs.migrate.flags);
      return (await remote(o).migrateRun({ ...at, body: { to } })).experiment;
    },
    record: async () => {
      const { out, ...o } = said(verbs.record.flags);
      const recording = await remote(o).recordRun(at);
      await writeFile(out, `${JSON.stringify(recording, undefined, 2)}\n`);
      return `${out}: ${Object.keys(recording.results).length} answers of people and models`;
    },
  };
  console.log(await acts[verb]());
  return 0;
}

async function nodesOf(tiller: TillerClient, id: string): Promise<TraceNode[]> {
  const nodes = new Map<string, TraceNode>();
  for (let after = 0; ;) {
    const page = await tiller.tracePage({ id, after });
    for (const node of page.nodes) nodes.set(node.id, node);
    if (!page.more) break;
    after = page.seq;
  }
  if (!nodes.size)
    throw new TillerError("not_found", `there is no run ${id}. Look it up: tiller run list.`);
  return [...nodes.values()];
}

const listed = (runs: readonly RunProgress[]): string =>
  runs.length
    ? table(
        ["run", "workflow", "state", "done", "waits for"],
        runs.map((r) => [
          r.id,
          r.recipe,
          r.state,
          `${Math.floor(r.done)} of ${Math.ceil(r.total)}`,
          r.waits[0]
            ? `${r.waits[0].what}, since ${r.waits[0].since.slice(0, 16)}`
            : (r.error ?? "-"),
        ]),
      )
    : "No runs yet. Start one: tiller run start NAME --input JSON";

/** Children under their parents, each with its state and what came out. */
function tree(nodes: readonly TraceNode[]): string {
  const below = Map.groupBy(nodes, (n) => n.parent);
  const lines: string[] = [];
  const walk = (parent: string | null, depth: number): void => {
    for (const n of (below.get(parent) ?? []).toSorted((a, b) => a.place - b.place)) {
      const said = n.error?.message ?? n.brief;
      lines.push(
        `${"  ".repeat(depth)}${n.name}  [${n.kind}, ${n.state}]${said ? `  ${said}` : ""}`,
      );
      walk(n.id, depth + 1);
    }
  };
  walk(null, 0);
  return lines.join("\n");
}
