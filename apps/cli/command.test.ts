/** Every command prints what it takes, from the table that its arguments are parsed by. */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { command, flagOf, verb } from "./command.ts";
import { commandOf, commands, formerNames } from "./commands.ts";
import { countFlag, flag } from "./flags.ts";

const lines: string[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  lines.length = 0;
});
const said = async (run: (args: string[]) => Promise<number>, ...args: string[]) => {
  vi.spyOn(console, "log").mockImplementation((x: unknown) => void lines.push(String(x)));
  expect(await run(args)).toBe(0);
  return lines.splice(0).join("\n");
};

test.each(Object.keys(commands))("tiller %s --help names every verb and flag", async (name) => {
  const { run, verbs } = await commands[name]!.load();
  for (const [key, { takes, flags, what }] of Object.entries(verbs)) {
    const text = await said(run, ...(key ? [key] : []), "--help");
    expect(text.split("\n")[0]).toContain(
      ["tiller", name, key, ...takes].filter(Boolean).join(" "),
    );
    expect(text).toContain(what);
    for (const [f, schema] of Object.entries(flags)) {
      const line = text.split("\n").findIndex((l) => l.trim().split(" ")[0] === `--${f}`);
      expect(line, `--${f}`).toBeGreaterThan(0);
      expect(flagOf(schema as z.ZodType).what, `${name} ${key} --${f}`).toMatch(/\w/);
    }
    if (key) expect(await said(run, "--help")).toContain(`tiller ${name} ${key}`);
  }
});

const seen: unknown[] = [];
const trial = command("trial", {
  mend: verb({
    what: "mends",
    takes: ["FILE", "[OTHER]"],
    flags: {
      times: countFlag(z.int()).default(3).describe("how often"),
      to: flag(z.string(), "DIR", "where"),
      dry: z.boolean().default(false).describe("only say it"),
      as: z.enum(["a", "b"]).optional().describe("how"),
    },
    run: async (flags, file, other) => {
      seen.push({ ...flags, file, other });
      return 0;
    },
  }),
});
test("what is parsed is what help says", async () => {
  expect(await said(trial.run, "mend", "--help")).toBe(`tiller trial mend FILE [OTHER] [flags]

mends

  --times N  how often (default: 3)
  --to DIR   where (needed)
  --dry      only say it
  --as a|b   how`);
  expect(await said(trial.run, "mend", "-h")).toContain("mends");
  await trial.run(["mend", "--to", "x", "f", "--dry"]); // flags and names in any order
  await trial.run(["mend", "--to=x", "--times", "5", "--", "--help", "-h"]); // after -- nothing is a flag
  expect(seen).toEqual([
    { times: 3, to: "x", dry: true, file: "f", other: undefined },
    { times: 5, to: "x", dry: false, file: "--help", other: "-h" },
  ]);
});
test.each([
  [["mend", "--to", "x"], /FILE is missing: tiller trial mend FILE \[OTHER\]/],
  [["mend", "a", "b", "c", "--to", "x"], /c is one too many/],
  [["mend", "a"], /--to/],
  [["mend", "a", "--too", "x"], /--too.*The flags are --times --to --dry --as/],
  [["sing"], /there is no tiller trial sing:\n {2}tiller trial mend FILE/],
  [["sing", "--help"], /there is no tiller trial sing/],
  [["constructor"], /there is no tiller trial constructor/],
  [[], /say what to do:\n {2}tiller trial mend/],
])("%j is refused", async (args, why) => expect(trial.run(args)).rejects.toThrow(why));

test("the command line itself: help with status 0, what does not exist with 2", () => {
  const main = path.join(import.meta.dirname, "main.ts");
  const tiller = (...args: string[]) =>
    execFileSync(process.execPath, [main, ...args], { encoding: "utf8", stdio: "pipe" });
  const overview = tiller("--help");
  for (const name of Object.keys(commands)) expect(overview).toContain(`  ${name} `);
  for (const [was, name] of Object.entries(formerNames)) {
    expect(overview).toContain(`tiller ${was} is now tiller ${name}`);
    expect(commandOf(was)).toBe(commands[name]);
  }
  expect(tiller("run", "--help")).toContain("tiller experiment start NAME");
  expect(tiller("help", "restore")).toContain("tiller restore FILE");
  expect(() => tiller("sing")).toThrow(expect.objectContaining({ status: 2 }));
}, 60_000);
