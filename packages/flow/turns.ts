/**
 * The order in which the results of calls reach a workflow. Each result is recorded with the number of its turn, and
 * a replay hands the results out by these numbers, one at a time: the workflow goes as far as it can on one before the
 * next comes. So what it does after a race, after the parts of a Promise.all or after the first failure is the same
 * before and after a crash. A number that a crash lost was never handed out, nor was any above it.
 */
import { TillerError } from "@tiller/schema";

/** A result on record: the number of its turn, and whose it is. */
export interface Recorded {
  readonly turn: number;
  readonly name: string;
}
interface Waiting {
  readonly go: () => void;
  readonly fail: (e: unknown) => void;
}

let beat = 0;
let armed = false;
/** The same number for all that happens without waiting for a timer, the disk or the network in between. */
function thisBeat(): number {
  if (!armed) {
    armed = true;
    setImmediate(() => {
      armed = false;
      beat++;
    });
  }
  return beat;
}

export class Turns {
  readonly #load: () => Promise<readonly Recorded[]>;
  /** calls whose result the workflow has not got */
  #underWay = 0;
  /** those among them that may still turn out to be on record */
  #asking = 0;
  #last = 0; // the highest number known
  #done = 0; // the highest number handed out
  #beat = -1; // when the workflow was last given something
  /** results not handed out yet, ascending; `here`: their call is under way in this execution */
  #due: { readonly turn: number; readonly name: string; here: boolean }[] = [];
  #waiting: Map<number, Waiting> | undefined;
  #loading: Promise<void> | undefined;
  #scheduled = false;
  #closed = false;

  constructor(load: () => Promise<readonly Recorded[]>) {
    this.#load = load;
  }
  /** The workflow begins, or goes on by something it was given. */
  open(): void {
    this.#beat = thisBeat();
  }
  /** The workflow has ended: nothing is handed out any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = undefined;
  }
  get underWay(): number {
    return this.#underWay;
  }
  /** Alone at any time; beside others only in answer to what the workflow was given, which a replay repeats. */
  mayBegin(): boolean {
    return this.#underWay === 0 || this.#beat === thisBeat();
  }
  begin(): void {
    this.#underWay++;
    this.#asking++;
  }
  /** It is not on record: its body runs. */
  entered(): void {
    this.#asking--;
    this.#advance();
  }
  /** A turn for a result that is about to be recorded. */
  async number(name: string): Promise<number> {
    if (this.#underWay > 1) await this.#known();
    const turn = ++this.#last;
    this.#due.push({ turn, name, here: true });
    return turn;
  }
  /** Resolves when it is the turn of this result. Whoever is given it must wait for nothing else before the workflow has it. */
  async take(r: Recorded, o: { replayed: boolean }): Promise<void> {
    if (this.#underWay > 1) await this.#known();
    if (o.replayed) this.#asking--;
    if (this.#closed) return new Promise<never>(() => {});
    this.#last = Math.max(this.#last, r.turn);
    const known = this.#due.find((d) => d.turn === r.turn);
    if (known) known.here = true;
    else this.#due = [...this.#due, { ...r, here: true }].toSorted((a, b) => a.turn - b.turn);
    if (this.#underWay === 1 && this.#due.length === 1) return this.#handOut(r.turn);
    return new Promise<void>((go, fail) => {
      (this.#waiting ??= new Map()).set(r.turn, { go, fail });
      this.#advance();
    });
  }
  /** It ends without a result. */
  left(o: { asking: boolean; turn: number | undefined }): void {
    this.#underWay--;
    if (o.asking) this.#asking--;
    if (o.turn !== undefined) this.#due = this.#due.filter((d) => d.turn !== o.turn);
    this.#advance();
  }
  #handOut(turn: number): void {
    this.#due = this.#due.filter((d) => d.turn !== turn);
    this.#done = turn;
    this.#underWay--;
    this.open();
  }
  /** What earlier executions recorded: asked for once, and only where calls run beside each other. */
  #known(): Promise<void> {
    return (this.#loading ??= this.#load().then((recorded) => {
      const here = new Set(this.#due.map((d) => d.turn));
      for (const r of recorded) {
        this.#last = Math.max(this.#last, r.turn);
        if (r.turn > this.#done && !here.has(r.turn)) this.#due.push({ ...r, here: false });
      }
      this.#due.sort((a, b) => a.turn - b.turn);
    }));
  }
  /** One result a beat, so that all the workflow does in answer to it comes before the next. */
  #advance(): void {
    if (this.#scheduled || !this.#waiting?.size) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const [first] = this.#due;
      const next = first && this.#waiting?.get(first.turn);
      if (!first || !this.#waiting?.size) return;
      if (next) {
        this.#waiting.delete(first.turn);
        this.#handOut(first.turn);
        next.go();
        this.#advance();
      } else if (!first.here && this.#asking === 0)
        for (const { fail } of this.#waiting.values()) fail(notMade(first.name));
    });
  }
}
const notMade = (name: string) =>
  new TillerError(
    "changed_workflow",
    `the record has a result of ${name} next, and the workflow does not make this call at this place any more. Give the changed workflow a new version beside the old.`,
  );
