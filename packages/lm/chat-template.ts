/**
 * Chat templates, as Hugging Face's folders have them: chat_template.jinja, or `chat_template` in
 * tokenizer_config.json, and the tokens that end a turn. Rendered by @huggingface/jinja. A message that spells a
 * special token ("<|im_end|>") stays plain characters: it cannot end its own turn.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import type { Tokenizer } from "./tokenizer.ts";

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}
export interface ChatTemplate {
  /** Token ids up to where the assistant begins to speak. */
  encode(messages: readonly ChatMessage[], tokenizer: Tokenizer): number[];
}

const Named = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const TokenizerConfig = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))])
    .nullish(),
  bos_token: Named,
  eos_token: Named,
});
const text = (named: z.infer<typeof Named>): string =>
  typeof named === "string" ? named : (named?.content ?? "");

async function jsonAt<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (cause) {
    throw unusable(file, cause);
  }
}
const unusable = (file: string, cause: unknown) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} cannot be used (${(cause as Error).message.split("\n")[0]}). Take the file from its source again.`,
    { cause },
  );

/** What a folder holds about chatting; a checkpoint made from it keeps them. */
export async function readChatFiles(dir: string): Promise<Record<string, string>> {
  const names = ["chat_template.jinja", "tokenizer_config.json", "generation_config.json"];
  const there = names.filter((name) => existsSync(path.join(dir, name)));
  const texts = await Promise.all(there.map((name) => readFile(path.join(dir, name), "utf8")));
  return Object.fromEntries(there.map((name, i) => [name, texts[i]]));
}

/** The template's source in a checkpoint's folder; undefined where there is none. */
async function sourceIn(dir: string): Promise<string | undefined> {
  const own = path.join(dir, "chat_template.jinja");
  if (existsSync(own)) return readFile(own, "utf8");
  const found = (await jsonAt(path.join(dir, "tokenizer_config.json"), TokenizerConfig))
    ?.chat_template;
  if (typeof found === "string") return found;
  return found?.find((t) => t.name === "default")?.template ?? found?.[0]?.template;
}

export async function loadChatTemplate(dir: string): Promise<ChatTemplate | undefined> {
  const source = await sourceIn(dir);
  if (source === undefined) return undefined;
  const config = await jsonAt(path.join(dir, "tokenizer_config.json"), TokenizerConfig);
  return chatTemplate(source, { bos: text(config?.bos_token), eos: text(config?.eos_token) });
}

export function chatTemplate(source: string, o: { bos: string; eos: string }): ChatTemplate {
  let template: Template;
  try {
    template = new Template(source);
  } catch (cause) {
    throw unusable("the chat template", cause);
  }
  return {
    encode: (messages, tokenizer) => {
      // a content with special tokens in it is encoded apart, without them
      const apart = new Map<string, string>();
      const safe = messages.map(({ role, content }, i) => {
        const plain = tokenizer.encode(content);
        const special = tokenizer.encode(content, { specials: true });
        if (plain.length === special.length && plain.every((id, k) => id === special[k]))
          return { role, content };
        const mark = `\ue000${i}\ue001`;
        apart.set(mark, content);
        return { role, content: mark };
      });
      let rendered: string;
      try {
        rendered = template.render({
          messages: safe,
          bos_token: o.bos,
          eos_token: o.eos,
          add_generation_prompt: true,
        });
      } catch (cause) {
        throw new TillerError(
          "bad_messages",
          `the model's chat template refuses these messages: ${(cause as Error).message}. Change their roles or order.`,
          { cause },
        );
      }
      return rendered
        .split(/(\ue000\d+\ue001)/)
        .filter(Boolean)
        .flatMap((part) => {
          const content = apart.get(part);
          return content === undefined
            ? tokenizer.encode(part, { specials: true })
            : tokenizer.encode(content);
        });
    },
  };
}

/** Where a checkpoint without a template is sent messages all the same: roles in words, the assistant's turn open. */
export const plainChat = (messages: readonly ChatMessage[]): string =>
  [
    ...messages.map((m) =>
      m.role === "system" ? m.content : `${m.role === "user" ? "User" : "Assistant"}: ${m.content}`,
    ),
    "Assistant:",
  ].join("\n\n");
/** What ends the assistant's turn in a plain chat. */
export const plainChatStop = "\n\nUser:";

const Ends = z.looseObject({ eos_token_id: z.union([z.int(), z.array(z.int())]).nullish() });
/** All ids that end a text: config.json's and generation_config.json's, where a turn's end often stands alone. */
export async function endTokens(dir: string, eos: number): Promise<ReadonlySet<number>> {
  const files = ["config.json", "generation_config.json"].map((f) => path.join(dir, f));
  const found = await Promise.all(files.map((f) => jsonAt(f, Ends)));
  return new Set([eos, ...found.flatMap((f) => f?.eos_token_id ?? [])]);
}
