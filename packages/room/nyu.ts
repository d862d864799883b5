/**
 * Rooms of the NYU platform (Michael et al. 2023, github.com/julianmichael/debate) as rules and a log of ours, so that they are
 * scored, judged again and read like any other. Spans of tokens become spans of characters. Judgments made offline afterwards
 * are no part of the log and stand beside it; a move whose time is before the one before it gets that one's time.
 */
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { clampCredence } from "./credence.ts";
import type { Asked } from "./asked.ts";
import type { Judgment } from "./judgments.ts";
import type { Act, Content, Move } from "./moves.ts";
import { parseRules, type Rules } from "./rules.ts";
import { renderTokens } from "./tokens.ts";

const JudgeRound = z.object({ JudgeFeedbackRound: z.object({ charLimit: z.int() }) });
const speeches = z.object({ charLimit: z.int(), quoteLimit: z.int().nullable() });
const Simultaneous = z.object({ SimultaneousSpeechesRound: speeches });
const Sequential = z.object({ SequentialSpeechesRound: speeches });
const Negotiation = z.object({ NegotiateEndRound: z.object({}) });
const RoundType = z.union([JudgeRound, Simultaneous, Sequential, Negotiation]);

const Segment = z.union([
  z.object({ Text: z.object({ text: z.string() }) }),
  z.object({ Quote: z.object({ span: z.tuple([z.int(), z.int()]) }) }),
]);
const Speech = z.object({ timestamp: z.number(), content: z.array(Segment) });
const Speeches = z.object({ speeches: z.record(z.string(), Speech) });
const Feedback = z.object({
  distribution: z.array(z.number()),
  feedback: Speech,
  endDebate: z.boolean(),
});
const Offline = z.object({ mode: z.enum(["stepped", "timed"]), judgments: z.array(Feedback) });
const PlayedRound = z.union([
  z.object({ JudgeFeedback: Feedback }),
  z.object({ SimultaneousSpeeches: Speeches }),
  z.object({ SequentialSpeeches: Speeches }),
  z.object({ NegotiateEnd: z.object({ votes: z.record(z.string(), z.boolean()) }) }),
  z.object({ OfflineJudgments: z.object({ judgments: z.record(z.string(), Offline) }) }),
]);
const cost = z.object({ perTurnPenalty: z.number() });
const ScoringFunction = z.union([
  z.object({ LogScoreWithLinearPenalty: cost.extend({ logBase: z.number() }) }),
  z.object({ QuadraticScoreWithLinearPenalty: cost }),
  z.object({ SphericalScoreWithLinearPenalty: cost }),
]);
const Source = z.object({ title: z.string(), contents: z.array(z.string()) });

export const NyuRoom = z.object({
  setup: z.object({
    rules: z.object({
      fixedOpening: z.array(RoundType),
      repeatingStructure: z.array(RoundType),
      fixedClosing: z.object({ maxRepeatCycles: z.int(), rounds: z.array(RoundType) }).nullable(),
      scoringFunction: ScoringFunction,
    }),
    sourceMaterial: z.union([
      z.object({ QuALITYSourceMaterial: Source }),
      z.object({ CustomSourceMaterial: Source }),
    ]),
    question: z.string(),
    answers: z.array(z.string()).min(2),
    correctAnswerIndex: z.int(),
    roles: z.record(z.string(), z.string()),
    creationTime: z.number(),
  }),
  rounds: z.array(PlayedRound),
});
export type NyuRoom = z.infer<typeof NyuRoom>;

export interface Imported {
  readonly name: string;
  readonly rules: Rules;
  readonly log: readonly Move[];
  /** no debater is a model */
  readonly human: boolean;
  /** more than one debater */
  readonly debate: boolean;
  /** the platform's name of who sat where */
  readonly occupants: Readonly<Record<string, string>>;
  /** prompts and replies of models, where they were kept */
  readonly asked?: readonly Asked[];
  /** made offline afterwards, and finished */
  readonly judgments: readonly Judgment[];
}

const seatOf = (index: number) => "abcdefgh"[index]!;
const debatersOf = (room: NyuRoom) =>
  Object.keys(room.setup.roles)
    .flatMap((role) => {
      const letter = /^Debater ([A-H])$/.exec(role)?.[1];
      return letter ? [letter.charCodeAt(0) - 65] : [];
    })
    .toSorted((a, b) => a - b);

export function importNyu(name: string, given: unknown): Imported {
  const parsed = NyuRoom.safeParse(given);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new TillerError(
      "bad_room",
      `${name} is no room of the NYU platform: ${path.join(".")}: ${message}. A room has setup and rounds.`,
    );
  }
  const room = parsed.data;
  const debaters = debatersOf(room);
  return {
    name,
    rules: rulesOf(name, room, debaters),
    log: logOf(room, debaters),
    human: !Object.values(room.setup.roles).includes("GPT-4"),
    debate: debaters.length > 1,
    occupants: Object.fromEntries(
      Object.entries(room.setup.roles).flatMap(([role, who]) => {
        const letter = /^Debater ([A-H])$/.exec(role)?.[1];
        const seat = role === "Judge" ? "judge" : letter?.toLowerCase();
        return seat === undefined ? [] : [[seat, who]];
      }),
    ),
    judgments: room.rounds.flatMap((round) =>
      "OfflineJudgments" in round ? offline(round.OfflineJudgments.judgments) : [],
    ),
  };
}

/** One word after each round, or one at the end; who gave up half-way gave no verdict. */
const offline = (given: Record<string, z.infer<typeof Offline>>): Judgment[] =>
  Object.entries(given).flatMap(([judge, { mode, judgments }]) =>
    judgments.at(-1)?.endDebate
      ? [
          {
            judge,
            mode: mode === "timed" ? "whole" : "stepped",
            credences: judgments.map((j) => clampCredence(j.distribution)),
          },
        ]
      : [],
  );

