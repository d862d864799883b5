/** tiller trigger: what starts experiments by itself, on the running server. */
import { z } from "zod";
import { NewTrigger, TillerError } from "@tiller/schema";
import { command, verb } from "./command.ts";
import { flag } from "./flags.ts";
import { jsonFlag, remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

const text = z.string().min(1).optional();
const addFlags = {
  workflow: flag(z.string().min(1), "NAME", "what is started"),
  input: flag(text, "JSON|@FILE", 'what it is given; "$event" is what happened'),
  schedule: flag(text, "CRON", "on: times, in UTC"),
  dataset: flag(text, "NAME", "on: a new version of this dataset"),
  checkpoint: flag(text, "NAME", "on: a new checkpoint of this name"),
  agents: flag(text, "JSON|@FILE", "who answers which kind of work"),
  budget: flag(text, "JSON|@FILE", "what an experiment may spend"),
  ...remoteFlags,
};
type Remote = z.infer<z.ZodObject<typeof remoteFlags>>;

async function list(o: Remote): Promise<number> {
  const triggers = await remote(o).listTriggers();
  if (o.json) console.log(JSON.stringify(triggers));
  else if (!triggers.length) console.log("No triggers. Add one: tiller trigger add --help");
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
          t.lastError ?? t.lastExperiment ?? "-",
        ]),
      ),
    );
  return 0;
}
async function remove(o: Remote, name: string): Promise<number> {
  await remote(o).removeTrigger({ name });
  console.log(`${name} is removed. Experiments that it started go on.`);
  return 0;
}
const set =
  (active: boolean) =>
  async (o: Remote, name: string): Promise<number> => {
    await remote(o).setTrigger({ name, body: { active } });
    console.log(active ? `${name} is on.` : `${name} is paused: it starts nothing.`);
    return 0;
  };

async function add(o: z.infer<z.ZodObject<typeof addFlags>>, name: string): Promise<number> {
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
  if (!body.success) throw new TillerError("bad_flag", z.prettifyError(body.error));
  await remote(o).addTrigger({ body: body.data });
  console.log(`${name} is set.`);
  return 0;
}

const takes = ["NAME"];
export const triggerCommand = command("trigger", {
  list: verb({ what: "all of them, with their last experiments", flags: remoteFlags, run: list }),
  add: verb({
    what: "one, on --schedule, --dataset or --checkpoint",
    takes,
    flags: addFlags,
    run: add,
  }),
  pause: verb({ what: "it starts nothing", takes, flags: remoteFlags, run: set(false) }),
  resume: verb({ what: "it starts experiments again", takes, flags: remoteFlags, run: set(true) }),
  remove: verb({
    what: "forget it; its experiments go on",
    takes,
    flags: remoteFlags,
    run: remove,
  }),
});
