/**
 * tiller room import FILE: a room of elsewhere as one of Tiller. tiller room export FILE|FOLDER: rooms as an Inspect log, or as
 * rows to learn from.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { inspectLog, type Judgment, trainingMoves, trainingPairs } from "@tiller/room";
import { TillerError } from "@tiller/schema";
import { numberCell, readCsv } from "./csv.ts";
import { readRoom, roomsIn, saveRoom } from "./debate-files.ts";
import { flag } from "./flags.ts";

export const importFlags = {
  out: flag(z.string().min(1), "FILE", "the room as JSON"),
  judgments: flag(
    z.string().min(1).optional(),
    "CSV",
    "credences in the right answer, a row a judge and section: participant_id, transcript, section, p (DC-Debates)",
  ),
  transcript: flag(z.string().min(1).optional(), "N", "which transcript of the CSV this is"),
};
type ImportFlags = z.infer<z.ZodObject<typeof importFlags>>;

/** Judges of one transcript, each with what they said after the sections that they saw. */
async function judgmentsIn(file: string, transcript: string, truth: number): Promise<Judgment[]> {
  const rows = await readCsv(file, {
    participant_id: z.string().min(1),
    transcript: z.string(),
    section: numberCell,
    p: numberCell.pipe(z.number().min(0).max(1)),
  });
  const own = rows.filter((r) => r.transcript === transcript);
  if (own.length === 0)
    throw new TillerError(
      "no_rows",
      `${file} has ${rows.length} rows and none of transcript ${transcript}; it has ${[...new Set(rows.map((r) => r.transcript))].slice(0, 30).join(", ")}. Name one of them with --transcript.`,
    );
  return [...Map.groupBy(own, (r) => r.participant_id)].map(([judge, said]) => ({
    judge,
    mode: "stepped",
    credences: said
      .toSorted((a, b) => a.section - b.section)
      .map(({ p }) => (truth === 0 ? [p, 1 - p] : [1 - p, p])),
  }));
}

export async function importRoom(o: ImportFlags, file: string): Promise<number> {
  const room = readRoom(file);
  const { name, log, judgments } = room;
  const first = log[0]?.act;
  const truth = first?.do === "open" ? first.truth : 0;
  if ((o.judgments === undefined) !== (o.transcript === undefined))
    throw new TillerError("bad_flag", "--judgments and --transcript go together. Give both.");
  const more =
    o.judgments === undefined ? [] : await judgmentsIn(o.judgments, o.transcript!, truth);
  const all = [...judgments, ...more];
  saveRoom(o.out, { ...room, judgments: all });
  console.log(`${o.out}: ${name}, ${log.length} moves, ${all.length} judgments made afterwards`);
  return 0;
}

export const exportFlags = {
  inspect: flag(z.string().min(1).optional(), "FILE", "one Inspect log (JSON), a sample a room"),
  rows: flag(
    z.string().min(1).optional(),
    "FILE",
    "moves as {prompt, completion, reward}, JSONL: of judges their score, of debaters the credence in their answer",
  ),
  pairs: flag(
    z.string().min(1).optional(),
    "FILE",
    "comparisons as {prompt, chosen, rejected}, JSONL, of moves after the same prompt: for tiller reward train and tiller train dpo",
  ),
  role: z
    .enum(["debater", "judge"])
    .optional()
    .describe("of --rows and --pairs: whose moves (default: both)"),
};
export async function exportRooms(
  o: z.infer<z.ZodObject<typeof exportFlags>>,
  given: string,
): Promise<number> {
  if (!o.inspect && !o.rows && !o.pairs)
    throw new TillerError(
      "bad_flag",
      "say what to write: --inspect FILE, --rows FILE or --pairs FILE.",
    );
  const rooms = await roomsIn(given);
  if (rooms.length === 0)
    throw new TillerError(
      "no_rooms",
      `${given} has only rooms in which somebody practised, which are no results. Name the file of one, if you want it.`,
    );
  if (o.inspect) {
    const created = Math.max(...rooms.map((r) => r.log.at(-1)!.at));
    const name = path.basename(given, ".json");
    writeFileSync(o.inspect, `${JSON.stringify(inspectLog(rooms, { name, created }))}\n`);
    console.log(`${o.inspect}: ${rooms.length} rooms as samples; inspect view opens it`);
  }
  const rows = rooms
    .flatMap((room) => trainingMoves(room))
    .filter((r) => o.role === undefined || r.role === o.role);
  const write = (file: string, lines: readonly unknown[], what: string) => {
    writeFileSync(file, lines.map((l) => `${JSON.stringify(l)}\n`).join(""));
    console.log(`${file}: ${lines.length} ${what}`);
  };
  if (o.rows) write(o.rows, rows, "moves with their rewards");
  if (o.pairs) write(o.pairs, trainingPairs(rows), "pairs of moves after one prompt");
  return 0;
}
