import { expect, test } from "vitest";
import { z } from "zod";
import { differingSettings, InputSchema, settingsOf, withDefaults } from "./settings.ts";

const Inner = z.strictObject({ lr: z.number().default(0.1), clip: z.number().optional() });
const Input = z.strictObject({
  name: z.string(),
  ppo: Inner.prefault({}),
  rounds: z.array(Inner).default([{ lr: 1 }]),
  get below() {
    return z.array(Input).optional();
  },
});
const schema = InputSchema.parse(z.toJSONSchema(Input, { io: "input" }));

test("defaults are what the workflow gets, in nested, listed and recursive inputs", () => {
  for (const given of [
    { name: "a" },
    { name: "a", ppo: { clip: 2 }, rounds: [{}, { lr: 3 }] },
    { name: "a", below: [{ name: "b", below: [{ name: "c", ppo: { lr: 9 } }] }] },
  ])
    expect(withDefaults(schema, given)).toEqual(Input.parse(given));
});

test("configurations differ at paths; lists are one setting, and what one lacks differs", () => {
  expect([...settingsOf({ a: { b: 1, c: {} }, d: [1] }).keys()]).toEqual(["a.b", "a.c", "d"]);
  const [one, two] = [
    { a: { b: 1, x: [{ p: 1, q: 2 }] }, e: 1 },
    { a: { b: 2, x: [{ q: 2, p: 1 }] } },
  ];
  expect(differingSettings([one, two])).toEqual(["a.b", "e"]);
  expect(differingSettings([one, one, structuredClone(one)])).toEqual([]);
});
