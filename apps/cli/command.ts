/**
 * A command as a table of its verbs, and each verb as what it takes: the arguments are parsed by it, and `--help` prints
 * it, so that the two cannot disagree. A command that does one thing has one verb without a name.
 */
import { z } from "zod";
import { own, TillerError } from "@tiller/schema";
import { parseFlags } from "./flags.ts";

export interface Verb {
  readonly what: string;
  /** what stands before or between the flags, in order: FILE, or [FILE] where it may be left out */
  readonly takes: readonly string[];
  readonly flags: z.ZodRawShape;
  readonly run: (flags: never, ...named: string[]) => Promise<number>;
}
export interface Command {
  readonly verbs: Readonly<Record<string, Verb>>;
  /** the exit status */
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** A verb whose `run` gets its flags by their types. */
export const verb = <S extends z.ZodRawShape>(v: {
  readonly what: string;
  readonly takes?: readonly string[];
  readonly flags: S;
  readonly run: (flags: z.infer<z.ZodObject<S>>, ...named: string[]) => Promise<number>;
}): Verb => ({ takes: [], ...v });

export const command = (name: string, verbs: Readonly<Record<string, Verb>>): Command => ({
  verbs,
  run: (args) => runCommand(name, verbs, args),
});

/** `tiller NAME VERB WHAT [--flag VALUE]`, as one line. */
function usage(name: string, key: string, { takes, flags }: Verb): string {
  const shown = Object.entries(flags).map(([flag, schema]) => {
    const { value, needed } = flagOf(schema as z.ZodType);
    const text = `--${flag}${value && ` ${value}`}`;
    return needed ? text : `[${text}]`;
  });
  return ["tiller", name, key, ...takes, ...shown].filter(Boolean).join(" ");
}
/** The verbs without their flags, each with what it does. */
function overview(name: string, verbs: Readonly<Record<string, Verb>>): string {
  const rows = Object.entries(verbs).map(([key, v]) => [[key, ...v.takes].join(" "), v.what]);
  const width = Math.max(...rows.map(([left]) => left!.length));
  return rows.map(([left, what]) => `  tiller ${name} ${left!.padEnd(width)}  ${what}`).join("\n");
}

interface Flag {
  readonly value: string;
  readonly needed: boolean;
  readonly what: string;
  readonly standard: string | undefined;
}
/** What a flag's schema says of it: by `flag`, else by itself. */
export function flagOf(schema: z.ZodType): Flag {
  const meta = schema.meta() ?? {};
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional
  ) {
    const inner = flagOf(schema.unwrap() as z.ZodType);
    const standard = schema instanceof z.ZodOptional ? undefined : String(schema.def.defaultValue);
    return {
      value: typeof meta["value"] === "string" ? meta["value"] : inner.value,
      what: meta.description ?? inner.what,
      needed: false,
      standard,
    };
  }
  const value =
    typeof meta["value"] === "string"
      ? meta["value"]
      : schema instanceof z.ZodBoolean
        ? ""
        : schema instanceof z.ZodEnum
          ? schema.options.join("|")
          : schema instanceof z.ZodPipe
            ? "N"
            : "TEXT";
  return { value, what: meta.description ?? "", needed: true, standard: undefined };
}

function help(name: string, key: string, v: Verb): string {
  const rows = Object.entries(v.flags).map(([flag, schema]) => {
    const { value, what, needed, standard } = flagOf(schema as z.ZodType);
    const note = needed
      ? " (needed)"
      : standard === undefined || !value || standard === ""
        ? ""
        : ` (default: ${standard})`;
    return [`--${flag}${value && ` ${value}`}`, `${what}${note}`];
  });
  const width = Math.min(28, Math.max(0, ...rows.map(([left]) => left!.length)));
  const lines = rows.map(([left, what]) =>
    left!.length > width
      ? `  ${left}\n  ${" ".repeat(width)}  ${what}`
      : `  ${left!.padEnd(width)}  ${what}`,
  );
  const first = ["tiller", name, key, ...v.takes, rows.length ? "[flags]" : ""];
  return [
    first.filter(Boolean).join(" "),
    `\n${v.what}`,
    ...(lines.length ? ["", ...lines] : []),
  ].join("\n");
}

async function runCommand(
  name: string,
  verbs: Command["verbs"],
  args: readonly string[],
): Promise<number> {
  const alone = own(verbs, "");
  const at = alone ? -1 : args.findIndex((a) => !a.startsWith("-"));
  const key = at < 0 ? "" : args[at]!;
  const found = own(verbs, key);
  const ended = args.indexOf("--");
  const asked = (ended < 0 ? args : args.slice(0, ended)).some((a) => a === "--help" || a === "-h");
  if (asked && (found || at < 0)) {
    console.log(
      found
        ? help(name, key, found)
        : `tiller ${name} VERB\n\n${overview(name, verbs)}\n\nThe flags of one: tiller ${name} VERB --help`,
    );
    return 0;
  }
  if (!found)
    throw new TillerError(
      "bad_command",
      `${key ? `there is no tiller ${name} ${key}` : "say what to do"}:\n${overview(name, verbs)}\nThe flags of one: tiller ${name} VERB --help`,
    );
  const { flags, named } = parseFlags(args.toSpliced(at, at < 0 ? 0 : 1), found.flags);
  const least = found.takes.filter((t) => !t.startsWith("[")).length;
  if (named.length < least || named.length > found.takes.length)
    throw new TillerError(
      "bad_command",
      `${named.length > found.takes.length ? `${named[found.takes.length]} is one too many` : `${found.takes[named.length]} is missing`}: ${usage(name, key, found)}`,
    );
  return found.run(flags as never, ...named);
}
