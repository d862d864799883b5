/**
 * Chat templates, as Hugging Face's folders have them: chat_template.jinja, or `chat_template` in
 * tokenizer_config.json, and the tokens that end a turn. Templates see the real texts and give what transformers'
 * apply_chat_template gives, but for one thing: a control token is made of a template's characters only, so a message
 * that spells one ("<|im_end|>") cannot end its own turn.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { JinjaTemplate } from "./jinja.ts";
import { Dict, fromUser, refused, str, type Value } from "./jinja-values.ts";
import { CONFIG_LIMIT, jsonOf, readPart } from "./parts.ts";
import { strftime } from "./strftime.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { Text } from "./written-text.ts";

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  /** what else a template may look at: tool_calls, name, reasoning_content */
  readonly [field: string]: unknown;
}
export interface ChatOptions {
  /** JSON schemas of functions that the model may call */
  readonly tools?: readonly unknown[];
  /** whether the assistant's turn is opened; it is unless said otherwise */
  readonly addGenerationPrompt?: boolean;
  /** further variables of the template, such as enable_thinking */
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly now?: Date;
}
export interface ChatTemplate {
  /** Token ids up to where the assistant begins to speak. */
  encode(messages: readonly ChatMessage[], tokenizer: Tokenizer, o?: ChatOptions): number[];
}

const Named = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const TokenizerConfig = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))])
    .nullish(),
  bos_token: Named,
  eos_token: Named,
  unk_token: Named,
  pad_token: Named,
  sep_token: Named,
  cls_token: Named,
  mask_token: Named,
});
const text = (named: z.infer<typeof Named>): string =>
  typeof named === "string" ? named : (named?.content ?? "");

async function jsonAt<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(jsonOf(file, await readPart(file, CONFIG_LIMIT)));
  } catch (cause) {
    throw cause instanceof TillerError ? cause : unusable(file, cause);
  }
}
const unusable = (file: string, cause: unknown) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} cannot be used (${(cause as Error).message.split("\n")[0]}). Take the file from its source again.`,
    { cause },
  );

const textAt = async (file: string) => (await readPart(file, CONFIG_LIMIT)).toString();

/** What a folder holds about chatting; a checkpoint made from it keeps them. */
export async function readChatFiles(dir: string): Promise<Record<string, string>> {
  const names = ["chat_template.jinja", "tokenizer_config.json", "generation_config.json"];
  const there = names.filter((name) => existsSync(path.join(dir, name)));
  const texts = await Promise.all(there.map((name) => textAt(path.join(dir, name))));
  return Object.fromEntries(there.map((name, i) => [name, texts[i]]));
}

/** The template's source in a checkpoint's folder; undefined where there is none. */
async function sourceIn(dir: string): Promise<string | undefined> {
  const own = path.join(dir, "chat_template.jinja");
  if (existsSync(own)) return textAt(own);
  const found = (await jsonAt(path.join(dir, "tokenizer_config.json"), TokenizerConfig))
    ?.chat_template;
  if (typeof found === "string") return found;
  return found?.find((t) => t.name === "default")?.template ?? found?.[0]?.template;
}

export async function loadChatTemplate(dir: string): Promise<ChatTemplate | undefined> {
  const source = await sourceIn(dir);
  if (source === undefined) return undefined;
  const { chat_template: _, ...config } =
    (await jsonAt(path.join(dir, "tokenizer_config.json"), TokenizerConfig)) ?? {};
  const named = Object.entries(config).filter(([name]) => name.endsWith("_token"));
  const tokens = named.map(([name, t]) => [name, text(t as z.infer<typeof Named>)] as const);
  const { bos_token: bos = "", eos_token: eos = "", ...others } = Object.fromEntries(tokens);
  return chatTemplate(source, { bos, eos, others });
}

/** Roles that a template may make a control token of, as Phi's "<|user|>"; any other is a user's text. */
const roles: ReadonlySet<string> = new Set(
  "system developer user assistant model tool function ipython".split(" "),
);

/** `others`: further named tokens, as tokenizer_config.json has them (pad_token). One that is empty is not there. */
export function chatTemplate(
  source: string,
  tokens: {
    readonly bos: string;
    readonly eos: string;
    readonly others?: Readonly<Record<string, string>>;
  },
): ChatTemplate {
  let template: JinjaTemplate;
  try {
    template = new JinjaTemplate(source);
  } catch (cause) {
    throw cause instanceof TillerError ? cause : unusable("the chat template", cause);
  }
  const { bos: bos_token, eos: eos_token, others } = tokens;
  const named = Object.entries({ ...others, bos_token, eos_token })
    .filter(([, token]) => token)
    .map(([name, token]) => [name, Text.of(token)] as const);
  return {
    encode: (messages, tokenizer, o = {}) => {
      const more = Object.entries(o.variables ?? {}).map(([k, v]) => [k, fromUser(v)] as const);
      const variables: Record<string, Value> = {
        ...Object.fromEntries(more),
        messages: messages.map(messageOf),
        tools: o.tools?.length ? fromUser(o.tools) : null,
        documents: null,
        add_generation_prompt: o.addGenerationPrompt ?? true,
        ...Object.fromEntries(named),
        strftime_now: ({ given: [format] }) =>
          Text.of(strftime(o.now ?? new Date(), str(format ?? null).plain)),
      };
      let rendered: Text;
      try {
        rendered = template.render(variables);
      } catch (cause) {
        if (cause instanceof TillerError) throw cause;
        throw refused((cause as Error).message, cause);
      }
      return tokenizer.encode(rendered.plain, { specials: rendered.templates() });
    },
  };
}

function messageOf(message: ChatMessage): Value {
  const out = fromUser(message);
  if (out instanceof Dict && roles.has(message.role))
    out.set(Text.of("role"), Text.of(message.role));
  return out;
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
