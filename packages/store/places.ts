/** Which ids lie at or below a place in the trace. Ids have bounded length: a deep one may say so only by a hash. */
import { z } from "zod";
import { type Db, type Sql, sql } from "./sql.ts";

/** `place` is below `of`, though its id does not begin like it. */
export const shortPlace = (db: Db, p: { short: string; of: string }): Promise<number> =>
  db.run(
    sql`insert into place_short (short, of) values (${p.short}, ${p.of}) on conflict do nothing`,
  );

/** `column` is the place or below it. */
export const atOrBelow = (column: Sql, place: string): Sql =>
  sql`exists (select from place_roots(${place}) r where ${column} = r or starts_with(${column}, r || '/'))`;

/** Where the ids of all that is below a place begin. */
export const placeRoots = (db: Db, place: string): Promise<string[]> =>
  db
    .many(sql`select place_roots(${place}) as root`, z.object({ root: z.string() }))
    .then((rows) => rows.map((r) => r.root));
