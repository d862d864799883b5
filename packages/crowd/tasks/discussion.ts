/** People who disagree about a claim read each other's reasons, and say what they think now. */
import { z } from "zod";
import { defineTask } from "@tiller/task";
import { verdictFields } from "./claim-vote.ts";

const samples = [
  {
    passage: "The post came by boat. The river was the only road that did not freeze.",
    claim: "The roads were frozen.",
    said: [
      { role: "Person 1: right", text: "The only road that did not freeze was the river." },
      { role: "Person 2: open", text: "It does not say that there were other roads." },
    ],
  },
];
const input = z.strictObject({
  passage: z.string(),
  claim: z.string(),
  said: z.array(z.strictObject({ role: z.string(), text: z.string() })),
});
const show = [
  { kind: "text", from: "passage", label: "Text" },
  { kind: "text", from: "claim", label: "Claim" },
  { kind: "turns", from: "said", label: "What people said" },
] as const;

export const discussion = defineTask({
  name: "discussion",
  version: "1",
  title: "You disagree: what do you think now?",
  input,
  view: { show, ask: verdictFields },
  samples,
  instructions: `# Read the others' reasons

You and others judged this claim differently. One of the reasons below is yours. Change your mind **if a reason convinces you**, not to agree: what stays open goes to a researcher, and that is fine.

Answer the others in your reason.`,
});

/** What is still split afterwards: only people with the qualification "researcher" get it. */
export const ruling = defineTask({
  name: "ruling",
  version: "1",
  title: "People do not agree: rule on it",
  input,
  view: { show, ask: verdictFields },
  samples,
  instructions: `# The last word

People disagreed and still do after a discussion. Your verdict counts, and your reason goes back to them.`,
});
