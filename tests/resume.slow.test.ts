/**
 * Learning that is killed as by kill -9 goes on to the bit: at the bound of an epoch, inside the write of its state and of its
 * checkpoint, with held-out rows and prompts drawn from a larger set, with an evaluation due, and with labels arriving meanwhile.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { saveSmallModel, smallConfig } from "@tiller/learn/fixtures/small-model.ts";
import { openStore } from "@tiller/store";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-resume-"));
const base = path.join(dir, "base");
const script = (name: string) => fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
const node = (name: string, args: readonly string[], env: Record<string, string> = {}) =>
  promisify(execFile)(process.execPath, [script(name), ...args], {
    env: { ...process.env, ...env },
  });
const learn = (name: string, ...more: string[]) =>
  node("learning-run", [path.join(dir, name), ...more]);
const weights = (name: string) =>
  readFileSync(path.join(dir, name, "checkpoint", "model.safetensors"));
/** What stands in the end: of a step that was taken twice, the later figures; seconds differ. */
const figures = (name: string) => {
  const at = new Map<unknown, unknown>();
  for (const line of readFileSync(path.join(dir, name, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n"))
    if (line) {
      const { step, ...rest } = JSON.parse(line) as Record<string, number>;
      const kept = Object.entries(rest).filter(
        ([k]) => !/^(sampling|scoring|update)$|[sS]econd/.test(k),
      );
      at.set(step, Object.fromEntries(kept));
    }
  return Object.fromEntries(at as Map<string, unknown>);
};
beforeAll(async () => {
  await saveSmallModel(base, smallConfig({ layers: 1, positions: 64 }));
  await learn("reward", "reward");
  await learn("ppo", "ppo");
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each([
  ["reward", "at an epoch's bound", "reward.step", 7],
  ["reward", "with an evaluation due, before it is saved", "reward.step", 9],
  ["reward", "within its first state", "half written", 1],
  ["reward", "within a later state", "half written", 4],
  ["reward", "with its state whole, not in its place", "not yet renamed", 3],
  ["reward", "with its checkpoint written beside its place", "before its place", 1],
  ["ppo", "in the middle of the prompts", "ppo.iteration", 3],
  ["ppo", "past the end of the prompts", "ppo.iteration", 4],
  ["ppo", "within its state", "half written", 2],
])(
  "%s killed %s",
  async (kind, _, point, pass) => {
    const name = `${kind}-${point}-${pass}`.replaceAll(" ", "-");
    await expect(learn(name, kind, point, `${pass}`)).rejects.toMatchObject({ signal: "SIGKILL" });
    await learn(name, kind);
    expect(weights(name).equals(weights(kind))).toBe(true);
    expect(figures(name)).toEqual(figures(kind));
  },
  120_000,
);

test("labels that arrive while the server is dead change nothing of what learned from earlier ones", async () => {
  const Ended = z.object({
    reward: z.object({ rows: z.literal(12), checkpoint: z.string() }),
    again: z.object({ rows: z.literal(24), checkpoint: z.string() }),
  });
  const ended = (stdout: string) => Ended.parse(JSON.parse(/^ended (.*)$/m.exec(stdout)![1]!));
  const homes = ["straight", "dead"].map((n) => mkdtempSync(path.join(tmpdir(), `tiller-${n}-`)));
  const run = (home: string, mode: string, env = {}) =>
    node("labels-arriving", [home, mode, "study", base], env);
  try {
    const straight = ended((await run(homes[0]!, "run")).stdout);
    await expect(run(homes[1]!, "run", { DIE: "1" })).rejects.toMatchObject({ signal: "SIGKILL" });
    const [job] = readdirSync(path.join(homes[1]!, "jobs"));
    expect(readdirSync(path.join(homes[1]!, "jobs", job!))).toContain("state.safetensors");
    expect((await run(homes[1]!, "answer")).stdout).toContain("answered 12");
    expect(ended((await run(homes[1]!, "run")).stdout)).toEqual(straight);
    expect(straight.again.checkpoint).not.toBe(straight.reward.checkpoint);
  } finally {
    for (const home of homes) {
      await (await openStore({ home })).close(); // stops the Postgres of a killed process
      rmSync(home, { recursive: true, force: true });
    }
  }
}, 180_000);
