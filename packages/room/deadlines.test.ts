/** Deadlines are by seat: whatever time others get, and whoever loses a turn, a seat's own last moment is the one it was told. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { opened } from "./fixtures/random.ts";
import { legal, play, refusal } from "./legal.ts";
import type { Act, Log, Move } from "./moves.ts";
import { parseRules } from "./rules.ts";
import { view } from "./view.ts";

const MINUTE = 60_000;
const seats = ["a", "b", "c"];
const debater = { role: "debater", knows: ["text"], absence: "forfeit" };
const rulesWith = (together: boolean) =>
  parseRules(
    {
      name: "timed",
      source: "a test",
      seats: { a: debater, b: debater, c: debater, judge: { role: "judge" } },
      rounds: [
        { do: "speak", label: "speeches", seats, together, characters: 100, minutes: 10 },
        { do: "credence", label: "verdict", seats: ["judge"], characters: 100, may: "end" },
      ],
      scoring: { rule: "log" },
    },
    "timed",
  );
const speech: Act = { do: "speak", items: [{ content: [{ text: "Here." }] }] };

/** What may happen in a round: somebody moves, gets time, or loses the turn; everybody gets time. */
const event = fc.record({
  what: fc.constantFrom("move", "time", "lapse", "time for all"),
  seat: fc.constantFrom(...seats),
  after: fc.integer({ min: 0, max: 9 * MINUTE }),
});

test("time for one seat moves no other's deadline, and a move is in time by its own", () => {
  let [late, forfeited] = [0, 0];
  fc.assert(
    fc.property(fc.boolean(), fc.array(event, { maxLength: 12 }), (together, events) => {
      const rules = rulesWith(together);
      let log: Log = opened(rules, rng(1), { sides: { a: 0, b: 1, c: 1 } });
      let at = log[0]!.at;
      let began = at;
      let forAll = 0;
      const forOne = new Map<string, number>();
      const done = new Set<string>();
      for (const [i, e] of events.entries()) {
        at += e.after;
        const due = seats.filter((s) => !done.has(s));
        const waited = together ? due : due.slice(0, 1);
        const untilOf = (s: string) => began + 10 * MINUTE + forAll + (forOne.get(s) ?? 0);
        for (const s of waited)
          expect([s, view(rules, log, s).turns[0]?.until]).toEqual([s, untilOf(s)]);
        if (due.length === 0) break;
        const { seat } = e;
        const act: Act =
          e.what === "move"
            ? speech
            : e.what === "lapse"
              ? { do: "lapse", of: seat }
              : {
                  do: "extend",
                  minutes: 3,
                  reason: "a test",
                  ...(e.what === "time" ? { of: seat } : {}),
                };
        const by = e.what === "move" ? seat : "room";
        const move: Move = { id: `${i}`, seat: by, at, act };
        const isDue = waited.includes(seat);
        const over = at > untilOf(seat);
        const may =
          e.what === "time for all" ||
          (isDue && (e.what === "time" || over === (e.what === "lapse")));
        expect([e.what, refusal(rules, log, move) === undefined]).toEqual([e.what, may]);
        if (e.what === "move" && isDue && over) late++;
        if (!may) continue;
        log = play(rules, log, move);
        if (e.what === "time for all") forAll += 3 * MINUTE;
        else if (e.what === "time") forOne.set(seat, (forOne.get(seat) ?? 0) + 3 * MINUTE);
        else {
          if (e.what === "lapse") forfeited++;
          done.add(seat);
          if (!together) began = at;
        }
      }
    }),
    { numRuns: 200, seed: 5 },
  );
  expect([late > 5, forfeited > 5]).toEqual([true, true]);
});

test("a record from before gives its time to the whole round", () => {
  const rules = rulesWith(true);
  const open = opened(rules, rng(1), { sides: { a: 0, b: 1, c: 1 } });
  const act: Act = { do: "extend", minutes: 5, reason: "a has somebody new" };
  const log = play(rules, open, { id: "1", seat: "room", at: 2000, act });
  const until = legal(rules, log).flatMap((t) => t.until ?? []);
  expect(until).toEqual(seats.map(() => open[0]!.at + 15 * MINUTE));
});
