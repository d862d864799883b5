/** Digests of what was asked: the same for equal values, and known again where the home was restored elsewhere. */
import { expect, test } from "vitest";
import { digest, isDigestOf } from "./values.ts";

test("what was asked is known again by the paths of a former home, and by nothing else", () => {
  const at = (home: string) => ({ all: [`${home}/jobs/1`, { model: `${home}/checkpoints/p` }] });
  const of = digest(at("/old/home"))!;
  const moved = { home: "/new", formerHomes: ["/older", "/old/home"] };
  expect(isDigestOf(of, at("/old/home"), { ...moved, formerHomes: [] })).toBe(true);
  expect(isDigestOf(of, at("/new"), moved)).toBe(true);
  expect(isDigestOf(of, at("/new"), { ...moved, formerHomes: [] })).toBe(false);
  expect(isDigestOf(of, at("/news"), moved)).toBe(false);
  expect(isDigestOf(of, { ...at("/new"), more: 1 }, moved)).toBe(false);
});
