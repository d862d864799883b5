/**
 * Rows of a converter or a mapping as rows of our own format. What a format has no place for is kept under `source`, so
 * that it goes out again: with the task, and with the answer where the answers to one task differ in it.
 */
import { createHash } from "node:crypto";
import { AnswerRow } from "./formats.ts";
import type { ImportedType } from "./imported-types.ts";
import type { Mapped } from "./mapped.ts";
import { BadRow, parsedRow, type SourceRow } from "./row.ts";

const digest = (x: unknown): string =>
  createHash("sha256").update(JSON.stringify(x)).digest("hex").slice(0, 24);

/** The order of the file, a microsecond a line. */
const later = (at: Date, line: number): string =>
  new Date(at.getTime() + Math.floor(line / 1000))
    .toISOString()
    .replace("Z", `${String(line % 1000).padStart(3, "0")}Z`);

/** Of one experiment, and one kind of work. */
export function answersIn(o: { experiment: string; type: ImportedType; at: Date }) {
  return ({ line }: SourceRow, m: Mapped): SourceRow => {
    const type = m.type ?? o.type;
    const batch = `${o.experiment}/${m.batch ?? "rows"}`;
    const task = `${batch}/${digest(m.task ?? m.input)}`;
    const rater = m.rater ?? "label";
    for (const name of ["activeSeconds", "idleSeconds", "weight"] as const)
      if (m[name] !== undefined && !(m[name] >= 0 && m[name] < 1e9))
        throw new BadRow(line, `${name}: ${m[name]} is below 0 or beyond all measure`);
    const row = {
      // the same row has the same id: a second import of the file changes nothing
      answer: `${o.experiment}/${digest([task, rater, m.value])}`,
      task,
      type: type.name,
      typeVersion: type.version,
      instructionsVersion: "",
      experiment: o.experiment,
      batch,
      rater: `${o.experiment}:${rater}`, // two imports' w1 are two people
      simulated: false,
      swap: m.swap ?? false,
      activeSeconds: m.activeSeconds ?? 0,
      idleSeconds: m.idleSeconds ?? 0,
      weight: m.weight ?? 1,
      at: m.at ?? later(o.at, line),
      undoneAt: null,
      input: m.source && Object.keys(m.source).length ? { ...m.input, source: m.source } : m.input,
      draft: null,
      value: m.value,
    };
    parsedRow(AnswerRow, row, line);
    const text = JSON.stringify({
      ...row,
      // a time that the file does not say must not make the same row differ tomorrow
      ...(m.at === undefined ? { timeUnknown: true } : {}),
      ...(m.rater === undefined ? { unnamed: true } : {}),
      ...(m.task === undefined ? { byContent: true } : {}),
    });
    return { line, row, text };
  };
}
