/** Every program in examples/ runs as its first lines say, for a step or two. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "..");
const examples = readdirSync(path.join(root, "examples")).filter((name) => name.endsWith(".ts"));

test.each(examples)(
  "%s",
  (name) => {
    const run = spawnSync(process.execPath, [path.join("examples", name), "2"], {
      cwd: root,
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
    // losses are finite numbers: NaN and Infinity are words
    expect(run.stdout).toMatch(/^step 1: \w+ \d+\.\d+.*\nstep 2: \w+ \d+\.\d+.*\n/);
  },
  60_000,
);
