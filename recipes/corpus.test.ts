import { expect, test } from "vitest";
import { baseSources, corpus } from "./corpus.ts";

test("the books are there, without front matter and hard line breaks; the novel's last tenth is held out", () => {
  const { moby, sotu } = corpus();
  expect(moby.startsWith("Call me Ishmael.")).toBe(true);
  expect(moby).not.toMatch(/[^\n]\n[^\n]|\n{3}| {2}|\r/);
  expect(sotu.length).toBeGreaterThan(10_000_000);
  const [novel, speeches] = baseSources(0.4);
  expect(`${novel!.train}\n\n${novel!.heldout}`).toBe(moby);
  expect(speeches).toMatchObject({ heldout: "", fraction: 0.6, vocabularyCharacters: 1_000_000 });
});
