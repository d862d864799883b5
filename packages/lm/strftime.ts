/** Python's datetime.strftime, local time, English names: chat templates date their system messages with it. */
const names = (options: Intl.DateTimeFormatOptions) => (at: Date) =>
  new Intl.DateTimeFormat("en-US", options).format(at);
const two = (n: number) => String(n).padStart(2, "0");
const dayOfYear = (at: Date) =>
  Math.round(
    (Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) - Date.UTC(at.getFullYear(), 0, 0)) /
      86_400_000,
  );

const directives: Readonly<Record<string, (at: Date) => string>> = {
  Y: (at) => String(at.getFullYear()),
  y: (at) => two(at.getFullYear() % 100),
  m: (at) => two(at.getMonth() + 1),
  d: (at) => two(at.getDate()),
  e: (at) => String(at.getDate()).padStart(2, " "),
  j: (at) => String(dayOfYear(at)).padStart(3, "0"),
  H: (at) => two(at.getHours()),
  I: (at) => two(at.getHours() % 12 || 12),
  M: (at) => two(at.getMinutes()),
  S: (at) => two(at.getSeconds()),
  p: (at) => (at.getHours() < 12 ? "AM" : "PM"),
  b: names({ month: "short" }),
  B: names({ month: "long" }),
  a: names({ weekday: "short" }),
  A: names({ weekday: "long" }),
  "%": () => "%",
};

/** Unknown directives stay as they are; "%-d" leaves out the leading zero, as glibc's. */
export const strftime = (at: Date, format: string): string =>
  format
    .replaceAll("%F", "%Y-%m-%d")
    .replaceAll("%T", "%H:%M:%S")
    .replace(/%(-?)([A-Za-z%])/g, (whole, bare: string, letter: string) => {
      const made = Object.hasOwn(directives, letter) ? directives[letter](at) : whole;
      return bare ? made.replace(/^[0 ]+(?=\d)/, "") : made;
    });
