/** Files that researchers wrote before a room was divided are read as they are. */
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("a workflow that takes defineTask from @tiller/schema is loaded", async () => {
  const run = (code: string) =>
    promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], {
      cwd: import.meta.dirname,
    });
  const file = "./fixtures/written-before.mjs";
  const loads = `const { loadWorkflows } = await import("@tiller/flow/load.ts");
    console.log((await loadWorkflows("${file}")).map((w) => w.name).join());`;
  expect((await run(loads)).stdout.trim()).toBe("written-before@1");
  // without it the name is not there: ours import it from its own room
  await expect(run(`await import("${file}")`)).rejects.toThrow(/does not provide an export named/);
});
