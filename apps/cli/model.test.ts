/** tiller model import: what kind of model a folder holds, and how its scores are read, comes with it. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadCheckpoint } from "@tiller/lm";
import { afterAll, expect, test, vi } from "vitest";
import { modelCommand } from "./model.ts";

const { run } = modelCommand;
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-cli-model-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
vi.spyOn(console, "log").mockImplementation(() => {});
const fixtures = path.join(import.meta.dirname, "../../packages/learn/fixtures");

test("a reward model of transformers stays one, read at its last token", async () => {
  const from = path.join(scratch, "from");
  cpSync(path.join(fixtures, "foreign-reward"), from, { recursive: true });
  const before = await loadCheckpoint(from);
  expect(before.meta).toMatchObject({ role: "reward", reward: { pooling: "last", bias: 0 } });
  const out = path.join(scratch, "out");
  expect(await run(["import", from, "--out", out])).toBe(0);
  const after = await loadCheckpoint(out);
  expect(after.meta).toMatchObject({
    role: "reward",
    reward: { pooling: "last", bias: 0 },
    parent: before.meta.id,
  });
  expect(after.tensors).toEqual(before.tensors);
  await expect(run(["import", from, "--out", out, "--base", from])).rejects.toThrow(
    /no folder with an adapter_config\.json/,
  );
});
