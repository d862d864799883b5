/**
 * Hashing passwords costs 20 MB and tens of milliseconds of a core, on purpose. A few at a time, and no long queue: the
 * rest of the server goes on answering whoever knocks how often.
 */
import { hash as argon2, verify } from "@node-rs/argon2";
import { TillerError } from "@tiller/schema";

const AT_ONCE = 2;
const WAITING = 64;

/** Runs `AT_ONCE` at a time; more than `WAITING` behind them are refused. */
export class Gate {
  readonly #atOnce: number;
  readonly #waiting: number;
  readonly #queue: (() => void)[] = [];
  #running = 0;
  constructor(atOnce: number, waiting: number) {
    this.#atOnce = atOnce;
    this.#waiting = waiting;
  }
  async through<T>(act: () => Promise<T>): Promise<T> {
    if (this.#running < this.#atOnce) this.#running++;
    else {
      if (this.#queue.length >= this.#waiting)
        throw new TillerError(
          "busy",
          `${this.#waiting} sign-ins wait already. Try again in a few seconds.`,
        );
      await new Promise<void>((next) => this.#queue.push(next)); // takes over the place of the one that ends
    }
    try {
      return await act();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

const gate = new Gate(AT_ONCE, WAITING);
export const hashPassword = (password: string): Promise<string> =>
  gate.through(() => argon2(password));
export const isPassword = (hashed: string, password: string): Promise<boolean> =>
  gate.through(() => verify(hashed, password));
