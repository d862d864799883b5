/**
 * Preference rows of texts or messages, as TRL has them (explicit, implicit, conversational) and as published sets vary
 * them. A conversation keeps its roles beside the text that raters and trainers read.
 */
import { z } from "zod";
import { DirtyRow, type Mapped } from "./mapped.ts";
import { shownValue } from "./json.ts";
import { BadRow } from "./row.ts";

export const Messages = z.array(z.looseObject({ role: z.string(), content: z.string() })).min(1);
export type Messages = z.infer<typeof Messages>;
export const TextOrMessages = z.union([z.string(), Messages]);
export const PreferenceRow = z.looseObject({
  prompt: TextOrMessages.nullish(),
  chosen: TextOrMessages,
  rejected: TextOrMessages,
});

const segments = new Intl.Segmenter("en", { granularity: "grapheme" });
/**
 * The common beginning of both, as TRL takes it: up to the first difference, without a space before it. Never into a
 * character, and never all of one of them.
 */
export function implicitPrompt(chosen: string, rejected: string): string {
  const most = Math.min(chosen.length, rejected.length);
  let i = 0;
  while (i < most && chosen[i] === rejected[i]) i++;
  const cut = (at: number) => {
    for (const text of [chosen, rejected]) {
      if (at <= 0 || at >= text.length) continue;
      // the character around the cut, looked for in its neighbourhood
      const from = Math.max(0, at - 64);
      const found = segments.segment(text.slice(from, at + 64)).containing(at - from)!;
      at = from + found.index;
    }
    return at;
  };
  i = cut(i);
  if (i === most)
    i = chosen
      .slice(0, i)
      .trimEnd()
      .search(/\s\S*$/); // the last word belongs to the answer
  if (i > 0 && chosen[i - 1] === " ") i--;
  return chosen.slice(0, Math.max(0, i));
}

const roles: Readonly<Record<string, string>> = {
  human: "user",
  user: "user",
  prompter: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  assistant: "assistant",
  model: "assistant",
  system: "system",
  developer: "developer",
  tool: "tool",
  function: "function",
  function_call: "function_call",
  function_response: "function_response",
  observation: "observation",
};
const Turn = z.looseObject({
  role: z.string().nullish(),
  from: z.string().nullish(),
  content: z.unknown().optional(),
  value: z.unknown().optional(),
});
/** Turns as messages: from and value (ShareGPT) or role and content, parts of text put together. Nobody's turn is left out. */
export function messagesOf(given: unknown, name: string, line: number): Messages {
  const turns = z.array(Turn).safeParse(given);
  if (!turns.success)
    throw new BadRow(
      line,
      `${name}: ${shownValue(given)} is no list of turns, {"from", "value"} or {"role", "content"}`,
    );
  return turns.data.map(({ role, from, content, value, ...more }, i) => {
    const at = `${name}.${i}`;
    const who = role ?? from;
    const known = typeof who === "string" && Object.hasOwn(roles, who) ? roles[who] : undefined;
    if (known === undefined)
      throw new BadRow(
        line,
        `${at}: ${shownValue(who)} is no role that is known (${Object.keys(roles).join(", ")}). Rename it`,
      );
    const text = turnText(content ?? value, Boolean(more["tool_calls"]), at, line);
    return { role: known, content: text, ...more };
  });
}
const Part = z.looseObject({ type: z.literal("text"), text: z.string() });
function turnText(said: unknown, calls: boolean, at: string, line: number): string {
  if (typeof said === "string") return said;
  if ((said === null || said === undefined) && calls) return ""; // a call of a tool says nothing else
  const parts = z.array(Part).safeParse(said);
  if (parts.success) return parts.data.map((p) => p.text).join("");
  throw new BadRow(
    line,
    `${at}: ${shownValue(said)} is no text. Pictures and sound are not taken; leave such rows out`,
  );
}

/** A conversation as raters read it, and with its roles where it has several turns. */
export const asked = (prompt: string | Messages) => {
  const { text, messages } = read(prompt, "user");
  return { passage: text, ...(messages ? { messages } : {}) };
};

const render = (x: Messages) => x.map((m) => `${m.role}: ${m.content}`).join("\n\n");
const isBare = (x: Messages, role: string) =>
  x.length === 1 && x[0]!.role === role && Object.keys(x[0]!).length === 2;
/** Text for reading, and the messages where the text alone would lose something. */
const read = (x: string | Messages, role: string): { text: string; messages?: Messages } =>
  typeof x === "string"
    ? { text: x }
    : isBare(x, role)
      ? { text: x[0]!.content }
      : { text: x.length === 1 ? x[0]!.content : render(x), messages: x };

