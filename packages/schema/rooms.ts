/** Rooms over HTTP: who sits where, what a seat is shown, what a lead sees of all rooms. What a seat gets is made from its view alone. */
import { z } from "zod";
import { Requirement } from "./assign.ts";
import { ExperimentId, PersonId } from "./ids.ts";

const At = z.iso.datetime();
const list = <T extends z.ZodType>(of: T) => z.array(of).readonly();

/** Who sits in a seat. */
export const Occupant = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("person"), person: PersonId }),
  z
    .strictObject({
      kind: z.literal("model"),
      model: z.string().min(1).max(200),
      temperature: z.number().min(0).max(2).optional(),
      maxTokens: z.int().min(1).optional(),
      best: z
        .strictObject({
          of: z.int().min(2).max(64).describe("speeches drawn for a turn"),
          by: z
            .string()
            .min(1)
            .max(200)
            .describe("the model whose log-probs choose; it must give them"),
        })
        .optional()
        .describe(
          "of several speeches the one after which a judge leans most to the seat's answer",
        ),
    })
    .refine((m) => !(m.best && m.temperature === 0), {
      path: ["temperature"],
      message: "at temperature 0 all draws are the same: give another, or leave best out",
    }),
  z.strictObject({
    kind: z.literal("replay"),
    acts: z.array(z.unknown()).max(2000).describe("acts of a log, in their order"),
  }),
  z.strictObject({ kind: z.literal("search") }).describe("a function of the workflow's own code"),
  z.strictObject({ kind: z.literal("chance") }).describe("the room's own seeded draws"),
  z.strictObject({ kind: z.literal("nobody") }).describe("until somebody is seated"),
]);
export type Occupant = z.infer<typeof Occupant>;

/** What is done when a deadline of the seat passes. */
export const Absence = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("wait") }).describe("a lead decides"),
  z.strictObject({
    do: z.literal("poke"),
    times: z.int().min(1).max(20).default(1).describe("told again, each time with the time anew"),
  }),
  z.strictObject({
    do: z.literal("instead"),
    by: z.array(Occupant).min(1).max(20).describe("who sits down instead, one after another"),
  }),
  z.strictObject({ do: z.literal("forfeit") }).describe("the turn is lost"),
  z.strictObject({ do: z.literal("annul") }).describe("the room is annulled"),
]);
export type Absence = z.infer<typeof Absence>;

export const SeatSpec = z.strictObject({
  who: Occupant,
  absent: Absence.optional().describe("default: as the protocol says"),
});
export type SeatSpec = z.infer<typeof SeatSpec>;

export const RoomQuestion = z.strictObject({
  question: z.string().min(1).max(10_000),
  answers: z.array(z.string().min(1).max(5000)).min(2).max(8).describe("the right one first"),
  texts: z
    .array(z.strictObject({ id: z.string().min(1), title: z.string(), body: z.string() }))
    .default([]),
});
export type RoomQuestion = z.infer<typeof RoomQuestion>;

const hourly = z.int().min(0).max(100_000_000).optional();
/** Minor units an hour, in the currency of the rates; what is left out is paid by the rates. */
export const RoomPay = z.strictObject({ reading: hourly, writing: hourly, waiting: hourly });
export type RoomPay = z.infer<typeof RoomPay>;

