/** tiller task: list the ready-made kinds of work, begin a new one, preview a file while it is written. */
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { taskTypes } from "@tiller/crowd";
import { TillerError } from "@tiller/schema";
import { keyOf } from "@tiller/task";
import { buildWeb } from "@tiller/web/build.ts";
import { recipeTasks } from "../../recipes/index.ts";
import { command, verb } from "./command.ts";
import { countFlag } from "./flags.ts";
import { startPreview } from "./task-preview.ts";

async function list(): Promise<number> {
  for (const def of [...recipeTasks, ...taskTypes.values()])
    console.log(`${keyOf(def).padEnd(24)} ${def.title}`);
  return 0;
}

async function begin(_: object, name: string): Promise<number> {
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
import { defineTask } from "@tiller/task";

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

async function preview({ port }: { port: number }, file: string): Promise<number> {
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

export const taskCommand = command("task", {
  list: verb({ what: "the ready-made ones", flags: {}, run: list }),
  new: verb({ what: "begin one, as NAME.ts", takes: ["NAME"], flags: {}, run: begin }),
  preview: verb({
    what: "a file's kinds of work in the browser, as you save it",
    takes: ["FILE"],
    flags: {
      port: countFlag(z.int().min(0).max(65535)).default(7071).describe("0: any that is free"),
    },
    run: preview,
  }),
});
