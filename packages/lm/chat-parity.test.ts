/**
 * Chat templates as transformers renders them (golden/chat_templates.py): ten in the manner of published families, nine
 * conversations each with tools, thinking, dates and the assistant's turn open or not; a refusal is a refusal.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { trainBpe } from "./bpe.ts";
import { type ChatMessage, chatTemplate } from "./chat-template.ts";
import { loadTokenizerJson } from "./tokenizer.ts";

const Golden = z.strictObject({
  templates: z.record(z.string(), z.string()),
  conversations: z.record(
    z.string(),
    z.array(z.looseObject({ role: z.string(), content: z.string() })),
  ),
  tools: z.array(z.unknown()),
  cases: z.array(
    z.strictObject({
      template: z.string(),
      conversation: z.string(),
      tools: z.boolean(),
      variables: z.record(z.string(), z.unknown()),
      text: z.string().optional(),
      error: z.string().optional(),
    }),
  ),
});
const file = path.join(import.meta.dirname, "golden", "chat-templates.json");
const golden = Golden.parse(JSON.parse(readFileSync(file, "utf8")));
// bytes alone: what is decoded is what was rendered
const tokenizer = loadTokenizerJson(trainBpe("", { vocabSize: 258 }));

describe.each(Object.keys(golden.templates))("%s", (name) => {
  const template = chatTemplate(golden.templates[name]!, { bos: "<s>", eos: "</s>" });
  test.each(golden.cases.filter((c) => c.template === name))(
    "$conversation, tools $tools, $variables",
    (c) => {
      const { add_generation_prompt: open, ...variables } = c.variables;
      const rendered = () =>
        tokenizer.decode(
          template.encode(golden.conversations[c.conversation] as ChatMessage[], tokenizer, {
            ...(c.tools && { tools: golden.tools }),
            addGenerationPrompt: open === true,
            variables,
          }),
        );
      if (c.text === undefined) expect(rendered).toThrow(/chat template/);
      else expect(rendered()).toBe(c.text);
    },
  );
});
