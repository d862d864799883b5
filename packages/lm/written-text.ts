/**
 * Text that remembers who wrote it: a template, or the people whose messages it frames. Every operation of a chat
 * template keeps the origin of each character, so that what users write is known wherever a template has moved, cut,
 * doubled or changed it. Where a user wrote nothing, an empty stretch of hers still parts what stands on both sides.
 */

interface Run {
  readonly text: string;
  /** written by a user */
  readonly user: boolean;
}

export class Text {
  readonly runs: readonly Run[];
  #plain: string | undefined;
  private constructor(runs: readonly Run[]) {
    this.runs = runs;
  }
  static of(text: string, user = false): Text {
    return new Text(text || user ? [{ text, user }] : []);
  }
  static join(parts: readonly Text[]): Text {
    const runs: { text: string; user: boolean }[] = [];
    for (const part of parts)
      for (const run of part.runs) {
        const last = runs.at(-1);
        if (last?.user === run.user) last.text += run.text;
        else runs.push({ ...run });
      }
    return new Text(runs);
  }
  get plain(): string {
    return (this.#plain ??= this.runs.map((r) => r.text).join(""));
  }
  get user(): boolean {
    return this.runs.some((r) => r.user);
  }
  /** `from` and `to` count UTF-16 units. */
  slice(from: number, to = Infinity): Text {
    const out: Run[] = [];
    let at = 0;
    for (const { text, user } of this.runs) {
      const part = text.slice(Math.max(0, from - at), Math.max(0, to - at));
      if (part) out.push({ text: part, user });
      at += text.length;
      if (at >= to) break;
    }
    return out.length || !this.user ? new Text(out) : Text.of("", true);
  }
  /** Each stretch of one origin changed by itself. */
  map(change: (text: string) => string): Text {
    return Text.join(this.runs.map(({ text, user }) => Text.of(change(text), user)));
  }
  plus(other: Text): Text {
    return Text.join([this, other]);
  }
  /** Cut at each of `[from, to)`, which are left out. */
  without(places: readonly (readonly [number, number])[]): Text[] {
    let at = 0;
    const out = places.map(([from, to]) => {
      const part = this.slice(at, from);
      at = to;
      return part;
    });
    return [...out, this.slice(at)];
  }
  /** Where `wanted` stands, from left to right, at most `most` times. */
  places(wanted: string, most = Infinity): [number, number][] {
    const out: [number, number][] = [];
    for (let at = 0; wanted && out.length < most;) {
      const found = this.plain.indexOf(wanted, at);
      if (found < 0) break;
      at = found + wanted.length;
      out.push([found, at]);
    }
    return out;
  }
  /** What stands in the place of users' characters counts as theirs. */
  replace(old: string, by: Text, most = Infinity): Text {
    const places = this.places(old, most);
    const parts = this.without(places);
    return Text.join(
      parts.flatMap((part, i) => {
        if (i === 0) return [part];
        const [from, to] = places[i - 1];
        return [this.slice(from, to).user ? Text.of(by.plain, true) : by, part];
      }),
    );
  }
  /** Whether a template wrote all from `from` to before `to`. */
  templates(): (from: number, to: number) => boolean {
    const ends: number[] = [];
    for (const { text } of this.runs) ends.push((ends.at(-1) ?? 0) + text.length);
    return (from, to) => {
      let [low, high] = [0, ends.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ends[middle] <= from) low = middle + 1;
        else high = middle;
      }
      return low < ends.length && !this.runs[low].user && to <= ends[low];
    };
  }
}
