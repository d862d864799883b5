/** What experiments used up, by node; sums over a subtree hold the budgets. */
import { z } from "zod";
import { behind, prepared } from "@tiller/store/sql.ts";
import { type Db, sql } from "@tiller/store";

export const Spent = z.strictObject({ money: z.number(), tokens: z.number(), people: z.number() });
export type Spent = z.infer<typeof Spent>;

/**
 * Adds to what a node used. Money and tokens add up: a call that failed was paid too, and one that a crash made run
 * again costs nothing the second time, since its reply is kept. Answers are counted once. Waits for no disk: what the
 * node made is committed later in the same log.
 */
export const spend = (
  db: Db,
  s: { node: string; experiment: string } & Partial<Spent>,
): Promise<number> =>
  db.run(
    prepared(sql`${behind} insert into spend (node, experiment, money, tokens, people)
      select ${s.node}, ${s.experiment}, ${s.money ?? 0}::float8, ${s.tokens ?? 0}::int, ${s.people ?? 0}::int from behind
      on conflict (node) do update set money = spend.money + excluded.money, tokens = spend.tokens + excluded.tokens, people = greatest(spend.people, excluded.people)`),
  );

/** Used at a place and below it. */
export const spentBelow = (db: Db, node: string): Promise<Spent> =>
  db.one(
    sql`select coalesce(sum(money), 0)::float8 as money, coalesce(sum(tokens), 0)::int as tokens, coalesce(sum(people), 0)::int as people
        from (select distinct s.* from place_roots(${node}) r join spend s on s.node = r or (s.node ~>=~ (r || '/') and s.node ~<~ (r || '0'))) s`,
    Spent,
  );
