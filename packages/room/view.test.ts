/**
 * Non-interference: every protocol is run twice, the second time with other hidden facts, and every seat's bytes are compared in
 * every state until the reveal. What is hidden is said here once more, in the rules' words and not in those of view.ts. The same
 * comparison must find each of five planted leaks.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng, type Rng } from "@tiller/schema";
import { body, playthrough, QUOTABLE } from "./fixtures/random.ts";
import { legal, refusal } from "./legal.ts";
import type { Act, Log, Move } from "./moves.ts";
import { protocols } from "./protocols/index.ts";
import type { Rules } from "./rules.ts";
import { replay, type State, type Visit } from "./state.ts";
import { view } from "./view.ts";

type Look = (rules: Rules, log: Log, seat: string) => unknown;

/** What a seat gets: its view, and what it is told when it tries what it may not. */
const everything: Look = (rules, log, seat) => {
  const beyond = { text: "story", from: QUOTABLE + 5, to: QUOTABLE + 20 };
  const items = [{ content: [{ quote: beyond }] }];
  const tries: Act[] = [{ do: "speak", items }];
  const at = Math.max(...log.map((m) => m.at));
  return {
    view: view(rules, log, seat),
    told: tries.map((act) => refusal(rules, log, { id: "try", seat, at: at + 1e6, act })),
  };
};

/** Whether a move is none of a seat's business yet. */
function isHidden(rules: Rules, s: State, visit: Visit, place: number, seat: string): boolean {
  const { round, played, closed, entitled } = visit;
  const by = played[place]!.seat;
  if (by === seat) return false;
  const { partner } = rules.seats[seat]!;
  if (partner !== undefined) {
    if (round.do === "examine" && round.witness === seat) return false;
    const call = s.visits.findLast((v) => v.round.do === "examine" && v.round.witness === seat);
    const of = call?.round.do === "examine" ? call.round.of : "";
    const snapshot = s.visits.findLast((v) => v.n < (call?.n ?? 0) && v.round.label === of);
    if (!snapshot || visit.n > snapshot.n) return true;
    if (visit.n === snapshot.n) return by !== partner;
    return isHidden(rules, s, visit, place, partner);
  }
  const mine = entitled.some((e) => e.seat === seat);
  if (round.do === "examine") {
    if (mine) return false;
    const last = played.at(-1)!.act;
    if (closed === undefined || last.do !== "show") return true;
    const asks = played.flatMap((p, i) => (p.act.do === "ask" ? [i] : []));
    return !last.questions.some((q) => place === asks[q] || place === asks[q]! + 1);
  }
  if (round.reveal === "end") return true;
  return closed === undefined && !(mine && !round.together);
}

const other = { text: "SOMETHING ELSE THAT WAS NEVER SAID " };
/** The same kind of move with other words. */
function mutated(act: Act, r: Rng): Act {
  const content = [other, { text: "!".repeat(r.int(9)) }];
  switch (act.do) {
    case "speak":
      return { ...act, items: act.items.map((i) => ({ ...i, content })) };
    case "credence":
      return { ...act, credence: act.credence.toReversed(), content };
    case "ask":
    case "reply":
      return { do: act.do, content };
    case "vote":
      return { ...act, end: !act.end };
    default:
      return act;
  }
}

/** The room as it may as well have been, for all that a seat can know. */
function otherwise(rules: Rules, log: Log, seat: string, r: Rng): Log {
  const s = replay(rules, log);
  const { knows } = rules.seats[seat]!;
  const turned = !knows.includes("truth");
  const debaters = Object.keys(s.open!.sides);
  const moves = new Map<string, Move | undefined>();
  let next = 0;
  const acts = log.filter((m) => m.act.do !== "open");
  for (const visit of s.visits)
    for (const [place, p] of visit.played.entries()) {
      const move = acts[next++]!;
      const hidden = isHidden(rules, s, visit, place, seat);
      const isOpen = visit.closed === undefined;
      const last = p.at === visit.closed;
      const at =
        hidden && !last ? visit.opened + r.int((visit.closed ?? p.at + 9000) - visit.opened) : p.at;
      // the dishonest side is the other one if the truth is the other one
      const as = visit.entitled.find((e) => e.seat === p.seat)?.as ?? p.seat;
      const swapped = turned && as !== p.seat ? debaters.find((d) => d !== p.seat)! : p.seat;
      const gone = hidden && isOpen && visit.round.do !== "examine" && r.next() < 0.5;
      moves.set(
        move.id,
        gone ? undefined : { ...move, seat: swapped, at, act: hidden ? mutated(p.act, r) : p.act },
      );
    }
  const { act } = log[0]!;
  if (act.do !== "open") throw new Error("a log opens with open");
  const end = knows.includes("text") ? body.slice(QUOTABLE) : "Then somebody took it away.";
  const opening = {
    ...act,
    truth: turned ? 1 - act.truth : act.truth,
    texts: [{ ...act.texts[0]!, body: body.slice(0, QUOTABLE) + end }],
  };
  return log.flatMap((m) =>
    m.act.do === "open" ? [{ ...m, act: opening }] : (moves.get(m.id) ?? []),
  );
}

/** Seats whose bytes tell two rooms apart that are the same to them. */
function leaks(look: Look, rules: Rules, seed: number): string[] {
  const found = new Set<string>();
  for (const log of playthrough(rules, rng(seed, rules.name))) {
    const s = replay(rules, log);
    if (s.over) break; // the reveal
    for (const seat of Object.keys(rules.seats)) {
      // a log with a hidden round that is done cannot lose a move; one that is open can
      const b = otherwise(rules, log, seat, rng(seed, "otherwise", log.length, seat));
      if (JSON.stringify(look(rules, log, seat)) !== JSON.stringify(look(rules, b, seat)))
        found.add(`${rules.name}: ${seat} in ${s.visits.at(-1)!.round.label}`);
    }
  }
  return [...found];
}

test.each([...protocols.values()].map((r) => [r.name, r] as const))(
  "%s tells nobody what is hidden",
  (_, rules) => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(leaks(everything, rules, seed)).toEqual([]);
      }),
      { numRuns: 2, seed: 24 },
    );
  },
);

const planted: Readonly<Record<string, Look>> = {
  "how many are in": (rules, log, seat) => [view(rules, log, seat), log.length],
  "when the last move came": (rules, log, seat) => [view(rules, log, seat), log.at(-1)!.at],
  "which answer is right": (rules, log, seat) => [
    view(rules, log, seat),
    replay(rules, log).open!.truth,
  ],
  "how long the text is": (rules, log, seat) => [
    view(rules, log, seat),
    replay(rules, log).open!.texts[0]!.body.length,
  ],
  "whose turn it is": (rules, log, seat) => [
    view(rules, log, seat),
    legal(rules, log).map((t) => t.seat),
  ],
  "how much was written": (rules, log, seat) => [
    view(rules, log, seat),
    JSON.stringify(replay(rules, log).visits.at(-1)!.played).length,
  ],
};
test.each(Object.entries(planted))("a leak is found: %s", (_, look) => {
  const rules = protocols.get("barnes-christiano")!;
  expect([1, 2, 3].some((seed) => leaks(look, rules, seed).length > 0)).toBe(true);
});
