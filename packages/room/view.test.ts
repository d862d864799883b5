/**
 * Non-interference: every protocol is run twice, the second time with other hidden facts, and every seat's bytes are compared in
 * every state until the reveal. The same comparison must find each of six planted leaks.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { otherwise } from "./fixtures/otherwise.ts";
import { playthrough, QUOTABLE } from "./fixtures/random.ts";
import { legal, refusal } from "./legal.ts";
import type { Act, Log } from "./moves.ts";
import { protocols } from "./protocols/index.ts";
import type { Rules } from "./rules.ts";
import { replay } from "./state.ts";
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
