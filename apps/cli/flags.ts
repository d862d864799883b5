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

export function parseFlags<S extends z.ZodRawShape>(
  args: string[],
  shape: S,
): z.infer<z.ZodObject<S>> {
  const known = Object.keys(shape)
    .map((k) => `--${k}`)
    .join(" ");
  try {
    const isFlag = (s: z.ZodType) => s.safeParse(true).success && !s.safeParse("1").success;
    const { values } = parseArgs({
      args,
      strict: true,
      options: Object.fromEntries(
        Object.entries(shape).map(([k, s]) => [
          k,
          { type: isFlag(s as unknown as z.ZodType) ? ("boolean" as const) : ("string" as const) },
        ]),
      ),
    });
    return z.strictObject(shape).parse(values) as z.infer<z.ZodObject<S>>;
  } catch (cause) {
    const why =
      cause instanceof z.ZodError
        ? cause.issues.map((i) => `--${i.path.join(".")}: ${i.message}`).join("; ")
        : (cause as Error).message.split(". ")[0];
    throw new TillerError("bad_flag", `${why}. The flags are ${known}.`, { cause });
  }
}
