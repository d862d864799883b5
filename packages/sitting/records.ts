/**
 * The record of the run that attends a room holds the truth, the texts and every reply. It is closed to whoever sits in the room, or
 * sat there, until the room is over; so is the word that something in it happened.
 */
import { z } from "zod";
import { type PersonId, TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

/** Experiments whose record somebody may not see now. */
export const closedRecords = async (db: Db, person: PersonId): Promise<ReadonlySet<string>> =>
  new Set(
    (
      await db.many(
        sql`select distinct r.experiment from room_seat s join room r on r.id = s.room
            where s.person = ${person} and r.state = 'open' and r.experiment is not null`,
        z.object({ experiment: z.string() }),
      )
    ).map((r) => r.experiment),
  );

export async function requireOpenRecord(
  db: Db,
  experiment: string,
  person: PersonId,
): Promise<void> {
  if ((await closedRecords(db, person)).has(experiment))
    throw new TillerError(
      "sits_there",
      "you sit in a room of this experiment, or did: its record is closed to you until the room is over. Ask another lead.",
    );
}
