/**
 * The workflow that the faults fall on: a tree whose every node has an effect outside, a question to a person, a model
 * call and children. What a person or the model says follows from what they were asked.
 */
import { z } from "zod";
import { workflow } from "@tiller/flow";
import { prompt } from "@tiller/schema";
import { defineTask } from "@tiller/task";

export const question = defineTask({
  name: "fault-question",
  version: "1",
  title: "Which number?",
  instructions: "",
  input: z.strictObject({ at: z.string() }),
  view: {
    show: [{ kind: "text", from: "at" }],
    ask: [{ kind: "slider", name: "number", label: "Number", min: 0, max: 99 }],
  },
  samples: [],
});
/** What a person says to a question. */
export const said = (at: string): number =>
  at.split("").reduce((n, c) => (31 * n + c.charCodeAt(0)) % 100, 7);

/** `effect`: the world outside; it sees every attempt, and tells them apart by the key. */
export const makeTree = (effect: (key: string) => Promise<unknown>) => {
  const tree = workflow(
    "fault-tree@1",
    z.object({ depth: z.int(), at: z.string() }),
    async (flow, { depth, at }): Promise<number> => {
      await flow.step("effect", async ({ key }) => void (await effect(key)));
      const asked = await flow.ask(question, { at }, { hours: 0.5 }); // less than a clock may be wrong by
      const reply = await flow.model("oracle", prompt`At ${at}`);
      const own = asked.value.number + reply.length;
      if (depth === 0) return own;
      const below = await Promise.all([
        flow.child(tree, { depth: depth - 1, at: `${at}l` }, { name: "left", spread: true }),
        flow.child(tree, { depth: depth - 1, at: `${at}r` }, { name: "right" }),
      ]);
      return own + (below[0] as number) + (below[1] as number);
    },
  );
  return tree;
};
/** Nodes of a tree of this depth: each asks once, calls once and has one effect. */
export const size = (depth: number): number => 2 ** (depth + 1) - 1;
