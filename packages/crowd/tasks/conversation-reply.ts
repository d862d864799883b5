/** The next turn of a conversation, written by a person in the assistant's place. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const Turn = z.strictObject({ role: z.enum(["user", "assistant"]), text: z.string() });

export const conversationReply = defineTask({
  name: "conversation-reply",
  version: "1",
  title: "Write the assistant's next turn",
  input: z.strictObject({ turns: z.array(Turn).min(1) }),
  view: {
    show: [{ kind: "turns", from: "turns", label: "Conversation" }],
    ask: [
      {
        kind: "text",
        name: "reply",
        label: "The assistant answers",
        rows: 6,
        limit: { unit: "words", min: 3, max: 200 },
      },
    ],
  },
  samples: [
    {
      turns: [
        { role: "user", text: "My plant has yellow leaves. Is it dying?" },
        { role: "assistant", text: "Perhaps not. How often do you water it?" },
        { role: "user", text: "Every morning and every evening." },
      ],
    },
    { turns: [{ role: "user", text: "Explain to a child why we cannot see the wind." }] },
  ],
  instructions: `# Write the next turn

You are the assistant. Write the reply that would help this person most: **true, friendly and to the point**.

- Ask back when you cannot know what is meant.
- Refuse what would do harm, and say what you can do instead.`,
});
