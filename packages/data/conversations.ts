/** Published sets of conversations: battles of two models, lists and trees of ranked answers, ShareGPT's turns. */
import { z } from "zod";
import { cell, type Converter, converter, without } from "./converter.ts";
import { importedComparison, importedRanking, importedWriting } from "./imported-types.ts";
import { isRaw, JsonError, parseJson, shownValue } from "./json.ts";
import { DirtyRow, idOf, type Mapped } from "./mapped.ts";
import {
  asked,
  type Messages,
  messagesOf,
  pair,
  preferred,
  TextOrMessages,
  transcript,
} from "./messages.ts";
import { BadRow, parsedRow } from "./row.ts";

/** Chatbot Arena and MT-Bench: two conversations and who won. */
const winners = ["model_a", "model_b", "tie", "tie (bothbad)", "both_bad", "bothbad"] as const;
const ArenaRow = z.looseObject({
  model_a: z.string(),
  model_b: z.string(),
  winner: z.enum(winners),
  conversation_a: z.unknown(),
  conversation_b: z.unknown(),
  turn: z.int().min(1).nullish(),
});
const flag = z.union([z.literal([0, 1]), z.boolean()]).transform(Boolean);
/** Its release of 55,000: texts as JSON lists, a column for each outcome. */
const FlagsRow = z.looseObject({
  model_a: z.string(),
  model_b: z.string(),
  prompt: z.unknown(),
  response_a: z.unknown(),
  response_b: z.unknown(),
  winner_model_a: flag,
  winner_model_b: flag,
  winner_tie: flag,
});
const taken = [
  "model_a",
  "model_b",
  "winner",
  "winner_model_a",
  "winner_model_b",
  "winner_tie",
  "conversation_a",
  "conversation_b",
  "prompt",
  "response_a",
  "response_b",
  "judge",
  "judged_by",
];
/** A conversation up to its nth answer: a judgment of a turn is about what was seen then. */
function upTo(messages: Messages, turn: number): Messages {
  let n = 0;
  const end = messages.findIndex((m) => m.role === "assistant" && ++n === turn);
  return end < 0 ? messages : messages.slice(0, end + 1);
}
function textsOf(value: unknown, name: string, line: number): (string | null)[] {
  try {
    const list = typeof value === "string" ? parseJson(value) : value;
    return z.array(z.string().nullable()).parse(list);
  } catch (cause) {
    if (!(cause instanceof JsonError || cause instanceof z.ZodError)) throw cause;
    throw new BadRow(line, `${name}: ${shownValue(value)} is no list of texts`, { cause });
  }
}
function battle(
  row: Readonly<Record<string, unknown>>,
  line: number,
): { x: Messages; y: Messages; winner: (typeof winners)[number] } {
  if (row["winner_model_a"] === undefined) {
    const { conversation_a, conversation_b, winner, turn } = parsedRow(ArenaRow, row, line);
    const [x, y] = [
      messagesOf(conversation_a, "conversation_a", line),
      messagesOf(conversation_b, "conversation_b", line),
    ];
    return { x: upTo(x, turn ?? Infinity), y: upTo(y, turn ?? Infinity), winner };
  }
  const found = parsedRow(FlagsRow, row, line);
  const said = (["model_a", "model_b", "tie"] as const).filter((w) => found[`winner_${w}`]);
  if (said.length !== 1)
    throw new BadRow(
      line,
      `winner_model_a, winner_model_b, winner_tie: ${said.length} of them are 1`,
    );
  const questions = textsOf(found.prompt, "prompt", line);
  const talk = (name: "response_a" | "response_b"): Messages => {
    const answers = textsOf(found[name], name, line);
    if (answers.length !== questions.length)
      throw new BadRow(
        line,
        `${questions.length} prompts, and ${name} has ${answers.length} texts`,
      );
    return questions.flatMap((q, i) => {
      const a = answers[i];
      if (typeof q !== "string" || typeof a !== "string")
        throw new DirtyRow(line, "no-answer", `${name} or its prompt has no text in turn ${i + 1}`);
      return [
        { role: "user", content: q },
        { role: "assistant", content: a },
      ];
    });
  };
  return { x: talk("response_a"), y: talk("response_b"), winner: said[0]! };
}
/** A person, or a model and its prompt. */
function judgeOf(judge: unknown, line: number): string | undefined {
  if (judge === undefined || judge === null) return undefined;
  const parts = z.array(z.string()).min(1).safeParse(judge);
  return idOf(parts.success ? parts.data.join(" ") : judge, "judge", line);
}
export const arena: Converter = {
  type: importedComparison,
  cells: [
    ...cell("json", "conversation_a", "conversation_b"),
    ...cell("number", "winner_model_a", "winner_model_b", "winner_tie", "turn"),
  ],
  convert: ({ row, line }) => {
    const { x, y, winner } = battle(row, line);
    // each user's message is in both: the first is the prompt, what follows are the two conversations
    const begins = x.findIndex((m) => m.role === "assistant");
    if (begins < 0) throw new DirtyRow(line, "no-answer", "conversation_a has no assistant's turn");
    const prompt = x.slice(0, begins);
    if (!prompt.length || JSON.stringify(prompt) !== JSON.stringify(y.slice(0, prompt.length)))
      throw new BadRow(
        line,
        "conversation_a and conversation_b do not begin with the same question",
      );
    if (y.length === prompt.length)
      throw new DirtyRow(line, "no-answer", "conversation_b has no assistant's turn");
    const choice = winner === "model_a" ? "a" : winner === "model_b" ? "b" : "tie";
    const made = pair(
      prompt,
      [
        { text: x.slice(begins), sample: String(row["model_a"]) },
        { text: y.slice(begins), sample: String(row["model_b"]) },
      ],
      choice,
      line,
    );
    const rater = judgeOf(row["judge"] ?? row["judged_by"], line);
    return {
      ...made,
      ...(rater === undefined ? {} : { rater }),
      value: { ...made.value, ...(choice === "tie" && winner !== "tie" ? { bothBad: true } : {}) },
      source: without(row, ...taken),
    };
  },
};

