/**
 * tiller debate score FOLDER: published debate rooms by condition. FOLDER holds rooms in the NYU platform's JSON, also packed as
 * .tar.gz or .tar.xz, and the platform's metadata (*metadata.json, .jsonl, .jsonl.gz).
 */
import { z } from "zod";
import { type Condition, conditions } from "@tiller/room";
import { TillerError, wilson } from "@tiller/schema";
import { command, verb } from "./command.ts";
import { compareFlags, compareWays } from "./debate-compare.ts";
import { readDebates } from "./debate-files.ts";
import { judgeJudges, judgesFlags } from "./debate-judges.ts";
import { table } from "./table.ts";

const flags = {
  include: z
    .enum(["finished", "paper"])
    .default("finished")
    .describe("all rooms with a judge's verdict, or those that the metadata marks as in the paper"),
  json: z.boolean().default(false).describe("print JSON"),
};

async function scoreFolder(o: z.infer<z.ZodObject<typeof flags>>, folder: string): Promise<number> {
  const { rooms, included, notRooms } = await readDebates(folder);
  if (o.include === "paper" && !included)
    throw new TillerError(
      "no_metadata",
      `${folder} has no *metadata.json or *metadata.jsonl, which says what is in the paper. Leave --include out, or add the platform's metadata.`,
    );
  const asked = o.include === "paper" ? rooms.filter((r) => included!.has(r.name)) : rooms;
  const found = conditions(asked);
  if (o.json) {
    console.log(JSON.stringify({ include: o.include, rooms: asked.length, conditions: found }));
    return 0;
  }
  const counted = found.reduce((sum, c) => sum + c.n, 0);
  console.log(
    `${rooms.length} rooms${o.include === "paper" ? `, ${asked.length} of them in the paper` : ""}; ${counted} have a judge's verdict\n`,
  );
  console.log(shown(found));
  if (notRooms.length > 0)
    console.error(`\n${notRooms.length} files are no rooms: ${notRooms.slice(0, 5).join(", ")}`);
  return 0;
}

const nameOf = (c: Condition) =>
  `${c.human ? "people" : "models"}, ${c.debate ? "debate" : "consultancy"}`;
const fixed = (x: number | null | undefined, digits: number) =>
  x === null || x === undefined ? "-" : x.toFixed(digits);

function shown(found: readonly Condition[]): string {
  const percent = (c: { n?: number; accuracy?: number | null }) => {
    if (!c.n || c.accuracy === null || c.accuracy === undefined) return "-";
    const { low, high } = wilson(c.accuracy * c.n, c.n);
    const show = (x: number) => (100 * x).toFixed(1);
    return `${show(c.accuracy)} (${show(low)} to ${show(high)})`;
  };
  const verdicts = found.flatMap((c) => {
    const row = (name: string, of: Partial<Condition>) => [
      name,
      String(of.n ?? 0),
      percent(of),
      String(of.ties ?? 0),
      fixed(of.score, 2),
      fixed(of.coin, 2),
      fixed(of.ece, 3),
      fixed(of.rounds, 2),
      fixed(of.bitsPerRound, 3),
    ];
    const sides = c.debate
      ? []
      : (["honest", "dishonest"] as const).flatMap((side) =>
          c[side] ? [row(`  ${side} consultant`, c[side] as Partial<Condition>)] : [],
        );
    return [row(nameOf(c), c), ...sides];
  });
  const speeches = found.flatMap((c) =>
    (["both", "honest", "dishonest"] as const).flatMap((side) => {
      const speech = side === "both" ? (c.debate ? c.speech : null) : c[side]?.speech;
      if (!speech) return [];
      const { characters, quoted, newlyQuoted } = speech;
      const figures = [characters, quoted, newlyQuoted].map((x) => fixed(x, 0));
      return [[`${nameOf(c)}, ${side}`, ...figures]];
    }),
  );
  return [
    table(
      ["", "n", "accuracy % (95 %)", "ties", "score", "coin", "ECE", "rounds", "bits/round"],
      verdicts,
    ),
    "",
    table(["a round", "characters", "quoted", "newly quoted"], speeches),
    "",
    "A tie is not right. Score: the judge's, by the room's rule; coin: what even credences would have earned in the same rounds.",
    "ECE: 10 bins of the credence in the likelier answer. Bits a round: all bits gained over all rounds.",
  ].join("\n");
}

export const debateCommand = command("debate", {
  score: verb({
    what: "accuracy, score, calibration, rounds and bits a round of published rooms",
    takes: ["FOLDER"],
    flags,
    run: scoreFolder,
  }),
  judges: verb({
    what: "judges' calibration beside a coin, each and pooled, and their accuracy with its effects",
    takes: ["FILE|FOLDER"],
    flags: judgesFlags,
    run: judgeJudges,
  }),
  compare: verb({
    what: "ways of oversight on the same questions: judges alone, consultancy, critique, debate",
    takes: ["FILE"],
    flags: compareFlags,
    run: compareWays,
  }),
});
