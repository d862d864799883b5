/**
 * Checks what the documents name: commands with their verbs and flags (against the tables that parse them), files, links and
 * their headings, decisions, the tree in README, the reading path and its length, the rooms in architecture.md (against
 * check-imports.ts) and the kinds of work in tasks.md. Run: npm run docs
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { z } from "zod";
import { flagOf, type Verb } from "@tiller/cli/command.ts";
import { commands } from "@tiller/cli/commands.ts";
import { taskTypes } from "@tiller/crowd";
import { allowed } from "./check-imports.ts";

const root = path.resolve(import.meta.dirname, "..");
const READING_LINES = 1500;
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const tracked = (): string[] =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root })
    .toString()
    .split("\n")
    .filter((f) => f && existsSync(path.join(root, f)));

/** What is known about this tree. */
export interface Tree {
  readonly files: readonly string[];
  /** the scripts of package.json */
  readonly scripts: Readonly<Record<string, string>>;
  readonly tiller: ReadonlyMap<string, Readonly<Record<string, Verb>>>;
}

/** Parts of a Markdown text: prose without code, spans of code, lines of fenced code. */
function parts(text: string) {
  const fences: { at: number; lines: string }[] = [];
  const blank = (s: string) => s.replaceAll(/[^\n]/g, " ");
  const lineOf = (at: number) => text.slice(0, at).split("\n").length;
  const visible = text.replaceAll(/<!--[\s\S]*?-->/g, blank);
  const fence = /^ {0,3}(`{3,}|~{3,})[^\n]*\n([\s\S]*?)(?:^ {0,3}\1[`~]*\s*?$|(?![\s\S]))/gm;
  const open = visible.replaceAll(fence, (all, _: string, lines: string, at: number) => {
    fences.push({ at: lineOf(at) + 1, lines });
    return blank(all);
  });
  const spans: { at: number; code: string }[] = [];
  const prose = open.replaceAll(/`([^`]+)`/g, (all, code: string, at: number) => {
    spans.push({ at: lineOf(at), code: code.replaceAll(/\s+/g, " ") });
    return blank(all);
  });
  return { fences, spans, prose, lineOf };
}

/** Words as a shell divides them, without comments; several commands where && or ; stands between. */
function commandsIn(line: string): string[][] {
  const found: string[][] = [[]];
  for (const [token] of line.matchAll(/&&|;|#.*|(?:"[^"]*"|'[^']*'|[^\s"';&#]|(?<=\S)[#&])+/g))
    if (token.startsWith("#")) break;
    else if (token === "&&" || token === ";") found.push([]);
    else found.at(-1)!.push(token.replaceAll(/["']/g, ""));
  return found.map((words) => words.slice(words.findIndex((w) => !/^[A-Z_]+=/.test(w))));
}
/** What is optional in a usage line stands in brackets. */
const bare = (words: readonly string[]) =>
  words.map((w) => w.replaceAll(/^\[|\]$/g, "")).filter((w) => w && w !== "...");

/** The flags of `args`, and what stands beside them; only `takes(flag)` tells whether a value follows. */
function divide(args: readonly string[], takesValue: (flag: string) => boolean) {
  const flags: string[] = [];
  const named: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [flag = "", value] = args[i]!.split("=");
    if (!flag.startsWith("--")) named.push(args[i]!);
    else {
      flags.push(flag.slice(2));
      if (value === undefined && takesValue(flag.slice(2))) i++;
    }
  }
  return { flags, named };
}

function tillerProblems(tree: Tree, args: readonly string[]): string[] {
  const everywhere = ["device", "bits", "help"];
  const [name = "", ...rest] = args;
  if (!/^[a-z]/.test(name)) return []; // COMMAND, or the name alone
  const verbs = tree.tiller.get(name);
  if (!verbs) return [`there is no command tiller ${name}`];
  const alone = Object.hasOwn(verbs, "");
  const [first = "", ...others] = rest;
  if (!alone && !/^[a-z]/.test(first)) return []; // VERB, or the command alone
  return (alone ? [""] : first.split("|")).flatMap((key) => {
    if (!Object.hasOwn(verbs, key)) return [`tiller ${name} has no ${key}`];
    const { flags: known, takes } = verbs[key]!;
    const { flags, named } = divide(alone ? rest : others, (f) => {
      const schema = Object.hasOwn(known, f) ? (known[f] as z.ZodType) : undefined;
      return schema ? flagOf(schema).value !== "" : f === "device" || f === "bits";
    });
    const what = `tiller ${name} ${key}`.trim();
    const unknown = flags.filter((f) => !everywhere.includes(f) && !Object.hasOwn(known, f));
    const more = named.slice(takes.length).filter((w) => !/^[(|)]$/.test(w));
    return [
      ...unknown.map((f) => `${what} has no --${f}`),
      ...(more.length
        ? [`${what} takes ${takes.join(" ") || "no names"}, not ${more.join(" ")}`]
        : []),
    ];
  });
}

/** Flags of a script that reads them by itself: they stand in its files. */
function scriptProblems(tree: Tree, name: string, args: readonly string[]): string[] {
  const entry = /\bnode (\S+\.ts)/.exec(tree.scripts[name] ?? "")?.[1];
  if (!entry) return [];
  const folder = path.posix.dirname(entry);
  const [first = ""] = args;
  const isBench = name === "bench" && /^[a-z]/.test(first);
  // what bench/main.ts loads by that name, and its folder
  const [, loaded = `${first}.ts`] =
    new RegExp(`^  "?${RegExp.escape(first)}"?: \\{[^}]*import\\("\\./([^"]+)"`, "m").exec(
      isBench ? read("bench/main.ts") : "",
    ) ?? [];
  const own = isBench
    ? tree.files.filter((f) => f === `bench/${loaded}` || f.startsWith(`bench/${first}/`))
    : tree.files.filter((f) => f === entry || (f.startsWith(`${folder}/`) && name !== "soak"));
  if (isBench && !own.length) return [`there is no npm run bench -- ${first}`];
  const source = own
    .filter((f) => f.endsWith(".ts"))
    .map(read)
    .join("\n");
  return args
    .filter((a) => a.startsWith("--") && a.length > 2)
    .map((a) => a.slice(2).split("=")[0]!)
    .filter((flag) => !new RegExp(`["']?\\b${RegExp.escape(flag)}["']?:`).test(source))
    .map((flag) => `npm run ${name} has no --${flag}`);
}

