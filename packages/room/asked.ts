/** What a model was asked and what it said, word for word: kept beside the room that it sat in, and beside a verdict of its own. */
import { z } from "zod";
import { messageText, type Prompt } from "@tiller/schema";

export const Asked = z.strictObject({
  seat: z.string(),
  model: z.string(),
  messages: z.array(
    z.strictObject({ role: z.enum(["system", "user", "assistant"]), text: z.string() }),
  ),
  reply: z.string().nullable().describe("null: none came"),
  problem: z.string().optional().describe("why it was no move"),
});
export type Asked = z.infer<typeof Asked>;

export const messagesOf = (prompt: Prompt): Asked["messages"] =>
  prompt.messages.map((m) => ({ role: m.role, text: messageText(m) }));
