/**
 * A simulated rater for any view. Every question of every input has a hidden right answer, drawn from the input itself;
 * a rater of skill s gives it with probability s and else answers at random (the one-coin model). Texts are words of
 * the input: a skilled rater keeps the order of a sentence, an unskilled one does not.
 */
import { type Field, type Rng, rng as seeded, type View } from "@tiller/schema";
import { revealsOf } from "./answer.ts";
import { at, type Draft, listAt, put, textAt } from "./paths.ts";

type Kind = Field["kind"];
type Draw<K extends Kind> = (f: Extract<Field, { kind: K }>, input: unknown, rng: Rng) => unknown;

const integer = (rng: Rng, from: number, to: number) => from + rng.int(to - from + 1);
/** The runs of letters in a text, as [start, end). */
const wordsOf = (text: string): readonly (readonly [number, number])[] =>
  [...text.matchAll(/[\p{L}\p{N}'’-]+/gu)].map((m) => [m.index, m.index + m[0].length]);

/** One answer drawn by chance alone. Drawn from the input's own seed it is the hidden right one. */
const draw: { [K in Kind]: Draw<K> } = {
  choice: (f, _i, rng) => rng.choose(f.options).value,
  choices: (f, _i, rng) => {
    const some = f.options.filter(() => rng.next() < 0.5).map((o) => o.value);
    return some.length ? some : [rng.choose(f.options).value];
  },
  pair: (f, _i, rng) => (f.tie && rng.next() < 0.1 ? "tie" : rng.next() < 0.5 ? "a" : "b"),
  rating: (f, _i, rng) => integer(rng, 1, f.points),
  slider: (f, _i, rng) => Math.round(f.min + rng.next() * (f.max - f.min)),
  text: (f, input, rng) => {
    const { min = 4, max = 40 } = f.limit?.unit === "characters" ? {} : (f.limit ?? {});
    const source = f.edits ? textAt(input, f.edits) : stringsOf(input).join(" ");
    const all = source.match(/\S+/g) ?? ["nothing", "to", "say"];
    const length = Math.max(min, Math.min(Math.floor(max / 2), 12));
    const start = rng.int(Math.max(1, all.length - length));
    return Array.from({ length }, (_, i) => all[(start + i) % all.length]).join(" ");
  },
  ranking: (f, input, rng) => rng.shuffle(listAt(input, f.items).map((_, i) => i)),
  spans: (f, input, rng) => {
    const words = wordsOf(textAt(input, f.from));
    if (!words.length) return [];
    const first = rng.int(words.length);
    const last = Math.min(words.length - 1, first + rng.int(4));
    return [{ start: words[first]![0], end: words[last]![1], label: rng.choose(f.labels).value }];
  },
  steps: (f, input, rng) => {
    const labels: string[] = [];
    for (const _ of listAt(input, f.from)) {
      labels.push(rng.choose(f.options).value);
      if (labels.at(-1) === f.stopAt) break;
    }
    return labels;
  },
};

export function simulateView(
  view: View,
  input: unknown,
  { rng, skill }: { rng: Rng; skill: number },
): Draft {
  const key = JSON.stringify(input);
  const value = view.ask.reduce<Draft>((answer, f) => {
    const hidden = seeded(0, "right answer", key, f.name);
    const source = rng.next() < skill ? hidden : rng;
    const set = put(answer, f.name, (draw[f.kind] as Draw<Kind>)(f as never, input, source));
    if (f.kind !== "pair" || !f.confidence) return set;
    const sure = 1 + rng.int(4);
    const side = at(set, f.name);
    return put(set, f.confidence, side === "tie" ? 5 : side === "a" ? 5 - sure : 5 + sure);
  }, {});
  const reveals = revealsOf(view);
  return reveals
    ? { ...value, revealed: Array.from({ length: reveals }, (_, i) => 20 * (i + 1)) }
    : value;
}

function stringsOf(v: unknown): string[] {
  if (typeof v === "string") return [v];
  return v !== null && typeof v === "object" ? Object.values(v).flatMap(stringsOf) : [];
}