export const NewRoom = z.strictObject({
  name: z.string().max(200).default(""),
  rules: z
    .union([z.string(), z.looseObject({})])
    .describe("a ready-made protocol, or rules of one's own"),
  question: RoomQuestion,
  seats: z.record(z.string(), SeatSpec),
  minutes: z
    .number()
    .positive()
    .max(43_200)
    .optional()
    .describe("time for a move, in rounds that have none of their own"),
  seed: z
    .int()
    .min(0)
    .optional()
    .describe("of the three orders, each by a name of its own; default: drawn with the room"),
  exposed: z
    .enum(["refuse", "allow"])
    .default("refuse")
    .describe("whether somebody who saw the text or argued elsewhere may sit here, marked"),
  practice: z
    .boolean()
    .default(false)
    .describe("a practice room: whoever judges is told at once how they do; it has no results"),
  opening: z
    .looseObject({})
    .optional()
    .describe("opens as another room did, and nothing is drawn: packages/room/moves.ts, open"),
  requires: z
    .array(Requirement)
    .max(10)
    .default([])
    .describe(
      'qualifications of people who judge, as {"qualification": "practice nyu-debate", "level": 3}',
    ),
  pay: RoomPay.default({}).describe("what an hour of reading, writing and waiting is worth here"),
  names: z
    .enum(["hidden", "pseudonyms"])
    .default("hidden")
    .describe("what those who sat in it learn of each other once it is over"),
});
export type NewRoom = z.infer<typeof NewRoom>;
/** What a lead starts; the opening of another room is taken for practice alone. */
export const AskedRoom = NewRoom.omit({ opening: true });
export type AskedRoom = z.infer<typeof AskedRoom>;
export const StartedRoom = z.strictObject({ room: z.string(), experiment: ExperimentId });
/** Several rooms at once, alike but for the question; each draws its orders by a seed of its own. */
export const NewRooms = AskedRoom.omit({ question: true }).extend({
  questions: z.array(RoomQuestion).min(1).max(200),
});
export type NewRooms = z.input<typeof NewRooms>;

const Span = z.strictObject({ text: z.string(), from: z.int(), to: z.int() });
const SeenPart = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ quote: Span, characters: z.string() }),
  z.strictObject({ unverified: z.string() }),
]);
const Choice = z.union([
  z.strictObject({ answer: z.int() }),
  z.strictObject({ item: z.string() }),
  z.strictObject({ meta: z.string() }),
]);
const SeenMove = z.strictObject({
  by: z.string().describe("a seat, or honest or dishonest where the rules say no more"),
  do: z.string(),
  items: list(
    z.strictObject({ id: z.string(), parts: list(SeenPart), about: z.string().optional() }),
  ).optional(),
  parts: list(SeenPart).optional(),
  marks: z.record(z.string(), z.string()).readonly().optional(),
  choice: Choice.optional(),
  credence: list(z.number()).optional(),
  end: z.boolean().optional(),
});
const Whose = { seat: z.string(), label: z.string(), until: z.number().optional() };
const characters = z.int();
const SeenTurn = z.discriminatedUnion("do", [
  z.strictObject({
    ...Whose,
    do: z.literal("speak"),
    items: z.strictObject({ least: z.int(), most: z.int() }),
    characters,
    each: z.int().optional(),
    words: z.strictObject({ least: z.int(), most: z.int() }).optional(),
    quoted: z.int().optional(),
    about: list(z.string()).optional(),
  }),
  z.strictObject({
    ...Whose,
    do: z.literal("mark"),
    items: list(z.string()),
    labels: list(z.string()),
  }),
  z.strictObject({ ...Whose, do: z.literal("pick"), choices: list(Choice) }),
  z.strictObject({
    ...Whose,
    do: z.literal("credence"),
    answers: z.int(),
    characters,
    end: z.enum(["may", "must", "not yet"]),
    before: list(z.number()).optional(),
    swing: z.number(),
  }),
  z.strictObject({ ...Whose, do: z.literal("vote") }),
  z.strictObject({
    ...Whose,
    do: z.literal("examine"),
    left: z.int(),
    asked: z.int(),
    characters,
  }),
  z.strictObject({ ...Whose, do: z.literal("reply"), characters }),
  z.strictObject({ ...Whose, do: z.literal("lapse"), of: z.string(), after: z.number() }),
]);
/** packages/room/view.ts, as it comes over HTTP. */
export const SeatView = z.strictObject({
  rules: z.string(),
  seat: z.string(),
  role: z.enum(["debater", "judge", "witness", "oracle", "chance"]),
  question: z.string(),
  answers: list(z.string()),
  sides: list(z.strictObject({ seat: z.string(), answer: z.int() })),
  texts: list(
    z.strictObject({
      id: z.string(),
      title: z.string(),
      body: z.string().optional(),
      passages: list(z.strictObject({ from: z.int(), to: z.int(), characters: z.string() })),
    }),
  ),
  rounds: list(
    z.strictObject({
      n: z.int(),
      label: z.string(),
      do: z.string(),
      depth: z.int(),
      opened: z.number(),
      closed: z.number().optional(),
      moves: list(SeenMove),
    }),
  ),
  turns: list(SeenTurn),
  waitsFor: list(z.string()),
  truth: z.int().optional(),
  over: z.strictObject({ by: z.string(), at: z.number() }).optional(),
});
export type SeatView = z.infer<typeof SeatView>;

