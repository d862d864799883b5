/**
 * Where a call stands in the trace, and that calls come in an order a replay repeats. A name's second use in the same
 * workflow gets "~2". Recorded steps are numbered by the order they begin in, so what runs beside each other must begin
 * together, or through `map`; anything else is refused at once, and not found out after a crash.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { TillerError } from "@tiller/schema";

interface Slot {
  readonly id: string;
  readonly scope: Places;
  used: boolean;
}
const slots = new AsyncLocalStorage<Slot>();

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
const segment = (name: string): string => name.replaceAll("/", "∕").slice(0, 120);

export class Place {
  readonly id: string;
  /** order among the workflow's calls */
  readonly place: number;
  #places: Places | undefined;
  constructor(id: string, place: number, places?: Places) {
    this.id = id;
    this.place = place;
    this.#places = places;
  }
  leave(): void {
    this.#places?.left();
    this.#places = undefined;
  }
}

/** The places of one workflow's calls. */
export class Places {
  readonly id: string;
  #count = 0;
  #uses: Map<string, number> | undefined;
  #running = 0;
  #began = -1;
  constructor(id: string) {
    this.id = id;
  }
  /** The next place under `name`; in the body of a map, that item's place. */
  enter(name: string): Place {
    const slot = slots.getStore();
    if (slot?.scope === this) {
      if (slot.used)
        throw new TillerError(
          "second_call",
          `the body of ${slot.id} makes a second call of the flow (${name}). Give the item to a child workflow that makes both.`,
        );
      slot.used = true;
      return new Place(slot.id, this.#count++);
    }
    const now = thisTick();
    if (this.#running > 0 && this.#began !== now)
      throw new TillerError(
        "concurrent_calls",
        `${name} begins while ${this.#running} other call${this.#running > 1 ? "s are" : " is"} under way in ${this.id}: a replay could not tell them apart. Await them first, begin them together, or use flow.map with a child workflow for each.`,
      );
    this.#began = now;
    this.#running++;
    const id = this.#name(name);
    return new Place(id, this.#count++, this);
  }
  left(): void {
    this.#running--;
  }
  /** A place that records nothing: a heading. */
  heading(name: string): { id: string; place: number } {
    return { id: this.#name(`:${name}`), place: this.#count++ };
  }
  /** Runs the body of one item of a map. */
  item<R>(id: string, body: () => Promise<R>): Promise<R> {
    return slots.run({ id, scope: this, used: false }, body);
  }
  #name(name: string): string {
    const base = segment(name);
    const uses = ((this.#uses ??= new Map()).get(base) ?? 0) + 1;
    this.#uses.set(base, uses);
    return `${this.id}/${base}${uses > 1 ? `~${uses}` : ""}`;
  }
}
