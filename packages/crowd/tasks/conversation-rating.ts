/** The last turn of a conversation, rated. */
import { z } from "zod";
import { defineTask } from "@tiller/task";
import { Turn } from "./conversation-reply.ts";

export const conversationRating = defineTask({
  name: "conversation-rating",
  version: "1",
  title: "How good is the assistant's last turn?",
  input: z.strictObject({ turns: z.array(Turn).min(2) }),
  view: {
    show: [{ kind: "turns", from: "turns", label: "Conversation" }],
    ask: [
      {
        kind: "rating",
        name: "helpful",
        label: "Helpful",
        points: 7,
        low: "Useless",
        high: "Could not be better",
      },
      {
        kind: "choices",
        name: "faults",
        label: "Faults",
        help: "All that apply; none is an answer.",
        optional: true,
        options: [
          { value: "untrue", label: "Says something untrue" },
          { value: "off-topic", label: "Does not answer" },
          { value: "rude", label: "Unkind" },
          { value: "harmful", label: "Could do harm" },
        ],
      },
    ],
  },
  aggregate: { faults: "majority" },
  samples: [
    {
      turns: [
        { role: "user", text: "Can I freeze cooked rice?" },
        {
          role: "assistant",
          text: "Yes. Cool it quickly, freeze it the same day, and heat it through when you use it.",
        },
      ],
    },
    {
      turns: [
        { role: "user", text: "I failed my exam." },
        { role: "assistant", text: "Exams test what you know. You did not know enough." },
      ],
    },
  ],
  instructions: `# Rate the last turn

Read the whole conversation, and rate only **the assistant's last turn**: does it help this person, here?

Then tick its faults, if it has any.`,
});