export const Scoring = z.strictObject({
  rule: z.enum(["log", "brier", "spherical"]),
  base: z.number(),
  turnCost: z.number(),
});
/** What somebody is asked before they sit where they may have to argue for a wrong answer. */
export const SeatTerms = z.strictObject({
  room: z.string(),
  rules: z.string(),
  seat: z.string(),
  role: z.string(),
  agreed: z.boolean().describe("also where nobody has to be asked"),
  version: z.int(),
  points: list(z.string()),
});
export type SeatTerms = z.infer<typeof SeatTerms>;
export const TermsAnswer = z.strictObject({ agree: z.boolean(), version: z.int() });

/** What everybody who sat in a room is told once it is over. */
export const Debriefing = z.strictObject({
  question: z.string(),
  answers: z.array(z.string()),
  truth: z.int(),
  seats: z.array(
    z.strictObject({
      seat: z.string(),
      role: z.string(),
      who: z.string().describe("you, a person or a pseudonym, a model, a recording"),
      answer: z.int().nullable().describe("which it argued for"),
      earned: z.number().nullable(),
    }),
  ),
  seen: z.boolean().describe("they have read it"),
});
export type Debriefing = z.infer<typeof Debriefing>;

/** How somebody did in practice so far. */
export const PracticeRecord = z.strictObject({
  rooms: z.int(),
  passed: z.int().describe("more than even credence for what was right"),
  confidence: z
    .number()
    .describe("mean credence of the likeliest answer: right as often, it is calibrated"),
  earned: z.number().describe("on average"),
  even: z.number().describe("what even credences would have earned, on average"),
});
export type PracticeRecord = z.infer<typeof PracticeRecord>;
export const Practising = z.strictObject({
  offered: z.int().describe("rooms to practise on; 20 or more are 20"),
  record: PracticeRecord,
});
export const OfferPractice = z.strictObject({ offer: z.boolean(), pay: RoomPay.default({}) });

/** All that the page of a seat is made of. */
export const SeatPage = z.strictObject({
  room: z.string(),
  name: z.string(),
  view: SeatView,
  scoring: Scoring.describe("what a credence earns; shown before it is given"),
  undo: z.boolean().describe("one's last move can be taken back"),
  draft: z.unknown().describe("what one wrote in this round and has not said; null: nothing"),
  practice: PracticeRecord.nullable().describe("so far; of a practice room that is over"),
  debriefing: Debriefing.nullable().describe("what was true; once the room is over"),
  earned: z.number().nullable().describe("once the room is over"),
  now: z.number().describe("the server's clock, which deadlines are by"),
});
export type SeatPage = z.infer<typeof SeatPage>;

export const OwnRoom = z.strictObject({
  room: z.string(),
  name: z.string(),
  rules: z.string(),
  seat: z.string(),
  role: z.string(),
  turn: z.boolean().describe("it waits for me"),
  until: z.number().nullable(),
  over: z.boolean(),
  asks: z.boolean().describe("asks first whether one agrees to how it works"),
  remindedAt: At.nullable().describe("while it waits for me"),
});
export type OwnRoom = z.infer<typeof OwnRoom>;

export const RoomMove = z.strictObject({
  id: z.string().min(1).max(100).describe("made by who sends it: sent twice, it is one"),
  act: z.looseObject({ do: z.string() }).describe("what is done, as packages/room/moves.ts has it"),
});
export const RoomDraft = z.strictObject({
  round: z.int().min(0),
  body: z.unknown().describe("as the page keeps it; 200,000 characters at most"),
});
export const RoomBeat = z.strictObject({ doing: z.enum(["reading", "writing", "waiting"]) });