/** What is wrong with one command, divided into words. */
export function commandProblems(tree: Tree, given: readonly string[]): string[] {
  const [program, ...rest] = bare(given);
  const args = rest.filter((w) => w !== "--");
  if (program === "tiller") return tillerProblems(tree, args);
  if (program === "npm") {
    const [verb = "", ...more] = args;
    if (["ci", "i", "install", "pack"].includes(verb)) return [];
    const [name = "", ...own] = verb === "run" ? more : args;
    if (!Object.hasOwn(tree.scripts, name)) return [`there is no npm run ${name}`];
    if (name === "tiller" || name === "start")
      return tillerProblems(tree, name === "start" ? ["start", ...own] : own);
    return scriptProblems(tree, name, own);
  }
  if (program !== "npx" && program !== "node") return [];
  const named = program === "npx" ? args.slice(1) : args;
  const bin = program === "npx" ? path.join("node_modules", ".bin", args[0] ?? "") : ".";
  return [
    ...(existsSync(path.join(root, bin)) ? [] : [`there is no ${args[0]} to run by npx`]),
    ...named
      .filter((w) => /\.tsx?$/.test(w) && !isFile(tree, w))
      .map((w) => `there is no file ${w}`),
  ];
}

/** Brackets of a shell: a/{b,c}.ts */
function spread(name: string): string[] {
  const m = /^(.*?)\{([^{}]*)\}(.*)$/.exec(name);
  return m ? m[2]!.split(",").flatMap((x) => spread(`${m[1]}${x}${m[3]}`)) : [name];
}
/** A file or folder by its path, or by the end of its path; `*` stands for any letters. */
function isFile(tree: Tree, name: string): boolean {
  const end = name.replace(/^\.\//, "").replace(/\/$/, "");
  const pattern = new RegExp(
    `(?:^|/)${end
      .split("*")
      .map((t) => RegExp.escape(t))
      .join("[^/]*")}(?:$|/)`,
  );
  return tree.files.some((f) => pattern.test(f));
}
const tops = /^(?:packages|apps|docs|recipes|examples|tests|bench|scripts|models)\//;
/** Whether a span of code names a file of this tree, and not one of the reader's. */
const namesFile = (code: string): boolean =>
  /^[\w@.{},*/-]+$/.test(code) && (tops.test(code) || /[\w}*]\.(?:tsx?|sql)$/.test(code));

