/**
 * tiller quality aggregate answers.csv: what several people's labels say by every method, and which method to use.
 * answers.csv has the columns task,worker,label, gzipped or not; --truth names a file of task,truth.
 */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import { chooseMethod, labelTable, type MethodName, methods, scoreAgainst } from "@tiller/crowd";
import { wilson } from "@tiller/learn";
import { TillerError } from "@tiller/schema";
import { readCsv } from "./csv.ts";
import { parseFlags } from "./flags.ts";
import { table } from "./table.ts";

const name = z.string().min(1);
const usage =
  "tiller quality aggregate ANSWERS.csv [--truth TRUTH.csv] [--json] [--out LABELS.csv]";

export async function run([verb, file, ...rest]: string[]): Promise<number> {
  if (verb !== "aggregate" || !file || file.startsWith("--"))
    throw new TillerError("bad_command", `give a file of answers: ${usage}`);
  const flags = parseFlags(rest, {
    truth: z.string().optional(),
    json: z.boolean().default(false),
    out: z.string().optional(),
  });
  const answers = readCsv(file, { task: name, worker: name, label: name });
  if (!answers.length) throw new TillerError("no_answers", `${file} has no answers.`);
  const truth =
    flags.truth &&
    new Map(readCsv(flags.truth, { task: name, truth: name }).map((r) => [r.task, r.truth]));

  const t = labelTable(answers);
  const { best, losses } = chooseMethod(t);
  const results = (Object.keys(methods) as MethodName[]).map((key) => {
    const began = performance.now();
    const { posterior } = methods[key].infer(t);
    const seconds = (performance.now() - began) / 1000;
    const score = truth ? scoreAgainst(t, posterior, truth) : undefined;
    const interval = score && wilson(score.accuracy * score.n, score.n);
    return { name: key, posterior, seconds, score, interval, heldOut: losses.get(key)! };
  });
  if (flags.out) writeLabels(flags.out, t, results.find((r) => r.name === best)!.posterior);

  if (flags.json) {
    const shown = results.map(({ name, seconds, score, interval, heldOut }) => ({
      name,
      accuracy: score?.accuracy ?? null,
      accuracyLow: interval?.low ?? null,
      accuracyHigh: interval?.high ?? null,
      f1: score?.f1 ?? null,
      heldOutLoss: heldOut.loss,
      heldOutLow: heldOut.low,
      heldOutHigh: heldOut.high,
      seconds,
    }));
    console.log(JSON.stringify({ methods: shown, best }));
    return 0;
  }
  console.log(
    `${t.tasks.length} tasks, ${t.worker.length} answers, ${t.workers.length} workers, labels ${t.labels.join(", ")}\n`,
  );
  const percent = (x: number) => (100 * x).toFixed(2);
  console.log(
    table(
      ["method", "accuracy %", "95 %", "F1 %", "held-out loss", "95 %", "seconds"],
      results.map(({ name, seconds, score, interval, heldOut }) => [
        methods[name].title + (name === best ? " *" : ""),
        score ? percent(score.accuracy) : "",
        interval ? `${percent(interval.low)} to ${percent(interval.high)}` : "",
        score && score.f1 !== null ? percent(score.f1) : "",
        heldOut.loss.toFixed(4),
        `${heldOut.low.toFixed(4)} to ${heldOut.high.toFixed(4)}`,
        seconds.toFixed(2),
      ]),
    ),
  );
  console.log(`\n* predicts answers it has not seen best: use this one.`);
  return 0;
}

/** task,label,probability by the chosen method. */
function writeLabels(file: string, t: ReturnType<typeof labelTable>, posterior: Float64Array) {
  const K = t.labels.length;
  const quote = (s: string) => (/[",\n\r]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s);
  const lines = t.tasks.flatMap((task, i) =>
    t.labels.map((l, k) => `${quote(task)},${quote(l)},${posterior[i * K + k].toFixed(6)}`),
  );
  writeFileSync(file, `task,label,probability\n${lines.join("\n")}\n`);
}
