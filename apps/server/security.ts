/**
 * What guards the door beside the roles: headers, rates, addresses. These rates are counted in this process's
 * memory: two server processes let twice as much through, and a restart forgets. Guesses at passwords are counted in the
 * database (store/attempts.ts).
 */
import { isIP } from "node:net";
import type { Context } from "hono";
import { getConnInfo } from "@hono/node-server/conninfo";
import { createMiddleware } from "hono/factory";
import { secureHeaders } from "hono/secure-headers";
import { isOpenai } from "./openai-error.ts";
import { TillerError } from "@tiller/schema";
import { say } from "./problems.ts";

/** Set when a proxy in front of Tiller ends https and says so in x-forwarded-*; else these headers are anybody's word. */
const behindProxy = () => process.env["TILLER_TRUST_PROXY"] === "1";

/** What a trusted proxy says of the request it got; of several, the first is the one that the person's browser spoke to. */
const forwarded = (c: Context, name: "proto" | "host"): string | undefined =>
  behindProxy()
    ? c.req.header(`x-forwarded-${name}`)?.split(",")[0]?.trim().toLowerCase()
    : undefined;
const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:]+\](:\d{1,5})?$/;

/** How people reach this server, where it was told so: `--public-url`. Without the slash at its end. */
export const publicAddress = (): string | undefined => {
  const said = process.env["TILLER_PUBLIC_URL"];
  if (!said) return undefined;
  const url = URL.parse(said);
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/")
    throw new TillerError(
      "bad_public_url",
      `the address at which people reach this server is not written as https://tiller.example.org, but ${said}. Correct --public-url or TILLER_PUBLIC_URL.`,
    );
  return url.origin;
};

export const isHttps = (c: Context): boolean =>
  new URL(c.req.url).protocol === "https:" || forwarded(c, "proto") === "https";

/** The host that the person's browser asked for. */
export function hostOf(c: Context): string {
  const said = forwarded(c, "host");
  return said && HOST.test(said) ? said : (c.req.header("host") ?? new URL(c.req.url).host);
}
/** Tiller's own address as people see it: what links begin with. As it was told, else as this person's browser asked for it. */
export const originOf = (c: Context): string =>
  publicAddress() ?? `${isHttps(c) ? "https" : "http"}://${hostOf(c)}`;

export function clientAddress(c: Context): string {
  const said = behindProxy() && c.req.header("x-forwarded-for")?.split(",").at(-1)?.trim();
  if (said) return networkOf(said);
  try {
    return networkOf(getConnInfo(c).remote.address ?? "unknown");
  } catch {
    return "in-process"; // a test's request has no connection
  }
}

/** One customer has a /64 of IPv6: its addresses count as one. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.includes(".")) return address;
  const [head = "", tail = ""] = address.replace(/%.*/, "").split("::");
  const [left, right] = [head, tail].map((part) => part.split(":").filter(Boolean)) as [
    string[],
    string[],
  ];
  const zeros = new Array<string>(8 - left.length - right.length).fill("0");
  const groups = [...left, ...zeros, ...right].map((g) => parseInt(g, 16).toString(16));
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** Nothing from elsewhere, nothing inline. Styles that React sets go through the DOM and are not inline ones. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const headers = secureHeaders({
  crossOriginResourcePolicy: "same-origin",
  crossOriginOpenerPolicy: "same-origin",
  referrerPolicy: "same-origin",
  strictTransportSecurity: false, // only where there is https: below
  xFrameOptions: "DENY",
  permissionsPolicy: { camera: [], microphone: [], geolocation: [], payment: [], usb: [] },
});

export const securityHeaders = createMiddleware(async (c, next) => {
  await headers(c, next);
  // a page may bring a stricter policy of its own
  if (!c.res.headers.has("content-security-policy"))
    c.res.headers.set("content-security-policy", POLICY);
  if (isHttps(c)) c.res.headers.set("strict-transport-security", "max-age=31536000");
  if (c.req.path.startsWith("/api/") && !c.res.headers.has("cache-control"))
    c.res.headers.set("cache-control", "no-store");
});

/** `burst` at once, and `perMinute` in the long run. Far above what hands can do, far below what hurts. */
const rates = {
  /** unknown links, invitations and keys from one address */
  unknown: { burst: 120, perMinute: 12 },
  submission: { burst: 1000, perMinute: 6000 },
  completion: { burst: 200, perMinute: 1200 },
  request: { burst: 2000, perMinute: 12_000 },
} as const;
export type Rate = keyof typeof rates;

const KEPT = 20_000; // buckets at most; a full bucket is the same as none

export class Limiter {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  readonly #now: () => number;
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }
  #tokens(rate: Rate, key: string): number {
    const { burst, perMinute } = rates[rate];
    const bucket = this.#buckets.get(`${rate} ${key}`);
    if (!bucket) return burst;
    return Math.min(burst, bucket.tokens + ((this.#now() - bucket.at) / 60_000) * perMinute);
  }
  /** Seconds to wait until one more would pass; 0: it passes now. */
  wait(rate: Rate, key: string): number {
    const missing = 1 - this.#tokens(rate, key);
    return missing <= 0 ? 0 : Math.ceil((missing / rates[rate].perMinute) * 60);
  }
  /** Counts one. */
  take(rate: Rate, key: string): void {
    if (this.#buckets.size >= KEPT) this.#forget();
    const at = this.#now();
    this.#buckets.set(`${rate} ${key}`, { tokens: this.#tokens(rate, key) - 1, at });
  }
  #forget(): void {
    for (const [name, b] of this.#buckets) {
      const rate = rates[name.split(" ")[0] as Rate];
      if (b.tokens + ((this.#now() - b.at) / 60_000) * rate.perMinute >= rate.burst)
        this.#buckets.delete(name);
    }
    for (const name of this.#buckets.keys()) {
      if (this.#buckets.size < KEPT) break;
      this.#buckets.delete(name); // the oldest first
    }
  }
}

/** What each signed-in person may do how often, by the path. */
export const rateOf = (method: string, path: string): Rate =>
  path === "/api/desk/answers"
    ? "submission"
    : method === "POST" && path.startsWith("/v1/")
      ? "completion"
      : "request";

export const tooMany = (c: Context, seconds: number): Response => {
  c.header("retry-after", String(seconds));
  const code = isOpenai(c.req.path) ? "rate_limit_exceeded" : "too_many";
  return say(c, 429, code, `Too many requests. Try again in ${seconds} s.`);
};
