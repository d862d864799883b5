/**
 * tiller room judge FILE --judge model:NAME --out FILE: a room that is over, judged again and blind, whole or step by step. The verdict
 * stands beside the log, as a judgment; what cannot be read is none. tiller room seen: who saw which text,
 * in rooms of a file or folder, or on the server.
 */
import path from "node:path";
import { z } from "zod";
import { type Exposure, exposures, type Judgment, toJudge } from "@tiller/room";
import { type Asked, messagesOf } from "@tiller/room/asked.ts";
import { TillerError } from "@tiller/schema";
import { SamplerPool, serverModelClient } from "@tiller/serve";
import { defaultHome, openStore } from "@tiller/store";
import { modelSeat } from "../../recipes/oversight/play.ts";
import { readRoom, roomsIn, saveRoom } from "./debate-files.ts";
import { flag, homeFlag } from "./flags.ts";
import { remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

export const judgeFlags = {
  judge: flag(z.string().regex(/^model:.+$/, "model:NAME"), "model:NAME", "who judges"),
  mode: z
    .enum(["whole", "stepped"])
    .default("whole")
    .describe("one word at the end, or one wherever the judge of the room was asked"),
  out: flag(z.string().min(1), "FILE", "the room with this judgment beside it"),
  models: flag(
    z.string().min(1).optional(),
    "FILE",
    "models.json in another place than the home's",
  ),
  home: homeFlag,
};
export async function judgeRoom(
  o: z.infer<z.ZodObject<typeof judgeFlags>>,
  file: string,
): Promise<number> {
  const room = readRoom(file);
  const places = toJudge(room.rules, room.log, o.mode);
  await using store = await openStore({
    home: path.resolve(o.home ?? defaultHome()),
    databaseUrl: process.env["DATABASE_URL"],
    guest: true,
  });
  using sampler = new SamplerPool();
  const model = o.judge.slice("model:".length);
  const client = serverModelClient({ store, sampler, file: o.models });
  const asked: Asked[] = [];
  const seat = modelSeat(client, model, ({ prompt, ...a }) => {
    const { seat: judge, reply, problem } = a;
    const kept = { seat: judge, model, messages: messagesOf(prompt), reply };
    asked.push({ ...kept, ...(problem === undefined ? {} : { problem }) });
  });
  const credences: number[][] = [];
  for (const { seen, turn } of places) {
    const act = await seat(seen, turn, () => undefined);
    if (act.do !== "credence")
      throw new TillerError("no_move", `${model} gave no credence. Try again.`);
    credences.push([...act.credence]);
  }
  const judgment: Judgment = { judge: model, mode: o.mode, asked, credences };
  saveRoom(o.out, { ...room, judgments: [...room.judgments, judgment] });
  const last = credences.at(-1)!.map((p) => `${Math.round(100 * p)} %`);
  console.log(`${o.out}: ${model} gives ${last.join(", ")}, asked ${credences.length} times`);
  return 0;
}

export const seenFlags = {
  person: flag(z.string().min(1).optional(), "WHO", "on the server: what this person saw"),
  room: flag(z.string().min(1).optional(), "ROOM", "on the server: who saw this room's text"),
  ...remoteFlags,
};
export async function showSeen(
  o: z.infer<z.ZodObject<typeof seenFlags>>,
  given?: string,
): Promise<number> {
  const { person, room } = o;
  if (given === undefined && person === undefined && room === undefined)
    throw new TillerError(
      "bad_flag",
      "name a file or a folder of rooms, or ask the server: --person WHO or --room ROOM.",
    );
  const ledger: readonly Omit<Exposure, "text">[] =
    given === undefined
      ? await remote(o)
          .seenInRooms({
            ...(person === undefined ? {} : { person }),
            ...(room === undefined ? {} : { room }),
          })
          .then((rows) => rows.map(({ side, ...e }) => (side === null ? e : { ...e, side })))
      : exposures(await roomsIn(given, { practice: true }));
  if (o.json) console.log(JSON.stringify(ledger));
  else
    console.log(
      table(
        ["who", "room", "as", "saw", "question", "side"],
        ledger.map((e) => [
          e.who,
          e.room,
          e.as,
          e.saw,
          e.question.slice(0, 60),
          (e.side ?? "").slice(0, 40),
        ]),
      ),
    );
  return 0;
}
