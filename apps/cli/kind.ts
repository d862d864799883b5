/** tiller kind: kinds of work as the running server knows them, and one made in the browser as a file of code. */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import { command, verb } from "./command.ts";
import { flag } from "./flags.ts";
import { remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

const text = z.string().min(1).optional();

async function list(o: z.infer<z.ZodObject<typeof remoteFlags>>): Promise<number> {
  const kinds = await remote(o).listKinds();
  if (o.json) console.log(JSON.stringify(kinds));
  else
    console.log(
      table(
        ["kind", "title", "from"],
        kinds.map((k) => [`${k.name}@${k.version}`, k.title, k.base ?? k.from]),
      ),
    );
  return 0;
}

const exportFlags = {
  version: flag(text, "V", "of the kind (the newest, unless this says another)"),
  out: flag(text, "FILE", "where to (default: the terminal)"),
  ...remoteFlags,
};
async function exportFile(
  o: z.infer<z.ZodObject<typeof exportFlags>>,
  name: string,
): Promise<number> {
  const { version, out } = o;
  const stream = await remote(o).kindFile({ name, ...(version ? { version } : {}) });
  const code = await new Response(stream).text();
  if (out) writeFileSync(out, code);
  process.stdout.write(out ? `${out} is written: tiller task preview ${out}\n` : code);
  return 0;
}

export const kindCommand = command("kind", {
  list: verb({ what: "all that are known", flags: remoteFlags, run: list }),
  export: verb({
    what: "one that was made in the browser, as TypeScript",
    takes: ["NAME"],
    flags: exportFlags,
    run: exportFile,
  }),
});
