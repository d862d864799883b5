/**
 * Checks that each room imports only the rooms below it (docs/architecture.md), that no files import each other in a
 * circle, and that no source file has outgrown its budget. Run: npm run imports
 */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

/** What may be built on: all packages but serving, which only apps do. */
const packages = [
  "schema",
  "task",
  "tensor",
  "lm",
  "learn",
  "store",
  "work",
  "lab",
  "model",
  "flow",
  "crowd",
  "room",
  "book",
  "sitting",
  "trees",
  "data",
  "client",
];

/** What each room may import, itself always included. A room that is missing here may import nothing. */
export const allowed: Readonly<Record<string, readonly string[]>> = {
  "packages/schema": [],
  "packages/task": ["schema"],
  "packages/tensor": ["schema"],
  "packages/lm": ["schema", "tensor"],
  "packages/learn": ["schema", "tensor", "lm"],
  "packages/store": ["schema"],
  "packages/crowd": ["schema", "task"],
  "packages/room": ["schema"],
  "packages/book": ["schema"],
  "packages/work": ["schema", "task", "crowd", "store"],
  "packages/lab": ["schema", "store"],
  "packages/model": ["schema", "store"],
  "packages/flow": ["schema", "task", "store", "work", "lab", "model"],
  "packages/sitting": ["schema", "room", "store", "work", "flow"],
  "packages/trees": ["schema", "task", "crowd", "room", "book", "store", "flow"],
  "packages/data": ["schema", "task", "store", "crowd", "work", "lab"],
  "packages/client": ["schema"],
  "packages/serve": ["schema", "lm", "learn", "store", "lab", "model"],
  recipes: packages,
  examples: [...packages, "recipes"],
  bench: [...packages, "serve", "recipes", "cli"],
  "apps/server": [...packages.filter((name) => name !== "tensor"), "serve", "recipes"],
  "apps/web": ["schema", "task", "room", "book", "client", "server (types)"],
  "apps/cli": [...packages, "serve", "recipes", "server", "web"],
  tests: [...packages, "serve", "recipes", "server", "cli", "web"],
  scripts: ["crowd", "cli"],
};

/** Lines a source file may have; tables and generated files are listed by name. */
const budget = 600;
const exempt: ReadonlySet<string> = new Set([]);

const rooms = Object.keys(allowed);
const roomOf = (file: string) => rooms.find((room) => file === room || file.startsWith(`${room}/`));
const nameOf = (room: string) => path.posix.basename(room);

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** The room that `specifier` leads to from `file`; undefined when it is a package from outside. */
function targetRoom(file: string, specifier: string): string | undefined {
  const scoped = /^@tiller\/([^/]+)/.exec(specifier)?.[1];
  if (scoped) return rooms.find((room) => nameOf(room) === scoped) ?? `@tiller/${scoped}`;
  if (!specifier.startsWith(".")) return undefined;
  const target = path.posix.join(path.posix.dirname(file), specifier);
  return target.startsWith("..") ? "outside the repository" : roomOf(target);
}

/** Everything wrong with one file. */
export function problemsOf(file: string, source: string): string[] {
  const problems: string[] = [];
  const room = roomOf(file);
  const lines = source.split("\n").length;
  if (lines > budget && !exempt.has(file))
    problems.push(`${file} has ${lines} lines, the budget is ${budget}: split it`);
  if (!room) return problems;
  for (const [, type, from, dynamic] of source.matchAll(importPattern)) {
    const specifier = from ?? dynamic;
    const target = targetRoom(file, specifier);
    if (!target || target === room) continue;
    const name = nameOf(target);
    const may =
      allowed[room].includes(name) ||
      (type !== undefined && allowed[room].includes(`${name} (types)`));
    const ownTest = file.includes(".test.") && !target.startsWith("apps/") && target in allowed;
    if (!may && !ownTest)
      problems.push(
        `${file} imports ${specifier}: ${room} may import ${allowed[room].join(", ") || "no other room"}`,
      );
  }
  return problems;
}

/** The file of the repository that `specifier` leads to from `file`. */
function targetFile(file: string, specifier: string): string | undefined {
  if (specifier.startsWith("."))
    return path.posix.join(path.posix.dirname(file), specifier.split("?")[0]!);
  const [, name, inside = "index.ts"] = /^@tiller\/([^/]+)(?:\/(.+))?$/.exec(specifier) ?? [];
  const room = name && rooms.find((r) => r.includes("/") && nameOf(r) === name);
  return room ? `${room}/${inside}` : undefined;
}

/** Files that import each other in a circle, as the way round; what is imported as a type alone counts too. */
export function circlesOf(sources: ReadonlyMap<string, string>): string[] {
  const next = new Map(
    [...sources].map(([file, source]) => {
      const found = [...source.matchAll(importPattern)]
        .map(([, , from, dynamic]) => targetFile(file, from ?? dynamic))
        .filter((t) => t !== undefined && sources.has(t));
      return [file, [...new Set(found)] as string[]];
    }),
  );
  const circles: string[] = [];
  const state = new Map<string, "open" | "done">();
  const way: string[] = [];
  const visit = (file: string) => {
    state.set(file, "open");
    way.push(file);
    for (const to of next.get(file) ?? []) {
      if (state.get(to) === "open") circles.push([...way.slice(way.indexOf(to)), to].join(" -> "));
      else if (!state.has(to)) visit(to);
    }
    way.pop();
    state.set(file, "done");
  };
  for (const file of sources.keys()) if (!state.has(file)) visit(file);
  return circles;
}

if (import.meta.main) {
  const files = globSync("{packages,apps,recipes,examples,bench,tests,scripts}/**/*.{ts,tsx}", {
    exclude: (file) => file.includes("node_modules") || file.includes("/dist"),
  }).filter((file) => !file.endsWith(".d.ts"));
  const sources = new Map(
    files.map((file) => [file.replaceAll(path.sep, "/"), readFileSync(file, "utf8")]),
  );
  const problems = [
    ...[...sources].flatMap(([file, source]) => problemsOf(file, source)),
    ...circlesOf(sources).map((way) => `a circle of imports: ${way}`),
  ];
  for (const problem of problems) console.error(problem);
  console.log(`${files.length} files, ${problems.length} problems`);
  process.exitCode = problems.length ? 1 : 0;
}
