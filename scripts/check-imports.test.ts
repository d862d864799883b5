/** The import table holds, in both directions, for every way to write an import. */
import { expect, test } from "vitest";
import { circlesOf, problemsOf } from "./check-imports.ts";

test("downwards is allowed, upwards and sideways are not", () => {
  expect(
    problemsOf("packages/lm/a.ts", 'import { State } from "@tiller/tensor";\nimport "node:fs";'),
  ).toEqual([]);
  for (const line of [
    'import { x } from "@tiller/learn";',
    'import {\n  x,\n} from "@tiller/learn";',
    'export * from "../learn/ppo.ts";',
    'const m = await import("@tiller/learn");',
    'import type { X } from "@tiller/learn";',
  ])
    expect(problemsOf("packages/lm/a.ts", line)).toEqual([
      expect.stringContaining("packages/lm may import schema, tensor"),
    ]);
});

test("the web app gets the server's types and nothing else of it", () => {
  expect(problemsOf("apps/web/a.tsx", 'import type { Api } from "@tiller/server";')).toEqual([]);
  expect(problemsOf("apps/web/a.tsx", 'import { app } from "@tiller/server";')).toHaveLength(1);
});

test("nothing reaches outside the repository, and files have a budget", () => {
  expect(
    problemsOf("packages/lm/a.ts", 'import { x } from "../../../elsewhere/x.ts";'),
  ).toHaveLength(1);
  expect(problemsOf("packages/lm/a.ts", "\n".repeat(700))).toEqual([
    "packages/lm/a.ts has 701 lines, the budget is 600: split it",
  ]);
});

test("files that import each other in a circle are found, with the way round", () => {
  const files = (o: Record<string, string>) => new Map(Object.entries(o));
  const straight = {
    "packages/lm/a.ts": 'import { b } from "./b.ts";\nimport { c } from "./c.ts";',
    "packages/lm/b.ts": 'import { c } from "./c.ts";\nimport { z } from "zod";',
    "packages/lm/c.ts": 'import "node:fs";',
  };
  expect(circlesOf(files(straight))).toEqual([]);
  const back = { ...straight, "packages/lm/c.ts": 'import type { A } from "./a.ts";' };
  expect(circlesOf(files(back))).toEqual([
    "packages/lm/a.ts -> packages/lm/b.ts -> packages/lm/c.ts -> packages/lm/a.ts",
  ]);
  // through a package's name, and through its index
  const named = {
    "packages/lm/index.ts": 'export * from "./a.ts";',
    "packages/lm/a.ts": 'import { x } from "@tiller/learn/x.ts";',
    "packages/learn/x.ts": 'const later = await import("@tiller/lm");',
  };
  expect(circlesOf(files(named))).toHaveLength(1);
});
