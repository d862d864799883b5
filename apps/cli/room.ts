/**
 * tiller room rules [NAME]: the ready-made protocols, or one as JSON. tiller room check RULES: explores small instances of a
 * protocol and draws its rounds. tiller room show FILE --out X.html: a room as one file to read. Rooms on the server: room-live.ts.
 */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import {
  check,
  mermaid,
  protocols,
  reader,
  type Rules,
  parseRules,
  score,
  svg,
  view,
} from "@tiller/room";
import { own, TillerError } from "@tiller/schema";
import { command, verb } from "./command.ts";
import { readJson, readRoom } from "./debate-files.ts";
import { countFlag, flag } from "./flags.ts";
import { liveVerbs } from "./room-live.ts";
import { exportFlags, exportRooms, importFlags, importRoom } from "./room-files.ts";
import { judgeFlags, judgeRoom, seenFlags, showSeen } from "./room-judge.ts";

const rulesOf = (given: string): Rules => {
  const known = protocols.get(given);
  if (known) return known;
  if (!/[./]/.test(given))
    throw new TillerError(
      "no_protocol",
      `there is no protocol ${given}; the ready-made are ${[...protocols.keys()].join(", ")}. Name one of them, or a JSON file.`,
    );
  return parseRules(readJson(given), given);
};

const rulesFlags = {
  out: flag(z.string().min(1).optional(), "FILE", "the JSON of one, to change and to check"),
};
async function showRules(
  o: z.infer<z.ZodObject<typeof rulesFlags>>,
  name?: string,
): Promise<number> {
  if (name === undefined)
    for (const r of protocols.values())
      console.log(`${r.name.padEnd(20)}${r.about}\n${" ".repeat(20)}${r.source}`);
  else {
    const json = JSON.stringify(rulesOf(name), undefined, 2);
    if (o.out === undefined) console.log(json);
    else writeFileSync(o.out, `${json}\n`);
  }
  return 0;
}

const checkFlags = {
  states: countFlag(z.int().min(10).max(1_000_000))
    .default(5000)
    .describe("how many states at most"),
  graph: flag(z.string().min(1).optional(), "FILE", "draw the rounds: .svg, or .mmd for Mermaid"),
  json: z.boolean().default(false).describe("print JSON"),
};
async function checkRules(
  o: z.infer<z.ZodObject<typeof checkFlags>>,
  given: string,
): Promise<number> {
  const rules = rulesOf(given);
  const found = check(rules, { states: o.states });
  if (o.graph !== undefined) {
    const kind = /\.(svg|mmd)$/.exec(o.graph)?.[1];
    if (!kind)
      throw new TillerError("bad_flag", `${o.graph} ends in neither .svg nor .mmd. Name it so.`);
    writeFileSync(o.graph, kind === "svg" ? svg(rules, found) : mermaid(rules, found));
  }
  if (o.json) console.log(JSON.stringify(found));
  else {
    const all = found.states >= o.states ? `the first ${found.states}` : `${found.states}`;
    console.log(
      `${rules.name}: ${all} states of small instances, ${found.longest} moves in the longest`,
    );
    console.log(`at most ${found.bound} rounds; ends: ${found.endings.join(", ") || "never"}`);
    for (const p of found.problems) console.log(`problem: ${p}`);
    if (found.problems.length === 0)
      console.log("every state has a move, rounds are revealed in order, every round is reached");
  }
  return found.problems.length > 0 ? 1 : 0;
}

const showFlags = {
  out: flag(z.string().min(1), "FILE", "the HTML file"),
  seat: flag(
    z.string().min(1).optional(),
    "NAME",
    "as that seat may see it (default: of a room that is over, a seat that knows the text)",
  ),
};
async function showRoom(o: z.infer<z.ZodObject<typeof showFlags>>, file: string): Promise<number> {
  const room = readRoom(file);
  const { name, rules, log } = room;
  const seats = Object.keys(rules.seats);
  const knowing = seats.find((s) => own(rules.seats, s)?.knows.includes("text")) ?? seats[0]!;
  const seen = view(rules, log, o.seat ?? knowing);
  if (!seen.over && o.seat === undefined)
    throw new TillerError(
      "not_over",
      `${file} is not over, and what may be seen depends on the seat. Give --seat ${seats.join("|")}.`,
    );
  // whoever sits in a room that goes on learns no names, and no prompts
  const beside = seen.over ? room : {};
  writeFileSync(o.out, reader(name, seen, score(rules, log), beside));
  console.log(`${o.out}: ${name} as ${seen.seat} may see it, opens in any browser`);
  return 0;
}

export const roomCommand = command("room", {
  rules: verb({
    what: "the ready-made protocols, or one of them as JSON",
    takes: ["[NAME]"],
    flags: rulesFlags,
    run: showRules,
  }),
  check: verb({
    what: "small instances of a protocol explored, its rounds drawn",
    takes: ["RULES"],
    flags: checkFlags,
    run: checkRules,
  }),
  show: verb({
    what: "a room as one HTML file: speeches, quotes in the text, credences",
    takes: ["FILE"],
    flags: showFlags,
    run: showRoom,
  }),
  ...liveVerbs,
  import: verb({
    what: "a room of the NYU platform, a tree of DC-Debates or a claim tree as a room of Tiller",
    takes: ["FILE"],
    flags: importFlags,
    run: importRoom,
  }),
  judge: verb({
    what: "a room that is over, judged again and blind, by a model",
    takes: ["FILE"],
    flags: judgeFlags,
    run: judgeRoom,
  }),
  seen: verb({
    what: "who saw which text, as whom, and argued for which answer",
    takes: ["[FILE|FOLDER]"],
    flags: seenFlags,
    run: showSeen,
  }),
  export: verb({
    what: "rooms as an Inspect log, or as rows to learn from",
    takes: ["FILE|FOLDER"],
    flags: exportFlags,
    run: exportRooms,
  }),
});
