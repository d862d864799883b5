/**
 * The running server that a command talks to, as the home's researcher: that of the home, or the one that --url or
 * TILLER_URL names.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { createClient, type TillerClient } from "@tiller/client";
import { TillerError } from "@tiller/schema";
import { defaultHome, openStore, type Store } from "@tiller/store";
import { flag, homeFlag } from "./flags.ts";

export const remoteFlags = {
  url: flag(
    z.string().min(1).optional(),
    "ADDRESS",
    "of the server (TILLER_URL, or the home's own)",
  ),
  token: flag(
    z.string().min(1).optional(),
    "KEY",
    "a researcher's (TILLER_KEY, or the home's own)",
  ),
  home: homeFlag,
  json: z.boolean().default(false).describe("print JSON"),
};
type Remote = { readonly [K in "url" | "token" | "home"]?: string | undefined };

export function remote(o: Remote): TillerClient {
  const home = path.resolve(o.home ?? defaultHome());
  const kept = (...where: string[]): string | undefined => {
    try {
      return readFileSync(path.join(home, ...where), "utf8").trim();
    } catch {
      return undefined; // no server was ever started on this home
    }
  };
  const baseURL = o.url ?? process.env["TILLER_URL"] ?? kept("address") ?? "http://localhost:7070";
  const token = o.token ?? process.env["TILLER_KEY"] ?? kept("tokens", "key-researcher");
  if (token === undefined)
    throw new TillerError(
      "no_token",
      `there is no researcher's key in ${path.join(home, "tokens")}. Start the server there (npm start -- --home ${home}), or give --token.`,
    );
  const call: typeof fetch = async (to, init) => {
    try {
      return await fetch(to, init);
    } catch (cause) {
      throw new TillerError(
        "no_server",
        `no server answers at ${baseURL}. Start it (npm start -- --home ${home}), or name another with --url.`,
        { cause },
      );
    }
  };
  return createClient({ baseURL, token, fetch: call });
}

/** Over the server; on the database itself where no server of this home runs. A server that --url names is asked alone. */
export async function orWithoutServer<T>(
  o: Remote,
  over: () => Promise<T>,
  direct: (store: Store) => Promise<T>,
): Promise<T> {
  try {
    return await over();
  } catch (e) {
    const { code } = e as { code?: unknown };
    if ((code !== "no_server" && code !== "no_token") || o.url || process.env["TILLER_URL"])
      throw e;
    const home = path.resolve(o.home ?? defaultHome());
    const databaseUrl = process.env["DATABASE_URL"];
    if (!databaseUrl && !existsSync(path.join(home, "postgres"))) throw e; // nothing was ever started here
    await using store = await openStore({ home, databaseUrl, guest: true });
    return await direct(store);
  }
}

/** JSON as it is given, or @FILE. */
export function jsonFlag(name: string, given: string): unknown {
  const file = given.startsWith("@") ? given.slice(1) : undefined;
  try {
    return JSON.parse(file === undefined ? given : readFileSync(file, "utf8")) as unknown;
  } catch (cause) {
    throw new TillerError(
      "bad_json",
      `--${name} ${given} is no JSON: ${(cause as Error).message}. Give JSON in quotes, or @FILE.`,
      { cause },
    );
  }
}
