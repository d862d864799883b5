/** Demonstrations as tokens with the ones that count: completions, the assistant's turns of a chat, whole texts; and packs of them. */
import {
  type ChatTemplate,
  encodeAfter,
  encodePrompt,
  loadChatTemplate,
  type Tokenizer,
} from "@tiller/lm";
import { type Demonstration, TillerError } from "@tiller/schema";

type Chat = Extract<Demonstration, { messages: unknown[] }>;
type Completed = Extract<Demonstration, { completion: string }>;
type Corrected = Extract<Demonstration, { correction: string }>;
type Text = { readonly text: string };
const completed = (r: Exclude<Demonstration, Chat>): Pick<Completed, "prompt" | "completion"> =>
  "completion" in r
    ? (r as Completed)
    : "correction" in r
      ? { prompt: (r as Corrected).prompt, completion: (r as Corrected).correction }
      : { prompt: "", completion: (r as Text).text };

/** A row to learn from: tokens, which of them count (1 or 0), and what the row counts. */
export interface Shown {
  readonly tokens: readonly number[];
  readonly counts: readonly (0 | 1)[];
  readonly weight: number;
}

/** The template of the model in `dir`, wanted where a row is a chat. */
export async function chatOf(
  dir: string,
  rows: readonly Demonstration[],
): Promise<ChatTemplate | undefined> {
  const at = rows.findIndex((r) => "messages" in r);
  if (at < 0) return undefined;
  const chat = await loadChatTemplate(dir);
  if (!chat)
    throw new TillerError(
      "no_chat_template",
      `row ${at} is a chat, and the base has no chat template. Give rows of prompt and completion, or put the chat_template.jinja of the model you mean into its folder.`,
    );
  return chat;
}

const counting = (n: number, value: 0 | 1): (0 | 1)[] => Array.from({ length: n }, () => value);

/**
 * A chat as tokens; those that the assistant says count. They are what the template adds to the conversation so far with
 * the assistant's turn open; a template for which a conversation does not begin with its own beginning is refused.
 */
export function encodeChat(
  chat: ChatTemplate,
  tokenizer: Tokenizer,
  messages: readonly { readonly role: string; readonly content: string }[],
  row: number,
): Pick<Shown, "tokens" | "counts"> {
  const of = (n: number, addGenerationPrompt: boolean) =>
    chat.encode(messages.slice(0, n), tokenizer, { addGenerationPrompt });
  const tokens = of(messages.length, false);
  const counts = counting(tokens.length, 0);
  messages.forEach(({ role }, i) => {
    if (role !== "assistant") return;
    const [before, after] = [of(i, true), of(i + 1, false)];
    const goesOn = (a: readonly number[], b: readonly number[]) =>
      a.length <= b.length && a.every((id, t) => id === b[t]);
    if (!goesOn(before, after) || !goesOn(after, tokens))
      throw new TillerError(
        "chat_mask",
        `row ${row}: message ${i} (assistant) does not stand where the template put it with the messages before it alone, so which tokens are the assistant's cannot be told. Some templates leave earlier thoughts out of later turns: give the last turn alone, or rows of prompt and completion.`,
      );
    counts.fill(1, before.length, after.length);
  });
  if (!counts.includes(1))
    throw new TillerError(
      "no_assistant",
      `row ${row} has ${messages.length} messages and none of the assistant's: nothing in it is learned. Leave it out.`,
    );
  return { tokens, counts };
}

/** Rows as tokens; what is cut to `maxTokens` or left out is counted. */
export function encodeDemonstrations(
  tokenizer: Tokenizer,
  rows: readonly Demonstration[],
  o: {
    readonly maxTokens: number;
    readonly loss: "completion" | "whole";
    readonly endOfText: boolean;
    readonly long: "cut" | "leave out" | "refuse";
    readonly chat: ChatTemplate | undefined;
  },
): { rows: Shown[]; counts: { cut: number; leftOut: number } } {
  const counts = { cut: 0, leftOut: 0 };
  const end = o.endOfText ? [tokenizer.eos] : [];
  const room = o.maxTokens;
  const made = rows.flatMap((r, i): Shown[] => {
    const weight = (r.weight as number | undefined) ?? 1;
    let [tokens, which]: [number[], (0 | 1)[]] = [[], []];
    if ("messages" in r) {
      const chat = encodeChat(o.chat!, tokenizer, (r as Chat).messages, i);
      [tokens, which] = [[...chat.tokens], [...chat.counts]];
    } else {
      const { prompt, completion: text } = completed(r as Exclude<Demonstration, Chat>);
      const alone = !("completion" in r || "correction" in r);
      const query = encodePrompt(tokenizer, prompt).ids;
      const response = alone ? tokenizer.encode(text) : encodeAfter(tokenizer, prompt, text);
      if (response.length) {
        tokens = [...query, ...response, ...end];
        which = [...counting(query.length, 0), ...counting(response.length + end.length, 1)];
        // a prompt that is too long loses its beginning, so that the completion stays whole
        const over = Math.min(tokens.length - room, query.length - tokenizer.start.length - 1);
        if (over > 0 && o.long === "cut") {
          tokens.splice(tokenizer.start.length, over);
          which.splice(tokenizer.start.length, over);
          counts.cut++;
        }
      }
    }
    if (o.loss === "whole") which = which.map((_, t) => (t === 0 ? 0 : 1));
    if (tokens.length > room && o.long === "refuse")
      throw new TillerError(
        "too_long",
        `row ${i} has ${tokens.length} tokens, more than maxTokens, ${room}. Raise it, or let long be "cut" or "leave out".`,
      );
    if (tokens.length > room && o.long === "cut") {
      [tokens, which] = [tokens.slice(0, room), which.slice(0, room)];
      counts.cut++;
    }
    if (tokens.length > room || !which.slice(1).includes(1)) {
      counts.leftOut++;
      return [];
    }
    return [{ tokens, counts: which, weight }];
  });
  return { rows: made, counts };
}

/**
 * Rows in packs of at most `room` tokens (a row's last token is only predicted, so it takes no place): best fit decreasing,
 * as TRL's `bfd`. Every row is in one pack, none is cut.
 */
export function packed(rows: readonly Shown[], room: number): Shown[][] {
  const packs: { left: number; rows: Shown[] }[] = [];
  const byLength = rows.toSorted((a, b) => b.tokens.length - a.tokens.length);
  for (const row of byLength) {
    const n = row.tokens.length - 1;
    let best: (typeof packs)[number] | undefined;
    for (const p of packs) if (p.left >= n && (!best || p.left < best.left)) best = p;
    if (best) {
      best.rows.push(row);
      best.left -= n;
    } else packs.push({ left: room - n, rows: [row] });
  }
  return packs.map((p) => p.rows);
}