const slug = (heading: string) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
/** The anchors of a text's headings; of headings alike the second is NAME-1. */
function headings(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading] of text.matchAll(/^#{1,6} (.*?)(?: #+)?$/gm)) {
    const name = slug(heading!.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1"));
    let [anchor, n] = [name, 0];
    while (found.has(anchor)) anchor = `${name}-${++n}`;
    found.add(anchor);
  }
  return found;
}
/** Where links lead: in Markdown, by a definition below, and in HTML. */
const link =
  /\]\(<?((?:[^()\s<>]|\([^()\s]*\))+)>?(?: +["'][^)]*)?\)|^ {0,3}\[[^\]^]+\]: +<?([^\s>]+)|\b(?:href|src)="([^"]+)"/gm;

/** What is wrong with one document. */
export function docProblems(tree: Tree, file: string, text: string): string[] {
  const { fences, spans, prose, lineOf } = parts(text);
  const problems: string[] = [];
  const say = (line: number, why: string) => problems.push(`${file}:${line}: ${why}`);
  const tryCommands = (line: number, code: string) => {
    for (const words of commandsIn(code))
      for (const why of commandProblems(tree, words)) say(line, why);
  };
  for (const { at, lines } of fences)
    for (const [i, line] of lines.replaceAll(/\\\n/g, " ").split("\n").entries())
      tryCommands(at + i, line);
  for (const { at, code } of spans) {
    tryCommands(at, code);
    if (namesFile(code))
      for (const name of spread(code)) if (!isFile(tree, name)) say(at, `there is no file ${name}`);
  }
  // code in the words of a link is blank by now
  for (const m of prose.matchAll(link)) {
    const [target = "", anchor] = decodeURIComponent(m.slice(1).join("")).split("#");
    if (/^[a-z]+:/i.test(target)) continue;
    const at = target ? path.posix.join(path.posix.dirname(file), target) : file;
    if (at !== file && !isAt(tree, at))
      say(lineOf(m.index), `the link leads to ${at}, which is not there`);
    else if (anchor && !headings(at === file ? text : read(at)).has(anchor))
      say(lineOf(m.index), `${at} has no heading #${anchor}`);
  }
  for (const m of text.matchAll(/\bdecisions? (\d+)\b/g))
    if (!tree.files.some((f) => f.startsWith(`docs/decisions/${m[1]!.padStart(4, "0")}-`)))
      say(lineOf(m.index), `there is no decision ${m[1]}`);
  return problems;
}
const isAt = (tree: Tree, at: string) =>
  tree.files.some((f) => f === at || f.startsWith(`${at.replace(/\/$/, "")}/`));

/** The files of the reading path, in its order: the numbered list below its heading. */
export const readingPath = (readme: string): string[] =>
  [...sectionOf(readme, "A reading path").matchAll(/^\d+\. \[[^\]]*\]\(([^)]+)\)/gm)].map(
    ([, f]) => f!,
  );
/** What stands below a heading of the second order. */
const sectionOf = (text: string, heading: string): string =>
  text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";

/** What the documents say together. */
function wholeProblems(tree: Tree): string[] {
  const problems: string[] = [];
  const readme = read("README.md");
  const reading = readingPath(readme).filter((f) => isAt(tree, f));
  const lines = reading.reduce((sum, f) => sum + read(f).trimEnd().split("\n").length, 0);
  if (reading.length < 8 || lines > READING_LINES)
    problems.push(
      `README.md: the reading path has ${reading.length} files of ${lines} lines in all; at least 8 and at most ${READING_LINES} lines. Choose others.`,
    );
  const tree_ = sectionOf(readme, "What is where");
  const named = new Set([...tree_.matchAll(/^ {0,2}([\w./-]+?)\/? {2,}\S/gm)].map(([, f]) => f!));
  const folders = tree.files.map((f) => f.split("/")).filter((p) => p.length > 1);
  const rooms = folders.map(([top, below]) => (/^(?:packages|apps)$/.test(top!) ? below! : top!));
  for (const room of new Set(rooms))
    if (![...named].some((n) => n === room || n.startsWith(`${room}/`)) && !room.startsWith("."))
      problems.push(`README.md: the tree does not have ${room}/. Add it with a phrase.`);
  for (const n of named)
    if (!["packages", "apps", "."].some((top) => isAt(tree, path.posix.join(top, n))))
      problems.push(`README.md: the tree has ${n}/, which is not there.`);

  const listed = read("docs/decisions/README.md");
  for (const f of tree.files)
    if (/^docs\/decisions\/\d/.test(f) && !listed.includes(`(${path.posix.basename(f)})`))
      problems.push(`docs/decisions/README.md does not list ${path.posix.basename(f)}.`);

  const architecture = read("docs/architecture.md");
  for (const [room, may] of Object.entries(allowed)) {
    if (!room.startsWith("packages/")) continue;
    const row = new RegExp(`^\\| \`${room}\` \\|[^|]*\\| ([^|]*) \\|`, "m").exec(architecture)?.[1];
    const said = row === "nothing" ? "" : row;
    if (said?.split(", ").toSorted().join() !== may.toSorted().join())
      problems.push(
        `docs/architecture.md: ${room} may import ${may.join(", ") || "nothing"}; its row says ${row ?? "nothing, for there is none"}.`,
      );
  }

  const kinds = sectionOf(read("docs/tasks.md"), "Ready-made");
  const inDocs = new Set([...kinds.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, k]) => k!));
  for (const kind of [...taskTypes.values()].map((def) => def.name))
    if (!inDocs.delete(kind))
      problems.push(`docs/tasks.md does not list the kind of work ${kind}.`);
  for (const kind of inDocs)
    problems.push(`docs/tasks.md lists ${kind}, which is no kind of work.`);
  return problems;
}

export async function readTree(): Promise<Tree> {
  const loaded = Object.entries(commands).map(
    async ([name, { load }]) => [name, (await load()).verbs] as const,
  );
  const { scripts } = JSON.parse(read("package.json")) as Pick<Tree, "scripts">;
  return { files: tracked(), scripts, tiller: new Map(await Promise.all(loaded)) };
}

if (import.meta.main) {
  const tree = await readTree();
  const docs = tree.files.filter((f) => f.endsWith(".md") && !f.includes("/fixtures/"));
  const problems = [...docs.flatMap((f) => docProblems(tree, f, read(f))), ...wholeProblems(tree)];
  for (const problem of problems) console.error(problem);
  console.log(`${docs.length} documents, ${problems.length} problems`);
  process.exit(problems.length ? 1 : 0);
}
