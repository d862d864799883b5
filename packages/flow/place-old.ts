/**
 * Places of experiments that began before results had turns (decision 24): they go on as they began. Recorded steps are
 * numbered by the order they begin in, so what runs beside each other must begin together; names are cut at 120
 * characters, and places grow as long as they get.
 */
import { TillerError } from "@tiller/schema";

let tick = 0;
let ticking = false;
/** The same number for everything that begins without waiting in between. */
function thisTick(): number {
  if (!ticking) {
    ticking = true;
    queueMicrotask(() => {
      ticking = false;
      tick++;
    });
  }
  return tick;
}

export class OldPlaces {
  readonly #id: string;
  #uses: Map<string, number> | undefined;
  #running = 0;
  #began = -1;
  constructor(id: string) {
    this.#id = id;
  }
  begin(name: string): void {
    const now = thisTick();
    if (this.#running > 0 && this.#began !== now)
      throw new TillerError(
        "concurrent_calls",
        `${name} begins while ${this.#running} other call${this.#running > 1 ? "s are" : " is"} under way in ${this.#id}: a replay could not tell them apart. Await them first, begin them together, or use flow.map with a child workflow for each.`,
      );
    this.#began = now;
    this.#running++;
  }
  left(): void {
    this.#running--;
  }
  name(name: string): string {
    const base = name.replaceAll("/", "∕").slice(0, 120);
    const uses = ((this.#uses ??= new Map()).get(base) ?? 0) + 1;
    this.#uses.set(base, uses);
    return `${this.#id}/${base}${uses > 1 ? `~${uses}` : ""}`;
  }
}
