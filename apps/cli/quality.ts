/**
 * tiller quality: what several people's answers say. Of files, or (aggregate with --type and --field) of this home. The columns
 * of a file: task,worker,label, or those of tiller project export --rows answers; for preferences a,b,worker,choice (a, b, tie) and seconds if known; project or experiment,
 * source, version or typeVersion, and at say whose answers are meant. Every output names them, and how many others there are.
 * Files may be packed by gzip or zstd.
 */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import {
  agreementWithin,
  chooseMethod,
  comparePairModels,
  heldOutDensity,
  labelTable,
  type MethodName,
  methods,
  numberMethods,
  onceEach,
  scoreAgainst,
  scoreNumbers,
  screening,
} from "@tiller/crowd";
import { csvHeader, csvLine } from "@tiller/data";
import { own, TillerError, wilson } from "@tiller/schema";
import { type Estimate, median } from "@tiller/crowd/statistics.ts";
import { answerColumns } from "./answers-file.ts";
import { csvFlags, type CsvFlags, numberCell, readCsv } from "./csv.ts";
import {
  inWords,
  ofHome,
  ofPopulation,
  populationColumns,
  type PopulationColumns,
  type PopulationFlags,
  populationFlags,
} from "./population.ts";
import { command, verb } from "./command.ts";
import { countFlag, flag, homeFlag, numberFlag } from "./flags.ts";
import { table } from "./table.ts";

const name = z.string().min(1);
const percent = (x: number) => (100 * x).toFixed(2);
const between = (e: { low: number; high: number }, show: (x: number) => string) =>
  `${show(e.low)} to ${show(e.high)}`;

const json = z.boolean().default(false).describe("print JSON");
const aggregateFlags = {
  truth: flag(z.string().optional(), "FILE", "task,truth: how right each method is"),
  numbers: z
    .boolean()
    .default(false)
    .describe("labels are numbers: mean, median, weighted by people"),
  json,
  out: flag(z.string().optional(), "FILE", "the labels by the best method, as CSV"),
  type: flag(name.optional(), "NAME", "without a file: the kind of work in this home"),
  field: flag(name.optional(), "NAME", "which question; of a file, the column of its labels"),
  home: homeFlag,
  ...populationFlags,
  ...csvFlags,
};
const screeningFlags = {
  "test-truth": flag(z.string(), "FILE", "task,truth of the test"),
  answers: flag(z.string(), "FILE", "task,worker,label of the work"),
  truth: flag(z.string(), "FILE", "task,truth of the work"),
  bar: numberFlag(z.number().min(0).max(1))
    .default(0.8)
    .describe("accuracy in the test that passes"),
  json,
  ...populationFlags,
  ...csvFlags,
};
const preferencesFlags = {
  folds: countFlag(z.int().min(2).max(1000)).default(5).describe("of the cross-validation"),
  json,
  ...populationFlags,
  ...csvFlags,
};
type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;

