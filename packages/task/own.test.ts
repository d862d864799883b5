/** Fields with names that every object inherits: asked for, set, shown, joined, as any other. */
import { expect, test } from "vitest";
import { z } from "zod";
import { own, setOwn, Shown } from "@tiller/schema";
import { compose } from "./compose.ts";
import { defineTask } from "./define.ts";
import { at, put } from "./paths.ts";
import { orderIn, swapIn } from "./shown.ts";

const names = ["constructor", "__proto__", "toString", "hasOwnProperty"];

test.each(names)("a field %s is there only where it was set", (name) => {
  expect(own({}, name)).toBeUndefined();
  expect(own(null, name)).toBeUndefined();
  const on: Record<string, number> = {};
  setOwn(on, name, 1);
  expect([own(on, name), Object.keys(on), JSON.stringify(on)]).toEqual([
    1,
    [name],
    `{"${name}":1}`,
  ]);
  expect(at({}, `${name}.x`)).toBeUndefined();
  const value = put({ a: 1 }, `${name}.x`, 2);
  expect([at(value, `${name}.x`), Object.keys(value)]).toEqual([2, ["a", name]]);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test.each(names)("a question %s is shown as it was drawn, and else as the lease says", (name) => {
  expect([swapIn({}, name, true), swapIn({}, name, false), swapIn(null, name, true)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(orderIn({}, name, { n: 3, swap: true })).toEqual([2, 1, 0]);
  if (name === "__proto__") return; // no schema of zod keeps such a key
  expect(swapIn(Shown.parse({ [name]: ["b", "a"] }), name, false)).toBe(true);
});

test.each(names.filter((n) => n !== "__proto__"))("a part %s of a composed task", (name) => {
  const part = (key: string) =>
    defineTask({
      name: "part",
      version: "1",
      title: "Part",
      instructions: "",
      input: z.strictObject({ [key]: z.string() }),
      output: z.strictObject({ good: z.boolean() }),
      view: { show: [], ask: [{ kind: "choice", name: "good", label: "?", options: [] }] } as never,
      simulate: () => ({ good: true }),
      samples: [{ [key]: "t" }],
    });
  const made = compose({
    name: "both",
    version: "1",
    title: "Both",
    parts: { [name]: part("text"), other: part("text") },
    share: ["text"],
  } as never);
  expect(made.samples).toEqual([{ text: "t", [name]: {}, other: {} }]);
  expect(() =>
    compose({
      name: "no",
      version: "1",
      title: "No",
      parts: { other: part("text") },
      share: [name],
    } as never),
  ).toThrow(/nothing_to_share|no part has the input/);
});
