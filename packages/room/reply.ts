/**
 * A model's reply as a move, and a move as the reply that says it (the two are each other's inverse). What cannot be read is no move: no default, no nearest label. Quotes become spans of what the seat
 * may see; one that is nowhere is `missing`, for the model to mend, and stays in the act as unverified.
 */
import type { Turn } from "./legal.ts";
import { Act, type Content } from "./moves.ts";
import { readSeenQuotes } from "./quotes.ts";
import type { View } from "./view.ts";
import { letter } from "./words.ts";

interface Read {
  /** absent: the reply is no move */
  readonly act?: Act;
  /** what to mend */
  readonly problem?: string;
}
const contentOf = (v: View, written: string) => readSeenQuotes(v.texts, written.trim());
const mend = (missing: readonly string[]): Pick<Read, "problem"> =>
  missing.length === 0
    ? {}
    : {
        problem: `${missing.map((m) => `"${m.slice(0, 200)}"`).join(" and ")} is in no text that you can see. Copy quotes exactly, or say it without quoting.`,
      };

const line = (name: string, reply: string): string | undefined =>
  [...reply.matchAll(new RegExp(`^[ *]*${name}:[ *]*(.+?)[ *.]*$`, "gim"))].at(-1)?.[1];
function decision(reply: string): boolean | undefined {
  const said = line("DECISION", reply)?.toLowerCase();
  return said === "end" ? true : said === "go on" ? false : undefined;
}
const NO_DECISION = 'there is no line "DECISION: end" or "DECISION: go on".';

export function readReply(v: View, turn: Turn, reply: string): Read {
  switch (turn.do) {
    case "speak":
      return speech(v, turn, reply);
    case "reply": {
      const { content, missing } = contentOf(v, reply);
      return { act: { do: "reply", content }, ...mend(missing) };
    }
    case "credence":
      return credence(v, turn, reply);
    case "mark": {
      const found = turn.items.map((item) => [item, line(escaped(item), reply)] as const);
      const lost = found.find(([, label]) => label === undefined)?.[0];
      if (lost !== undefined) return { problem: `there is no line "${lost}: label".` };
      return { act: { do: "mark", marks: Object.fromEntries(found) as Record<string, string> } };
    }
    case "pick": {
      const said = /^\d+$/.exec(line("PICK", reply) ?? "")?.[0];
      const choice = said === undefined ? undefined : turn.choices[Number(said) - 1];
      return choice
        ? { act: { do: "pick", choice } }
        : { problem: `there is no line "PICK: number" with 1 to ${turn.choices.length}.` };
    }
    case "vote": {
      const end = decision(reply);
      return end === undefined ? { problem: NO_DECISION } : { act: { do: "vote", end } };
    }
    case "examine":
      return examined(v, reply);
    case "lapse":
      return { problem: "there is nothing to do." };
  }
}
const escaped = (id: string) => id.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