const same = (x: unknown, y: unknown) => JSON.stringify(x) === JSON.stringify(y);
/** What both begin with, as far as there is more in each. */
function shared(x: Messages, y: Messages): number {
  let n = 0;
  while (n < x.length && n < y.length && same(x[n], y[n])) n++;
  return n;
}

/** The answer that a preference says. `rest`: further columns of the row. */
export function preferred(
  row: z.infer<typeof PreferenceRow>,
  line: number,
  rest: Readonly<Record<string, unknown>>,
): Mapped {
  let { chosen, rejected } = row;
  let prompt = row.prompt ?? undefined;
  let source = rest;
  if (typeof chosen !== typeof rejected)
    throw new BadRow(line, "chosen is a text and rejected a conversation, or the other way round");
  if (same(chosen, rejected)) throw new DirtyRow(line, "equal", "chosen and rejected are the same");
  if (Array.isArray(chosen) && Array.isArray(rejected)) {
    const n = shared(chosen, rejected);
    if (prompt === undefined && n === 0)
      throw new DirtyRow(
        line,
        "no-answer",
        "chosen and rejected share no first messages, so there is no prompt",
      );
    if (n > 0) {
      if (n === chosen.length || n === rejected.length)
        throw new DirtyRow(
          line,
          "no-answer",
          "chosen and rejected are one conversation, and one ends in the other",
        );
      const begun = chosen.slice(0, n);
      const whole = begun.some((m) => m.role !== "assistant");
      if (typeof prompt === "string" && whole) {
        // whole conversations, as UltraFeedback and its children have them, say the prompt again beside them
        if (prompt !== begun.at(-1)!.content) source = { ...rest, prompt };
        prompt = begun;
      } else if (typeof prompt === "string") prompt = [{ role: "user", content: prompt }, ...begun];
      else if (prompt && !same(prompt, begun.slice(0, prompt.length)))
        prompt = [...prompt, ...begun];
      else prompt = begun;
      [chosen, rejected] = [chosen.slice(n), rejected.slice(n)];
    }
  }
  if (prompt === undefined) {
    const [x, y] = [chosen as string, rejected as string];
    prompt = implicitPrompt(x, y);
    [chosen, rejected] = [x.slice(prompt.length), y.slice(prompt.length)];
  }
  const [better, worse] = [read(chosen, "assistant"), read(rejected, "assistant")];
  if (same(better, worse)) throw new DirtyRow(line, "equal", "chosen and rejected are the same");
  // the chosen one must not always be the same side: the texts say which
  const first =
    better.text === worse.text
      ? render(chosen as Messages) < render(rejected as Messages)
      : better.text < worse.text;
  const [a, b] = first ? [better, worse] : [worse, better];
  return {
    input: { ...asked(prompt), a, b },
    value: { choice: first ? "a" : "b" },
    source,
  };
}

/** Two texts or conversations and what was said of them; the sides stay as they are. */
export const pair = (
  prompt: string | Messages,
  [x, y]: readonly [
    { text: string | Messages; sample?: string | undefined },
    { text: string | Messages; sample?: string | undefined },
  ],
  choice: "a" | "b" | "tie",
  line: number,
): Pick<Mapped, "input" | "value"> => {
  const made = preferred({ prompt, chosen: x.text, rejected: y.text }, line, {});
  const turned = made.value["choice"] === "b";
  const [first, second] = [
    made.input[turned ? "b" : "a"],
    made.input[turned ? "a" : "b"],
  ] as object[];
  return {
    input: {
      ...made.input,
      a: { ...first, ...(x.sample === undefined ? {} : { sample: x.sample }) },
      b: { ...second, ...(y.sample === undefined ? {} : { sample: y.sample }) },
    },
    value: { choice },
  };
};

/** "\n\nHuman: ...\n\nAssistant: ...", as HH-RLHF and Nectar write conversations. */
export function transcript(text: string, name: string, line: number): Messages {
  const parts = text.split(/\n\n(Human|Assistant):/);
  if (parts[0]!.trim() || parts.length < 3)
    throw new BadRow(
      line,
      `${name} does not begin with "\\n\\nHuman:", as HH-RLHF's conversations do`,
    );
  const messages: Messages = [];
  for (let i = 1; i < parts.length; i += 2)
    messages.push({
      role: parts[i] === "Human" ? "user" : "assistant",
      content: parts[i + 1]!.replace(/^ /, ""),
    });
  return messages;
}
