/** Rooms over HTTP. What goes to a seat is made from its view; whoever sits in a room has no other way into it. */
import { streamSSE } from "hono/streaming";
import {
  type AskedRoom,
  ExperimentId,
  type NewRoom,
  type Occupant,
  own,
  type PersonId,
  type SeatSpec,
  TillerError,
} from "@tiller/schema";
import {
  answerTerms,
  beatAs,
  checkRoom,
  debriefed,
  debriefingOf,
  facilitate,
  leaveSeat,
  lobby,
  occupantNamed,
  ownRooms,
  offerPractice,
  personNamed,
  playAs,
  poke,
  practiceFor,
  practiceOffered,
  practiceRecord,
  requireOutside,
  reseat,
  roomAsPage,
  roomDetail,
  roomFile,
  roomId,
  roomWorkflow,
  saveDraftAs,
  seatChanges,
  seatPage,
  seatsNamed,
  seatTerms,
  seenInRooms,
  undoAs,
} from "@tiller/sitting";
import { MOST_JUDGMENTS, type Rules } from "@tiller/room";
import { rulesOf } from "@tiller/sitting/drive.ts";
import { v7 } from "uuid";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

/** The room's page as it is sent to be read: its own script and style, nothing from elsewhere. */
const READER_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

/** Who sits there, and who may sit down instead. */
const everyone = ({ who, absent }: SeatSpec): Occupant[] => [
  who,
  ...(absent?.do === "instead" ? absent.by : []),
];

/** Rooms that open together do not know of each other yet: too many questions of one text before one person are refused here. */
function requireFew(
  rules: Rules,
  seats: NewRoom["seats"],
  questions: readonly NewRoom["question"][],
): void {
  const judge = Object.entries(seats).find(
    ([seat, s]) => own(rules.seats, seat)?.role === "judge" && s.who.kind === "person",
  );
  const texts = Map.groupBy(questions, (q) => q.texts[0]?.body ?? q.question);
  for (const [text, of] of texts)
    if (judge && of.length > MOST_JUDGMENTS)
      throw new TillerError(
        "saw_too_much",
        `${of.length} questions are about one text ("${text.slice(0, 60)}"), and ${judge[0]} would judge them all: nobody judges more than ${MOST_JUDGMENTS} of one. Divide them among several judges, or tick that whoever saw the text may sit here (in a file "exposed": "allow").`,
      );
}

