/** What a step keeps and forgets: dropout by keys, recomputation, memory that garbage collection must not take. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { rng } from "@tiller/schema";
import * as t from "./index.ts";
import { chain, d, layers } from "./fixtures/recompute-chain.ts";
import { flushes } from "./flush.ts";
import { type Device, Graph, Program, State } from "./index.ts";

const n = 40_000;
const dropped = (sites: readonly number[], keys: readonly number[]) => {
  const g = new Graph();
  const key = g.input("key", [], "int64");
  const ones = g.constant(new Float32Array(n).fill(1), [200, 200]);
  sites.forEach((site) => g.output(`y${site}`, t.dropout(ones, 0.25, key, site)));
  const p = new Program(g, new State());
  return keys.map((k) => {
    p.run({ key: [k] });
    return sites.map((site) => p.float(`y${site}`).slice());
  });
};

test("dropout: the rate, the scale, and masks that depend on key and site alone", () => {
  const keys = [1, 2, 3, 2 ** 40 + 7];
  const masks = dropped([0, 1], keys).flat();
  for (const mask of masks) {
    const zeros = mask.filter((x) => x === 0).length;
    expect(mask.every((x) => x === 0 || Math.abs(x - 4 / 3) < 1e-6)).toBe(true);
    // five standard deviations of a binomial
    expect(Math.abs(zeros - n / 4)).toBeLessThan(5 * Math.sqrt(n * 0.25 * 0.75));
  }
  // independent masks agree in p^2 + q^2 of the places; so do neighbours within one
  const agree = (a: Float32Array, b: Float32Array) =>
    a.reduce((m, x, i) => m + Number((x === 0) === (b[i] === 0)), 0) / n;
  const slack = 5 * Math.sqrt((0.625 * 0.375) / n);
  for (let i = 0; i < masks.length; i++) {
    for (let j = 0; j < i; j++)
      expect(Math.abs(agree(masks[i]!, masks[j]!) - 0.625)).toBeLessThan(slack);
    for (const shift of [1, 2, 200])
      expect(Math.abs(agree(masks[i]!.subarray(shift), masks[i]!) - 0.625)).toBeLessThan(
        slack + shift / n,
      );
  }
  expect(dropped([0], [1])[0]![0]).toEqual(masks[0]);
});
test("dropout refuses a rate that drops all, and changes nothing at 0", () => {
  const g = new Graph();
  const x = g.input("x", [2]);
  const key = g.input("key", [], "int64");
  expect(t.dropout(x, 0, key, 0)).toBe(x);
  expect(() => t.dropout(x, 1, key, 0)).toThrow("dropout at 1: the rate must be");
});

test("recomputation takes less memory", () => {
  const script = fileURLToPath(new URL("fixtures/recompute-memory.ts", import.meta.url));
  const peak = (how: string) =>
    Number(execFileSync(process.execPath, [script, how], { encoding: "utf8" }));
  expect(peak("recompute")).toBeLessThan(0.7 * peak("keep"));
});

test("recomputation gives the same gradients", () => {
  const N = 512;
  const r = rng(3, "recompute");
  const state = new State();
  for (let l = 0; l < layers; l++)
    state.set(
      `w${l}`,
      [d, d],
      Float32Array.from({ length: d * d }, () => 0.05 * r.normal()),
    );
  const x = Float32Array.from({ length: N * d }, () => r.normal());
  const [kept, again] = [false, true].map((how) => {
    using p = new Program(chain(how, N), state);
    p.run({ x });
    return Array.from({ length: layers }, (_, l) => p.float(`d${l}`).slice());
  });
  kept!.forEach((dw, l) => expect(again![l]).toEqual(dw));
});

test("a tensor that does not fit into memory says so", () => {
  const g = new Graph();
  g.output("y", t.add(g.input("x", [2 ** 40, 2 ** 10]), 1));
  expect(() => new Program(g, new State())).toThrow(
    "no memory for a tensor float32 (1099511627776,1024), 4503599627.4 MB. Take fewer rows",
  );
});

test("a device that is absent says what it needs; auto falls back; a wrong name is told", () => {
  const build = (device?: Device) => {
    const g = new Graph();
    g.output("y", t.mul(g.input("x", [2]), 3));
    using p = new Program(g, new State(), device && { device });
    p.run({ x: [1, 2] });
    return [...p.float("y")];
  };
  expect(build("auto")).toEqual([3, 6]);
  for (const device of ["cuda", "webgpu"] as const)
    try {
      expect(build(device)).toEqual([3, 6]); // where there is one
    } catch (e) {
      expect((e as Error).message).toMatch(
        new RegExp(`^${device} cannot be used here: .* It needs .* the CPU needs nothing\\.$`, "s"),
      );
    }
  process.env["TILLER_DEVICE"] = "tpu";
  try {
    expect(() => build()).toThrow("there is no device tpu; there are cpu, cuda, webgpu, auto");
  } finally {
    delete process.env["TILLER_DEVICE"];
  }
});

test("garbage collection during native calls takes nothing away", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const make = () => {
    const g = new Graph();
    const [a, b] = [g.stateful("a", [400, 400]), g.stateful("b", [400, 400])];
    let y = t.gemm(a, b);
    for (let i = 0; i < 6; i++) y = t.gemm(y, b);
    g.output("y", t.sum(y));
    const state = new State();
    state.set("a", [400, 400], new Float32Array(160_000).fill(0.5));
    state.set("b", [400, 400], new Float32Array(160_000).fill(1 / 400));
    return new Program(g, state); // the state is held by the program alone
  };
  const programs = Array.from({ length: 3 }, make);
  for (let round = 0; round < 4; round++) {
    const running = programs.map((p) => p.runAsync());
    let open = true;
    void Promise.all(running).finally(() => (open = false));
    let junk: Float32Array[] = [];
    while (open) {
      gc(); // while the library reads and writes
      junk = Array.from({ length: 20 }, () => new Float32Array(50_000).fill(7)); // takes any memory set free
      await new Promise(setImmediate);
    }
    expect(junk[0]![0]).toBe(7);
    await Promise.all(running);
    for (const p of programs) expect(p.float("y")[0]! / 80_000).toBeCloseTo(1, 3);
  }
  programs.forEach((p) => p[Symbol.dispose]());
});

test("denormals are zeros inside a program, on every thread, and numbers as ever outside", () => {
  const g = new Graph();
  g.output("y", t.mul(g.input("x", [n]), 0.5));
  using program = new Program(g, new State());
  const least = 1.2e-38; // half of it is denormal
  program.run({ x: new Float32Array(n).fill(least) });
  const seen = new Set(program.float("y"));
  expect([...seen]).toEqual(flushes ? [0] : [Math.fround(least / 2)]);
  expect(Number.MIN_VALUE * 1).toBeGreaterThan(0);
});

test.each(["0", "two", "1.5"])("TILLER_THREADS=%s is refused with what it may be", (given) => {
  vi.stubEnv("TILLER_THREADS", given);
  expect(() => t.threads()).toThrow(/Give a whole number from 1/);
  vi.unstubAllEnvs();
});
