/**
 * tiller experiment: experiments on the running server, over its API. What gets an experiment out of the way, and the list of
 * them, also work on the database of a home whose server does not run.
 */
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import type { TillerClient } from "@tiller/client";
import {
  Agents,
  Budget,
  type ExperimentProgress,
  TillerError,
  type TraceNode,
} from "@tiller/schema";
import { cancelInDatabase, holdExperiment, listProgress, releaseExperiment } from "@tiller/flow";
import { command, verb } from "./command.ts";
import { countFlag, flag } from "./flags.ts";
import { jsonFlag, orWithoutServer, remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";
import { verifyVerb } from "./verify.ts";

const given = z.string().min(1).optional();
const input = flag(given, "JSON|@FILE", "what the workflow is given");
const agents = flag(given, "JSON|@FILE", "who answers which kind of work");
const budget = flag(given, "JSON|@FILE", "what it may spend");
const reason = flag(z.string().optional(), "TEXT", "what the record says");
const startFlags = {
  input,
  agents,
  budget,
  seed: countFlag(z.int()).default(1).describe("of its randomness"),
  title: flag(given, "TEXT", "its name, in place of its workflow's"),
  note: flag(given, "TEXT", "what it is to find out"),
  tags: flag(given, "A,B", "tags, with commas between"),
  ...remoteFlags,
};
const forecastFlags = { input, ...remoteFlags };
const forkFlags = {
  input: flag(given, "JSON|@FILE", "another input of an ask or a workflow"),
  output: flag(given, "JSON|@FILE", "another result of the node"),
  ...remoteFlags,
};
const migrateFlags = { to: flag(z.string().min(1), "NAME", "the newer version"), ...remoteFlags };
const recordFlags = { out: flag(z.string().min(1), "FILE", "where to"), ...remoteFlags };
const why = { reason, ...remoteFlags };
type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;

/** The experiment that a node is of. */
const experimentOf = (node: string) => ({ id: node.split("/")[0]! });
const because = (text: string | undefined) => (text === undefined ? {} : { reason: text });
const value = (name: string, text: string | undefined) =>
  text === undefined ? {} : { [name]: jsonFlag(name, text) };
/** Prints what a verb says. */
const saying =
  <O>(act: (o: O, about: string) => Promise<string>) =>
  async (o: O, about = ""): Promise<number> => {
    console.log(await act(o, about));
    return 0;
  };

async function list(o: Flags<typeof remoteFlags>): Promise<string> {
  const experiments = await orWithoutServer(
    o,
    () => remote(o).listProgress(),
    ({ db }) => listProgress(db, { now: new Date() }),
  );
  return o.json ? JSON.stringify(experiments) : listed(experiments);
}

async function show(o: Flags<typeof remoteFlags>, id: string): Promise<string> {
  const tiller = remote(o);
  const nodes = await nodesOf(tiller, id);
  if (o.json) return JSON.stringify(nodes);
  const progress = (await tiller.listProgress()).find((r) => r.id === id);
  return `${progress ? `${listed([progress])}\n\n` : ""}${tree(nodes)}`;
}

async function workflows(o: Flags<typeof remoteFlags>): Promise<string> {
  const known = await remote(o).listWorkflows();
  if (o.json) return JSON.stringify(known);
  return table(
    ["workflow", "title"],
    known.map((w) => [w.name, w.title]),
  );
}

async function start(o: Flags<typeof startFlags>, workflow: string): Promise<string> {
  const body = {
    workflow,
    input: o.input === undefined ? {} : jsonFlag("input", o.input),
    agents: Agents.parse(o.agents === undefined ? {} : jsonFlag("agents", o.agents)),
    budget: Budget.parse(o.budget === undefined ? {} : jsonFlag("budget", o.budget)),
    seed: o.seed,
    ...(o.title === undefined ? {} : { title: o.title }),
    ...(o.note === undefined ? {} : { note: o.note }),
    ...(o.tags === undefined ? {} : { tags: o.tags.split(",").map((t) => t.trim()) }),
  };
  return (await remote(o).startExperiment({ body })).experiment;
}

async function forecast(o: Flags<typeof forecastFlags>, workflow: string): Promise<string> {
  const given = o.input === undefined ? {} : jsonFlag("input", o.input);
  const f = await remote(o).forecastExperiment({ body: { workflow, input: given } });
  if (o.json) return JSON.stringify(f);
  const hours = (s: number) => `${(s / 3600).toFixed(1)} h`;
  const asks = (f.asks ?? []).map(
    (w) =>
      `${w.answers} answers (${w.kind}): ${w.seconds === null ? "nobody has given one yet, so their time is not known" : `${hours(w.seconds)} of people's time`}${w.pay ? `, ${(w.pay.amount / 100).toFixed(2)} ${w.pay.currency}` : ""}`,
  );
  const near = f.nearest
    ? `${f.nearest.id}, which differs in ${f.nearest.differs.length} settings, took ${f.nearest.minutes.toFixed(1)} min, ${f.nearest.answers} answers, $${f.nearest.money.toFixed(2)}`
    : `no experiment of ${workflow} has ended here yet`;
  return [
    ...(f.asks === null ? ["its workflow does not say beforehand what it asks"] : asks),
    near,
  ].join("\n");
}

async function cancel({ reason: text, ...o }: Flags<typeof why>, node: string): Promise<string> {
  const said = `cancelled from the command line${text ? `: ${text}` : ""}`;
  await orWithoutServer<unknown>(
    o,
    () => remote(o).cancelExperiment({ ...experimentOf(node), body: { node, ...because(text) } }),
    ({ db }) => cancelInDatabase(db, node, said),
  );
  return `${node} is cancelled, with all below it.`;
}

async function hold({ reason: text, ...o }: Flags<typeof why>, about: string): Promise<string> {
  const { id } = experimentOf(about);
  const said = `held from the command line${text ? `: ${text}` : ""}`;
  await orWithoutServer<unknown>(
    o,
    () => remote(o).holdExperiment({ id, body: because(text) }),
    ({ db }) => holdExperiment(db, id, said),
  );
  return `${id} is held. Let it go on: tiller experiment release ${id}`;
}

async function release(o: Flags<typeof remoteFlags>, about: string): Promise<string> {
  const { id } = experimentOf(about);
  await orWithoutServer<unknown>(
    o,
    () => remote(o).releaseExperiment({ id }),
    ({ db }) => releaseExperiment(db, id),
  );
  return `${id} is released.`;
}

async function fork(o: Flags<typeof forkFlags>, node: string): Promise<string> {
  const changed = { ...value("input", o.input), ...value("output", o.output) };
  return (await remote(o).forkExperiment({ ...experimentOf(node), body: { node, ...changed } }))
    .experiment;
}
const rewind = async (o: Flags<typeof remoteFlags>, node: string): Promise<string> =>
  (await remote(o).rewindExperiment({ ...experimentOf(node), body: { node } })).experiment;
const reask = async (o: Flags<typeof remoteFlags>, node: string): Promise<string> =>
  (await remote(o).reaskExperiment({ ...experimentOf(node), body: { node } })).experiment;
const migrate = async ({ to, ...o }: Flags<typeof migrateFlags>, about: string): Promise<string> =>
  (await remote(o).migrateExperiment({ ...experimentOf(about), body: { to } })).experiment;

async function record({ out, ...o }: Flags<typeof recordFlags>, about: string): Promise<string> {
  const recording = await remote(o).recordExperiment(experimentOf(about));
  await writeFile(out, `${JSON.stringify(recording, undefined, 2)}\n`);
  return `${out}: ${Object.keys(recording.results).length} answers of people and models`;
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
    throw new TillerError(
      "not_found",
      `there is no experiment ${id}. Look it up: tiller experiment list.`,
    );
  return [...nodes.values()];
}

const listed = (experiments: readonly ExperimentProgress[]): string =>
  experiments.length
    ? table(
        ["experiment", "workflow", "state", "done", "waits for"],
        experiments.map((r) => [
          r.id,
          r.recipe,
          r.state,
          `${Math.floor(r.done)} of ${Math.ceil(r.total)}`,
          r.waits[0]
            ? `${r.waits[0].what}, since ${r.waits[0].since.slice(0, 16)}`
            : (r.error ?? "-"),
        ]),
      )
    : "No experiments yet. Start one: tiller experiment start NAME --input JSON";

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

const takes = { node: ["NODE"], experiment: ["ID"] };
export const experimentCommand = command("experiment", {
  list: verb({
    what: "experiments, how far they are, what they wait for",
    flags: remoteFlags,
    run: saying(list),
  }),
  show: verb({
    what: "one, with its steps",
    takes: takes.experiment,
    flags: remoteFlags,
    run: saying(show),
  }),
  workflows: verb({ what: "what can be started", flags: remoteFlags, run: saying(workflows) }),
  start: verb({ what: "start one", takes: ["NAME"], flags: startFlags, run: saying(start) }),
  forecast: verb({
    what: "what one would cost",
    takes: ["NAME"],
    flags: forecastFlags,
    run: saying(forecast),
  }),
  cancel: verb({
    what: "an experiment or a node, with all below it",
    takes: takes.node,
    flags: why,
    run: saying(cancel),
  }),
  hold: verb({
    what: "set an experiment aside",
    takes: takes.experiment,
    flags: why,
    run: saying(hold),
  }),
  release: verb({
    what: "let it go on",
    takes: takes.experiment,
    flags: remoteFlags,
    run: saying(release),
  }),
  fork: verb({
    what: "a new experiment from a node of an old one",
    takes: takes.node,
    flags: forkFlags,
    run: saying(fork),
  }),
  rewind: verb({
    what: "a new experiment that does this node and what follows anew",
    takes: takes.node,
    flags: remoteFlags,
    run: saying(rewind),
  }),
  reask: verb({
    what: "a new experiment that asks people this once more",
    takes: takes.node,
    flags: remoteFlags,
    run: saying(reask),
  }),
  migrate: verb({
    what: "take an experiment over to a newer version of its workflow",
    takes: takes.experiment,
    flags: migrateFlags,
    run: saying(migrate),
  }),
  record: verb({
    what: "keep what people and models answered",
    takes: takes.experiment,
    flags: recordFlags,
    run: saying(record),
  }),
  verify: verifyVerb,
});
