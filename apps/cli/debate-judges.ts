/**
 * tiller debate judges FILE|FOLDER: what judges' credences are worth, each judge's and all together, beside a coin. Of a room, a folder
 * of rooms, or verdicts a line: {question, transcript, judge, credence, truth}.
 */
import { statSync } from "node:fs";
import { z } from "zod";
import {
  accuracyEffects,
  type CredenceScore,
  isRight,
  judgesReport,
  type Verdict,
} from "@tiller/crowd";
import { verdictsOf } from "@tiller/room";
import { TillerError } from "@tiller/schema";
import { isPractice, readDebates, readJson, readRoom } from "./debate-files.ts";
import { countFlag } from "./flags.ts";
import { table } from "./table.ts";

export const judgesFlags = {
  include: z
    .enum(["finished", "paper"])
    .default("finished")
    .describe("of a folder: all finished rooms, or those that its metadata marks as in the paper"),
  judged: z
    .enum(["live", "again", "all"])
    .default("all")
    .describe("verdicts of judges in the room, of those who judged it again, or both"),
  seed: countFlag(z.int()).default(1).describe("of folds, resamples and draws"),
  json: z.boolean().default(false).describe("print JSON"),
};
type Flags = z.infer<z.ZodObject<typeof judgesFlags>>;

const VerdictRow = z
  .strictObject({
    question: z.string(),
    transcript: z.string(),
    judge: z.string(),
    credence: z.array(z.number().min(0).max(1)).min(2),
    truth: z.int().min(0),
  })
  .refine((v) => v.truth < v.credence.length, { message: "truth is the place of an answer" })
  .refine((v) => Math.abs(v.credence.reduce((a, b) => a + b, -1)) < 1e-6, {
    message: "credences add up to 1",
    path: ["credence"],
  });

async function verdictsIn(file: string, o: Flags): Promise<Verdict[]> {
  const rooms = async () => {
    if (!statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
      if (!isPractice(file)) return [readRoom(file)];
      throw new TillerError(
        "practice",
        `somebody practised in ${file}: their credences are no result. Give the file of another room.`,
      );
    }
    const { rooms: all, included } = await readDebates(file);
    if (o.include === "finished") return all;
    if (included) return all.filter((r) => included.has(r.name));
    throw new TillerError(
      "no_metadata",
      `${file} has no *metadata.json or *metadata.jsonl, which says what is in the paper. Leave --include out, or add the platform's metadata.`,
    );
  };
  if (/\.jsonl(\.gz)?$/.test(file)) {
    const rows = z.array(VerdictRow).safeParse(readJson(file));
    if (rows.success) return rows.data;
    const { path: at, message } = rows.error.issues[0]!;
    throw new TillerError(
      "bad_verdicts",
      `${file}: row ${Number(at[0]) + 1}, ${at.slice(1).join(".") || "it"}: ${message}. A row is {question, transcript, judge, credence, truth}.`,
    );
  }
  return (await rooms())
    .flatMap((room) => verdictsOf(room))
    .filter((v) => o.judged === "all" || v.live === (o.judged === "live"));
}

export async function judgeJudges(o: Flags, file: string): Promise<number> {
  const verdicts = await verdictsIn(file, o);
  if (verdicts.length === 0)
    throw new TillerError(
      "no_verdicts",
      `${file}: no ${o.judged === "all" ? "" : `${o.judged} `}verdict in them. Give rooms that are over and were judged, or other --judged.`,
    );
  const report = judgesReport(verdicts, { seed: o.seed });
  const decided = verdicts.flatMap(({ credence, truth, ...v }) => {
    const right = isRight(credence, truth);
    return right === undefined ? [] : [{ ...v, right }];
  });
  const effects = decided.length > 0 ? accuracyEffects(decided, { seed: o.seed }) : null;
  if (o.json) {
    console.log(JSON.stringify({ verdicts: verdicts.length, ...report, effects }));
    return 0;
  }
  const fixed = (x: number, digits = 2) => x.toFixed(digits);
  const percent = (x: number) => (100 * x).toFixed(1);
  const row = (name: string, s: CredenceScore) => [
    name,
    String(s.n),
    `${percent(s.accuracy.at)} (${percent(s.accuracy.low)} to ${percent(s.accuracy.high)})`,
    String(s.ties),
    fixed(s.score),
    fixed(s.coin),
    Number.isNaN(s.gain.low)
      ? fixed(s.gain.at)
      : `${fixed(s.gain.at)} (${fixed(s.gain.low)} to ${fixed(s.gain.high)})`,
    fixed(s.rescaled),
    fixed(s.rescaledByJudge),
    fixed(s.scale),
    fixed(s.ece, 3),
  ];
  console.log(
    `${verdicts.length} verdicts of ${report.judges.length} judges on ${new Set(verdicts.map((v) => `${v.question}\n${v.transcript}`)).size} transcripts of ${new Set(verdicts.map((v) => v.question)).size} questions\n`,
  );
  const shown = report.judges.slice(0, 30);
  console.log(
    table(
      [
        "judge",
        "n",
        "right % (95 %)",
        "ties",
        "score",
        "coin",
        "gain over it",
        "rescaled",
        "by judge",
        "scale",
        "ECE",
      ],
      [
        ...shown.map((j) => row(j.judge, j)),
        row("all", report.all),
        ...(report.pooled
          ? [row(`pooled, ${fixed(report.pooled.judgesEach, 1)} each`, report.pooled)]
          : []),
      ],
    ),
  );
  if (shown.length < report.judges.length)
    console.log(`and ${report.judges.length - shown.length} judges with fewer verdicts`);
  console.log(
    `\nScore: mean log2 of the credence in the right answer. A tie is not right; as half right, all: ${percent(report.all.tiesHalf)} %.`,
  );
  console.log(
    `Rescaled: log-odds times a scale from other questions (${report.folds} folds), everybody's or the judge's own; scale: the best of all rows, below 1 where too sure.`,
  );
  if (effects) {
    const { accuracy: a } = effects;
    console.log(
      `\nA new judge of a new transcript, of those who decide: right ${percent(a.at)} % (${percent(a.low)} to ${percent(a.high)})`,
    );
    for (const { effect, sd } of effects.effects)
      console.log(
        `  ${sd.n} ${effect}s differ by ${fixed(sd.at)} (${fixed(sd.low)} to ${fixed(sd.high)}) in log-odds, a standard deviation`,
      );
    for (const { effect, why } of effects.leftOut) console.log(`  no effect of ${effect}s: ${why}`);
  }
  return 0;
}
