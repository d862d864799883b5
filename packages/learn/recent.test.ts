import { expect, test } from "vitest";
import { Recent } from "./recent.ts";

test("keeps the last used, lets the others go once, and all at the end", () => {
  const gone: string[] = [];
  const made: string[] = [];
  const recent = new Recent(2);
  const get = (key: string) =>
    recent.get(key, () => {
      made.push(key);
      return { key, [Symbol.dispose]: () => void gone.push(key) };
    });
  expect(get("a")).toBe(get("a"));
  get("b");
  get("a"); // now b is the oldest
  get("c");
  expect(gone).toEqual(["b"]);
  expect(get("a").key).toBe("a");
  get("b");
  expect(made).toEqual(["a", "b", "c", "b"]);
  expect(gone).toEqual(["b", "c"]);
  recent[Symbol.dispose]();
  expect(gone.toSorted()).toEqual(["a", "b", "b", "c"]);
});