type Asked = CsvFlags & PopulationFlags;
/** Answers of a file, and of them those that are asked for. */
async function answersIn<T>(
  file: string,
  label: z.ZodType<T>,
  o: Asked & { field?: string | undefined },
) {
  const columns = await answerColumns(file, o);
  const cell = z.string().optional();
  const { task, worker, sentBack } = columns;
  const shape = {
    ...populationColumns,
    ...(sentBack === undefined ? {} : { [sentBack]: cell }),
    [task]: name,
    [worker]: name,
    [columns.label]: sentBack === undefined ? label : label.optional(), // an optional question may be unanswered
  };
  const read = (await readCsv(file, shape, o)) as Readonly<Record<string, unknown>>[];
  const rows = read.flatMap((r) =>
    (sentBack !== undefined && own(r, sentBack) === "true") || own(r, columns.label) === undefined
      ? []
      : [
          {
            ...r,
            task: own(r, task) as string,
            worker: own(r, worker) as string,
            label: own(r, columns.label) as T,
          },
        ],
  );
  if (rows.length < read.length)
    console.error(
      `${read.length - rows.length} rows left out: their answers were sent back, or say nothing on ${columns.label}`,
    );
  return ofPopulation<(typeof rows)[number] & PopulationColumns>(file, rows, o);
}
type HomeFlags = {
  type?: string | undefined;
  field?: string | undefined;
  home?: string | undefined;
};
/** Of a file, or where none is named of this home. */
async function answersOf<T>(file: string | undefined, label: z.ZodType<T>, o: Asked & HomeFlags) {
  const { type, field, home } = o;
  if (file !== undefined) {
    if (type !== undefined)
      throw new TillerError(
        "bad_flag",
        `--type is of this home's answers, and ${file} is a file. Leave one of the two out.`,
      );
    return answersIn(file, label, o);
  }
  if (type === undefined || field === undefined)
    throw new TillerError("bad_flag", "give a file, or --type and --field of this home's answers.");
  const { rows, population } = await ofHome({ ...o, type, field, home });
  return {
    population,
    rows: rows.map((r) => {
      const said = label.safeParse(r.label);
      if (said.success) return { ...r, label: said.data };
      throw new TillerError(
        "bad_label",
        `${r.worker} on ${r.task}: ${said.error.issues[0]!.message}. Leave --numbers out?`,
      );
    }),
  };
}
const readTruth = async (file: string, o: CsvFlags) =>
  truths(file, await readCsv(file, { task: name, truth: name }, o));
/** One truth a task. */
function truths<T>(file: string, rows: readonly { task: string; truth: T }[]): Map<string, T> {
  const found = new Map<string, T>();
  for (const { task, truth } of rows) {
    if (found.has(task) && found.get(task) !== truth)
      throw new TillerError(
        "bad_csv",
        `${file}: the task ${task} has two truths, ${String(found.get(task))} and ${String(truth)}. Take one out.`,
      );
    found.set(task, truth);
  }
  return found;
}

async function aggregate(flags: Flags<typeof aggregateFlags>, file?: string): Promise<number> {
  if (flags.numbers) return aggregateNumbers(file, flags);
  const { rows: answers, population } = await answersOf(file, name, flags);
  const truth = flags.truth === undefined ? undefined : await readTruth(flags.truth, flags);
  const t = labelTable(answers);
  const { best, losses } = chooseMethod(t);
  const results = (Object.keys(methods) as MethodName[]).map((key) => {
    const began = performance.now();
    const { posterior, fit } = methods[key].infer(t);
    const seconds = (performance.now() - began) / 1000;
    const score = truth ? scoreAgainst(t, posterior, truth) : undefined;
    const interval = score && wilson(score.accuracy * score.n, score.n);
    return { name: key, posterior, fit, seconds, score, interval, heldOut: losses.get(key)! };
  });
  if (flags.out) writeLabels(flags.out, t, results.find((r) => r.name === best)!.posterior);

  if (flags.json) {
    const shown = results.map(({ name, fit, seconds, score, interval, heldOut }) => ({
      name,
      converged: fit.converged,
      accuracy: score?.accuracy ?? null,
      accuracyLow: interval?.low ?? null,
      accuracyHigh: interval?.high ?? null,
      f1: score?.f1 ?? null,
      heldOutLoss: heldOut.loss,
      heldOutLow: heldOut.low,
      heldOutHigh: heldOut.high,
      seconds,
    }));
    console.log(JSON.stringify({ population, methods: shown, best, repeated: t.repeated }));
    return 0;
  }
  console.log(inWords(population));
  console.log(
    `${t.tasks.length} tasks, ${t.worker.length} answers, ${t.workers.length} workers, labels ${t.labels.join(", ")}\n${again(t.repeated)}`,
  );
  console.log(
    table(
      ["method", "accuracy %", "95 %", "F1 %", "held-out loss", "95 %", "seconds"],
      results.map(({ name, seconds, score, interval, heldOut }) => [
        methods[name].title + (name === best ? " *" : ""),
        score ? percent(score.accuracy) : "",
        interval ? between(interval, percent) : "",
        score && score.f1 !== null ? percent(score.f1) : "",
        heldOut.loss.toFixed(4),
        between(heldOut, (x) => x.toFixed(4)),
        seconds.toFixed(2),
      ]),
    ),
  );
  console.log(`\n* predicts answers it has not seen best: use this one.`);
  cutOff(results.filter((r) => !r.fit.converged).map((r) => methods[r.name].title));
  return 0;
}
/** Fits that ended at their limit of steps. */
function cutOff(titles: readonly string[]): void {
  if (titles.length)
    console.log(`${titles.join(", ")}: cut off at the limit of steps; with more, labels may move.`);
}

