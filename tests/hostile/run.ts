/**
 * Hostile input, generated until the time is up: `files` to every reader, `server` to a running server. What must hold:
 * an answer or a refusal that says what to do; never another error, a hang, gigabytes or a death.
 * Run: npm run hostile -- files|server [--minutes 10] [--seed N] [--only KIND]   (a seed repeats the inputs; each has its number)
 */
import { parseArgs } from "node:util";
import { z } from "zod";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    only: { type: "string" },
    from: { type: "string", default: "0" },
  },
});
const Options = z.object({
  minutes: z.coerce
    .number()
    .positive()
    .max(24 * 60),
  seed: z.coerce.number().int().nonnegative(),
  from: z.coerce.number().int().nonnegative().describe("the number of the first input"),
  only: z.string().optional(),
});
const o = Options.parse(values);
const modes: Readonly<
  Record<string, () => Promise<(o: z.infer<typeof Options>) => Promise<string[]>>>
> = {
  files: async () => (await import("./files-run.ts")).files,
  server: async () => (await import("./server-run.ts")).server,
};
const [mode = ""] = positionals;
if (!Object.hasOwn(modes, mode)) {
  console.error(`say which: npm run hostile -- ${Object.keys(modes).join("|")}`);
  process.exit(2);
}
console.log(`hostile ${mode}: seed ${o.seed}, ${o.minutes} minutes`);
const faults = await (await modes[mode]!())(o);
for (const fault of faults) console.log(`\nFAULT ${fault}`);
process.exit(faults.length ? 1 : 0);
