/**
 * Rooms that are over, judged again by more people, blind and each alone (DC-Debates; Khan et al. 2024): whole, or as far as their judge
 * had it each time. Nobody judges who knows more of the text; rooms whose answer is evident may be among them, and whoever misses one
 * is left out of the figures (the rule stands here beforehand; the rows have everybody).
 *
 *   rooms that ended -> several people each, place by place -> what their credences are worth, each and as one
 */
import { z } from "zod";
import { judgesReport, type Verdict } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { type PersonId, TillerError } from "@tiller/schema";
import { keepReader, roomToJudge } from "@tiller/sitting";
import { judgesTable } from "./oversight/judges-table.ts";
import { roomVerdict } from "./oversight/room-verdict.ts";

const Input = z.strictObject({
  rooms: z.array(z.string()).min(1).describe("that ended, with two answers"),
  attention: z
    .array(z.string())
    .default([])
    .describe(
      "rooms whose answer is evident: who gives it less than half is left out of the figures",
    ),
  people: z.int().min(1).max(100).default(3).describe("who judge each room"),
  mode: z
    .enum(["whole", "stepped"])
    .default("whole")
    .describe("at the end, or each time its judge was asked"),
});
export const judgeAgain = workflow(
  "judge-again@1",
  Input,
  async (flow, { rooms, attention, people, mode }) => {
    const evident = new Set(attention);
    const ids = [...new Set([...rooms, ...attention])];
    const judged = await flow.map(
      "rooms",
      ids,
      (room) => flow.child(roomJudged, { room, people, mode }),
      { concurrency: ids.length }, // people take what they like: no room waits for another
    );
    const rows: Verdict[] = judged.flat();
    const missed = (r: Verdict) => evident.has(r.transcript) && r.credence[r.truth]! < 0.5;
    const careless = [...new Set(rows.filter(missed).map((r) => r.judge))].toSorted();
    const counted = rows.filter((r) => !evident.has(r.transcript) && !careless.includes(r.judge));
    const verdicts = await flow.save("verdicts", rows);
    const report = counted.length > 0 ? judgesReport(counted, { seed: flow.seed }) : null;
    await flow.report(judgesTable(report, careless));
    return { verdicts, careless, counted: counted.length };
  },
  {
    title: "Judge rooms again",
    labelling: true,
    asks: (c) => ({ [roomVerdict.name]: c.people * (c.rooms.length + c.attention.length) }),
  },
);

/** One room by so many people; the last credence of each. */
export const roomJudged = workflow(
  "room-judged@1",
  z.strictObject({ room: z.string(), people: z.int(), mode: z.enum(["whole", "stepped"]) }),
  async (flow, { room, people, mode }): Promise<Verdict[]> => {
    const { about, truth, places, saw } = await flow.step("room", ({ store }) =>
      roomToJudge(store.db, room, mode),
    );
    let who: readonly PersonId[] = [];
    let last: { judge: string; first: number }[] = [];
    for (const [i, { answers, ...place }] of places.entries()) {
      if (answers.length !== 2)
        throw new TillerError(
          "more_answers",
          `room ${room} has ${answers.length} answers, and the desk asks of two. Have it judged again by models: tiller room judge.`,
        );
      const [a, b] = answers as [string, string];
      const o = i === 0 ? { people, not: saw } : { people: who.length, only: who };
      const asked = await flow.ask(
        roomVerdict,
        { ...place, a, b },
        {
          ...o,
          name: `place ${i + 1}`,
        },
      );
      who = asked.people;
      last = asked.answers.map((a) => ({ judge: a.by, first: a.value.first / 100 }));
    }
    await flow.step("knows", async ({ store }) => {
      for (const p of who) await keepReader(store.db, room, p); // they know it now
    });
    return last.map(({ judge, first }) => ({
      question: about,
      transcript: room,
      judge,
      credence: [first, 1 - first],
      truth,
    }));
  },
  { labelling: true },
);
