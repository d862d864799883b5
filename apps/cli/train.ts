/**
 * tiller train METHOD FILE: a training method on a file of rows, without a server. Flags are the method's config fields.
 * Stopped, it goes on from its last state when it is started again with the same flags.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { kindOfFile, readRows } from "@tiller/data";
import { type Method, methods } from "@tiller/learn";
import { ModelConfig, shapeOf as shapeOfModel } from "@tiller/lm";
import { TillerError } from "@tiller/schema";
import { defaultHome } from "@tiller/store";
import { command, type Command, verb } from "./command.ts";
import { runFileJob } from "./file-job.ts";
import { flag, numberFlag } from "./flags.ts";
import { table } from "./table.ts";

type Shape = Readonly<Record<string, z.ZodType>>;
/** The object schema inside checks, transforms, defaults. */
function shapeOf(schema: z.ZodType): Shape {
  if (schema instanceof z.ZodObject) return schema.shape as Shape;
  const def = schema.def as unknown as { in?: z.ZodType; innerType?: z.ZodType };
  const inner = def.in ?? def.innerType;
  if (!inner) throw new Error("no object inside");
  return shapeOf(inner);
}
/** The value inside of defaults and optionals. */
const bare = (s: z.ZodType): z.ZodType =>
  s instanceof z.ZodDefault || s instanceof z.ZodOptional || s instanceof z.ZodNullable
    ? bare(s.unwrap() as z.ZodType)
    : s;
const standard = (s: z.ZodType): unknown =>
  s instanceof z.ZodDefault ? s.def.defaultValue : undefined;

/** A field of a config as a flag: numbers, choices, true and false; a number that may be null is "off". */
export function fieldFlag(field: z.ZodType): z.ZodType {
  const inner = bare(field);
  const value = standard(field);
  const said = `${field.description ?? ""}${value === undefined ? "" : ` (default: ${value === null ? "off" : JSON.stringify(value).replaceAll('"', "")})`}`;
  if (inner instanceof z.ZodBoolean)
    return flag(
      z
        .enum(["true", "false"])
        .transform((x) => x === "true")
        .optional(),
      "true|false",
      said,
    );
  if (inner instanceof z.ZodEnum) {
    const options = inner.options as [string, ...string[]];
    return flag(z.enum(options).optional(), options.join("|"), said);
  }
  const number = numberFlag(z.number());
  const off = field.safeParse(null).success;
  return off
    ? flag(
        z
          .literal("off")
          .transform(() => null)
          .or(number)
          .optional(),
        "N|off",
        said,
      )
    : flag(number.optional(), "N", said);
}

/** Fields of an input that are not given by a file or a config of their own. */
const inputFlags: Readonly<Record<string, z.ZodType>> = {
  reward: flag(z.string(), "DIR", "the reward model's folder"),
  ensemble: flag(z.string().optional(), "DIR,DIR", "further reward models' folders"),
  gold: flag(z.string().optional(), "DIR", "a reward model that says what the chosen is worth"),
  maxTokens: flag(
    numberFlag(z.int()).optional(),
    "N",
    "tokens of a row at most (default: 128, or what the base has room for)",
  ),
  maxPrompt: flag(numberFlag(z.int()).optional(), "N", "tokens of a prompt at most (default: 32)"),
  texts: flag(z.string().optional(), "FILE", "rows of text for the pretraining mix"),
};
const common = {
  base: flag(z.string(), "DIR", "the model to begin from"),
  out: flag(z.string(), "DIR", "the folder that is made"),
  home: flag(z.string().default(defaultHome()), "DIR", "where states are kept meanwhile"),
  seed: flag(numberFlag(z.int()).default(1), "N", "of every random number"),
  json: z.boolean().default(false).describe("the last line is JSON"),
};

/** What the model in `dir` has room for. */
function positionsOf(dir: string): number {
  const file = path.join(dir, "config.json");
  if (!existsSync(file))
    throw new TillerError(
      "no_model",
      `${dir} is no model's folder: it has no config.json. Bring one in with tiller model pull or import.`,
    );
  return shapeOfModel(ModelConfig.parse(JSON.parse(readFileSync(file, "utf8")))).positions;
}
/** Rows of a file as they stand in it; a CSV's cells as text. */
async function rowsOf(file: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const { row } of readRows(file, { kind: kindOfFile(file) })) rows.push(row);
  if (!rows.length)
    throw new TillerError("no_rows", `${file} has no rows. Give a file with at least one.`);
  return rows;
}
function fitting<T>(rows: readonly unknown[], Row: z.ZodType<T>, file: string, m: Method): T[] {
  return rows.map((row, i) => {
    const parsed = Row.safeParse(row);
    if (parsed.success) return parsed.data;
    const has = typeof row === "object" && row ? Object.keys(row).join(", ") : typeof row;
    const [issue] = parsed.error.issues; // of a choice of shapes no one field is to blame
    const why = issue?.path.length ? ` (${issue.path.join(".")}: ${issue.message})` : "";
    throw new TillerError(
      "wrong_rows",
      `row ${i + 1} of ${file} is not ${m.data.row}: it has ${has}${why}. ${m.title} reads ${m.data.row}.`,
    );
  });
}

