/** `tiller`: one file a command. */
import { own, TillerError } from "@tiller/schema";

const commands: Record<
  string,
  { what: string; load: () => Promise<{ run(args: string[]): Promise<number> }> }
> = {
  start: {
    what: "start the server and the first experiment (--once --json --port --home --seed --small)",
    load: () => import("./start.ts"),
  },
  pretrain: {
    what: "train the base model from public-domain text (--out --seed --steps ...)",
    load: () => import("./pretrain.ts"),
  },
  model: {
    what: "show, pull, import, export, estimate, sample from or score with a model",
    load: () => import("./model.ts"),
  },
  models: {
    what: "the models that can be called: list, show NAME, try NAME PROMPT (--home --models FILE)",
    load: () => import("./models.ts"),
  },
  task: {
    what: "kinds of work: list them, begin a new one, preview a file (list, new NAME, preview FILE --port)",
    load: () => import("./task.ts"),
  },
  data: {
    what: "export answers as JSONL, CSV or Parquet, and import them (export --out, import FILE)",
    load: () => import("./data.ts"),
  },
  trace: {
    what: "a run as one HTML file that opens offline, and back (export RUN --out, import FILE)",
    load: () => import("./trace.ts"),
  },
  run: {
    what: "runs of workflows: list, show, workflows, start, cancel, hold, release, fork, rewind, reask, migrate, record",
    load: () => import("./run.ts"),
  },
  trigger: {
    what: "what starts runs by itself: list, add, pause, resume, remove NAME (--schedule --dataset --checkpoint)",
    load: () => import("./trigger.ts"),
  },
  backup: {
    what: "a home as one file, while its server runs or not (FILE --home)",
    load: () => import("./backup.ts"),
  },
  restore: {
    what: "a home out of such a file, checked (FILE --home NEW)",
    load: () => import("./restore.ts"),
  },
  quality: {
    what: "what people's answers say: aggregate, screening, preferences (FILE --truth --json ...)",
    load: () => import("./quality.ts"),
  },
};

const given = process.argv.slice(2);
// where and how models run holds for every command, and for the processes that it starts
for (const [name, variable] of [
  ["--device", "TILLER_DEVICE"],
  ["--bits", "TILLER_BITS"],
] as const) {
  const at = given.findIndex((a) => a === name || a.startsWith(`${name}=`));
  if (at < 0) continue;
  const [flag = ""] = given.splice(at, 1);
  process.env[variable] = flag.split("=")[1] ?? given.splice(at, 1)[0] ?? "";
}
const [name = "help", ...args] = given;
const command = own(commands, name);
if (!command) {
  console.log(
    `Usage: npm run tiller -- COMMAND\n\n${Object.entries(commands)
      .map(([n, c]) => `  ${n.padEnd(10)} ${c.what}`)
      .join(
        "\n",
      )}\n\nWith every command: --device cpu|cuda|webgpu|auto, where models run (default: cpu); --bits 8, weights rounded while a text is written, for speed`,
  );
  process.exit(name === "help" || name === "--help" ? 0 : 2);
}
try {
  process.exit(await (await command.load()).run(args));
} catch (e) {
  // an experiment's own error comes back from the database as a plain object of the same name
  const ours = e instanceof TillerError || (e instanceof Error && e.name === "TillerError");
  console.error(ours ? `tiller: ${(e as Error).message}` : e);
  process.exit(1);
}
