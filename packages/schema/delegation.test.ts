/** Delegation rules: what can never hold is refused where it stands. */
import { expect, test } from "vitest";
import { NewDelegationRule } from "./delegation.ts";

const rule = (signal: string, value: number, more: object = {}) => ({
  title: "t",
  kind: "comparison",
  rules: [{ when: [{ signal, is: "at least", value }], act: "stop" }],
  ...more,
});
test.each([
  ["top", 80, /^rules\.0\.when\.0\.value is 80, and top .* lies between 0 and 1$/],
  ["margin", -0.1, /margin .* between 0 and 1/],
  ["split", 1.01, /split .* between 0 and 1/],
  ["answers", 1e9, /answers .* between 0 and 100/],
  ["constructor", 0.5, /^rules\.0\.when\.0\.signal/],
  ["top", NaN, /^rules\.0\.when\.0\.value/],
])("%s at least %d is refused by its name", (signal, value, why) => {
  const { error } = NewDelegationRule.safeParse(rule(signal, value));
  const [issue] = error!.issues;
  expect(`${issue!.path.join(".")} ${issue!.message}`).toMatch(why);
});
test("a budget above what a task may get is refused, and what can hold is taken", () => {
  const { error } = NewDelegationRule.safeParse(rule("top", 0.8, { most: 3, perTask: 4 }));
  expect(error?.issues[0]).toMatchObject({
    path: ["perTask"],
    message: expect.stringContaining("3"),
  });
  for (const value of [0, 0.8, 1])
    expect(NewDelegationRule.safeParse(rule("top", value)).success).toBe(true);
});
