/**
 * Judging summaries of a tree (Wu et al. 2021, C.2): three samples read once and compared in three pairs, with ratings of seven points;
 * the word of a second reader and its answer; and a check down to the book, rated before and after. Judged is against the
 * node's direct input, as the best use of its own length.
 */
import { z } from "zod";
import { defineTask } from "@tiller/task";

const about = {
  where: z.string().describe("which part of the book"),
  earlier: z.array(z.string()).describe("summaries of what stands before it"),
  text: z.string().describe("what it was made from"),
};
const shown = [
  { kind: "text", from: "where" },
  { kind: "list", from: "earlier", label: "Before this" },
  { kind: "text", from: "text", label: "What it was made from" },
] as const;
const ends = { points: 7, low: "Terrible", high: "Perfect" } as const;
const criteria = `- **Coverage**: what matters most is in it, for its length.
- **Accuracy**: everything in it is true to what it was made from.
- **Coherence**: it can be followed by somebody who has read only what stands before it.
- **Abstraction**: it says what it comes to, and is no list of events. Leave it out for a short passage.
- **Overall**: how good it is as a whole.`;

const pairOf = <const N extends string>(name: N, label: string, a: number, b: number) =>
  ({ kind: "pair", name, label, a: `summaries.${a}`, b: `summaries.${b}`, tie: true }) as const;
/** Ratings of one of the three, after the pairs. */
const rated = <const N extends string>(name: N, from: string) =>
  [
    { kind: "rating", name: `${name}Overall`, label: `${from}: overall`, ...ends, step: 1 },
    { kind: "rating", name: `${name}Coverage`, label: `${from}: coverage`, ...ends, step: 1 },
    { kind: "rating", name: `${name}Accuracy`, label: `${from}: accuracy`, ...ends, step: 1 },
    { kind: "rating", name: `${name}Coherence`, label: `${from}: coherence`, ...ends, step: 1 },
    {
      kind: "rating",
      name: `${name}Abstraction`,
      label: `${from}: abstraction`,
      optional: true,
      ...ends,
      step: 1,
    },
  ] as const;

export const treeCompare = defineTask({
  name: "tree-compare",
  version: "1",
  title: "Three summaries of one part of a book",
  input: z.strictObject({ ...about, summaries: z.tuple([z.string(), z.string(), z.string()]) }),
  view: {
    show: [
      ...shown,
      { kind: "text", from: "summaries.0", label: "First summary", step: 1 },
      { kind: "text", from: "summaries.1", label: "Second summary", step: 1 },
      { kind: "text", from: "summaries.2", label: "Third summary", step: 1 },
    ],
    ask: [
      pairOf("firstSecond", "Which is better?", 0, 1),
      pairOf("secondThird", "And of these?", 1, 2),
      pairOf("firstThird", "And of these?", 0, 2),
      ...rated("first", "First summary"),
      ...rated("second", "Second summary"),
      ...rated("third", "Third summary"),
      {
        kind: "rating",
        name: "input",
        label: "Where summaries are summarised: can what it was made from be followed?",
        optional: true,
        points: 7,
        low: "Not at all",
        high: "Entirely",
        step: 1,
      },
    ],
  },
  samples: [
    {
      where: "Passage 2 of 3",
      earlier: ["Anna gives Tom the key of the boathouse."],
      text: "In the morning the boat was gone. Tom swore that the key had been under his pillow, and the key was there. Somebody had sawn through the lock and hung it back with great care.",
      summaries: [
        "The boat is gone. Tom has the key; the lock is sawn through.",
        "Tom loses the key and the boat.",
        "Somebody saws through the lock, takes the boat and hides it well.",
      ],
    },
    {
      where: "The whole book, from the summaries of its parts",
      earlier: [],
      text: "Anna gives Tom a key.\n\nThe boat is gone; the lock is sawn through.\n\nThe old keeper took it to see the other side.",
      summaries: [
        "An old man steals a boat to see what is across the lake.",
        "Anna gives Tom a key, the boat is gone, and the keeper took it.",
        "Tom takes a boat.",
      ],
    },
  ],
  instructions: `# Three summaries of one part

Read **once, with care**: what stands before, then what was summarised. Choose the better one of each pair; then rate each of the three by itself.

Judge against **what it was made from**, and each as the best use of its own length. Something false is worse than something left out.

${criteria}

Where what was summarised is itself made of summaries, rate also how well that can be followed: no summary can mend it.`,
});

const note = [
  {
    kind: "spans",
    name: "marks",
    label: "What is wrong in the summary",
    help: "Nothing? Then mark nothing.",
    from: "summary",
    optional: true,
    labels: [
      { value: "inaccurate", label: "Inaccurate" },
      { value: "incoherent", label: "Incoherent" },
    ],
  },
  {
    kind: "spans",
    name: "missing",
    label: "What is missing from it",
    from: "text",
    optional: true,
    labels: [
      { value: "missing", label: "Missing, and it matters" },
      { value: "detail", label: "Missing, a detail" },
    ],
  },
] as const;

