/** What experiments in rooms want to know of their seats: whether a person is a program, and how long each seat took. */
import { z } from "zod";
import type { Occupant } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

/** Whether a program sits there in a person's place. */
export const simulatedOf = async (db: Db, who: Occupant): Promise<boolean> =>
  who.kind === "person" &&
  (await db.value(sql`select simulated from person where id = ${who.person}`, z.boolean()));

/** By seat, of all who sat there. */
export async function secondsIn(
  db: Db,
  room: string,
): Promise<Map<string, { reading: number; writing: number; waiting: number }>> {
  const seconds = z.number();
  const rows = await db.many(
    sql`select seat, sum(reading) as reading, sum(writing) as writing, sum(waiting) as waiting
        from room_time where room = ${room} group by seat`,
    z.object({ seat: z.string(), reading: seconds, writing: seconds, waiting: seconds }),
  );
  return new Map(rows.map(({ seat, ...spent }) => [seat, spent]));
}