const LobbySeat = z.strictObject({
  seat: z.string(),
  role: z.string(),
  kind: z.string(),
  who: z.string().describe("a pseudonym, or a model"),
  here: z.boolean().describe("the page was open in the last minute"),
  failure: z.string().nullable(),
  pokes: z.int(),
  absence: z.string(),
  exposed: z.string().nullable().describe("why they would have been refused; the room allows it"),
  consent: z.enum(["asked", "given"]).nullable().describe("null: nobody has to be asked"),
  declined: z.int().describe("how many gave the seat back when they were asked"),
});
const Due = z.strictObject({ seat: z.string(), since: z.number(), until: z.number().nullable() });
export const LobbyRoom = z.strictObject({
  room: z.string(),
  name: z.string(),
  rules: z.string(),
  experiment: ExperimentId.nullable(),
  state: z.enum(["open", "over"]),
  ending: z.string().nullable(),
  moves: z.int(),
  madeAt: At,
  changedAt: At,
  due: z.array(Due).describe("who is waited for; empty where one sits in the room oneself"),
  seats: z.array(LobbySeat),
  practice: z.boolean(),
  offered: z.boolean().describe("to practise on"),
  mine: z.boolean().describe("one sits in it: it is seen from the seat alone"),
});
export type LobbyRoom = z.infer<typeof LobbyRoom>;
export const LobbyQuery = z.strictObject({
  state: z
    .enum(["open", "over", "practice", "all"])
    .default("open")
    .describe("practice: open or over, and among the others only in all"),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  after: z.string().optional().describe("the last room of the page before"),
});
export const Lobby = z.strictObject({
  rooms: z.array(LobbyRoom),
  counts: z.strictObject({
    open: z.int().describe("without practice, as over"),
    over: z.int(),
    practice: z.int(),
    late: z.int(),
    failed: z.int(),
  }),
  now: z.number(),
});

export const RoomDetail = LobbyRoom.extend({
  question: z.string(),
  history: z.array(
    z.strictObject({
      seat: z.string(),
      kind: z.string(),
      who: z.string(),
      by: z.string().nullable().describe("a pseudonym; null: the room's rules"),
      reason: z.string(),
      since: At,
      until: At.nullable(),
      agreedAt: At.nullable(),
      declinedAt: At.nullable(),
      reading: z.number().describe("seconds"),
      writing: z.number(),
      waiting: z.number(),
      paid: z.number().describe("minor units, so far in the ledger"),
    }),
  ),
  currency: z.string().nullable().describe("null: no rate was set yet"),
  acts: z.array(
    z.strictObject({ at: z.number(), by: z.string(), did: z.string(), reason: z.string() }),
  ),
});
export type RoomDetail = z.infer<typeof RoomDetail>;

/** What somebody saw in a room: packages/room/exposure.ts, with the text's beginning. */
export const SeenInRoom = z.strictObject({
  who: z.string().describe("a pseudonym"),
  room: z.string(),
  text: z.string().describe("how it begins; empty: a question without a text"),
  question: z.string(),
  as: z.enum(["debater", "judge", "other"]),
  saw: z.enum(["text", "quotes"]),
  side: z.string().nullable().describe("which answer a debater argued for"),
  open: z.boolean(),
});
export type SeenInRoom = z.infer<typeof SeenInRoom>;
export const SeenQuery = z
  .strictObject({ person: z.string().min(1).optional(), room: z.string().min(1).optional() })
  .refine((q) => q.person !== undefined || q.room !== undefined, "name a person or a room");

const reason = z.string().trim().min(1).max(2000);
export const Reseat = z.strictObject({ who: Occupant, reason });
export const Reasoned = z.strictObject({ reason });
export const Extend = z.strictObject({
  minutes: z.number().positive().max(43_200),
  of: z.string().optional().describe("a seat; absent: everybody in the round"),
  reason,
});
