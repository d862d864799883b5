/**
 * Whether a summary of a tree is so, sentence by sentence: its claims (a line each, from a proposal), then a verdict for each with the words
 * that show it; and what is incoherent in it (eight types, after Chang et al. 2023). Judged against the node's direct input.
 */
import { z } from "zod";
import { claimVerdicts, ErrorType, errorTypes } from "@tiller/schema";
import { defineTask } from "@tiller/task";

const about = {
  where: z.string().describe("which part of the book"),
  text: z.string().describe("what it was made from"),
};
const shown = [
  { kind: "text", from: "where" },
  { kind: "text", from: "text", label: "What it was made from" },
] as const;

/** Lines of the form "2. Tom has the key." */
const line = /^(\d{1,3})\. (\S.*)$/;
export const claimLines = (claims: readonly { sentence: number; claim: string }[]): string =>
  claims.map((c) => `${c.sentence + 1}. ${c.claim}`).join("\n");
/** The claims that such lines are, or the line that is none of these sentences. */
export function claimsOf(
  lines: string,
  sentences: number,
): { claims: { sentence: number; claim: string }[] } | { wrong: string } {
  const claims: { sentence: number; claim: string }[] = [];
  for (const one of lines.split("\n").map((l) => l.trim())) {
    if (one === "") continue;
    const [, number = "0", claim = ""] = line.exec(one) ?? [];
    const sentence = Number(number) - 1;
    if (sentence < 0 || sentence >= sentences || claim === "") return { wrong: one };
    claims.push({ sentence, claim });
  }
  return { claims };
}

export const treeClaims = defineTask({
  name: "tree-claims",
  version: "1",
  title: "What a summary claims",
  input: z.strictObject({
    ...about,
    sentences: z.array(z.string()).min(1),
    proposal: z.string().describe("a claim a line, each with the number of its sentence"),
  }),
  view: {
    show: [
      { kind: "text", from: "where" },
      { kind: "list", from: "sentences", label: "The summary, sentence by sentence" },
      { kind: "text", from: "text", label: "What it was made from" },
    ],
    ask: [
      {
        kind: "text",
        name: "claims",
        label: "What it claims: one claim a line",
        rows: 10,
        edits: "proposal",
      },
    ],
  },
  simulate: ({ proposal }): { claims: string } => ({ claims: proposal }),
  check: ({ sentences }, { claims: lines }) => {
    const read = claimsOf(lines, sentences.length);
    return "wrong" in read
      ? `“${read.wrong.slice(0, 80)}” does not begin with the number of its sentence, from 1 to ${sentences.length}, a full stop and a space. Write it as “1. Anna has a key.”`
      : undefined;
  },
  samples: [
    {
      where: "Passage 2 of 3",
      text: "In the morning the boat was gone, and the key hung in its place.",
      sentences: ["The boat is gone and the key hangs in its place."],
      proposal: "1. The boat is gone and the key hangs in its place.",
    },
    {
      where: "Passage 3 of 3",
      text: "They found it across the lake, and in it the old keeper, asleep.",
      sentences: ["The boat is across the lake.", "The keeper sleeps in it."],
      proposal: "1. The boat is across the lake.\n2. The keeper sleeps in it.",
    },
  ],
  instructions: `# What a summary claims

Divide each sentence into what it **claims**: a line each, short, that can be true or false by itself. Say who is meant where the sentence says *he*. A sentence that claims one thing stays as it is. Take nothing out and add nothing, also where it is false.

Each line begins with the number of its sentence: \`2. The keeper sleeps.\``,
});

const MOST = 9; // claims that digits can number
export const CLAIMS_A_TASK = MOST;
const numbered = Array.from({ length: MOST }, (_, i) => ({
  value: `${i + 1}`,
  label: `Shows claim ${i + 1}`,
}));
const said = { yes: "Yes", partly: "Partly", no: "No", "cannot say": "Cannot say" } as const;

export const treeVerdicts = defineTask({
  name: "tree-verdicts",
  version: "1",
  title: "Is what a summary claims so?",
  input: z.strictObject({
    ...about,
    summary: z.string(),
    claims: z.array(z.string()).min(1).max(MOST),
  }),
  view: {
    show: [
      { kind: "text", from: "where" },
      { kind: "text", from: "summary", label: "The summary" },
    ],
    ask: [
      {
        kind: "steps",
        name: "verdicts",
        label: "Is it so?",
        from: "claims",
        options: claimVerdicts.map((value) => ({ value, label: said[value] })),
      },
      {
        kind: "spans",
        name: "marks",
        label: "What it was made from",
        help: "Mark the shortest words that show a claim to be so, or not.",
        from: "text",
        optional: true,
        labels: numbered,
      },
    ],
  },
  check: ({ claims }, { marks }) => {
    const strange = marks?.find((m) => Number(m.label) > claims.length);
    return strange && `There is no claim ${strange.label}. Give that mark another number.`;
  },
  simulate({ text, claims }, { rng, skill }) {
    // the words that a claim shares with the text, in a row, show it
    const marks: { start: number; end: number; label: string }[] = [];
    const all = claims.map((claim, i) => {
      const words = claim.split(/\s+/).filter((w) => w.length > 3);
      const word = words.find((w) => text.includes(w));
      if (word === undefined) return "no" as const;
      const start = text.indexOf(word);
      marks.push({ start, end: start + word.length, label: `${i + 1}` });
      return rng.next() < skill ? ("yes" as const) : rng.choose(claimVerdicts);
    });
    return { verdicts: all, marks };
  },
  samples: [
    {
      where: "Passage 2 of 3",
      text: "In the morning the boat was gone, and the key hung in its place.",
      summary: "The boat and the key are gone.",
      claims: ["The boat is gone.", "The key is gone."],
    },
    {
      where: "Passage 3 of 3",
      text: "They found it across the lake, and in it the old keeper, asleep.",
      summary: "The keeper sleeps in the boat.",
      claims: ["The keeper sleeps in the boat."],
    },
  ],
  instructions: `# Is it so?

By **what it was made from** alone, whatever you know besides:

- **Yes**: all of the claim stands there, or follows from it.
- **Partly**: some of it does, and nothing there says otherwise.
- **No**: something there says otherwise, or nothing says anything of the kind.
- **Cannot say**: it cannot be told, even after reading it again.

Then mark the **shortest run of words** by which you decided, with the claim's number.`,
});

export const treeCoherence = defineTask({
  name: "tree-coherence",
  version: "1",
  title: "Can a summary be followed?",
  input: z.strictObject({
    where: about.where,
    earlier: z.array(z.string()).describe("summaries of what stands before it"),
    summary: z.string(),
  }),
  view: {
    show: [shown[0], { kind: "list", from: "earlier", label: "Before this" }],
    ask: [
      {
        kind: "spans",
        name: "marks",
        label: "The summary",
        help: "Nothing is in the way? Then mark nothing and send it.",
        from: "summary",
        optional: true,
        labels: ErrorType.options.map((value) => ({ value, label: value })),
      },
    ],
  },
  samples: [
    {
      where: "Passage 2 of 3",
      earlier: ["Anna gives Tom the key of the boathouse."],
      summary: "The boat is gone. Therefore she laughs. The boat is not there.",
    },
    {
      where: "Passage 3 of 3",
      earlier: [],
      summary: "The keeper sleeps in the boat across the lake.",
    },
  ],
  instructions: `# Can it be followed?

Read it as somebody who has read only what stands before it. Mark the words at which you would stop, with the type; a sentence may have several:

${Object.entries(errorTypes)
  .map(([type, what]) => `- **${type}**: ${what}.`)
  .join("\n")}`,
});