const again = (n: number): string =>
  n
    ? `${n} rows left out: the same person answered the task again, and the last row counts
`
    : "";
/** task,label,probability by the chosen method. */
function writeLabels(file: string, t: ReturnType<typeof labelTable>, posterior: Float64Array) {
  const K = t.labels.length;
  const lines = t.tasks.flatMap((task, i) =>
    t.labels.map((l, k) => csvLine([task, l, Number(posterior[i * K + k].toFixed(6))])),
  );
  writeFileSync(file, `${csvHeader(["task", "label", "probability"])}${lines.join("")}`);
}

async function aggregateNumbers(
  file: string | undefined,
  flags: Asked &
    HomeFlags & { truth?: string | undefined; json: boolean; out?: string | undefined },
): Promise<number> {
  const { rows, population } = await answersOf(file, numberCell, flags);
  const answers = rows.map((r) => ({
    task: r.task,
    worker: r.worker,
    value: r.label,
  }));
  const truth =
    flags.truth === undefined
      ? undefined
      : truths(flags.truth, await readCsv(flags.truth, { task: name, truth: numberCell }, flags));
  const results = Object.entries(numberMethods).map(([key, method]) => {
    const began = performance.now();
    const result = method.infer(answers);
    const seconds = (performance.now() - began) / 1000;
    const score = truth ? scoreNumbers(result, truth) : null;
    return {
      name: key,
      title: method.title,
      heldOutLoss: heldOutDensity(key, answers),
      score,
      seconds,
      result,
    };
  });
  const best = results.reduce((a, b) => (b.heldOutLoss < a.heldOutLoss ? b : a));
  if (flags.out)
    writeFileSync(
      flags.out,
      `${csvHeader(["task", "value", "sd"])}${[...best.result.tasks].map(([task, x]) => csvLine([task, x.value, x.sd])).join("")}`,
    );
  const repeated = answers.length - onceEach(answers).length;
  if (flags.json) {
    const shown = results.map(({ name, heldOutLoss, score, seconds, result }) => ({
      name,
      converged: result.converged,
      heldOutLoss,
      ...score,
      seconds,
    }));
    console.log(JSON.stringify({ population, methods: shown, best: best.name, repeated }));
    return 0;
  }
  console.log(inWords(population));
  process.stdout.write(again(repeated));
  console.log(
    table(
      ["method", "MAE", "RMSE", "in the 95 % interval", "held-out loss", "seconds"],
      results.map((r) => [
        r.title + (r === best ? " *" : ""),
        r.score ? r.score.mae.toFixed(3) : "",
        r.score ? r.score.rmse.toFixed(3) : "",
        r.score ? `${percent(r.score.covered)} %` : "",
        r.heldOutLoss.toFixed(4),
        r.seconds.toFixed(2),
      ]),
    ),
  );
  console.log(`\n* predicts answers it has not seen best: use this one.`);
  cutOff(results.filter((r) => !r.result.converged).map((r) => r.title));
  return 0;
}