function speech(v: View, turn: Extract<Turn, { do: "speak" }>, reply: string): Read {
  const found = [...reply.matchAll(/<item(?:\s+about="([^"]*)")?\s*>([\s\S]*?)<\/item>/gi)];
  const single = turn.items.most === 1 && !turn.about;
  if (!single && found.length === 0 && turn.items.least > 0)
    return { problem: "there is no <item>...</item> in it." };
  const items = single
    ? [{ about: undefined, text: reply }]
    : found.map(([, about, text]) => ({ about, text: text! }));
  const read = items.map(({ about, text }) => ({ about, ...contentOf(v, text) }));
  return {
    act: {
      do: "speak",
      items: read.map(({ about, content }) => ({
        content,
        ...(about === undefined ? {} : { about }),
      })),
    },
    ...mend(read.flatMap((r) => r.missing)),
  };
}

function credence(v: View, turn: Extract<Turn, { do: "credence" }>, reply: string): Read {
  const said = line("CREDENCE", reply);
  const numbers = v.answers.map((_, i) => {
    const n = new RegExp(
      `(?:^|[\\s,;])${letter(i)}\\s*[:=]?\\s*(\\d+(?:\\.\\d+)?)\\s*%?(?=$|[\\s,;])`,
    ).exec(said ?? "")?.[1];
    return n === undefined ? Number.NaN : Number(n);
  });
  const sum = numbers.reduce((a, b) => a + b, 0);
  if (Number.isNaN(sum))
    return {
      problem: `there is no line "CREDENCE: ${v.answers.map((_, i) => `${letter(i)} n`).join(", ")}" with a number for every answer.`,
    };
  if (Math.abs(sum - 100) > 1) return { problem: `the credences add up to ${sum} and not to 100.` };
  const end = turn.end === "must" ? true : turn.end === "not yet" ? false : decision(reply);
  if (end === undefined) return { problem: NO_DECISION };
  const why = reply.replaceAll(/^[ *]*(?:CREDENCE|DECISION):.*$/gim, "").trim();
  const { content, missing } = contentOf(v, why);
  const act = Act.parse({
    do: "credence",
    credence: numbers.map((n) => n / sum),
    end,
    content: why === "" ? [] : content,
  });
  return { act, ...mend(missing) };
}

function examined(v: View, reply: string): Read {
  const question = line("ASK", reply);
  if (question !== undefined) {
    const { content, missing } = contentOf(v, question);
    return { act: { do: "ask", content }, ...mend(missing) };
  }
  const shown = line("SHOW", reply)?.toLowerCase();
  if (shown === undefined) return { problem: 'there is no line "ASK: ..." or "SHOW: ...".' };
  if (shown !== "none" && !/^\d+(?:\s*,\s*\d+)*$/.test(shown))
    return { problem: `SHOW is followed by numbers or none, not by ${shown.slice(0, 60)}.` };
  const questions = shown === "none" ? [] : shown.split(",").map((n) => Number(n) - 1);
  return questions.some((q) => q < 0)
    ? { problem: "questions are counted from 1." }
    : { act: { do: "show", questions } };
}

/** The move as a model would have written it: what rows to learn from complete a prompt with. `quoted` gives a span's characters. */
export function replyFor(
  turn: Turn,
  act: Act,
  quoted: (span: Extract<Content[number], { quote: unknown }>["quote"]) => string,
): string {
  const written = (content: Content) =>
    content
      .map((p) =>
        "text" in p ? p.text : `<quote>${"quote" in p ? quoted(p.quote) : p.unverified}</quote>`,
      )
      .join("");
  switch (act.do) {
    case "speak": {
      if (turn.do === "speak" && turn.items.most === 1 && !turn.about)
        return written(act.items[0]?.content ?? []);
      const about = (id?: string) => (id === undefined ? "" : ` about="${id}"`);
      return act.items.map((i) => `<item${about(i.about)}>${written(i.content)}</item>`).join("\n");
    }
    case "ask":
      return `ASK: ${written(act.content)}`;
    case "reply":
      return written(act.content);
    case "credence": {
      const said = act.credence.map((p, i) => `${letter(i)} ${Number((100 * p).toFixed(2))}`);
      return [
        ...(act.content.length > 0 ? [written(act.content)] : []),
        `CREDENCE: ${said.join(", ")}`,
        ...(turn.do === "credence" && turn.end === "may" ? [decided(act.end)] : []),
      ].join("\n");
    }
    case "mark":
      return Object.entries(act.marks)
        .map(([item, mark]) => `${item}: ${mark}`)
        .join("\n");
    case "pick": {
      const choices = turn.do === "pick" ? turn.choices : [];
      const at = choices.findIndex((c) => JSON.stringify(c) === JSON.stringify(act.choice));
      return `PICK: ${at + 1}`;
    }
    case "vote":
      return decided(act.end);
    case "show":
      return `SHOW: ${act.questions.map((q) => q + 1).join(", ") || "none"}`;
    default:
      return "";
  }
}
const decided = (end: boolean) => `DECISION: ${end ? "end" : "go on"}`;

/**
 * The log-prob that a reply of one letter gives an answer: its token's where it names it; what is left, shared by the others, where
 * it names another. Undefined: it names none.
 */
export function leaning(
  reply: {
    readonly text: string;
    readonly logprobs: readonly { readonly token: string; readonly logprob: number }[];
  },
  o: { readonly answers: number; readonly answer: number },
): number | undefined {
  const said = /^\s*["'(*]*([A-H])\b/.exec(reply.text)?.[1];
  const named = said === undefined ? -1 : said.charCodeAt(0) - 65;
  const token = reply.logprobs.find((t) => said !== undefined && t.token.includes(said));
  if (!token || named >= o.answers) return undefined;
  return named === o.answer
    ? token.logprob
    : Math.log(Math.max(1e-12, -Math.expm1(Math.min(0, token.logprob))) / (o.answers - 1));
}
