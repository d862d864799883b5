/**
 * Rooms of a comparison as durable rooms: people or models judge, readers that search the text or models argue. Who judges what is drawn and
 * balanced: in every block of as many questions as there are judges, each person judges each way once, and no question twice.
 */
import { z } from "zod";
import { type Flow, workflow } from "@tiller/flow";
import { parseRules, type Rules } from "@tiller/room";
import { Absence, Occupant, rng, TillerError } from "@tiller/schema";
import { occupantNamed, room, type Search, secondsIn, simulatedOf } from "@tiller/sitting";
import { readRoom } from "@tiller/sitting/rows.ts";
import { type Judged, OversightPlan, unjudged, verdictOf } from "./analysis.ts";
import { type Arm, arms, armRules } from "./arms.ts";
import { seedOf } from "./in-memory.ts";
import type { Player } from "./play.ts";
import type { TextQuestion } from "./questions.ts";
import { lexicalReader, lotSeat, readerSeats } from "./readers.ts";

export interface Judge {
  readonly name: string;
  readonly who: Occupant;
  /** a program in a person's place */
  readonly simulated: boolean;
}

/** The judges by name; of people there are at least as many as ways, so that none judges a question twice. */
export async function judgesOf(
  flow: Flow,
  named: readonly string[],
  ways: readonly Arm[],
): Promise<Judge[]> {
  const judges = await flow.step("judges", async ({ store }) => {
    const found: Judge[] = [];
    for (const name of named) {
      const model = /^model:(.+)$/.exec(name)?.[1];
      const who = await occupantNamed(
        store.db,
        Occupant.parse(model ? { kind: "model", model } : { kind: "person", person: name }),
      );
      found.push({ name, who, simulated: await simulatedOf(store.db, who) });
    }
    return found;
  });
  const people = judges.filter((j) => j.who.kind === "person");
  const twice = named.find((n, i) => named.indexOf(n) < i);
  if (twice !== undefined)
    throw new TillerError(
      "bad_judges",
      `${twice} is named twice among the judges. Name each once.`,
    );
  if (people.length > 0 && judges.length < ways.length)
    throw new TillerError(
      "too_few",
      `${judges.length} judges for ${ways.length} ways: nobody judges a question twice, so there must be ${ways.length} judges or fewer ways. Name more judges, or fewer arms in the plan.`,
    );
  return judges;
}

/**
 * Which judge has each question in each way, by place: a Latin square, its judges shuffled anew in every block. Balanced in every whole
 * block, so that it may be stopped after any.
 */
export function assigned(
  n: number,
  ways: number,
  judges: number,
  seed: { readonly seed: number; readonly part: string },
): number[][] {
  return Array.from({ length: n }, (_, q) => {
    const block = Math.floor(q / judges);
    const order = rng(seed.seed, "who judges", seed.part, block).shuffle([...Array(judges).keys()]);
    return Array.from({ length: ways }, (_, way) => order[(q + way) % judges]!);
  });
}

interface Sitting {
  readonly judges: readonly Judge[];
  readonly debaters: string;
  readonly minutes?: number | undefined;
  readonly absent: Absence;
  readonly plan: OversightPlan;
}
/** Judges of `compareOversight`: all rooms of some questions at once. */
export function seatedJudges(flow: Flow, o: Sitting) {
  const { judges, plan, debaters, minutes, absent } = o;
  return (questions: readonly TextQuestion[], ways: readonly Arm[], part: string) => {
    const places = assigned(questions.length, ways.length, judges.length, {
      seed: plan.seed,
      part,
    });
    const rooms = questions.flatMap((question, q) =>
      ways.map((arm, w) => ({ question, arm, judge: judges[places[q]![w]!]! })),
    );
    const { quoted, asymmetry } = plan;
    return flow.map(
      part,
      rooms,
      ({ question, arm, judge }) =>
        flow.child(judgedRoom, {
          question: { ...question, answers: [...question.answers] },
          arm,
          debaters,
          absent,
          quoted,
          asymmetry,
          seed: seedOf(plan, question),
          judge: judge.who,
          ...(minutes === undefined ? {} : { minutes }),
        }),
      { concurrency: rooms.length },
    );
  };
}

/** The judge's minutes are the same in every way, however many rounds it has. */
function within(rules: Rules, minutes: number | undefined): Rules {
  if (minutes === undefined) return rules;
  const n = rules.rounds.filter((r) => r.do === "credence").length;
  const rounds = rules.rounds.map((r) =>
    r.do === "credence" ? { ...r, minutes: minutes / n } : r,
  );
  return parseRules({ ...rules, rounds }, rules.name);
}

/** One question in one way, before one judge. */
export const judgedRoom = workflow(
  "judged-room@1",
  z.strictObject({
    question: z.strictObject({
      id: z.string(),
      title: z.string(),
      text: z.string(),
      question: z.string(),
      answers: z.array(z.string()).min(2),
    }),
    arm: z.enum(arms),
    quoted: OversightPlan.shape.quoted,
    asymmetry: OversightPlan.shape.asymmetry,
    judge: Occupant,
    debaters: z.string(),
    minutes: z.number().positive().optional(),
    absent: Absence,
    seed: z.int(),
  }),
  async (flow, { question: q, arm, judge, debaters, minutes, absent, seed, ...shown }) => {
    const rules = within(armRules(arm, shown), minutes);
    const model = /^model:(.+)$/.exec(debaters)?.[1];
    const seat = (name: string, role: string) =>
      role === "judge"
        ? { who: judge, absent }
        : model !== undefined && role === "debater"
          ? { who: { kind: "model" as const, model } }
          : { who: { kind: "search" as const } };
    const seats = Object.entries(rules.seats).map(([name, { role }]) => [name, seat(name, role)]);
    const searches = { ...readerSeats(lexicalReader([q.text])), lot: lotSeat(seed) };
    const about = { question: q.id, title: q.title, arm, cost: null };
    const played = await room(
      flow,
      {
        name: `${q.question} (${arm})`.slice(0, 200),
        rules,
        question: {
          question: q.question,
          answers: q.answers,
          texts: [{ id: "text", title: q.title, body: q.text }],
        },
        seats: Object.fromEntries(seats) as Record<string, ReturnType<typeof seat>>,
        seed,
      },
      searchesOf(searches),
    ).catch((e: unknown) => {
      // a judge who knows the text from elsewhere gives no verdict; the others go on
      if (e instanceof TillerError && e.code === "saw_too_much") return { refused: e.message };
      throw e;
    });
    if ("refused" in played)
      return { ...about, ...unjudged, spent: null, failure: played.refused } satisfies Judged;
    return flow.step("verdict", async ({ store }): Promise<Judged> => {
      const failure = played.score ? undefined : `the room ended without a verdict (${played.by})`;
      const took = (await secondsIn(store.db, played.room)).get("judge");
      const spent = took && judge.kind === "person" ? (took.reading + took.writing) / 60 : null;
      if (failure !== undefined) return { ...about, ...unjudged, spent, failure };
      const { log } = await readRoom(store.db, played.room);
      return { ...about, ...verdictOf(rules, log), spent };
    });
  },
  { title: "One question in one way", labelling: true },
);
const searchesOf = (players: Readonly<Record<string, Player>>): Record<string, Search> =>
  Object.fromEntries(
    Object.entries(players).map(([seat, play]) => [
      seat,
      (seen, turn) => play(seen, turn, () => undefined),
    ]),
  );