function trainVerb(m: Method) {
  const input = shapeOf(m.job.input);
  const config = shapeOf(input["config"]!);
  const continuation = input["continuation"] ? shapeOf(bare(input["continuation"])) : {};
  const flagsOf = (shape: Shape) =>
    Object.fromEntries(
      Object.entries(shape).flatMap(([name, field]) => {
        const inner = bare(field);
        const known =
          inner instanceof z.ZodNumber ||
          inner instanceof z.ZodBoolean ||
          inner instanceof z.ZodEnum ||
          inner instanceof z.ZodUnion;
        return known && name !== "unendedScore" ? [[name, fieldFlag(field)]] : [];
      }),
    );
  const { out, ...rest } = common;
  const flags: z.ZodRawShape = {
    ...rest,
    ...(m.makes !== "figures" && { out }),
    ...Object.fromEntries(
      Object.keys(inputFlags).flatMap((n) => (input[n] ? [[n, inputFlags[n]!]] : [])),
    ),
    ...flagsOf(continuation),
    ...flagsOf(config),
  };

  return verb({
    what: `${m.title} (${m.paper}); rows are ${m.data.row}`,
    takes: ["FILE"],
    flags,
    async run(given: Record<string, unknown>, file: string): Promise<number> {
      const pick = (shape: Shape) =>
        Object.fromEntries(
          Object.keys(shape).flatMap((k) => (given[k] === undefined ? [] : [[k, given[k]]])),
        );
      const text = (name: string) => z.string().optional().parse(given[name]);
      const folder = (name: string) => path.resolve(text(name)!);
      const ensemble = text("ensemble");
      const made = {
        ...pick(input),
        base: folder("base"),
        ...(input["reward"] && { reward: folder("reward") }),
        ...(given["gold"] !== undefined && { gold: folder("gold") }),
        ...(ensemble !== undefined && {
          ensemble: ensemble.split(",").map((d) => path.resolve(d)),
        }),
        ...(input["continuation"] && { continuation: pick(continuation) }),
        ...(input["maxTokens"] && {
          maxTokens: given["maxTokens"] ?? Math.min(128, positionsOf(folder("base"))),
        }),
        ...(input["maxPrompt"] && { maxPrompt: given["maxPrompt"] ?? 32 }),
        [m.data.field]: file,
        config: pick(config),
        seed: given["seed"],
      };
      const parsed = m.job.input.safeParse(made);
      if (!parsed.success)
        throw new TillerError(
          "bad_config",
          parsed.error.issues.map((i) => `--${String(i.path.at(-1))}: ${i.message}`).join("; "),
        );
      const rows = new Map([[file, await rowsOf(file)]]);
      if (typeof given["texts"] === "string")
        rows.set(given["texts"], await rowsOf(given["texts"]));
      const result = await runFileJob(m.job, parsed.data, {
        home: text("home")!,
        out: given["out"] === undefined ? undefined : folder("out"),
        key: rows.get(file),
        rows: (id, Row) => fitting(rows.get(id)!, Row, id, m),
      });
      if (given["json"]) console.log(JSON.stringify(result));
      else if (m.makes === "figures") console.log(JSON.stringify(result, null, 2));
      else {
        const { checkpoint, metrics } = result as {
          checkpoint: string;
          metrics: Record<string, number>;
        };
        console.log(`${text("out")}: ${m.title}, id ${checkpoint.slice(0, 12)}`);
        console.log(
          table(
            ["figure", "value"],
            Object.entries(metrics).map(([k, v]) => [
              m.job.metrics[k]?.label ? `${k} (${m.job.metrics[k].label})` : k,
              Number(v.toPrecision(4)).toString(),
            ]),
          ),
        );
      }
      return 0;
    },
  });
}

async function list(): Promise<number> {
  const rows = methods.map((m) => [m.job.kind, m.title, m.paper, m.tier, m.data.row]);
  console.log(table(["method", "what it is", "paper", "tier", "a row"], rows));
  console.log(
    "\ntiller train METHOD --help lists its settings; docs/methods.md says what each rests on.",
  );
  return 0;
}
export const trainCommand: Command = command("train", {
  list: verb({ what: "the methods, their papers and what they read", flags: {}, run: list }),
  ...Object.fromEntries(methods.map((m) => [m.job.kind, trainVerb(m)])),
});
