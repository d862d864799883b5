/** tiller trigger: what starts runs by itself, on the running server. */
import { z } from "zod";
import { NewTrigger, TillerError } from "@tiller/schema";
import { parseFlags } from "./flags.ts";
import { jsonFlag, remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

const usage = `  tiller trigger list
  tiller trigger add NAME --workflow NAME --input JSON|@FILE (--schedule CRON | --dataset NAME | --checkpoint NAME) [--agents JSON] [--budget JSON]
  tiller trigger pause NAME
  tiller trigger resume NAME
  tiller trigger remove NAME`;
const text = z.string().min(1).optional();

export async function run([verb, ...args]: string[]): Promise<number> {
  if (verb === "list") {
    const o = parseFlags(args, remoteFlags);
    const triggers = await remote(o).listTriggers();
    if (o.json) console.log(JSON.stringify(triggers));
    else if (!triggers.length) console.log(`No triggers. Add one:\n${usage}`);
    else
      console.log(
        table(
          ["trigger", "workflow", "on", "state", "next", "fired", "last"],
          triggers.map((t) => [
            t.name,
            t.workflow,
            Object.entries(t.on)
              .map(([k, v]) => `${k} ${String(v)}`)
              .join(),
            t.active ? "on" : "paused",
            t.nextAt?.slice(0, 16) ?? "-",
            String(t.fired),
            t.lastError ?? t.lastRun ?? "-",
          ]),
        ),
      );
    return 0;
  }
  const [name, ...rest] = args;
  if (!["add", "pause", "resume", "remove"].includes(verb ?? "") || !name || name.startsWith("--"))
    throw new TillerError("bad_command", `say what to do:\n${usage}`);
  if (verb === "remove") {
    await remote(parseFlags(rest, remoteFlags)).removeTrigger({ name });
    console.log(`${name} is removed. Runs that it started go on.`);
    return 0;
  }
  if (verb !== "add") {
    const active = verb === "resume";
    await remote(parseFlags(rest, remoteFlags)).setTrigger({ name, body: { active } });
    console.log(active ? `${name} is on.` : `${name} is paused: it starts nothing.`);
    return 0;
  }
  const o = parseFlags(rest, {
    ...remoteFlags,
    workflow: z.string().min(1),
    input: text,
    agents: text,
    budget: text,
    schedule: text,
    dataset: text,
    checkpoint: text,
  });
  const { schedule, dataset, checkpoint } = o;
  const on = Object.entries({ schedule, dataset, checkpoint }).filter(([, v]) => v !== undefined);
  if (on.length !== 1)
    throw new TillerError("bad_flag", "give one of --schedule, --dataset and --checkpoint.");
  const given = (flag: "input" | "agents" | "budget") =>
    o[flag] === undefined ? {} : jsonFlag(flag, o[flag]);
  const body = NewTrigger.safeParse({
    name,
    workflow: o.workflow,
    input: given("input"),
    agents: given("agents"),
    budget: given("budget"),
    on: Object.fromEntries(on),
  });
  if (!body.success) throw new TillerError("bad_flag", `${z.prettifyError(body.error)}\n${usage}`);
  await remote(o).addTrigger({ body: body.data });
  console.log(`${name} is set.`);
  return 0;
}
