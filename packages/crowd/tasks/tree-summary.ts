/**
 * A node of a tree of summaries (Wu et al. 2021): a part of a book, or the summaries of its parts, in few words. What stands before it in
 * the book is at hand as its earlier summaries, as a policy reads them. `tree-again` is the same after what it was made from changed.
 */
import { z } from "zod";
import { defineTask, measure } from "@tiller/task";

const about = {
  where: z.string().describe("which part of the book"),
  earlier: z.array(z.string()).describe("summaries of what stands before it"),
  text: z.string(),
  cap: z.int().min(1).describe("tokens that a summary may have"),
};
const before = [
  { kind: "text", from: "where" },
  { kind: "list", from: "earlier", label: "Before this" },
] as const;
const summary = {
  kind: "text",
  name: "summary",
  label: "Your summary",
  rows: 8,
  limit: { unit: "tokens" },
  most: "cap",
  optional: true,
} as const;
const flags = {
  kind: "choices",
  name: "flags",
  label: "If it applies",
  optional: true,
  options: [
    { value: "empty", label: "Nothing to tell: title page, contents, notes" },
    { value: "unsure", label: "I am unsure of something, and wrote it in [brackets]" },
  ],
} as const;

interface Said {
  summary?: string | undefined;
  flags?: ("empty" | "unsure")[] | undefined;
}
const emptyOrNot = (text: string | undefined, flagged: readonly string[] = []) => {
  const empty = !text?.trim();
  const said = flagged.includes("empty");
  if (empty && !said) return "Write a summary, or say below that there is nothing to tell.";
  if (!empty && said)
    return "You wrote a summary and say that there is nothing to tell. Clear one of the two.";
  return undefined;
};
/** Words of a text, in order, within half of a cap. */
const someWords = (text: string, cap: number, keep: (word: string) => boolean): string => {
  let said = "";
  for (const word of text.split(/\s+/).filter(keep)) {
    const longer = said === "" ? word : `${said} ${word}`;
    if (measure.tokens(longer) > Math.max(1, cap / 2)) break;
    said = longer;
  }
  return said || text.slice(0, 1);
};

const guide = `- What **happens and matters**, in the present tense, as the best use of its length: about half of what may be written to all of it. The count below the box follows as you type.
- It **goes on from** what stands before it: do not introduce again whom the reader knows.
- Nothing that the text does not say. What you are unsure of stands [in brackets, maybe].
- A title page, a table of contents, notes: write nothing, and say so.`;

export const treeSummary = defineTask({
  name: "tree-summary",
  version: "1",
  title: "Summarise a part of a book",
  input: z.strictObject(about),
  view: {
    show: [...before, { kind: "text", from: "text", label: "To be summarised" }],
    ask: [summary, flags],
  },
  simulate: ({ text, cap }, { rng, skill }): Said => ({
    summary: someWords(text, cap, () => rng.next() < 0.2 + 0.4 * skill),
  }),
  check: (_input, { summary: text, flags: flagged }) => emptyOrNot(text, flagged),
  samples: [
    {
      where: "Passage 2 of 3",
      earlier: ["Anna gives Tom the key of the boathouse and tells nobody."],
      text: "In the morning the boat was gone. Tom swore that the key had been under his pillow all night, and the key was there. Anna looked at the lock: somebody had sawn through it and hung it back with great care.",
      cap: 40,
    },
    {
      where: "The book",
      earlier: [],
      text: "Anna gives Tom the key of the boathouse and tells nobody.\n\nThe boat is gone; the lock is sawn through.\n\nThey find it across the lake, and in it the old keeper, who says he only wanted to see the other side.",
      cap: 60,
    },
  ],
  instructions: `# Summarise a part of a book

Above are summaries of what stands **before** this part; below them is the part itself. Write what a reader needs who will read only your summary.

${guide}`,
});

export const treeAgain = defineTask({
  name: "tree-again",
  version: "1",
  title: "Is this summary still right?",
  input: z.strictObject({
    ...about,
    was: z.string().describe("the text that it was made from"),
    old: z.string(),
  }),
  view: {
    show: [
      ...before,
      {
        kind: "changes",
        from: "text",
        was: "was",
        label: "To be summarised, and what changed in it",
      },
    ],
    ask: [
      { ...summary, label: "The summary that stands", edits: "old" },
      {
        kind: "choice",
        name: "still",
        label: "Is it still right?",
        options: [
          { value: "right", label: "Still right: it stays as it is" },
          { value: "changed", label: "No: I changed it" },
        ],
      },
      flags,
    ],
  },
  simulate: ({ text, cap, old }, { rng, skill }): Said & { still: "right" | "changed" } =>
    rng.next() < skill && measure.tokens(old) <= cap
      ? old.trim()
        ? { summary: old, still: "right" }
        : { still: "right", flags: ["empty"] }
      : { summary: `${someWords(text, cap, () => rng.next() < 0.5)}.`, still: "changed" },
  check: ({ old }, { summary: text, still, flags: flagged }) => {
    const same = (text ?? "").trim() === old.trim();
    if (still === "right" && !same)
      return "You changed the summary, and say that it stays as it is. Take the changes back, or say that you changed it.";
    if (still === "changed" && same)
      return "You say that you changed the summary, and it is as it was. Change it, or say that it is still right.";
    return still === "right" ? undefined : emptyOrNot(text, flagged);
  },
  samples: [
    {
      where: "Passage 2 of 3",
      earlier: [],
      was: "In the morning the boat was gone, and so was the key.",
      text: "In the morning the boat was gone, and the key hung in its place.",
      old: "In the morning boat and key are gone.",
      cap: 40,
    },
    {
      where: "The book",
      earlier: [],
      was: "Anna gives Tom the key.\n\nThe boat is gone.",
      text: "Anna gives Tom a key.\n\nThe boat is gone.",
      old: "Tom gets a key from Anna, and the boat disappears.",
      cap: 60,
    },
  ],
  instructions: `# Is this summary still right?

Somebody wrote this summary, and then the text that it was made from changed. <del>Struck out</del> is gone, <ins>underlined</ins> is new.

- If the summary says nothing that is wrong now and leaves out nothing that matters now, it is **still right**: leave it as it is.
- Else change **what must change**, and no more.

${guide}`,
});
