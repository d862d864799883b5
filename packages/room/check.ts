/**
 * Explores small instances of a protocol: from every state reached by small moves there is a move, or the room is over; the rounds
 * are revealed in their order; the length is bounded. What it finds is also the graph that graph.ts draws.
 */
import { legal, refusal, type Turn } from "./legal.ts";
import type { Act, Log, Move, Open } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { type Ending, picksSide, replay, seatsOf, type State } from "./state.ts";

export interface Edge {
  /** a round's label */
  readonly from: string;
  /** a round's label, or how the room ended */
  readonly to: string;
  readonly by: string;
}
export interface Checked {
  readonly states: number;
  /** moves in the longest room that was met */
  readonly longest: number;
  /** rounds of the longest room that the rules allow, if they are played to the end; what bounds it */
  readonly bound: number;
  readonly endings: readonly Ending[];
  /** rounds that no small instance reached */
  readonly unreached: readonly string[];
  readonly edges: readonly Edge[];
  readonly problems: readonly string[];
}

/** A question with one short text. */
function opening(rules: Rules, truth: number): Open {
  const debaters = seatsOf(rules, "debater");
  return {
    do: "open",
    question: "?",
    answers: ["yes", "no"],
    truth,
    texts: [{ id: "t", title: "", body: "x" }],
    sides: Object.fromEntries(
      debaters.filter((s) => !picksSide(rules, s)).map((s, i) => [s, i % 2]),
    ),
    first: debaters,
  };
}

/** A few moves that differ in what follows from them. */
export function smallMoves(turn: Turn): Act[] {
  const content = [
    { text: turn.do === "speak" && turn.words ? "w ".repeat(turn.words.least) : "x" },
  ];
  switch (turn.do) {
    case "speak": {
      const numbers = new Set([
        turn.items.least,
        Math.min(turn.items.most, Math.max(1, turn.items.least)),
      ]);
      return [...numbers].map((n) => ({
        do: "speak",
        items: Array.from({ length: n }, (_, i) => ({
          content,
          ...(turn.about ? { about: turn.about[i % turn.about.length]! } : {}),
        })),
      }));
    }
    case "mark":
      return turn.labels.map((label) => ({
        do: "mark",
        marks: Object.fromEntries(turn.items.map((item) => [item, label])),
      }));
    case "pick":
      return turn.choices.map((choice) => ({ do: "pick", choice }));
    case "credence": {
      const even = Array.from({ length: turn.answers }, () => 1 / turn.answers);
      const ends = turn.end === "must" ? [true] : turn.end === "may" ? [false, true] : [false];
      return ends.map((end) => ({ do: "credence", credence: even, end, content: [] }));
    }
    case "vote":
      return [false, true].map((end) => ({ do: "vote", end }));
    case "examine":
      return [
        ...(turn.left > 0 && turn.asked < 2 ? [{ do: "ask" as const, content }] : []),
        { do: "show", questions: Array.from({ length: turn.asked }, (_, i) => i) },
      ];
    case "reply":
      return [{ do: "reply", content }];
    case "lapse":
      return [{ do: "lapse", of: turn.of }];
  }
}

/** What the future of a room depends on, as far as rules can ask: all but what was said. */
function keyOf(s: State): string {
  const visit = s.visits.at(-1)!;
  const wordless = (act: Act) =>
    act.do === "speak"
      ? act.items.length
      : act.do === "ask" || act.do === "reply"
        ? act.do
        : JSON.stringify(act);
  return JSON.stringify([
    visit.n,
    visit.round.label,
    visit.depth,
    visit.entitled.map((e) => e.seat),
    visit.played.map((p) => [p.seat, wordless(p.act)]),
    s.over?.by,
    s.sides,
  ]);
}

/** Every small instance, up to `states` of them. */
export function check(rules: Rules, o: { states?: number } = {}): Checked {
  const most = o.states ?? 5000;
  const problems = new Set<string>();
  const edges = new Map<string, Edge>();
  const endings = new Set<Ending>();
  const reached = new Set<string>();
  const seen = new Set<string>();
  let longest = 0;
  for (const truth of [0, 1]) {
    const waiting: Log[] = [[{ id: "0", seat: "room", at: 0, act: opening(rules, truth) }]];
    while (waiting.length > 0 && seen.size < most) {
      const log = waiting.pop()!;
      const s = replay(rules, log);
      longest = Math.max(longest, log.length - 1);
      reached.add(s.visits.at(-1)?.round.label ?? "");
      if (s.over) {
        endings.add(s.over.by);
        continue;
      }
      const from = s.visits.at(-1)!;
      const turns = legal(rules, log);
      if (turns.length === 0)
        problems.add(`${from.round.label}: nobody has a move, and the room is not over`);
      for (const turn of turns)
        for (const act of smallMoves(turn)) {
          const late = turn.do === "lapse" ? Math.floor(turn.after) + 1 : 0;
          const at = Math.max(log.at(-1)!.at + 1, late);
          const move: Move = { id: `${log.length}`, seat: turn.seat, at, act };
          const why = refusal(rules, log, move);
          if (why !== undefined) {
            problems.add(`${turn.label}: the smallest move of ${turn.seat} is refused: ${why}`);
            continue;
          }
          const after = replay(rules, [...log, move]);
          inOrder(after, problems);
          const next = after.visits.at(-1)!;
          const to = after.over ? after.over.by : next.round.label;
          if (after.over || next.n !== from.n) {
            const by = from.entitled.map((e) => e.as).join(", ");
            edges.set(`${from.round.label} ${to}`, { from: from.round.label, to, by });
          }
          const key = `${truth} ${keyOf(after)}`;
          if (seen.has(key)) continue;
          seen.add(key);
          waiting.push([...log, move]);
        }
    }
  }
  const played = rules.rounds.filter((r) => r.do !== "again").map((r) => r.label);
  const unreached = played.filter((label) => !reached.has(label));
  if (endings.size === 0) problems.add("no small instance ends");
  return {
    states: seen.size,
    longest,
    bound: boundOf(rules),
    endings: [...endings].toSorted(),
    unreached,
    edges: [...edges.values()],
    problems: [...problems, ...unreached.map((label) => `${label} is never reached`)],
  };
}

/** Rounds are closed before the next opens, and times go on. */
function inOrder(s: State, problems: Set<string>): void {
  for (const [i, visit] of s.visits.entries()) {
    const next = s.visits[i + 1];
    if (next && (visit.closed === undefined || visit.closed > next.opened))
      problems.add(`${visit.round.label}: ${next.round.label} opened before it was revealed`);
  }
}

/** Rounds played if every loop is used up: each round once more for every time around a loop that holds it. */
export function boundOf(rules: Rules): number {
  const times = rules.rounds.map((r): number => (r.do === "again" ? 0 : 1));
  for (const [end, r] of rules.rounds.entries()) {
    if (r.do !== "again") continue;
    const begin = rules.rounds.findIndex((x) => x.label === r.to);
    for (let i = begin; i < end; i++) times[i]! *= r.most + 1;
  }
  return times.reduce((sum, n) => sum + n, 0);
}