export const roomRoutes = (d: Deps) => {
  const { db } = d.store;
  /** An act of a lead who is outside the room. */
  const outside = async <T>(id: string, me: PersonId, act: () => Promise<T>) => {
    await requireOutside(db, id, me);
    await act();
    return ok;
  };
  /** A name that no model has is said at once, and not when its turn comes. */
  const modelsKnown = async (all: readonly Occupant[]) => {
    for (const who of all)
      if (who.kind === "model") {
        await d.modelClient.mustKnow(who.model);
        if (who.best) await d.modelClient.mustKnow(who.best.by);
      }
  };
  /** Checked whole: what can be started is started afterwards. */
  const ready = async (asked: AskedRoom) => {
    const body = { ...asked, seats: await seatsNamed(db, asked.seats) };
    const searches = Object.entries(body.seats).find(([, s]) => s.who.kind === "search");
    if (searches)
      throw new TillerError(
        "bad_seats",
        `${searches[0]} is a search, which only a workflow's own code can give. Name a person or a model.`,
      );
    const id = ExperimentId.parse(`room-${v7()}`);
    const room = roomId(`${id}/open`);
    await checkRoom(db, body, room);
    await modelsKnown(Object.values(body.seats).flatMap(everyone));
    return { id, room, body };
  };
  const start = async ({ id, room, body }: Awaited<ReturnType<typeof ready>>) => {
    const title = body.name || body.question.question.slice(0, 80);
    await d.flow.start(roomWorkflow.name, body, { id, title });
    return { room, experiment: id };
  };
  return {
    ownRooms: (c) => ownRooms(db, c.var.me.id),
    seatPage: (c, { id }) => seatPage(db, id, c.var.me.id),
    practising: async (c) => ({
      offered: await practiceOffered(db, c.var.me.id),
      record: await practiceRecord(db, c.var.me.id),
    }),
    practise: async (c) => {
      const id = ExperimentId.parse(`practice-${v7()}`);
      const room = roomId(`${id}/open`);
      const asked = await practiceFor(db, room, c.var.me.id);
      await d.flow.start(roomWorkflow.name, asked, { id, title: asked.name ?? "Practice" });
      return { room, experiment: id };
    },
    seatTerms: (c, { id }) => seatTerms(db, id, c.var.me.id),
    answerTerms: async (c, { id, body }) => {
      await answerTerms(db, id, c.var.me.id, body);
      return ok;
    },
    roomDebriefing: (c, { id }) => debriefingOf(db, id, c.var.me.id),
    debriefed: async (c, { id }) => {
      await debriefed(db, id, c.var.me.id);
      return ok;
    },
    playMove: (c, { id, body }) => playAs(db, id, c.var.me.id, body),
    undoOwnMove: (c, { id, body }) => undoAs(db, id, c.var.me.id, body),
    saveRoomDraft: async (c, { id, body }) => {
      await saveDraftAs(db, id, c.var.me.id, body);
      return ok;
    },
    roomBeat: async (c, { id, body }) => {
      await beatAs(db, id, c.var.me.id, body);
      return ok;
    },
    leaveRoom: async (c, { id, body: { reason } }) => {
      await leaveSeat(db, id, c.var.me.id, reason);
      return ok;
    },
    seatEvents: async (c, { id }) => {
      await seatPage(db, id, c.var.me.id); // whoever does not sit there is told so
      return streamSSE(c, async (stream) => {
        const over = new AbortController();
        stream.onAbort(() => over.abort());
        try {
          for await (const word of seatChanges(d.store, id, c.var.me.id, over.signal))
            await stream.writeSSE({ data: word });
        } catch (e) {
          if (!over.signal.aborted) throw e;
        }
      });
    },
    readRoom: async (c, { id }) => {
      const staff = c.var.me.role !== "rater";
      const page = await roomAsPage(db, id, { person: c.var.me.id, staff });
      c.header("content-security-policy", READER_POLICY);
      return c.html(page);
    },
    listRooms: (c, q) => lobby(db, c.var.me.id, q),
    startRoom: async (_, { body }) => start(await ready(body)),
    startRooms: async (_, { body: { questions, name, seed, ...body } }) => {
      const all = [];
      if (body.exposed === "refuse") requireFew(rulesOf(body.rules), body.seats, questions);
      for (const [i, question] of questions.entries()) {
        const numbered = name && questions.length > 1 ? `${name} ${i + 1}` : name;
        const drawn = seed === undefined ? {} : { seed: seed + i };
        all.push(await ready({ ...body, ...drawn, question, name: numbered }));
      }
      const started = [];
      for (const one of all) started.push(await start(one)); // nothing is started of what cannot be
      return started;
    },
    seenInRooms: async (_, { person, room }) =>
      seenInRooms(db, {
        person: person === undefined ? undefined : await personNamed(db, person),
        room,
      }),
    getRoom: (c, { id }) => roomDetail(db, id, c.var.me.id),
    roomFile: async (c, { id }) => {
      const file = await roomFile(db, id, c.var.me.id);
      c.header("content-disposition", `attachment; filename="${id}.room.json"`);
      return c.json(file);
    },
    reseat: (c, { id, seat, body }) =>
      outside(id, c.var.me.id, async () => {
        const who = await occupantNamed(db, body.who);
        await modelsKnown([who]);
        await reseat(db, id, { seat, who, reason: body.reason, by: c.var.me.id });
      }),
    pokeSeat: (c, { id, seat }) => outside(id, c.var.me.id, () => poke(db, id, seat)),
    undoSeat: (c, { id, seat, body: { reason } }) =>
      outside(id, c.var.me.id, () =>
        facilitate(db, id, { by: c.var.me.id, act: { do: "undo", of: seat, reason } }),
      ),
    extendRound: (c, { id, body }) =>
      outside(id, c.var.me.id, () =>
        facilitate(db, id, { by: c.var.me.id, act: { do: "extend", ...body } }),
      ),
    offerPractice: (c, { id, body }) =>
      outside(id, c.var.me.id, () => offerPractice(db, id, { by: c.var.me.id, ...body })),
    annulRoom: (c, { id, body: { reason } }) =>
      outside(id, c.var.me.id, () =>
        facilitate(db, id, { by: c.var.me.id, act: { do: "annul", reason } }),
      ),
  } satisfies Partial<Handlers>;
};
