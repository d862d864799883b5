/**
 * Times of files, read in one place. A time says its zone or its zone is declared: nothing depends on where the machine
 * stands. Dates that no calendar has, hours that a change of clocks leaves out or repeats, are refused.
 */
import { clipped } from "./json.ts";

export const epochUnits = { s: 1_000_000n, ms: 1000n, us: 1n, ns: 1n } as const;
export type EpochUnit = keyof typeof epochUnits;
export class TimeError extends Error {}

const pad = (n: number | bigint, digits: number) => String(n).padStart(digits, "0");
const floorDivide = (a: bigint, b: bigint): bigint => a / b - (a % b < 0n ? 1n : 0n);

/** UTC with as many digits behind the second as the unit has. */
export function utc(
  count: bigint,
  unit: "ms" | "us" | "ns",
  o: { zone: "Z" | "" } = { zone: "Z" },
) {
  const digits = { ms: 3, us: 6, ns: 9 }[unit];
  const a = 10n ** BigInt(digits);
  const seconds = floorDivide(count, a);
  if (seconds < -62_167_219_200n || seconds > 253_402_300_799n)
    throw new TimeError(`${count} ${unit} from 1970 is no year from 0 to 9999`);
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${pad(count - seconds * a, digits)}${o.zone}`;
}
/** A time of day: 13:45:00.123456. */
export function timeOfDay(count: bigint, unit: "ms" | "us" | "ns"): string {
  const digits = { ms: 3, us: 6, ns: 9 }[unit];
  const a = 10n ** BigInt(digits);
  if (count < 0n || count >= 86_400n * a) throw new TimeError(`${count} ${unit} is no time of day`);
  const seconds = Number(count / a);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${pad(h, 2)}:${pad(m, 2)}:${pad(s, 2)}.${pad(count % a, digits)}`;
}
export const dateOf = (days: number): string => utc(BigInt(days) * 86_400_000n, "ms").slice(0, 10);

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d))?$/i;

/**
 * Microseconds since 1970 of a written time, or of a number where its unit is declared.
 * `zone`: of times that do not say theirs, an IANA name such as Europe/Berlin.
 */
export function microsOf(
  given: unknown,
  o: { zone?: string | undefined; unit?: EpochUnit | undefined } = {},
): bigint {
  if (o.unit !== undefined) return fromEpoch(given, o.unit);
  if (typeof given === "number" || (typeof given === "string" && /^-?\d+(\.\d+)?$/.test(given)))
    throw new TimeError(
      `${given} is a number. Say what it counts: "unit": "s", "ms", "us" or "ns" since 1970`,
    );
  if (typeof given !== "string")
    throw new TimeError(`${clipped(JSON.stringify(given) ?? "nothing")} is no time`);
  const found = pattern.exec(given);
  if (!found)
    throw new TimeError(
      `${JSON.stringify(clipped(given))} is no time. Write it as 2026-01-31T23:59:59Z`,
    );
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((x) => Number(x ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const days = new Date(Date.UTC(2000, month, 0));
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const last = month === 2 ? (leap ? 29 : 28) : days.getUTCDate();
  if (month < 1 || month > 12 || day < 1 || day > last)
    throw new TimeError(`${JSON.stringify(given)}: there is no such day`);
  if (hour > 23 || minute > 59 || second > 59)
    throw new TimeError(`${JSON.stringify(given)}: there is no such time of day`);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const local = date.getTime();
  const fraction = BigInt((found[7] ?? "").slice(0, 6).padEnd(6, "0"));
  const micros = (ms: number) => BigInt(ms) * 1000n + fraction;
  const zone = found[8];
  if (zone === undefined) {
    if (o.zone === undefined)
      throw new TimeError(
        `${JSON.stringify(given)} does not say its zone. Write Z or an offset behind it, or declare it: "zone": "UTC", or "Europe/Berlin"`,
      );
    return micros(inZone(local, o.zone, given));
  }
  if (/^(z|utc|gmt)$/i.test(zone)) return micros(local);
  const [h, m] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(":", "") || 0)];
  if (h > 14 || m > 59) throw new TimeError(`${JSON.stringify(given)}: there is no such offset`);
  return micros(local - (zone.startsWith("-") ? -1 : 1) * (h * 60 + m) * 60_000);
}

function fromEpoch(given: unknown, unit: EpochUnit): bigint {
  const text = typeof given === "number" ? String(given) : typeof given === "string" ? given : "";
  const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!found)
    throw new TimeError(`${clipped(JSON.stringify(given) ?? "nothing")} is no count of ${unit}`);
  const [, sign, whole, part = ""] = found;
  // in picoseconds, so that each unit keeps its fraction down to the microsecond
  const scale = { s: 12, ms: 9, us: 6, ns: 3 }[unit];
  const pico = BigInt(whole! + part.slice(0, scale).padEnd(scale, "0"));
  const micros = floorDivide(sign ? -pico : pico, 1_000_000n);
  const seconds = micros / 1_000_000n;
  if (seconds < -2_208_988_800n || seconds > 4_102_444_800n)
    throw new TimeError(
      `${text} ${unit} is ${seconds > 0n ? "after the year 2100" : "before the year 1900"}. Is the unit another one?`,
    );
  return micros;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function offsetAt(ms: number, zone: string): number {
  let format = formats.get(zone);
  if (!format) {
    try {
      format = new Intl.DateTimeFormat("en-US", {
        timeZone: zone,
        hourCycle: "h23",
        era: "short",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      });
    } catch (cause) {
      throw new TimeError(`there is no time zone ${JSON.stringify(zone)}`, { cause });
    }
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(ms).map((p) => [p.type, p.value]));
  const shown = new Date(0);
  shown.setUTCFullYear(Number(parts["year"]), Number(parts["month"]) - 1, Number(parts["day"]));
  shown.setUTCHours(Number(parts["hour"]), Number(parts["minute"]), Number(parts["second"]));
  return shown.getTime() - Math.floor(ms / 1000) * 1000;
}
/** The moment at which clocks in the zone show this. */
function inZone(local: number, zone: string, given: string): number {
  const day = 86_400_000;
  const offsets = new Set([offsetAt(local - day, zone), offsetAt(local + day, zone)]);
  const moments = [...offsets].map((o) => local - o).filter((m) => m + offsetAt(m, zone) === local);
  if (moments.length === 1) return moments[0]!;
  throw new TimeError(
    `${JSON.stringify(given)} in ${zone}: the clocks were changed, and ${moments.length ? "show this twice" : "never show this"}. Write the offset behind it`,
  );
}

/** As our own columns have it. */
export const isoOf = (micros: bigint): string => utc(micros, "us");
