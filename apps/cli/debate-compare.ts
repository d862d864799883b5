/**
 * tiller debate compare FILE --out DIR: ways of oversight on the same questions (recipes/compare-oversight.ts). FILE has a question a line, {text,
 * question, options, answer}, or stories of FairytaleQA. Seats are readers that search the text, or models of models.json.
 */
import { createWriteStream, existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import type { Rules } from "@tiller/room";
import { own, rng, TillerError } from "@tiller/schema";
import { SamplerPool, serverModelClient } from "@tiller/serve";
import { defaultHome, openStore } from "@tiller/store";
import { compareOversight } from "../../recipes/compare-oversight.ts";
import { OversightPlan } from "../../recipes/oversight/analysis.ts";
import { inMemory } from "../../recipes/oversight/in-memory.ts";
import { type Asked, modelSeat, type Player } from "../../recipes/oversight/play.ts";
import { questionsOf, type TextQuestion } from "../../recipes/oversight/questions.ts";
import { lotSeat, readerSeats, trainReader } from "../../recipes/oversight/readers.ts";
import { reportOversight } from "../../recipes/oversight/report.ts";
import { readJson } from "./debate-files.ts";
import { progressBar } from "./file-job.ts";
import { countFlag, flag, homeFlag, numberFlag } from "./flags.ts";

const model = z
  .string()
  .regex(/^model:.+$/, "model:NAME")
  .optional();
export const compareFlags = {
  out: flag(z.string().min(1), "DIR", "the plan, every room, and the result are kept there"),
  judge: flag(model, "model:NAME", "who judges (default: a reader)"),
  debater: flag(model, "model:NAME", "who argues (default: a reader that searches the text)"),
  questions: countFlag(z.int().min(2)).default(800).describe("at most"),
  preflight: countFlag(z.int().min(0)).default(50).describe("questions tried before"),
  quoted: countFlag(z.int().min(40)).default(600).describe("characters of the text that are shown"),
  asymmetry: z
    .enum(["quotes", "none"])
    .default("quotes")
    .describe("what a judge has: the quotes, or the text as well"),
  difference: numberFlag(z.number().positive().max(1))
    .default(0.05)
    .describe("that the primary comparison should find"),
  honest: numberFlag(z.number().min(0).max(1))
    .default(1)
    .describe("part of its budget that a reader for the right answer uses"),
  dishonest: numberFlag(z.number().min(0).max(1)).default(1).describe("the same for a wrong one"),
  stop: z.boolean().default(false).describe("as soon as the primary difference is shown"),
  seed: countFlag(z.int()).default(1).describe("of everything drawn"),
  models: flag(
    z.string().min(1).optional(),
    "FILE",
    "models.json in another place than the home's",
  ),
  home: homeFlag,
  json: z.boolean().default(false).describe("print JSON"),
};
type Flags = z.infer<z.ZodObject<typeof compareFlags>>;

/** Texts from which the readers learn are not asked about. */
const LEARN = { texts: 0.4, questions: 800 };

export async function compareWays(o: Flags, file: string): Promise<number> {
  const plan = OversightPlan.parse({
    questions: o.questions,
    preflight: o.preflight,
    quoted: o.quoted,
    asymmetry: o.asymmetry,
    difference: o.difference,
    stop: o.stop,
    seed: o.seed,
  });
  if (existsSync(path.join(o.out, "plan.json")))
    throw new TillerError(
      "exists",
      `${o.out} has a plan already, and a plan is made once. Give another folder with --out.`,
    );
  const rows = readJson(file);
  const questions = questionsOf(Array.isArray(rows) ? rows : [rows], { seed: o.seed });
  mkdirSync(o.out, { recursive: true });
  const rooms = createWriteStream(path.join(o.out, "rooms.jsonl"));
  const calls = createWriteStream(path.join(o.out, "asked.jsonl"));
  await using asking = await seatsFor(o, questions, (a) => calls.write(`${JSON.stringify(a)}\n`));
  const say = o.json ? undefined : progressBar();
  const done = await compareOversight(asking.questions, plan, {
    judge: inMemory(plan, {
      seats: (rules) => asking.seats(rules),
      room: (played) =>
        rooms.write(`${JSON.stringify({ kind: "tiller-room", version: 1, ...played })}\n`),
    }),
    progress: (i, n) => say?.(i, n, "questions"),
    keep(what, value) {
      const about = what === "plan" ? { file, seats: asking.who, ...(value as object) } : value;
      writeFileSync(path.join(o.out, `${what}.json`), `${JSON.stringify(about, undefined, 1)}\n`);
    },
  });
  for (const stream of [rooms, calls]) await new Promise<void>((resolve) => stream.end(resolve));
  const judged = done.judged.map((j) => `${JSON.stringify(j)}\n`).join("");
  writeFileSync(path.join(o.out, "judged.jsonl"), judged);
  const report = reportOversight(done);
  writeFileSync(path.join(o.out, "report.md"), `${report}\n`);
  console.log(o.json ? JSON.stringify(done.result) : report);
  return 0;
}

/** Who sits in each room, what they cost, and the questions that are left for it. */
async function seatsFor(o: Flags, all: readonly TextQuestion[], asked: (a: Asked) => void) {
  const read = o.judge === undefined || o.debater === undefined ? readersOf(o, all) : undefined;
  const seats =
    read && readerSeats(read.reader, { part: { honest: o.honest, dishonest: o.dishonest } });
  const open = o.judge || o.debater ? await openModels(o) : undefined;
  return {
    questions: read ? all.filter((q) => !read.texts.has(q.title)) : all,
    who: { judge: o.judge ?? "reader", debater: o.debater ?? "reader" },
    seats(rules: Rules) {
      let cost = 0;
      const seat = (name: string): Player => {
        const role = own(rules.seats, name)?.role;
        if (role === "chance") return lotSeat(o.seed);
        const who = role === "judge" ? o.judge : o.debater;
        if (who === undefined || !open) return own(seats!, name)!;
        return modelSeat(open.client, who.slice("model:".length), (a) => {
          cost += a.cost;
          asked(a);
        });
      };
      const names = Object.keys(rules.seats);
      return { seats: Object.fromEntries(names.map((n) => [n, seat(n)])), cost: () => cost };
    },
    async [Symbol.asyncDispose]() {
      await open?.[Symbol.asyncDispose]();
    },
  };
}

/** A reader, and the texts from which it learned: nothing is asked about them. */
function readersOf(o: Flags, all: readonly TextQuestion[]) {
  const titles = [...new Set(all.map((q) => q.title))];
  const texts = new Set(
    rng(o.seed, "texts to learn from")
      .shuffle(titles)
      .slice(0, Math.round(LEARN.texts * titles.length)),
  );
  const train = rng(o.seed, "questions to learn from")
    .shuffle(all.filter((q) => texts.has(q.title)))
    .slice(0, LEARN.questions);
  if (train.length < 20)
    throw new TillerError(
      "too_few",
      `readers learn from 40 % of the texts, and of ${titles.length} texts these have ${train.length} questions, fewer than 20. Give more texts, or models with --judge and --debater.`,
    );
  return { reader: trainReader(train, { seed: o.seed }), texts };
}

async function openModels(o: Flags) {
  const home = path.resolve(o.home ?? defaultHome());
  const store = await openStore({ home, databaseUrl: process.env["DATABASE_URL"], guest: true });
  const sampler = new SamplerPool();
  return {
    client: serverModelClient({ store, sampler, file: o.models }),
    async [Symbol.asyncDispose]() {
      sampler[Symbol.dispose]();
      await store.close();
    },
  };
}
