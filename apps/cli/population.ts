/**
 * Whose answers a figure of `tiller quality` is about: those of a file, or of this home, and of them the project, source,
 * version and stretch of time that are asked for. Every output names it, with how many were left out.
 */
import path from "node:path";
import { z } from "zod";
import { Population, TillerError } from "@tiller/schema";
import { defaultHome, openStore } from "@tiller/store";
import { qualityData } from "@tiller/work";
import { flag } from "./flags.ts";

const time = z.iso.datetime({ offset: true });
const text = z.string().min(1).optional();
export const populationFlags = {
  project: flag(text, "ID", "answers of this project only"),
  source: flag(text, "NAME", "of this source only"),
  version: flag(text, "V", "to this version of the kind of work only"),
  since: flag(time.optional(), "TIME", "submitted at this time or later"),
  until: flag(time.optional(), "TIME", "submitted before this time"),
};
export type PopulationFlags = { readonly [K in keyof typeof populationFlags]?: string | undefined };
/** The columns that say it; of our own exports the second names. */
const columns = {
  project: ["project", "experiment"],
  source: ["source"],
  version: ["version", "typeVersion"],
  at: ["at"],
} as const;
const cell = z.string().optional();
export const populationColumns = {
  project: cell,
  experiment: cell,
  source: cell,
  version: cell,
  typeVersion: cell,
  at: cell,
};
export type PopulationColumns = {
  readonly [K in keyof typeof populationColumns]?: string | undefined;
};

export interface Counted {
  /** in words */
  readonly about: string;
  readonly answers: number;
  readonly elsewhere: number;
}
export const inWords = (c: Counted): string =>
  `About ${c.about}: ${c.answers} answers${c.elsewhere ? `; ${c.elsewhere} others are not counted` : ""}.`;

/** The rows of a file that are asked for; a column that must say it and is not there is an error. */
export function ofPopulation<R extends PopulationColumns>(
  file: string,
  rows: readonly R[],
  flags: PopulationFlags,
): { rows: R[]; population: Counted } {
  const valueOf = (name: keyof typeof columns): ((r: R) => string | undefined) => {
    const column = columns[name].find((c) => rows.some((r) => r[c] !== undefined));
    if (!column)
      throw new TillerError(
        "bad_csv",
        `${file} has no column ${columns[name].join(" or ")}, which would say the ${name === "at" ? "time" : name} of an answer. Add it, or leave the flag out.`,
      );
    return (r) => r[column];
  };
  const wanted: ((r: R) => boolean)[] = [];
  const words: string[] = [];
  for (const name of ["project", "source", "version"] as const) {
    const asked = flags[name];
    if (asked === undefined) continue;
    const of = valueOf(name);
    wanted.push((r) => of(r) === asked);
    words.push(`${name} ${asked}`);
  }
  for (const name of ["since", "until"] as const) {
    const asked = flags[name];
    if (asked === undefined) continue;
    const of = valueOf("at");
    const bound = Date.parse(asked);
    wanted.push((r) => {
      const at = time.safeParse(of(r));
      if (!at.success)
        throw new TillerError(
          "bad_csv",
          `${file}: at is ${JSON.stringify(of(r) ?? "")}, which is no time with a zone, such as 2026-01-31T23:59:59Z. Correct it, or leave --${name} out.`,
        );
      const moment = Date.parse(at.data);
      return name === "since" ? moment >= bound : moment < bound;
    });
    words.push(`${name} ${asked}`);
  }
  const kept = rows.filter((r) => wanted.every((w) => w(r)));
  if (!kept.length)
    throw new TillerError(
      "no_answers",
      rows.length
        ? `none of the ${rows.length} answers of ${file} is of ${words.join(", ")}. Ask for others.`
        : `${file} has no answers.`,
    );
  return {
    rows: kept,
    population: {
      about: [path.basename(file), ...words].join(", "),
      answers: kept.length,
      elsewhere: rows.length - kept.length,
    },
  };
}

/** Of this home: the answers to one field of a kind of work, as the quality pages count them. */
export async function ofHome(
  o: PopulationFlags & { type: string; field: string; home?: string | undefined },
): Promise<{
  rows: { task: string; worker: string; label: string }[];
  population: Counted;
}> {
  const { project, source, version, since, until } = o;
  const asked = Population.safeParse({ experiment: project, source, version, since, until });
  if (!asked.success)
    throw new TillerError("bad_flag", asked.error.issues.map((i) => i.message).join("; "));
  await using store = await openStore({
    home: path.resolve(o.home ?? defaultHome()),
    databaseUrl: process.env["DATABASE_URL"],
    guest: true,
  });
  const data = await qualityData(store.db, {
    type: o.type,
    field: o.field,
    population: asked.data,
  });
  const pseudonym = new Map(data.people.map((p) => [p.id as string, p.pseudonym]));
  const { title, answers, elsewhere } = data.population;
  const words = [`${o.field} of ${o.type}`, title];
  for (const [name, value] of Object.entries({ project, version, since, until }))
    if (value !== undefined) words.push(`${name} ${value}`);
  if (!data.rows.length)
    throw new TillerError(
      "no_answers",
      `there are no answers of ${words.join(", ")}; ${elsewhere} others are here. Ask for others.`,
    );
  return {
    rows: data.rows.map((r) => ({
      task: r.task,
      worker: pseudonym.get(r.person) ?? r.person,
      label: r.label,
    })),
    population: { about: words.join(", "), answers, elsewhere },
  };
}
