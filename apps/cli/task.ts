/** tiller task: list the ready-made kinds of work, begin a new one, preview a file while it is written. */
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { taskTypes } from "@tiller/crowd";
import { TillerError } from "@tiller/schema";
import { buildWeb } from "@tiller/web/build.ts";
import { countFlag, parseFlags } from "./flags.ts";
import { startPreview } from "./task-preview.ts";

const USAGE = "tiller task list | new NAME | preview FILE [--port 7071]";

export async function run([what, name, ...rest]: string[]): Promise<number> {
  if (what === "list") return list();
  if (what === "new" && name) return begin(name);
  if (what === "preview" && name) return preview(name, rest);
  throw new TillerError(
    "bad_command",
    `${[what, name].filter(Boolean).join(" ") || "nothing"} is not enough. Usage: ${USAGE}.`,
  );
}

function list(): number {
  for (const [key, def] of taskTypes) console.log(`${key.padEnd(24)} ${def.title}`);
  return 0;
}

function begin(name: string): number {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new TillerError(
      "bad_name",
      `${name} is no name for a kind of work. Use small letters, digits and hyphens, like rate-headline.`,
    );
  const file = path.resolve(`${name}.ts`);
  if (existsSync(file))
    throw new TillerError("file_exists", `${file} is there already. Choose another name.`);
  writeFileSync(file, template(name));
  console.log(`${file}\nnpm run tiller -- task preview ${path.relative(process.cwd(), file)}`);
  return 0;
}

const template = (name: string) => `import { z } from "zod";
import { defineTask } from "@tiller/schema";

export const ${name.replace(/-(.)/g, (_, c: string) => c.toUpperCase())} = defineTask({
  name: "${name}",
  version: "1",
  title: "How good is this text?",
  instructions: "# How good is it?\\n\\nRead the **text** and rate it.",
  input: z.strictObject({ text: z.string() }),
  view: {
    show: [{ kind: "text", from: "text", label: "Text" }],
    ask: [{ kind: "rating", name: "quality", label: "Quality", points: 7, low: "Bad", high: "Good" }],
  },
  samples: [{ text: "A first sample." }],
});
`;

async function preview(file: string, rest: string[]): Promise<number> {
  const { port } = parseFlags(rest, {
    port: countFlag(z.int().min(0).max(65535)).default(7071),
  });
  if (!existsSync(file))
    throw new TillerError(
      "not_found",
      `there is no file ${file}. Begin one with tiller task new NAME.`,
    );
  const { address, close } = await startPreview({ file, port, web: await buildWeb() });
  console.log(`\n  ${file} is at ${address}, and follows the file. Ctrl+C ends it.\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  close();
  return 0;
}
