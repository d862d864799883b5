/** Workflows that do what no workflow should, one kind chosen by the input; and a sound one, for everybody else's sake. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { type Flow, workflow } from "@tiller/flow";
import { prompt } from "@tiller/schema";

const one = (flow: Flow, name = "one") => flow.step(name, () => 1);
const acts: Readonly<Record<string, (flow: Flow) => unknown>> = {
  "forgotten await": (flow) => {
    void flow.step("a", () => sleep(20));
    return one(flow, "b");
  },
  "rejected promise": async (flow) => {
    void Promise.reject(new Error("left behind"));
    await sleep(20);
    return one(flow);
  },
  "late throw": async (flow) => {
    setTimeout(() => {
      throw new Error("in a timer");
    }, 5);
    await sleep(30);
    return one(flow);
  },
  exit: () => process.exit(0),
  abort: () => process.abort(),
  "endless loop": async (flow) => {
    await one(flow);
    for (;;);
  },
  "out of memory": async (flow) => {
    await one(flow);
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 1e6 }, (_, i) => ({ i })));
  },
  "deep recursion": (flow) => {
    const down = (n: number): number => 1 + down(n + 1);
    return flow.step("down", () => down(0));
  },
  "absurd options": (flow) => flow.sleep("s", Number.NaN),
  "a name": (flow) => flow.step("constructor", () => 1),
  "a large result": () => "x".repeat(20e6),
  "a cycle": (flow) =>
    flow.step("cycle", () => {
      const x: Record<string, unknown> = {};
      return (x["x"] = x);
    }),
  NUL: (flow) => flow.step("nul", () => "a\0b\ud800"),
  "no error thrown": () => {
    throw undefined;
  },
  "an endpoint": (flow) => flow.model("wild", prompt`Is it?`, { output: z.boolean() }),
  "an endpoint's text": (flow) => flow.model("wild", prompt`Say.`),
};
export const kinds = Object.keys(acts);

export const hostile = workflow(
  "hostile@1",
  z.strictObject({ kind: z.string() }),
  async (flow, { kind }) => (await acts[kind]!(flow)) as never,
);
export const sound = workflow("sound@1", z.strictObject({ n: z.number() }), async (flow, { n }) => {
  let sum = 0;
  for (let i = 0; i < 5; i++) sum += await flow.step(`add-${i}`, () => n + i);
  await flow.sleep("rest", 0.2);
  return sum;
});
