/** `tiller`: one file a command. */
import { enableCompileCache } from "node:module";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { commandOf, commands, formerNames } from "./commands.ts";
import { inALine } from "./in-a-line.ts";

// compiled code is kept, for the processes that are started here as well: they begin in half the time
const compiled = path.resolve(import.meta.dirname, "../../node_modules/.cache/tiller");
process.env["NODE_COMPILE_CACHE"] ??= compiled;
enableCompileCache(process.env["NODE_COMPILE_CACHE"]);
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
const [first = "help", ...rest] = given;
const isHelp = ["help", "--help", "-h"].includes(first);
const name = isHelp ? rest[0] : first;
const args = isHelp ? [...rest.slice(1), "--help"] : rest;
const known = name === undefined ? undefined : commandOf(name);
if (!known) {
  const width = Math.max(...Object.keys(commands).map((n) => n.length));
  const lines = Object.entries(commands).map(([n, { what }]) => `  ${n.padEnd(width)}  ${what}`);
  const former = Object.entries(formerNames).map(
    ([was, is]) => `tiller ${was} is now tiller ${is}`,
  );
  console.log(
    `${name === undefined ? "" : `There is no tiller ${name}. `}Usage: npm run tiller -- COMMAND\n\n${lines.join("\n")}\n\n${former.join("; ")}; the old name still works.\n` +
      "What one takes: npm run tiller -- COMMAND --help\n" +
      "With every command: --device cpu|cuda|webgpu|auto, where models run (default: cpu); --bits 8, weights rounded while a text is written, for speed",
  );
  process.exit(name === undefined ? 0 : 2);
}
try {
  process.exit(await (await known.load()).run(args));
} catch (e) {
  // an experiment's own error comes back from the database as a plain object of the same name
  const ours = e instanceof TillerError || (e instanceof Error && e.name === "TillerError");
  const line = ours ? (e as Error).message : inALine(e);
  console.error(line === undefined ? e : `tiller: ${line}`);
  process.exit(1);
}
