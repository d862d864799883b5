/** Money, months and browsers in words. */

/** Minor units as the currency writes them. */
export const money = (minor: number, currency: string): string => {
  if (!currency) return String(minor);
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
};

/** The running month, in UTC days; the end is not included. */
export function thisMonth(): { from: string; to: string } {
  const now = new Date();
  const first = (n: number) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + n, 1)).toISOString().slice(0, 10);
  return { from: first(0), to: first(1) };
}

/** Enough of what a browser says of itself to tell one's own devices apart. */
export function browserName(agent: string, kind: string): string {
  if (kind === "link") return "A sign-in link";
  if (kind === "key") return "An API key";
  const browser = /(Firefox|Edg|Chrome|Safari)\//.exec(agent)?.[1] ?? "A program";
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent)?.[1];
  const name = browser === "Edg" ? "Edge" : browser;
  return system ? `${name} on ${system}` : name;
}
