/**
 * Stories with questions whose answers stand in them (FairytaleQA, Xu et al. 2022), as sentences: which of them an extract keeps, and
 * which answers survive in it. What counts as survival is a choice, so both that are usual are here: `strict`, the answer's characters in
 * lower case, ends of lines among them; and `words`, its words in order, which line ends and full stops cannot break.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { sentencesOf } from "@tiller/book";
import { TillerError } from "@tiller/schema";
import { z } from "zod";

const Row = z.looseObject({
  story: z.string(),
  sections: z.array(z.string()),
  questions: z.array(
    z.looseObject({ question: z.string(), answer1: z.string(), "ex-or-im1": z.string() }),
  ),
});
export const matchings = ["strict", "words"] as const;
type Matching = (typeof matchings)[number];
/** `stops`: at white space after . ! or ?, as a line of a script would; `unicode`: by the standard's rules, as our reader's pages do. */
export const splitters = ["stops", "unicode"] as const;
type Splitter = (typeof splitters)[number];

interface Sentence {
  readonly text: string;
  readonly words: number;
  /** the characters of the story before it */
  readonly from: number;
  readonly section: number;
  readonly firstOfSection: boolean;
}
export interface Story {
  readonly name: string;
  readonly text: string;
  readonly words: number;
  readonly sentences: readonly Sentence[];
  /** of explicit questions whose answer is found in the whole: the others can survive nowhere */
  readonly asked: readonly { readonly question: string; readonly answer: string }[];
}

export const countWords = (text: string): number => text.match(/\S+/g)?.length ?? 0;
const comparable: Readonly<Record<Matching, (text: string) => string>> = {
  strict: (text) => text.toLowerCase(),
  words: (text) => ` ${(text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []).join(" ")} `,
};
const JOIN = " ";

export function storiesOf(
  file: string,
  o: { readonly matching: Matching; readonly splitter: Splitter },
): Story[] {
  const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n");
  return lines.map((line) => storyOf(Row.parse(JSON.parse(line)), o));
}

/** Of a folder with data sets; where it is not there, how to get it. */
export function storiesIn(data: string, o: Parameters<typeof storiesOf>[1]): Story[] {
  const file = path.join(data, "fairytaleqa/train.jsonl.gz");
  if (existsSync(file)) return storiesOf(file, o);
  throw new TillerError(
    "no_stories",
    `${file} is absent: FairytaleQA (Apache-2.0), a story a line. TILLER_DATA says where.`,
  );
}

export function storyOf(
  row: z.infer<typeof Row>,
  o: { readonly matching: Matching; readonly splitter: Splitter },
): Story {
  const sentences: Sentence[] = [];
  let from = 0;
  row.sections.forEach((text, section) => {
    spansOf(text, o.splitter).forEach((span, i) => {
      const own = text.slice(span.from, span.to);
      const words = countWords(own);
      if (words > 0)
        sentences.push({
          text: own,
          words,
          from: from + span.from,
          section,
          firstOfSection: i === 0,
        });
    });
    from += text.length + JOIN.length;
  });
  const text = row.sections.join(JOIN);
  const same = comparable[o.matching];
  const whole = same(text);
  const asked = row.questions
    .filter((q) => q["ex-or-im1"] === "explicit")
    .map((q) => ({ question: q.question, answer: same(q.answer1) }))
    .filter(({ answer }) => answer.trim() !== "" && whole.includes(answer));
  return {
    name: row.story,
    text,
    words: sentences.reduce((n, s) => n + s.words, 0),
    sentences,
    asked,
  };
}

function spansOf(text: string, splitter: Splitter): { from: number; to: number }[] {
  if (splitter === "unicode") return sentencesOf(text);
  const ends = [...text.matchAll(/(?<=[.!?])\s+/g)];
  const starts = [0, ...ends.map((m) => m.index + m[0].length)];
  return starts.map((from, i) => ({ from, to: ends[i]?.index ?? text.length }));
}

/** Which of the story's answers stand in the sentences that are kept, joined in their order. */
export function survivors(
  story: Story,
  kept: Iterable<number>,
  matching: Matching,
): readonly boolean[] {
  const order = [...kept].sort((a, b) => a - b);
  return standingIn(story, order.map((i) => story.sentences[i]!.text).join(JOIN), matching);
}
/** Which of the story's answers stand in a text. */
export function standingIn(story: Story, text: string, matching: Matching): readonly boolean[] {
  const within = comparable[matching](text);
  return story.asked.map(({ answer }) => within.includes(answer));
}
/** For each answer the sentences that hold it whole. */
export function holdersOf(story: Story, matching: Matching): number[][] {
  const texts = story.sentences.map((s) => comparable[matching](s.text));
  return story.asked.map(({ answer }) => texts.flatMap((t, i) => (t.includes(answer) ? [i] : [])));
}