const csvOf = ({ encoding, separator, guarded }: CsvFlags): CsvFlags => ({
  encoding,
  separator,
  guarded,
});
const shown = (e: Estimate) => `${percent(e.at)} % (${between(e, percent)}), ${e.n} people`;
async function screen(flags: Flags<typeof screeningFlags>, file: string): Promise<number> {
  // who is asked for is a matter of the work; the test is one
  const { rows: test } = await answersIn(file, name, csvOf(flags));
  const { rows: work, population } = await answersIn(flags.answers, name, flags);
  const found = screening(
    { answers: test, truth: await readTruth(flags["test-truth"], flags) },
    { answers: work, truth: await readTruth(flags.truth, flags) },
    flags.bar,
  );
  if (flags.json) {
    console.log(JSON.stringify({ population, ...found }));
    return 0;
  }
  console.log(inWords(population));
  const r = found.correlation;
  console.log(
    `${found.people} people took the test and did the work.\n` +
      `correlation of the test with accuracy: ${r.at.toFixed(3)} (${between(r, (x) => x.toFixed(3))})\n` +
      `accuracy of those at ${percent(flags.bar)} % or more: ${shown(found.passed)}\n` +
      `accuracy of the others: ${shown(found.failed)}`,
  );
  return 0;
}

async function preferences(flags: Flags<typeof preferencesFlags>, file: string): Promise<number> {
  const choice = z.enum(["a", "b", "tie"]);
  const seconds_ = numberCell.pipe(z.number().min(0)).optional();
  const shape = { a: name, b: name, worker: name, choice, seconds: seconds_, ...populationColumns };
  const { rows, population } = ofPopulation(file, await readCsv(file, shape, flags), flags);
  const decided = rows.filter((r) => r.choice !== "tie");
  const { raw } = agreementWithin(
    decided.map((r) => {
      // a pair is one task whichever of the two stands first
      const turned = r.a > r.b;
      const task = turned ? `${r.b}\n${r.a}` : `${r.a}\n${r.b}`;
      return { task, worker: r.worker, label: (r.choice === "a") === turned ? "second" : "first" };
    }),
  );
  const times = rows.flatMap((r) => r.seconds ?? []);
  const seconds = times.length ? median(times) : null;
  const models = comparePairModels(
    rows.map((r) => ({ rater: r.worker, a: r.a, b: r.b, choice: r.choice })),
    { names: ["bradley-terry", "majority", "noisy"], folds: flags.folds },
  );
  if (flags.json) {
    console.log(
      JSON.stringify({
        population,
        judgments: rows.length,
        agreement: raw,
        medianSeconds: seconds,
        models,
      }),
    );
    return 0;
  }
  console.log(inWords(population));
  console.log(
    `${rows.length} comparisons; agreement without ties ${percent(raw.at)} % (${between(raw, percent)}), ${raw.n} pairs` +
      (seconds === null ? "\n" : `; median ${seconds.toFixed(0)} s\n`),
  );
  console.log(
    table(
      ["model", "held-out loss", "against the first", "95 %", "side right %"],
      models.map((m) => [
        m.title,
        m.loss.toFixed(4),
        m.difference.toFixed(4),
        between(m, (x) => x.toFixed(4)),
        percent(m.right),
      ]),
    ),
  );
  const short = models.filter((m) => !m.converged).map((m) => m.title);
  if (short.length)
    console.log(
      `\n${short.join(", ")}: not at its maximum after 1,000 steps, so its loss is an upper bound.`,
    );
  return 0;
}

export const qualityCommand = command("quality", {
  aggregate: verb({
    what: "labels by every method, and which to use",
    takes: ["[ANSWERS.csv]"],
    flags: aggregateFlags,
    run: aggregate,
  }),
  screening: verb({
    what: "whether a test tells who will be right in the work",
    takes: ["TEST.csv"],
    flags: screeningFlags,
    run: screen,
  }),
  preferences: verb({
    what: "agreement, and which model predicts comparisons it has not seen",
    takes: ["COMPARISONS.csv"],
    flags: preferencesFlags,
    run: preferences,
  }),
});
