/**
 * Where a call stands in the trace: the names on the way down. A name's second use in the same workflow gets "~2". Any
 * text is a name; a place has bounded length, by the hash of what its readable head leaves out.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { TillerError } from "@tiller/schema";
import { OldPlaces } from "./place-old.ts";

interface Slot {
  readonly id: string;
  readonly scope: Places;
  readonly about: unknown;
  used: boolean;
}
const slots = new AsyncLocalStorage<Slot>();

const NAME_BYTES = 100;
const PATH_BYTES = 200; // below the experiment's id
const HEAD_BYTES = 60;

const hash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);
/** As much of the head of `text` as fits. */
function head(text: string, bytes: number): string {
  const cut = Buffer.from(text).subarray(0, bytes).toString("utf8");
  return cut.endsWith("\ufffd") ? cut.replace(/\ufffd+$/, "") : cut;
}
/** A name as a part of a place: one line, no slash, no more than 100 bytes. */
export function segment(name: string): string {
  const clean = name
    .toWellFormed()
    .replaceAll("/", "∕")
    // control characters by their pictures: a database's text has no NUL
    .replace(/\p{Cc}/gu, (c) => (c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : "␡"));
  return Buffer.byteLength(clean) <= NAME_BYTES
    ? clean
    : `${head(clean, HEAD_BYTES)}…${hash(clean)}`;
}
/** What stands for `path` in places below it that would grow too long: whole names of its head, and its hash. */
export function shortOf(path: string): string {
  const kept = head(path, HEAD_BYTES);
  return `${kept.slice(0, kept.lastIndexOf("/") + 1)}…${hash(path)}`;
}

export class Place {
  readonly id: string;
  /** order among the workflow's calls */
  readonly place: number;
  /** of a map's item: what it is */
  readonly about: unknown;
  /** it is below `of`, and its id says so only by a hash */
  readonly short: { readonly short: string; readonly of: string } | undefined;
  #leave: (() => void) | undefined;
  constructor(
    id: string,
    place: number,
    o: { about?: unknown; short?: Place["short"]; leave?: () => void } = {},
  ) {
    this.id = id;
    this.place = place;
    this.about = o.about;
    this.short = o.short;
    this.#leave = o.leave;
  }
  leave(): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}

/** The places of one workflow's calls. */
export class Places {
  readonly id: string;
  readonly #experiment: string;
  readonly #old: OldPlaces | undefined;
  #count = 0;
  #used: Map<string, number> | undefined;
  constructor(id: string, experiment: string, o: { old: boolean }) {
    this.id = id;
    this.#experiment = experiment;
    this.#old = o.old ? new OldPlaces(id) : undefined;
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
      return new Place(slot.id, this.#count++, { about: slot.about });
    }
    if (this.#old) {
      const old = this.#old;
      old.begin(name);
      return new Place(old.name(name), this.#count++, { leave: () => old.left() });
    }
    return this.#named(segment(name));
  }
  /** A place that records nothing: a heading. */
  heading(name: string): { id: string; place: number } {
    if (this.#old) return { id: this.#old.name(`:${name}`), place: this.#count++ };
    const { id, place } = this.#named(segment(`:${name}`));
    return { id, place };
  }
  /** Runs the body of one item of a map. */
  item<R>(id: string, about: unknown, body: () => Promise<R>): Promise<R> {
    return slots.run({ id, scope: this, about, used: false }, body);
  }
  #named(base: string): Place {
    const used = (this.#used ??= new Map());
    let times = (used.get(base) ?? 0) + 1;
    let name = base;
    if (times > 1) for (; used.has((name = `${base}~${times}`));) times++; // someone may have named a call "x~2"
    used.set(base, times);
    if (name !== base) used.set(name, 1);
    const path = this.id.slice(this.#experiment.length + 1);
    const place = this.#count++;
    const full = path ? `${path}/${name}` : name;
    if (Buffer.byteLength(full) <= PATH_BYTES)
      return new Place(`${this.#experiment}/${full}`, place);
    const short = `${this.#experiment}/${shortOf(path)}`;
    return new Place(`${short}/${name}`, place, { short: { short, of: this.id } });
  }
}
