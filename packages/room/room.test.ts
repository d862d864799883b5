/** What holds for every protocol: it ends, its limits and deadlines hold, simultaneous moves have no order, swaps change no more. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rng, TillerError } from "@tiller/schema";
import { boundOf } from "./check.ts";
import { oneMore, opened, playthrough, randomAct } from "./fixtures/random.ts";
import { legal, play, refusal } from "./legal.ts";
import type { Act, Log, Move } from "./moves.ts";
import { drawOpening } from "./orders.ts";
import { protocols } from "./protocols/index.ts";
import { severalJudges } from "./protocols/jury.ts";
import { parseRules, type Rules } from "./rules.ts";
import { score } from "./score.ts";
import { replay } from "./state.ts";
import { view } from "./view.ts";

const all = [...protocols.values()].map((r) => [r.name, r] as const);
const last = (logs: Iterable<Log>): Log => [...logs].at(-1)!;
const seeds = (f: (seed: number) => void, numRuns = 3) =>
  fc.assert(fc.property(fc.nat(), f), { numRuns, seed: 24 });

describe.each(all)("%s", (name, rules) => {
  test("ends within its bound, and whoever lives has a move", () => {
    seeds((seed) => {
      for (const log of playthrough(rules, rng(seed, name))) {
        const s = replay(rules, log);
        expect(s.visits.length).toBeLessThanOrEqual(boundOf(rules));
        expect(legal(rules, log).length > 0).toBe(s.over === undefined);
      }
    });
  });

  test("moves of a simultaneous round may come in any order", () => {
    seeds((seed) => {
      const r = rng(seed, name);
      const log = last(playthrough(rules, r));
      const s = replay(rules, log);
      const groups = new Map<string, number>();
      let next = 1;
      for (const v of s.visits)
        for (const _ of v.played) {
          const together = v.round.do !== "examine" && v.round.together;
          groups.set(log[next]!.id, together ? v.n : -next);
          next++;
        }
      const group = (m: Move) => groups.get(m.id);
      const mixed: Log = [
        log[0]!,
        ...Map.groupBy(log.slice(1), group)
          .values()
          .flatMap((ms) => r.shuffle(ms)),
      ];
      expect(score(rules, mixed)).toEqual(score(rules, log));
      for (const seat of Object.keys(rules.seats))
        expect(view(rules, mixed, seat)).toEqual(view(rules, log, seat));
    });
  });

  test("a move beyond its limit is refused, and one that arrives twice is one", () => {
    seeds((seed) => {
      const r = rng(seed, name);
      for (let log = opened(rules, r), i = 0; i < 12; i++) {
        const at = log.at(-1)!.at + 1;
        for (const turn of legal(rules, log)) {
          if (turn.do !== "speak" || turn.words) continue;
          const about = turn.about ? { about: turn.about[0]! } : {};
          const n = Math.max(1, turn.items.least);
          const most = Math.min(turn.characters, n * (turn.each ?? Infinity));
          const items = (characters: number) =>
            Array.from({ length: n }, (_, k) => ({
              content: [{ text: "x".repeat(Math.floor((characters + k) / n)) }],
              ...about,
            }));
          const move = (characters: number): Move => ({
            id: "long",
            seat: turn.seat,
            at,
            act: { do: "speak", items: items(characters) },
          });
          expect(refusal(rules, log, move(most))).toBeUndefined();
          expect(refusal(rules, log, move(most + n))).toMatch(/Cut \d+\./);
          const many = Array.from({ length: turn.items.most + 1 }, () => ({
            content: [{ text: "x" }],
            ...about,
          }));
          expect(refusal(rules, log, { ...move(1), act: { do: "speak", items: many } })).toMatch(
            /items/,
          );
        }
        const more = oneMore(rules, log, r);
        if (!more) break;
        expect(play(rules, more, more.at(-1)!)).toBe(more);
        log = more;
      }
    });
  });
});

test("swapping the order in which a judge sees the sides changes that order and nothing else", () => {
  const rules = protocols.get("nyu-debate")!;
  seeds((seed) => {
    const log = last(playthrough(rules, rng(seed, "first"), { first: ["a", "b"] }));
    const [open, ...rest] = log;
    if (open!.act.do !== "open") throw new Error("a log opens with open");
    const swapped: Log = [{ ...open!, act: { ...open!.act, first: ["b", "a"] } }, ...rest];
    expect(score(rules, swapped)).toEqual(score(rules, log));
    const [one, two] = [view(rules, log, "judge"), view(rules, swapped, "judge")];
    expect(two.sides).toEqual(one.sides.toReversed());
    const opening = one.rounds.find((r) => r.label === "openings")!.moves;
    expect(two.rounds.find((r) => r.label === "openings")!.moves).toEqual(opening.toReversed());
    const still = (v: typeof one) => ({
      ...v,
      sides: 0,
      rounds: v.rounds.map((r) => (r.label === "openings" ? 0 : r)),
    });
    expect(still(two)).toEqual(still(one));
  });
});

test("a judge of Khan's debate who is swapped reads the other order", () => {
  const rules = protocols.get("khan-static")!;
  const log = last(playthrough(rules, rng(5)));
  const order = (seat: string) => view(rules, log, seat).rounds[0]!.moves.map((m) => m.by);
  expect(order("judge-swapped")).toEqual(order("judge").toReversed());
});

test("three orders: each seed moves its own and no other", () => {
  const rules = protocols.get("nyu-debate")!;
  const question = { question: "?", answers: ["right", "wrong"], texts: [] };
  const base = { list: 1, sides: 1, first: 1 };
  const drawn = (o: Partial<typeof base>) => {
    const open = drawOpening(rules, question, { ...base, ...o });
    return {
      list: open.answers.join(),
      sides: open.answers[open.sides["a"]!], // by what it says, however it is listed
      first: open.first.join(),
    };
  };
  for (const key of ["list", "sides", "first"] as const) {
    const seen = Array.from({ length: 20 }, (_, i) => drawn({ [key]: i }));
    expect(new Set(seen.map((d) => d[key])).size).toBe(2);
    for (const still of ["list", "sides", "first"] as const)
      if (still !== key) expect(new Set(seen.map((d) => d[still])).size).toBe(1);
  }
  // swapping the list swaps credences and nothing that is earned
  const log = last(playthrough(rules, rng(3)));
  const turned = log.map((m): Move => {
    const { act } = m;
    if (act.do === "credence")
      return { ...m, act: { ...act, credence: act.credence.toReversed() } };
    if (act.do !== "open") return m;
    const sides = Object.fromEntries(Object.entries(act.sides).map(([s, i]) => [s, 1 - i]));
    return {
      ...m,
      act: { ...act, answers: act.answers.toReversed(), truth: 1 - act.truth, sides },
    };
  });
  expect(score(rules, turned)!.seats).toEqual(score(rules, log)!.seats);
});

/** Every round of a protocol with ten minutes, and seats that lose their move. */
const timed = (rules: Rules, absence: "forfeit" | "annul"): Rules => ({
  ...rules,
  seats: Object.fromEntries(Object.entries(rules.seats).map(([k, s]) => [k, { ...s, absence }])),
  rounds: rules.rounds.map((r) => (r.do === "again" ? r : { ...r, minutes: 10 })),
});
test.each(all)("%s: no move after its deadline, and the room goes on without it", (name, given) => {
  const rules = timed(given, "forfeit");
  seeds((seed) => {
    const r = rng(seed, name);
    let log = opened(rules, r);
    for (let i = 0; i < 400 && !replay(rules, log).over; i++) {
      const turn = r.choose(legal(rules, log).filter((t) => t.do !== "lapse"));
      const act = randomAct(r, turn);
      const due = turn.until!;
      const move = (at: number): Move => ({ id: `${i}`, seat: turn.seat, at, act });
      const missed: Move = {
        id: `${i}`,
        seat: "room",
        at: due + 1,
        act: { do: "lapse", of: turn.seat },
      };
      expect(refusal(rules, log, move(due + 1))).toMatch(/deadline/);
      expect(refusal(rules, log, { ...missed, at: due })).toMatch(/still has time/);
      log = play(rules, log, r.next() < 0.3 ? missed : move(due));
    }
    expect(replay(rules, log).over).toBeDefined();
  }, 2);
  const strict = timed(given, "annul");
  const log = opened(strict, rng(1));
  const turn = legal(strict, log)[0]!;
  const missed: Move = {
    id: "1",
    seat: "room",
    at: turn.until! + 1,
    act: { do: "lapse", of: turn.seat },
  };
  const annulled = play(strict, log, missed);
  expect(replay(strict, annulled).over!.by).toBe("annulled");
  expect(score(strict, annulled)).toBeUndefined();
});

