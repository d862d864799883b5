/**
 * The rules of a room, as data: who sits where, which rounds follow each other, what a move may hold, who sees it when, and
 * what the judge earns. A protocol is one such value in a short file (protocols/); `legal`, `view` and `score` read it.
 */
import { z } from "zod";
import { own, TillerError } from "@tiller/schema";

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "small letters, digits and hyphens, at most 40");

export const Seat = z.strictObject({
  role: z
    .enum(["debater", "judge", "witness", "oracle", "chance"])
    .describe("a chance seat is filled by the room's own seeded draws"),
  knows: z
    .array(z.enum(["text", "truth"]))
    .default([])
    .describe("the whole text, which answer is right; everyone sees quotes and the question"),
  partner: name
    .optional()
    .describe("of a witness: the seat whose snapshot is questioned; it sees what that seat saw"),
  swapped: z.boolean().default(false).describe("sees the sides in the other order"),
  absence: z
    .enum(["wait", "forfeit", "annul"])
    .default("wait")
    .describe("what a deadline that passed means: nothing, no move, or the end of the room"),
});
export type Seat = z.infer<typeof Seat>;

const round = {
  label: name.describe("its name; again, of, about and none point to labels"),
  minutes: z.number().positive().optional().describe("time for the move, from its turn on"),
  reveal: z
    .union([z.enum(["round", "end"]), z.strictObject({ with: name })])
    .default("round")
    .describe(
      "when others see it: once all of the round are in, when a later round opens, or once the room is over",
    ),
};
const seats = z
  .array(name)
  .min(1)
  .describe("whose round; honest and dishonest stand for a side and are not shown as a seat");
const together = z
  .boolean()
  .describe("simultaneous: nobody sees anything of the round until all are in");
const characters = z.int().positive().describe("most characters of the move, quotes included");
const whose = z.enum(["others", "own", "all"]).default("others").describe("whose items");

const Speak = z.strictObject({
  ...round,
  do: z.literal("speak"),
  seats,
  together,
  characters,
  items: z
    .strictObject({ least: z.int().min(0), most: z.int().min(1) })
    .default({ least: 1, most: 1 })
    .describe("a speech is one item; claims and objections are several"),
  each: z.int().positive().optional().describe("most characters of one item"),
  words: z
    .strictObject({ least: z.int().min(0), most: z.int().min(1) })
    .optional()
    .describe("of the move, where a protocol counts words"),
  quoted: z
    .int()
    .min(0)
    .optional()
    .describe("most quoted characters that were not revealed before: a union, nothing twice"),
  about: name.optional().describe("each item is about one of the others' items of that round"),
});
const Mark = z.strictObject({
  ...round,
  do: z.literal("mark"),
  seats,
  together,
  of: name.describe("which round's items are marked, one label each"),
  whose,
  picked: z.boolean().default(false).describe("only the item that was picked last"),
  labels: z.array(z.string().min(1)).min(2).describe("a closed list; nothing else is a mark"),
});
const Pick = z.strictObject({
  ...round,
  do: z.literal("pick"),
  seats,
  together,
  from: z.union([
    z.literal("answers").describe("the side it will argue for"),
    z.strictObject({
      of: name,
      whose,
      marked: z.array(z.string()).optional().describe("only items with one of these marks"),
      meta: z.string().optional().describe("a claim that may always be chosen, as it is worded"),
    }),
  ]),
  none: name.optional().describe("where to go on if nobody has anything to choose from"),
});
const Credence = z.strictObject({
  ...round,
  do: z.literal("credence"),
  seats,
  together: together.default(true),
  characters,
  may: z.enum(["go on", "end", "either"]).describe("whether the judge ends the room here"),
  least: z
    .int()
    .min(0)
    .default(0)
    .describe("no ending before so many rounds of speeches; 0: off, as in the papers"),
  swing: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe("no ending if a credence moved by more than this; 1: off, as in the papers"),
});
const Vote = z.strictObject({
  ...round,
  do: z.literal("vote"),
  seats,
  together,
});
const Examine = z.strictObject({
  ...round,
  do: z.literal("examine"),
  seats: seats.length(1).describe("who asks"),
  witness: name.describe("answers as the author of the text was when it was written"),
  of: name.describe("the round whose text is the snapshot"),
  most: z.int().positive().describe("most questions"),
  characters,
});
const Again = z.strictObject({
  do: z.literal("again"),
  label: name,
  to: name.describe("the round it goes back to"),
  most: z.int().positive().describe("how often; what bounds the room's length"),
  deeper: z.boolean().default(false).describe("a recursion: what was picked becomes the topic"),
});
export const Round = z.discriminatedUnion("do", [
  Speak,
  Mark,
  Pick,
  Credence,
  Vote,
  Examine,
  Again,
]);
export type Round = z.infer<typeof Round>;
export type PlayedRound = Exclude<Round, { do: "again" }>;

