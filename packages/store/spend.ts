/** What runs used up, once a node however often a crash made it run; sums over a subtree hold the budgets. */
import { z } from "zod";
import { type Db, sql } from "./sql.ts";

export const Spent = z.strictObject({ money: z.number(), tokens: z.number(), people: z.number() });
export type Spent = z.infer<typeof Spent>;

export const spend = (
  db: Db,
  s: { node: string; experiment: string } & Partial<Spent>,
): Promise<number> =>
  db.run(
    sql`insert into spend (node, experiment, money, tokens, people) values (${s.node}, ${s.experiment}, ${s.money ?? 0}, ${s.tokens ?? 0}, ${s.people ?? 0}) on conflict do nothing`,
  );

/** Used at a place and below it. */
export const spentBelow = (db: Db, node: string): Promise<Spent> =>
  db.one(
    sql`select coalesce(sum(money), 0)::float8 as money, coalesce(sum(tokens), 0)::int as tokens, coalesce(sum(people), 0)::int as people
        from spend where node = ${node} or (node ~>=~ ${`${node}/`} and node ~<~ ${`${node}0`})`,
    Spent,
  );
