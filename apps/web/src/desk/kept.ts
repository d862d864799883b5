/** What this browser keeps for one person until the server has it: drafts and answers on their way, one key each. */
import type { z } from "zod";

const MAX_AGE_MS = 14 * 24 * 3600 * 1000;

export interface Shelf<T> {
  get(name: string): T | undefined;
  put(name: string, value: T): void;
  remove(name: string): void;
  all(): [string, T][];
}

/** A shelf of `localStorage`. What cannot be read, or is older than two weeks, is not there. */
export function shelf<T extends { at: number }>(prefix: string, schema: z.ZodType<T>): Shelf<T> {
  const get = (name: string): T | undefined => {
    try {
      const found = schema.safeParse(JSON.parse(localStorage.getItem(`${prefix}/${name}`) ?? ""));
      return found.success && Date.now() - found.data.at < MAX_AGE_MS ? found.data : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    get,
    put: (name, value) => {
      try {
        localStorage.setItem(`${prefix}/${name}`, JSON.stringify(value));
      } catch {
        // no room or no permission: the server's copy is the one that counts
      }
    },
    remove: (name) => localStorage.removeItem(`${prefix}/${name}`),
    all: () =>
      Object.keys(localStorage)
        .filter((key) => key.startsWith(`${prefix}/`))
        .map((key) => key.slice(prefix.length + 1))
        .flatMap((name) => {
          const value = get(name);
          return value ? [[name, value] as [string, T]] : [];
        }),
  };
}

/** This window's name: the same after a reload. */
export function windowName(): string {
  const known = sessionStorage.getItem("tiller-window");
  if (known) return known;
  const made = [...crypto.getRandomValues(new Uint8Array(9))].map((b) => b.toString(36)).join("");
  sessionStorage.setItem("tiller-window", made);
  return made;
}