const MOST_RANKED = 9;
/** Answers in order, best first; `ranks` may begin anywhere. */
function rankedOf(
  prompt: string | Messages,
  answers: readonly { text: string; rank: number; sample?: string | undefined }[],
  line: number,
): Pick<Mapped, "input" | "value"> | DirtyRow {
  const ranks = answers.map((a) => a.rank);
  if (ranks.length < 2) return new DirtyRow(line, "no-answer", "fewer than two answers have ranks");
  if (ranks.length > MOST_RANKED)
    return new DirtyRow(
      line,
      "too-many",
      `${ranks.length} answers are ranked; a ranking takes ${MOST_RANKED}`,
    );
  if (new Set(ranks).size < ranks.length)
    return new DirtyRow(line, "tied", `two answers have one rank (${ranks.join(", ")})`);
  return {
    input: { ...asked(prompt), items: answers.map(({ text, sample }) => ({ text, sample })) },
    value: { order: ranks.map((_, i) => i).toSorted((i, j) => ranks[i]! - ranks[j]!) },
  };
}

/** Nectar and other lists of answers with ranks, 1 the best. */
const RankedRow = z.looseObject({
  prompt: TextOrMessages,
  answers: z.array(
    z.looseObject({ answer: z.string(), rank: z.number(), model: z.string().nullish() }),
  ),
});
export const ranked = converter(
  importedRanking,
  RankedRow,
  (row, line, all) => {
    const prompt =
      typeof row.prompt === "string" && row.prompt.startsWith("\n\nHuman:")
        ? transcript(row.prompt.replace(/\n\nAssistant:\s*$/, ""), "prompt", line)
        : row.prompt;
    const answers = row.answers.map(({ answer, rank, model }) => ({
      text: answer,
      rank,
      sample: model ?? undefined,
    }));
    const made = rankedOf(prompt, answers, line);
    return made instanceof DirtyRow ? made : { ...made, source: without(all, "prompt", "answers") };
  },
  cell("json", "answers"),
);

