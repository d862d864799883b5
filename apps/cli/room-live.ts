/** Rooms on the running server: start one, see who waits for whom, seat somebody else, remind, end, and take its file. */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import { NewRoom, Occupant, RoomPay, RoomQuestion, SeatSpec, TillerError } from "@tiller/schema";
import { verb } from "./command.ts";
import { readJson } from "./debate-files.ts";
import { countFlag, flag } from "./flags.ts";
import { remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;
const given = z.string().min(1);

/** anna, model:NAME or nobody. */
function occupantOf(text: string): Occupant {
  if (text === "nobody") return { kind: "nobody" };
  const model = /^model:(.+)$/.exec(text)?.[1];
  return Occupant.parse(
    model === undefined ? { kind: "person", person: text } : { kind: "model", model },
  );
}
const Seats = z.record(z.string(), SeatSpec);
/** a=anna,b=model:NAME, or a file with who sits where and what is done when somebody does not come. */
export function seatsOf(text: string): z.infer<typeof Seats> {
  if (!text.includes("=")) return Seats.parse(readJson(text));
  return Object.fromEntries(
    text.split(",").map((part) => {
      const [seat = "", who = ""] = part.split("=", 2).map((x) => x.trim());
      if (!seat || !who)
        throw new TillerError(
          "bad_seats",
          `"${part}" is no seat. Write --seats a=anna,b=model:NAME,judge=jo, or name a JSON file.`,
        );
      return [seat, { who: occupantOf(who) }];
    }),
  );
}

const payFlag = flag(
  z
    .string()
    .regex(/^((reading|writing|waiting)=\d+,?)+$/, "as reading=1200,writing=1500,waiting=600")
    .optional(),
  "WHAT=AMOUNT,...",
  "minor units an hour of reading, writing, waiting (default: by the rates)",
);
/** A=1,B=2 */
const amounts = (given: string | undefined): [string, number][] =>
  (given?.split(",") ?? []).filter(Boolean).map((part) => {
    const at = part.lastIndexOf("=");
    return [part.slice(0, at), Number(part.slice(at + 1))];
  });
const payOf = (given: string | undefined) => RoomPay.parse(Object.fromEntries(amounts(given)));

const startFlags = {
  question: flag(given, "FILE", "question, answers (the right one first) and texts, as JSON"),
  seats: flag(given, "A=WHO,...|FILE", "who sits where: a person, model:NAME, or nobody for now"),
  name: flag(given.optional(), "TEXT", "what the room is called (default: its question)"),
  minutes: flag(
    z.coerce.number().positive().optional(),
    "N",
    "time for a move, where the rules have none",
  ),
  seed: countFlag(z.int().min(0))
    .optional()
    .describe("of the orders that are drawn (default: drawn with the room)"),
  exposed: z
    .enum(["refuse", "allow"])
    .default("refuse")
    .describe("whether who saw the text, or argued elsewhere, may sit: refuse or allow"),
  requires: flag(
    z
      .string()
      .regex(/^([^=,]+=\d+,?)+$/, 'as "practice nyu-debate=3"')
      .optional(),
    "QUALIFICATION=LEVEL,...",
    "what people who judge must have passed",
  ),
  pay: payFlag,
  names: z
    .enum(["hidden", "pseudonyms"])
    .default("hidden")
    .describe("what people learn of each other at the end: hidden or pseudonyms"),
  ...remoteFlags,
};
async function start(o: Flags<typeof startFlags>, rules: string): Promise<number> {
  const tiller = remote(o);
  const { name, minutes, seed, exposed, names } = o;
  const started = await tiller.startRoom({
    body: NewRoom.parse({
      rules: /[./]/.test(rules) ? readJson(rules) : rules,
      question: RoomQuestion.parse(readJson(o.question)),
      seats: seatsOf(o.seats),
      exposed,
      names,
      pay: payOf(o.pay),
      requires: amounts(o.requires).map(([qualification, level]) => ({ qualification, level })),
      ...(seed === undefined ? {} : { seed }),
      ...(name === undefined ? {} : { name }),
      ...(minutes === undefined ? {} : { minutes }),
    }),
  });
  console.log(
    o.json
      ? JSON.stringify(started)
      : `${started.room} is open. Whoever sits in it finds it under Rooms, a lead under Control, Rooms.`,
  );
  return 0;
}

const listFlags = {
  state: flag(
    z.enum(["open", "over", "practice", "all"]).default("open"),
    "STATE",
    "open, over, practice or all",
  ),
  ...remoteFlags,
};
async function list(o: Flags<typeof listFlags>): Promise<number> {
  const { rooms, now, counts } = await remote(o).listRooms({ state: o.state, limit: 500 });
  if (o.json) {
    console.log(JSON.stringify({ rooms, counts, now }));
    return 0;
  }
  const since = (ms: number) => `${Math.max(0, Math.round((now - ms) / 60_000))} min`;
  const waits = (r: (typeof rooms)[number]) =>
    r.due.map((d) => {
      const s = r.seats.find((x) => x.seat === d.seat);
      const failed = s?.failure ? " failed" : "";
      const late = d.until !== null && d.until < now ? ", late" : "";
      return `${d.seat} (${s?.who ?? "?"}${failed}, ${since(d.since)}${late})`;
    });
  const rows = rooms.map((r) => [
    r.room,
    r.name.slice(0, 40),
    r.rules,
    r.ending ?? r.state,
    r.mine ? "you sit in it" : waits(r).join("; "),
  ]);
  if (rows.length === 0) console.log("There is no such room.");
  else console.log(table(["room", "name", "rules", "state", "waits for"], rows));
  return 0;
}

const fileFlags = { out: flag(given, "FILE", "where to"), ...remoteFlags };
async function file(o: Flags<typeof fileFlags>, id: string): Promise<number> {
  const stream = await remote(o).roomFile({ id });
  writeFileSync(o.out, await new Response(stream).text());
  console.log(
    `${o.out}: rules and moves of ${id}. Read it: tiller room show ${o.out} --out room.html`,
  );
  return 0;
}

const whyFlags = { reason: flag(given, "TEXT", "what the record says"), ...remoteFlags };
const seatFlags = {
  seat: flag(given, "SEAT", "whose"),
  who: flag(given, "WHO", "a person, model:NAME, or nobody for now"),
  ...whyFlags,
};
const practiceFlags = {
  pay: payFlag,
  stop: z.boolean().default(false).describe("do not offer it any more"),
  ...remoteFlags,
};
const pokeFlags = { seat: flag(given, "SEAT", "whose"), ...remoteFlags };

export const liveVerbs = {
  start: verb({
    what: "a room on the running server, between people and models",
    takes: ["RULES"],
    flags: startFlags,
    run: start,
  }),
  list: verb({
    what: "rooms: who is waited for, since when",
    takes: [],
    flags: listFlags,
    run: list,
  }),
  seat: verb({
    what: "puts somebody else into a seat",
    takes: ["ROOM"],
    flags: seatFlags,
    run: async (o: Flags<typeof seatFlags>, id: string) => {
      const body = { who: occupantOf(o.who), reason: o.reason };
      await remote(o).reseat({ id, seat: o.seat, body });
      console.log(`${o.who} sits in ${o.seat} of ${id} now.`);
      return 0;
    },
  }),
  poke: verb({
    what: "reminds whoever is waited for; a model that failed is asked again",
    takes: ["ROOM"],
    flags: pokeFlags,
    run: async (o: Flags<typeof pokeFlags>, id: string) => {
      await remote(o).pokeSeat({ id, seat: o.seat });
      console.log(`${o.seat} of ${id} was reminded.`);
      return 0;
    },
  }),
  practice: verb({
    what: "offers a room that is over to practise on",
    takes: ["ROOM"],
    flags: practiceFlags,
    run: async (o: Flags<typeof practiceFlags>, id: string) => {
      await remote(o).offerPractice({ id, body: { offer: !o.stop, pay: payOf(o.pay) } });
      console.log(
        o.stop
          ? `${id} is not offered any more.`
          : `Whoever saw nothing of ${id} finds Practise under Rooms.`,
      );
      return 0;
    },
  }),
  annul: verb({
    what: "ends a room without a verdict",
    takes: ["ROOM"],
    flags: whyFlags,
    run: async (o: Flags<typeof whyFlags>, id: string) => {
      await remote(o).annulRoom({ id, body: { reason: o.reason } });
      console.log(`${id} is annulled.`);
      return 0;
    },
  }),
  file: verb({
    what: "rules and moves of a room that is over, as a file",
    takes: ["ROOM"],
    flags: fileFlags,
    run: file,
  }),
};