export const Scoring = z.strictObject({
  rule: z.enum(["log", "brier", "spherical"]),
  base: z.number().gt(1).default(2).describe("of the logarithm"),
  turnCost: z.number().min(0).default(0).describe("off the score for each time the judge went on"),
});
export type Scoring = z.infer<typeof Scoring>;

const Shape = z.strictObject({
  name,
  source: z.string().describe("the paper, and what differs from it"),
  about: z.string().default("").describe("what happens in it, in a sentence, for who chooses it"),
  seats: z.record(name, Seat),
  rounds: z.array(Round).min(1),
  scoring: Scoring,
});
export type Rules = z.infer<typeof Shape>;

/** Stands for the side that argues for the right answer, or for a wrong one. */
export const sides = ["honest", "dishonest"] as const;

/** Rules whose names all lead somewhere; loops only go back, and a way around only forward. */
export const Rules = Shape.superRefine((rules, c) => {
  const problem = (message: string, ...path: (string | number)[]) =>
    c.addIssue({ code: "custom", message, path });
  const labels = rules.rounds.map((r) => r.label);
  const known = new Set([...Object.keys(rules.seats), ...sides]);
  for (const reserved of [...sides, "room", "facilitator"])
    if (Object.hasOwn(rules.seats, reserved)) problem(`no seat may be called ${reserved}`, "seats");
  for (const [seat, { partner, role }] of Object.entries(rules.seats))
    if ((role === "witness") !== (partner !== undefined) || (partner && !known.has(partner)))
      problem("a witness, and only a witness, has a seat as partner", "seats", seat);
  if (!Object.values(rules.seats).some((s) => s.role === "judge"))
    if (rules.rounds.some((r) => r.do === "credence"))
      problem("there is a round of credences and no judge", "seats");
  for (const [i, r] of rules.rounds.entries()) {
    if (labels.indexOf(r.label) !== i) problem(`two rounds are called ${r.label}`, "rounds", i);
    const back = (label: string, what: string, kinds: readonly Round["do"][]) => {
      const at = labels.indexOf(label);
      if (at < 0 || at >= i || !kinds.includes(rules.rounds[at]!.do))
        problem(
          `${what} must name an earlier round (${kinds.join(", ")}), not ${label}`,
          "rounds",
          i,
        );
    };
    if (r.do === "again") {
      const at = labels.indexOf(r.to);
      if (at < 0 || at >= i || rules.rounds[at]!.do === "again")
        problem(`to must name an earlier round, not ${r.to}`, "rounds", i);
      continue;
    }
    for (const seat of r.seats)
      if (!known.has(seat)) problem(`there is no seat ${seat}`, "rounds", i);
    if (typeof r.reveal === "object" && labels.indexOf(r.reveal.with) <= i)
      problem(`reveal.with must name a later round, not ${r.reveal.with}`, "rounds", i);
    if (r.do === "speak" && r.about !== undefined) back(r.about, "about", ["speak"]);
    if (r.do === "speak" && r.items.least > r.items.most)
      problem("at least more items than at most", "rounds", i);
    if (r.do === "mark") back(r.of, "of", ["speak"]);
    if (r.do === "examine") {
      back(r.of, "of", ["speak"]);
      if (own(rules.seats, r.witness)?.role !== "witness")
        problem(`${r.witness} is no witness`, "rounds", i);
    }
    if (r.do === "credence")
      for (const seat of r.seats)
        if (own(rules.seats, seat)?.role !== "judge") problem(`${seat} is no judge`, "rounds", i);
    if (r.do === "pick") {
      if (r.from !== "answers") back(r.from.of, "from.of", ["speak"]);
      if (r.none !== undefined && labels.indexOf(r.none) <= i)
        problem(`none must name a later round, not ${r.none}`, "rounds", i);
    }
  }
});

/** Rules from a file or a person; what is wrong with them, place by place. */
export function parseRules(given: unknown, from: string): Rules {
  const parsed = Rules.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((i) => `${i.path.join(".") || "rules"}: ${i.message}`);
  throw new TillerError(
    "bad_rules",
    `${from} has no rules of a room: ${problems.join("; ")}. docs/rooms.md says what a rule may hold.`,
  );
}
