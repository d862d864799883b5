/** The database and the servers go away in these tests: asks again, every tenth of a second, until one answers. */
import { setTimeout as sleep } from "node:timers/promises";

const TRIES = 1200;

export async function eventually<T>(ask: () => T | Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++)
    try {
      return await ask();
    } catch (e) {
      if (tries >= TRIES) throw e;
      await sleep(100);
    }
}
