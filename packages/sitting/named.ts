/** People as leads name them: by id, pseudonym or name. A name of two people is nobody's. */
import { z } from "zod";
import { type Occupant, PersonId, type SeatSpec, TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

export async function personNamed(db: Db, given: string): Promise<PersonId> {
  const found = await db.many(
    sql`select id, pseudonym from person where disabled_at is null and (id = ${given} or pseudonym = ${given} or lower(name) = lower(${given}))
        order by id = ${given} desc, pseudonym = ${given} desc limit 3`,
    z.object({ id: PersonId, pseudonym: z.string() }),
  );
  const exact = found.find((p) => p.id === given || p.pseudonym === given);
  const one = exact ?? (found.length === 1 ? found[0] : undefined);
  if (one) return one.id;
  throw new TillerError(
    "no_person",
    found.length === 0
      ? `there is nobody called ${given}. Name somebody of the list of people by name, pseudonym or id.`
      : `${given} is the name of several people: ${found.map((p) => p.pseudonym).join(", ")}. Name one by pseudonym.`,
  );
}

export const occupantNamed = async (db: Db, who: Occupant): Promise<Occupant> =>
  who.kind === "person" ? { ...who, person: await personNamed(db, who.person) } : who;

export async function seatsNamed(
  db: Db,
  seats: Readonly<Record<string, SeatSpec>>,
): Promise<Record<string, SeatSpec>> {
  const out: [string, SeatSpec][] = [];
  for (const [seat, spec] of Object.entries(seats)) {
    const who = await occupantNamed(db, spec.who);
    if (spec.absent?.do !== "instead") out.push([seat, { ...spec, who }]);
    else {
      const by: Occupant[] = [];
      for (const other of spec.absent.by) by.push(await occupantNamed(db, other));
      out.push([seat, { who, absent: { ...spec.absent, by } }]);
    }
  }
  return Object.fromEntries(out);
}
