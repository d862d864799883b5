/** Every figure that a page names by a fixed word has an entry in docs/glossary.md. */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { entriesOf, meaningOf } from "./glossary.ts";

const pages = path.join(import.meta.dirname, "..");
const named = globSync("**/*.tsx", { cwd: pages }).flatMap((file) => {
  const source = readFileSync(path.join(pages, file), "utf8");
  return [...source.matchAll(/<(?:Stat|Figure)\s([^>]*?)(?:\/>|>)/gs)].flatMap(([, props]) => {
    const word = /\bterm="([^"]+)"/.exec(props!) ?? /\bname="([^"]+)"/.exec(props!);
    return word && !/\bsays=/.test(props!) ? [[file, word[1]!] as const] : [];
  });
});

test("there are figures, and each has its entry", () => {
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(([, name]) => meaningOf(name) === undefined)).toEqual([]);
});

test("a term stands for all of its entry, in plain words", () => {
  const entries = entriesOf(
    "# G\n\n**kind of work** What a rater\nsees ([docs](tasks.md)).\n\nNo term.",
  );
  expect([...entries]).toEqual([["kind of work", "What a rater sees."]]);
  expect(meaningOf("Reliability, 95 %")).toBe(meaningOf("reliability"));
  expect(meaningOf("Answers in 7 days")).toMatch(/submitted/);
});