test("what is not revealed can be taken back, and a clock corrected with a reason", () => {
  const rules = timed(protocols.get("khan-interactive")!, "forfeit");
  const open = opened(rules, rng(1));
  const text = "word ".repeat(80);
  const speak = (id: string, seat: string, at: number): Move => ({
    id,
    seat,
    at,
    act: { do: "speak", items: [{ content: [{ text }] }] },
  });
  const one = play(rules, open, speak("1", "a", 2000));
  const undo = { do: "undo", of: "a", reason: "sent too early" } as const;
  expect(refusal(rules, one, { id: "2", seat: "b", at: 2001, act: undo })).toMatch(/one's own/);
  const back = play(rules, one, { id: "2", seat: "a", at: 2001, act: undo });
  expect(view(rules, back, "a").turns.map((t) => t.do)).toEqual(["speak"]);
  const both = play(rules, play(rules, back, speak("3", "a", 2002)), speak("4", "b", 2003));
  expect(refusal(rules, both, { id: "5", seat: "a", at: 2004, act: undo })).toMatch(/taken back/);
  const late = both.at(-1)!.at + 15 * 60_000;
  const judge: Move = {
    id: "6",
    seat: "judge",
    at: late,
    act: { do: "credence", credence: [0.5, 0.5], end: false, content: [] },
  };
  expect(refusal(rules, both, judge)).toMatch(/deadline/);
  const extended = play(rules, both, {
    id: "5",
    seat: "facilitator",
    at: 2005,
    act: { do: "extend", minutes: 10, reason: "the server was down" },
  });
  expect(refusal(rules, extended, judge)).toBeUndefined();
});

test("options of endings are off in replications and work when they are on", () => {
  const rules = protocols.get("nyu-debate")!;
  for (const r of [...protocols.values()].flatMap((p) => p.rounds))
    if (r.do === "credence") expect([r.least, r.swing]).toEqual([0, 1]);
  const careful: Rules = {
    ...rules,
    rounds: rules.rounds.map((r) => (r.do === "credence" ? { ...r, least: 2, swing: 0.3 } : r)),
  };
  const say = (p: number, end: boolean): Act => ({
    do: "credence",
    credence: [p, 1 - p],
    end,
    content: [],
  });
  const speak: Act = { do: "speak", items: [{ content: [{ text: "x" }] }] };
  const steps: [string, Act][] = [
    ["judge", say(0.5, false)],
    ["a", speak],
    ["b", speak],
    ["judge", say(0.5, false)],
    ["a", speak],
    ["b", speak],
  ];
  let log = opened(careful, rng(1));
  for (const [i, [seat, act]] of steps.entries()) {
    if (i === 3)
      expect(refusal(careful, log, { id: "x", seat, at: 2000, act: say(0.5, true) })).toMatch(
        /cannot end here/,
      );
    log = play(careful, log, { id: `${i}`, seat, at: 2000 + i, act });
  }
  const end = (p: number) =>
    refusal(careful, log, { id: "x", seat: "judge", at: 3000, act: say(p, true) });
  expect(end(0.9)).toMatch(/moved by more than 0.3/);
  expect(end(0.75)).toBeUndefined();
});

test("rules that lead nowhere are refused by place", () => {
  const { rounds, ...rest } = protocols.get("nyu-debate")!;
  expect(() =>
    parseRules(
      { ...rest, rounds: [...rounds, { do: "again", label: "x", to: "nowhere", most: 2 }] },
      "mine",
    ),
  ).toThrow(/mine has no rules of a room: rounds\.6: to must name an earlier round/);
  expect(() => parseRules({ ...rest, rounds, seats: {} }, "mine")).toThrow(TillerError);
});

describe("several judges", () => {
  const rules = protocols.get("jury")!;
  const credence = (p: number, end = false): Act => ({
    do: "credence",
    credence: [p, 1 - p],
    end,
    content: [],
  });
  const speak = (text: string): Act => ({ do: "speak", items: [{ content: [{ text }] }] });
  const of: Record<string, Act[]> = {
    a: [speak("One."), speak("Two.")],
    b: [speak("No."), speak("Never.")],
    "judge-1": [0.5, 0.8, 0.9]
      .map((p) => credence(p))
      .concat(speak("It is Anna."), credence(0.9, true)),
    "judge-2": [0.5, 0.6, 0.4].map((p) => credence(p)).concat(speak("Is it?"), credence(0.7, true)),
    "judge-3": [0.5, 0.5, 0.5].map((p) => credence(p)).concat(speak("Hm."), credence(0.8, true)),
  };
  let log = opened(rules, rng(1, "jury"), { truth: 0 });
  const sees = (seat: string) => {
    const others = view(rules, log, seat).rounds.flatMap((r) => r.moves);
    return others.filter((m) => m.by.startsWith("judge") && m.by !== seat).length;
  };
  test("none hears another before all have judged alone; then they talk, and each earns by the last word", () => {
    const seen = new Map<string, number>();
    for (let turn = legal(rules, log)[0]; turn; turn = legal(rules, log)[0]) {
      seen.set(turn.label, Math.max(...["judge-1", "judge-2", "a"].map(sees)));
      const act = of[turn.seat]!.shift()!;
      log = play(rules, log, { id: `${log.length}`, seat: turn.seat, at: log.length * 1000, act });
    }
    for (const label of ["prior", "after-openings", "speeches", "alone"])
      expect(seen.get(label), label).toBe(0);
    expect(seen.get("discussion")).toBeGreaterThanOrEqual(6);
    const s = score(rules, log)!;
    expect(Object.values(s.judges["judge-2"]!).map((p) => p[0])).toEqual([0.5, 0.4, 0.7]);
    expect(s.credence[0]).toBeCloseTo(0.8, 12);
    expect(s.pooled.alone).toBeCloseTo(Math.log2(0.6), 12);
    expect(s.pooled.last).toBeCloseTo(Math.log2(0.8), 12);
    expect(s.seats["judge-1"]).toBeCloseTo(Math.log2(0.9), 12);
  });
  test("of judges who stay alone to the end, the last word is the one alone", () => {
    const panel = protocols.get("nyu-panel")!;
    const over = last(playthrough(panel, rng(3, "panel")));
    const s = score(panel, over)!;
    expect(Object.keys(s.judges)).toHaveLength(3);
    for (const j of Object.values(s.judges)) expect(j.alone).toEqual(j.last);
    expect(s.pooled.alone).toBe(s.pooled.last);
  });
  test("what is revealed with a round that does not follow is no rule", () => {
    const rounds = rules.rounds.map((r) =>
      r.label === "prior" ? { ...r, reveal: { with: "nowhere" } } : r,
    );
    expect(() => parseRules({ ...rules, rounds }, "mine")).toThrow(
      /reveal.with must name a later round, not nowhere/,
    );
    expect(() => severalJudges(rules, 2, { name: "more", about: "" })).toThrow(/jury has 3 judges/);
  });
});