/** OpenAssistant's trees: wherever people ranked the replies to a message, their order. */
interface Node {
  readonly message_id: string;
  readonly text: string;
  readonly role: string;
  readonly rank?: number | null | undefined;
  readonly deleted?: boolean | null | undefined;
  readonly replies?: readonly Node[] | null | undefined;
}
const Node: z.ZodType<Node> = z.looseObject({
  message_id: z.string(),
  text: z.string(),
  role: z.string(),
  rank: z.number().nullish(),
  deleted: z.boolean().nullish(),
  get replies() {
    return z.array(Node).nullish();
  },
});
const TreeRow = z.looseObject({ message_tree_id: z.string(), prompt: Node });
export const oasst = converter(
  importedRanking,
  TreeRow,
  (row, line, all) => {
    const made: (Mapped | DirtyRow)[] = [];
    const source = without(all, "prompt");
    const walk = (node: Node, before: Messages): void => {
      const thread = [
        ...before,
        ...messagesOf([{ role: node.role, content: node.text }], "prompt", line),
      ];
      const replies = node.replies ?? [];
      const withRank = replies.filter((r) => typeof r.rank === "number" && !r.deleted);
      if (withRank.length) {
        for (const r of replies)
          if (!withRank.includes(r))
            made.push(new DirtyRow(line, "no-answer", `${r.message_id} is deleted or has no rank`));
        const order = withRank.map((r) => ({ text: r.text, rank: r.rank! }));
        const said = rankedOf(thread, order, line);
        made.push(
          said instanceof DirtyRow
            ? said
            : {
                ...said,
                source: {
                  ...source,
                  message_id: node.message_id,
                  replies: withRank.map((r) =>
                    without(r as object as Record<string, unknown>, "text", "replies"),
                  ),
                },
              },
        );
      }
      for (const r of replies) walk(r, thread);
    };
    walk(row.prompt, []);
    return made.length ? made : new DirtyRow(line, "no-answer", "nothing in the tree is ranked");
  },
  cell("json", "prompt"),
);

/** ShareGPT's conversations, and OpenAI's messages: the last answer, or where they have one the chosen against the rejected. */
const single = (x: unknown): unknown => (Array.isArray(x) || typeof x === "string" ? x : [x]);
const texts = (x: unknown, name: string, line: number): Messages =>
  typeof x === "string" ? [{ role: "assistant", content: x }] : messagesOf(single(x), name, line);
const plain = (x: unknown) => x !== undefined && x !== null && !isRaw(x);
export const sharegpt: Converter = {
  type: importedWriting,
  also: importedComparison,
  cells: cell("json", "conversations", "messages"),
  convert: ({ row, line }) => {
    const name = ["conversations", "conversation", "messages"].find((n) => plain(row[n]));
    if (!name)
      throw new BadRow(
        line,
        `it has no conversations, conversation or messages; there are ${Object.keys(row).join(", ")}`,
      );
    const turns = messagesOf(row[name], name, line);
    const begun =
      typeof row["system"] === "string" && row["system"] && turns[0]?.role !== "system"
        ? [{ role: "system", content: row["system"] }, ...turns]
        : turns;
    const rest = without(row, name, ...(begun === turns ? [] : ["system"]));
    if (plain(row["chosen"]) && plain(row["rejected"]))
      return {
        ...preferred(
          {
            prompt: begun,
            chosen: texts(row["chosen"], "chosen", line),
            rejected: texts(row["rejected"], "rejected", line),
          },
          line,
          without(rest, "chosen", "rejected"),
        ),
        type: importedComparison,
      };
    const last = begun.at(-1);
    if (last?.role !== "assistant" || !last.content.trim() || begun.length < 2)
      throw new DirtyRow(
        line,
        "no-answer",
        `${name} does not end with an assistant's answer to somebody`,
      );
    const { role: _, content, ...more } = last;
    return {
      input: asked(begun.slice(0, -1)),
      value: { text: content },
      source: { ...rest, ...(Object.keys(more).length ? { answer: more } : {}) },
    };
  },
};
