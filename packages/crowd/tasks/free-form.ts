/** Anything that fits no other kind: a request in Markdown, an answer in words. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const freeForm = defineTask({
  name: "free-form",
  version: "1",
  title: "Answer in your own words",
  input: z.strictObject({ request: z.string().describe("Markdown") }),
  view: {
    show: [{ kind: "text", from: "request", format: "markdown" }],
    ask: [{ kind: "text", name: "answer", label: "Your answer", rows: 10 }],
  },
  samples: [
    {
      request:
        "Think of a **rule at work** that everybody breaks.\n\n1. What is it for?\n2. Why is it broken?\n3. Should it go?",
    },
    { request: "Describe a smell from your childhood so that a stranger would know it." },
  ],
  instructions: `# In your own words

The request says what is wanted. Take the time you need: what you write is saved as you go.`,
});
