/** Command-line flags through a zod schema: unknown or malformed ones get one line with the remedy. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { decimal } from "@tiller/data/json.ts";
import { TillerError } from "@tiller/schema";

/** A flag that is a number: 5 or 0.5 or 1e-3; no empty one, no spaces, no hex. */
export const numberFlag = <T extends z.ZodType<unknown, number>>(rule: T) =>
  z
    .string()
    .transform((text, c) => {
      const n = decimal(text);
      if (typeof n === "number" && Number.isFinite(n)) return n;
      c.addIssue({ code: "custom", message: `${JSON.stringify(text)} is no number` });
      return z.NEVER;
    })
    .pipe(rule);
/** One that counts: digits alone. */
export const countFlag = <T extends z.ZodType<unknown, number>>(rule: T) =>
  z
    .string()
    .regex(/^-?\d{1,16}$/, "a whole number, in digits")
    .transform(Number)
    .pipe(rule);

/** A flag with what `--help` says of it: the value in capitals, and a sentence. */
export const flag = <T extends z.ZodType>(schema: T, value: string, description: string): T =>
  schema.meta({ value, description });
const text = z.string().min(1).optional();
/** The home that a command is about. */
export const homeFlag = flag(text, "DIR", "the home (TILLER_HOME, or the user's own)");

/** The flags by their schema, and what stands beside them; after `--` nothing is a flag. */
export function parseFlags<S extends z.ZodRawShape>(
  args: readonly string[],
  shape: S,
): { flags: z.infer<z.ZodObject<S>>; named: string[] } {
  const known = Object.keys(shape)
    .map((k) => `--${k}`)
    .join(" ");
  try {
    const isFlag = (s: z.ZodType) => s.safeParse(true).success && !s.safeParse("1").success;
    const { values, positionals } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(shape).map(([k, s]) => [
          k,
          { type: isFlag(s as unknown as z.ZodType) ? ("boolean" as const) : ("string" as const) },
        ]),
      ),
    });
    const flags = z.strictObject(shape).parse(values) as z.infer<z.ZodObject<S>>;
    return { flags, named: positionals };
  } catch (cause) {
    const why =
      cause instanceof z.ZodError
        ? cause.issues.map((i) => `--${i.path.join(".")}: ${i.message}`).join("; ")
        : (cause as Error).message.split(". ")[0];
    throw new TillerError(
      "bad_flag",
      `${why}. ${known ? `The flags are ${known}.` : "There are no flags here."}`,
      { cause },
    );
  }
}
