/**
 * Which session a request is of. One browser may hold the sessions of several people, on one machine of several homes:
 * the cookie has the home in its name, and with further people the person too. They are told apart by the address:
 * `/desk` is the desk of who signed in first, `/as/rater-x1/desk` that of a second one (docs/decisions/0041).
 */
import { createHash } from "node:crypto";
import path from "node:path";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { getPath } from "hono/utils/url";
import type { Me, PersonId, SignedInHere } from "@tiller/schema";
import { issueToken, standingOf, type Store } from "@tiller/store";
import { isHttps } from "./security.ts";

const SESSION = "tiller_session"; // alone: as the cookie was called until 27 November 2026
const SEAT = /^\/as\/([a-z0-9-]{1,80})(?=\/|$)/;
const MOST = 16; // people of one browser that are looked up

const short = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 8);
/** The same for all servers of a home. */
const cookieOf = (home: string, seat?: string): string =>
  `${SESSION}_${short(path.resolve(home))}${seat ? `_${seat}` : ""}`;

/** A person's part of an address. Where the pseudonym cannot stand there as it is, something of the id keeps it apart. */
export function seatOf(p: Pick<Me, "id" | "pseudonym">): string {
  const plain = p.pseudonym
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 60);
  return plain === p.pseudonym ? plain : `${plain}-${short(p.id)}`;
}

/** The path without the seat: what routes are written by. */
export const pathWithoutSeat = (request: Request): string =>
  getPath(request).replace(SEAT, "") || "/";
const seatIn = (c: Context): string | undefined => SEAT.exec(new URL(c.req.url).pathname)?.[1];

export function sessionToken(c: Context, home: string): string | undefined {
  const seat = seatIn(c);
  return getCookie(c, cookieOf(home, seat)) ?? (seat ? undefined : getCookie(c, SESSION));
}

/** Opens a session for this browser beside those of others. Returns what the person's addresses begin with. */
export async function takeSeat(
  c: Context,
  { db, home }: Store,
  me: Me,
  madeBy?: PersonId,
): Promise<string> {
  const agent = c.req.header("user-agent") ?? "";
  const token = await issueToken(db, me.id, "session", { agent, madeBy });
  const first = await standingOf(db, firstToken(c, home), ["session"]);
  const own = seatOf(me);
  const seat = seatIn(c) === own || (first && first.id !== me.id) ? own : undefined;
  setCookie(c, cookieOf(home, seat), token, {
    httpOnly: true,
    sameSite: "Lax",
    secure: isHttps(c),
    path: "/",
    maxAge: 60 * 24 * 3600, // the server ends it earlier
  });
  return seat ? `/as/${seat}` : "";
}
const firstToken = (c: Context, home: string) =>
  getCookie(c, cookieOf(home)) ?? getCookie(c, SESSION) ?? "";

export function leaveSeat(c: Context, home: string): void {
  const seat = seatIn(c);
  deleteCookie(c, cookieOf(home, seat), { path: "/" });
  if (!seat) deleteCookie(c, SESSION, { path: "/" });
}

/**
 * Everybody of this home whose session this browser holds, whoever asks, and how many of its cookies are of nobody: those
 * are taken back. Looking makes no session last longer.
 */
export async function signedInHere(
  c: Context,
  { db, home }: Store,
): Promise<{ people: SignedInHere[]; unknown: number }> {
  const first = cookieOf(home);
  const cookies = Object.entries(getCookie(c))
    .filter(([name]) => name === first || name === SESSION || name.startsWith(`${first}_`))
    .slice(0, MOST);
  const people: SignedInHere[] = [];
  let unknown = 0;
  for (const [name, token] of cookies) {
    if (name === SESSION && cookies.some(([other]) => other === first)) continue;
    const p = await standingOf(db, token, ["session"]);
    const at = name.startsWith(`${first}_`) ? `/as/${name.slice(first.length + 1)}` : "";
    if (p) people.push({ name: p.name, pseudonym: p.pseudonym, role: p.role, path: at });
    else if (name !== SESSION) {
      deleteCookie(c, name, { path: "/" }); // the one of the older name may be another home's
      unknown++;
    }
  }
  return { people: people.toSorted((a, b) => a.path.localeCompare(b.path)), unknown };
}