function rulesOf(name: string, room: NyuRoom, debaters: readonly number[]): Rules {
  const { fixedOpening, repeatingStructure, fixedClosing, scoringFunction } = room.setup.rules;
  const seats = debaters.map(seatOf);
  let n = 0;
  const round = (type: z.infer<typeof RoundType>) => {
    n++;
    if ("JudgeFeedbackRound" in type)
      return {
        do: "credence",
        label: `judge-${n}`,
        seats: ["judge"],
        characters: type.JudgeFeedbackRound.charLimit,
        may: "either",
      };
    if ("NegotiateEndRound" in type)
      return { do: "vote", label: `vote-${n}`, seats, together: true };
    const together = "SimultaneousSpeechesRound" in type;
    const { charLimit, quoteLimit } = together
      ? type.SimultaneousSpeechesRound
      : type.SequentialSpeechesRound;
    return {
      do: "speak",
      label: `speeches-${n}`,
      seats,
      together,
      characters: charLimit,
      ...(quoteLimit === null ? {} : { quoted: quoteLimit }),
    };
  };
  const opening = fixedOpening.map(round);
  // without a closing the platform repeats for ever; the longest published room has 25 rounds
  const cycles = fixedClosing?.maxRepeatCycles ?? 100;
  const repeating = cycles > 0 ? repeatingStructure.map(round) : [];
  const again =
    cycles > 1 && repeating.length > 0
      ? [{ do: "again", label: "repeat", to: repeating[0]!.label, most: cycles - 1 }]
      : [];
  const closing = (fixedClosing?.rounds ?? []).map(round);
  const scoring =
    "LogScoreWithLinearPenalty" in scoringFunction
      ? {
          rule: "log",
          base: scoringFunction.LogScoreWithLinearPenalty.logBase,
          turnCost: scoringFunction.LogScoreWithLinearPenalty.perTurnPenalty,
        }
      : "QuadraticScoreWithLinearPenalty" in scoringFunction
        ? {
            rule: "brier",
            turnCost: scoringFunction.QuadraticScoreWithLinearPenalty.perTurnPenalty,
          }
        : {
            rule: "spherical",
            turnCost: scoringFunction.SphericalScoreWithLinearPenalty.perTurnPenalty,
          };
  return parseRules(
    {
      name: seats.length > 1 ? "nyu-debate-imported" : "nyu-consultancy-imported",
      source: "as the room's own file has it; Michael et al. 2023",
      seats: {
        ...Object.fromEntries(seats.map((s) => [s, { role: "debater", knows: ["text", "truth"] }])),
        judge: { role: "judge" },
      },
      rounds: [...opening, ...repeating, ...again, ...closing],
      scoring,
    },
    name,
  );
}

function logOf(room: NyuRoom, debaters: readonly number[]): Move[] {
  const { setup } = room;
  const source =
    "QuALITYSourceMaterial" in setup.sourceMaterial
      ? setup.sourceMaterial.QuALITYSourceMaterial
      : setup.sourceMaterial.CustomSourceMaterial;
  const story = renderTokens(source.contents);
  const text = "story";
  const content = (segments: readonly z.infer<typeof Segment>[]): Content =>
    segments.flatMap((s): Content => {
      if ("Text" in s) return s.Text.text === "" ? [] : [{ text: s.Text.text }];
      // a span may reach beyond the story: the platform shows what there is
      const [begin, end] = [s.Quote.span[0], Math.min(s.Quote.span[1], story.to.length)];
      if (begin >= end) return [];
      const [from, to] = [story.from[begin]!, story.to[end - 1]!];
      return [{ quote: { text, from, to } }];
    });

  const log: Move[] = [];
  let now = setup.creationTime;
  const add = (seat: string, at: number, act: Act) => {
    now = Math.max(now, at);
    log.push({ id: `${log.length}`, seat, at: now, act });
  };
  add("room", now, {
    do: "open",
    question: setup.question,
    answers: setup.answers,
    truth: setup.correctAnswerIndex,
    texts: [{ id: text, title: source.title, body: story.text }],
    sides: Object.fromEntries(debaters.map((d) => [seatOf(d), d])),
    first: debaters.map(seatOf),
  });
  const speak = (given: Record<string, z.infer<typeof Speech>>, sequential: boolean) => {
    const inTurn = Object.entries(given).map(([d, speech]) => ({
      seat: seatOf(Number(d)),
      speech,
    }));
    inTurn.sort((a, b) =>
      sequential ? (a.seat < b.seat ? -1 : 1) : a.speech.timestamp - b.speech.timestamp,
    );
    for (const { seat, speech } of inTurn)
      add(seat, speech.timestamp, {
        do: "speak",
        items: [{ content: [...content(speech.content)] }],
      });
  };
  for (const round of room.rounds)
    if ("JudgeFeedback" in round) {
      const { distribution, feedback, endDebate } = round.JudgeFeedback;
      add("judge", feedback.timestamp, {
        do: "credence",
        credence: clampCredence(distribution),
        end: endDebate,
        content: [...content(feedback.content)],
      });
    } else if ("SimultaneousSpeeches" in round) speak(round.SimultaneousSpeeches.speeches, false);
    else if ("SequentialSpeeches" in round) speak(round.SequentialSpeeches.speeches, true);
    else if ("NegotiateEnd" in round)
      for (const [d, end] of Object.entries(round.NegotiateEnd.votes))
        add(seatOf(Number(d)), now, { do: "vote", end });
  return log;
}
