/** Prompts that remember which parts were filled in: the trace marks them. */
import { z } from "zod";

export const PromptPart = z.strictObject({
  text: z.string(),
  /** the name or place of what was filled in; undefined: written in the template */
  filled: z.string().optional(),
});
export type PromptPart = z.infer<typeof PromptPart>;
export const PromptMessage = z.strictObject({
  role: z.enum(["system", "user", "assistant"]),
  parts: z.array(PromptPart),
});
export type PromptMessage = z.infer<typeof PromptMessage>;
export const Prompt = z.strictObject({ messages: z.array(PromptMessage).min(1) });
export type Prompt = z.infer<typeof Prompt>;

const shown = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value, undefined, 2);

/** prompt`Summarise:\n${passage}` is one message of the user; other values than strings come as JSON. */
export function prompt(texts: TemplateStringsArray, ...values: unknown[]): Prompt {
  return { messages: [{ role: "user", parts: partsOf(texts, values) }] };
}
/** system`You are a critic.` before a prompt: chat(system`...`, prompt`...`). */
export function system(texts: TemplateStringsArray, ...values: unknown[]): Prompt {
  return { messages: [{ role: "system", parts: partsOf(texts, values) }] };
}
export const chat = (...prompts: readonly Prompt[]): Prompt => ({
  messages: prompts.flatMap((p) => p.messages),
});
export const messageText = (m: PromptMessage): string => m.parts.map((p) => p.text).join("");

function partsOf(texts: TemplateStringsArray, values: readonly unknown[]): PromptPart[] {
  return texts
    .flatMap((text, i): PromptPart[] => [
      { text },
      ...(i < values.length ? [{ text: shown(values[i]), filled: `${i + 1}` }] : []),
    ])
    .filter((p) => p.text !== "");
}
