/** What is said between the server and the process that runs workflows arrives as it was given. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { packArgs, ToChild, unpackArgs } from "./wire.ts";

test("a call's arguments arrive as they were given: one that is left out is not null", () => {
  // JSON has no -0
  const value = fc.jsonValue().map((x) => JSON.parse(JSON.stringify(x)) as unknown);
  const arg = fc.option(value, { nil: undefined });
  fc.assert(
    fc.property(fc.array(arg, { maxLength: 4 }), (args) => {
      const said = { type: "call", id: 1, method: "record", args: packArgs(args) };
      const heard = ToChild.parse(JSON.parse(JSON.stringify(said)));
      expect(heard.type === "call" && unpackArgs(heard.args)).toEqual(args);
    }),
  );
});
