/** How the answers of several people to one field become one; `crowd/tasks/aggregate.ts` computes them. */
const votes = ["majority", "wawa", "one-coin", "dawid-skene", "glad", "mace"] as const;
export type Vote = (typeof votes)[number];
export type Aggregation =
  | Vote
  | "bradley-terry"
  | "mean"
  | "median"
  | "mean-place"
  | "spans-majority"
  | "spans-union"
  | "steps-majority"
  | "none";

/** The ways that count votes for labels, the given one first. */
export const votesFrom = (first: Vote): readonly [Vote, ...Vote[]] => [
  first,
  ...votes.filter((v) => v !== first),
];