const sample = {
  where: "Passage 2 of 3",
  earlier: ["Anna gives Tom the key of the boathouse."],
  text: "In the morning the boat was gone, and the key hung in its place.",
  summary: "The boat and the key are gone.",
};
const second = {
  where: "Passage 3 of 3",
  earlier: [],
  text: "They found it across the lake, and in it the old keeper, asleep.",
  summary: "The keeper sleeps in the boat across the lake.",
};

export const treeFeedback = defineTask({
  name: "tree-feedback",
  version: "1",
  title: "Read a colleague's summary",
  input: z.strictObject({ ...about, summary: z.string() }),
  view: {
    show: [...shown, { kind: "text", from: "summary", label: "The summary" }],
    ask: [
      ...note,
      { kind: "rating", name: "overall", label: "Overall", ...ends },
      {
        kind: "text",
        name: "feedback",
        label: "To whoever wrote it",
        optional: true,
        rows: 3,
        limit: { unit: "words", max: 120 },
      },
    ],
  },
  samples: [sample, second],
  instructions: `# Read a colleague's summary

Mark the **shortest run of words** that is inaccurate or incoherent, and in the text what is missing. Then say to whoever wrote it what would make it better, or that it is good as it is: short, about the summary, never about the person.`,
});

export const treeReply = defineTask({
  name: "tree-reply",
  version: "1",
  title: "What a reader says of your summary",
  input: z.strictObject({
    ...about,
    summary: z.string(),
    feedback: z.string(),
    cap: z.int().min(1),
  }),
  view: {
    show: [...shown, { kind: "text", from: "feedback", label: "A reader says" }],
    ask: [
      {
        kind: "text",
        name: "summary",
        label: "Your summary",
        rows: 8,
        limit: { unit: "tokens" },
        most: "cap",
        edits: "summary",
      },
      {
        kind: "choice",
        name: "took",
        label: "What you did with it",
        options: [
          { value: "changed", label: "I changed the summary" },
          { value: "kept", label: "It stays, and I say why" },
        ],
      },
      {
        kind: "text",
        name: "reply",
        label: "Your answer",
        optional: true,
        rows: 3,
        limit: { unit: "words", max: 120 },
      },
    ],
  },
  simulate: ({ summary }, { rng, skill }): Replied =>
    rng.next() < skill
      ? { summary, took: "kept", reply: "It is in the text." }
      : { summary: summary.split(" ").slice(1).join(" ") || "Nothing.", took: "changed" },
  check: ({ summary }, { summary: now, took, reply }) =>
    took === "changed" && now.trim() === summary.trim()
      ? "You say that you changed the summary, and it is as it was. Change it, or say that it stays."
      : took === "kept" && now.trim() !== summary.trim()
        ? "You changed the summary, and say that it stays. Take the changes back, or say that you changed it."
        : took === "kept" && !reply?.trim()
          ? "It stays: say to the reader why."
          : undefined,
  samples: [
    { ...sample, feedback: "The key is not gone.", cap: 40 },
    { ...second, feedback: "Good, but whose boat?", cap: 40 },
  ],
  instructions: `# What a reader says of your summary

Somebody read your summary beside its text. Take what is right in what they say, and change the summary; or leave it as it is, and say why.`,
});
interface Replied {
  summary: string;
  took: "changed" | "kept";
  reply?: string | undefined;
}

export const treeCheck = defineTask({
  name: "tree-check",
  version: "1",
  title: "Check a summary down to the book",
  input: z.strictObject({ ...about, summary: z.string(), book: z.string() }),
  view: {
    show: [
      ...shown,
      { kind: "text", from: "summary", label: "The summary" },
      { kind: "text", from: "book", label: "The book itself", step: 1 },
    ],
    ask: [
      { kind: "rating", name: "accuracy", label: "Accuracy, by what it was made from", ...ends },
      { kind: "rating", name: "overall", label: "Overall, by what it was made from", ...ends },
      {
        kind: "rating",
        name: "bookAccuracy",
        label: "Accuracy, by the book itself",
        ...ends,
        step: 1,
      },
      {
        kind: "rating",
        name: "bookOverall",
        label: "Overall, by the book itself",
        ...ends,
        step: 1,
      },
      {
        kind: "text",
        name: "found",
        label: "What the book says otherwise",
        optional: true,
        rows: 3,
        limit: { unit: "words", max: 120 },
        step: 1,
      },
    ],
  },
  samples: [
    { ...sample, book: "In the morning the boat was gone, and the key hung in its place, wet." },
    { ...second, book: "They found it across the lake, and in it the old keeper, who was dead." },
  ],
  instructions: `# Check a summary down to the book

First rate the summary by **what it was made from**. Then the book's own words appear: rate it again by them. The first ratings stay as they are.

${criteria}`,
});
