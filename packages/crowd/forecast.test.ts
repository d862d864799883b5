/** Forecasts of queues by hand, and alerts with the numbers that they name. */
import { expect, test } from "vitest";
import { type ControlPerson, type ControlQueue, ExperimentId, PersonId } from "@tiller/schema";
import { alertsOf } from "./alerts.ts";
import { availableTo, completion, forecast, pace, type Queues } from "./forecast.ts";

const lane = (lane: number, kind: string, open: number) => ({ lane, kind, experiment: null, open });
const at = (person: string, lane: number, place = 0) => ({ person, lane, place });
const days = (state: Queues) => forecast(state).map((q) => [q.kind, q.perDay, q.days, q.measured]);

test("a pace is the person's own, else the kind's seconds in four hours, else a minute an answer", () => {
  const worked = [
    { person: "ann", kind: "long", answered: 60, days: 3, seconds: 7200 },
    { person: "bob", kind: "short", answered: 0, days: 0, seconds: 0 },
  ];
  const state = { lanes: [lane(1, "long", 140), lane(2, "short", 480)], worked };
  // ann 60 in 3 days, bob 4 h at ann's 120 s an answer; nobody ever did a short one
  expect(days({ ...state, people: [at("ann", 1), at("bob", 1)] })).toEqual([
    ["long", 20 + 120, 1, true],
    ["short", 0, null, false],
  ]);
  expect(days({ ...state, people: [at("bob", 2)] })[1]).toEqual(["short", 240, 2, false]);
});

test("people work their first place down, then the next; lanes of one place share them by what is left", () => {
  const worked = ["a", "b"].map((kind) => ({
    person: "ann",
    kind,
    answered: 10,
    days: 1,
    seconds: 600,
  }));
  const lanes = [lane(1, "a", 10), lane(2, "b", 20)];
  const inTurn = { lanes, worked, people: [at("ann", 1, 0), at("ann", 2, 1)] };
  expect(days(inTurn)).toEqual([
    ["a", 10, 1, true],
    ["b", 0, 3, false],
  ]);
  expect(days({ ...inTurn, people: [at("ann", 1), at("ann", 2)] }).map(([, , d]) => d)).toEqual([
    expect.closeTo(3, 9),
    expect.closeTo(3, 9),
  ]);
  expect([availableTo(inTurn, "ann"), availableTo(inTurn, "bob")]).toEqual([30, 0]);
});

const now = Date.UTC(2026, 0, 2);
/** 2 answers a minute over the last `minutes`. */
const samples = (minutes: number) =>
  Array.from({ length: minutes + 1 }, (_, i) => ({
    at: new Date(now - (minutes - i) * 60_000).toISOString(),
    done: 2 * i,
  }));

test("the pace of the last hour, and how long the rest takes with its spread", () => {
  expect([pace(samples(120), now), pace(samples(30), now), pace(samples(0), now)]).toEqual([
    120,
    120,
    null,
  ]);
  // 40 spans of a minute, 2 answers each, never less spread than counting: sd = sqrt(2 (1/40 + 1/60))
  const sd = 1.28 * Math.sqrt(2 * (1 / 40 + 1 / 60));
  expect(completion(120, samples(40), 0)).toEqual({
    low: expect.closeTo((120 * 60) / (2 + sd), 6),
    mid: 3600,
    high: expect.closeTo((120 * 60) / (2 - sd), 6),
    basis: "measured",
  });
  expect(completion(10, [], 20)).toEqual({ low: 21600, mid: 43200, high: 86400, basis: "guess" });
  expect([completion(10, [], 0), completion(0, [], 0)]).toEqual([
    null,
    { low: 0, mid: 0, high: 0, basis: "measured" },
  ]);
});

const queue: ControlQueue = {
  kind: "comparison",
  title: "Which is better?",
  experiment: ExperimentId.parse("e"),
  project: false,
  experimentTitle: "Study",
  batches: 1,
  done: 80,
  wanted: 200,
  perHour: 60,
  completion: { low: 6000, mid: 7200, high: 8000, basis: "measured" },
  priority: 0,
  deadline: null,
  may: 3,
  now: 2,
  paused: null,
};
const says = (q: Partial<ControlQueue>) =>
  alertsOf({ now, queues: [{ ...queue, ...q }], people: [] }).map((a) => [
    a.level,
    a.what,
    a.remedy,
  ]);
const inSeconds = (s: number) => new Date(now + 1000 * s).toISOString();

test("a queue that is late says by how much, and how many more people end it in time", () => {
  const name = "“Which is better?” of Study";
  expect(says({})).toEqual([]);
  expect(says({ deadline: inSeconds(9000) })).toEqual([]);
  // 120 left in an hour: twice the pace of two people
  expect(says({ deadline: inSeconds(3600) })).toEqual([
    ["bad", `${name} needs 2 hours at this pace and has 60 minutes.`, "Add 2 people."],
  ]);
  expect(says({ deadline: inSeconds(7500) })[0]).toEqual([
    "warn",
    `${name} needs 2 hours at this pace and has 2 hours.`,
    "It may be late: keep an eye on it, or add one person.",
  ]);
  expect(says({ deadline: inSeconds(-600) })[0]![1]).toBe(
    `${name} is past its deadline by 10 minutes; 120 answers are missing.`,
  );
  expect(says({ may: 0 })[0]![1]).toBe(
    `Nobody who was here in the last week may work on ${name}; 120 answers are missing.`,
  );
  expect(says({ may: 0, paused: "holiday" })).toEqual([]);
});

test("people far below the others' time, or with tasks left to run out, are named; the worst comes first", () => {
  const person = (id: string, medianSeconds: number, more: Partial<ControlPerson> = {}) =>
    ({
      person: PersonId.parse(id),
      pseudonym: `r-${id}`,
      simulated: false,
      pausedAt: null,
      expiredLeases: 0,
      quality: { answers: 25, medianSeconds, flag: "ok", concerns: [] },
      ...more,
    }) as unknown as ControlPerson;
  const people = [person("a", 10), person("b", 10), person("c", 12), person("d", 3.9)];
  const ids = (all: ControlPerson[]) => alertsOf({ now, queues: [], people: all }).map((a) => a.id);
  expect(ids(people)).toEqual(["fast d"]);
  expect(ids(people.slice(1))).toEqual([]); // three say too little
  expect(ids([...people, person("e", 11, { expiredLeases: 3 })])).toEqual(["fast d", "expired e"]);
  const careless = {
    answers: 60,
    medianSeconds: 10,
    flag: "careless",
    reliability: 0.52,
    concerns: [],
  };
  const found = alertsOf({
    now,
    queues: [],
    people: [
      ...people,
      person("f", 10, {
        quality: { ...careless, reliabilityLow: 0.4, reliabilityHigh: 0.61 } as never,
      }),
    ],
  });
  expect(found.map((a) => a.id)).toEqual(["careless f", "fast d"]);
  expect(found[0]!.what).toContain("is careless: reliability 52 % (40 % to 61 %).");
});
