/**
 * Readers without a language model, who do what the game asks: a judge that weighs how much of a question and of each answer stands in
 * the sentences it was shown, learned from sentences drawn by lot and never from an argument; debaters that search the text for the
 * sentence that moves this judge most towards their answer, right or wrong. What they show is verified: it is quoted.
 */
import { logisticWeights } from "@tiller/crowd/logistic.ts";
import type { Act, View } from "@tiller/room";
import { largest, rng } from "@tiller/schema";
import type { Player } from "./play.ts";
import type { TextQuestion } from "./questions.ts";

export interface Span {
  readonly from: number;
  readonly to: number;
}
const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });
const divided = new Map<string, readonly Span[]>();
/** Where sentences stand; a text is divided once. */
export function sentencesOf(text: string): readonly Span[] {
  const known = divided.get(text);
  if (known) return known;
  const made = [...segmenter.segment(text)].flatMap(({ index, segment }) => {
    const to = index + segment.trimEnd().length;
    return to > index ? [{ from: index, to }] : [];
  });
  if (divided.size > 2000) divided.clear();
  divided.set(text, made);
  return made;
}
/** Small letters, without the commonest endings. */
const stem = (word: string) =>
  word.length > 4 ? word.replace(/(?:'s|ing|ed|es|s|ly)$/, "") : word.replace(/'s$/, "");
const wordsOf = (text: string): string[] =>
  (text.toLowerCase().match(/[\p{L}\p{N}]+(?:'[\p{L}]+)?/gu) ?? []).map(stem);

/** How rare each word is among sentences. */
type Rarity = (word: string) => number;
function rarityOf(texts: readonly string[]): Rarity {
  const counts = new Map<string, number>();
  let n = 0;
  for (const text of texts)
    for (const { from, to } of sentencesOf(text)) {
      n++;
      for (const w of new Set(wordsOf(text.slice(from, to))))
        counts.set(w, (counts.get(w) ?? 0) + 1);
    }
  return (w) => Math.log((n + 1) / ((counts.get(w) ?? 0) + 1));
}

const FEATURES = 6;
/** One reader of one question: what each sentence says for each answer, remembered by its words. */
class Reading {
  readonly #rarity: Rarity;
  readonly #question: Set<string>;
  readonly #answers: readonly Set<string>[];
  readonly #alone: readonly (readonly [number, number, number])[];
  readonly #seen = new Map<string, readonly (readonly [number, number, number])[]>();
  constructor(rarity: Rarity, question: string, answers: readonly string[]) {
    this.#rarity = rarity;
    this.#question = new Set(wordsOf(question));
    this.#answers = answers.map((a) => new Set(wordsOf(a)));
    const most = Math.max(...this.#answers.map((a) => a.size));
    this.#alone = this.#answers.map((a) => [
      Math.log(1 + a.size),
      this.#share(a, this.#question),
      Number(a.size === most),
    ]);
  }
  /** Which part of the words, by rarity, stands among others. */
  #share(words: ReadonlySet<string>, among: ReadonlySet<string>): number {
    let [there, all] = [0, 0];
    for (const w of words) {
      const weight = this.#rarity(w);
      all += weight;
      if (among.has(w)) there += weight;
    }
    return all > 0 ? there / all : 0;
  }
  #says(sentence: string) {
    const known = this.#seen.get(sentence);
    if (known) return known;
    const words = new Set(wordsOf(sentence));
    const made = this.#answers.map((answer) => {
      const rest = new Set([...this.#question].filter((w) => !answer.has(w)));
      const [a, q] = [this.#share(answer, words), this.#share(rest, words)];
      return [a, a * q, a * a * q] as const;
    });
    this.#seen.set(sentence, made);
    return made;
  }
  /** Of each answer, by each measure: the best of these sentences, or of those already weighed. */
  best(sentences: readonly string[], before?: readonly Best[]): readonly Best[] {
    const said = sentences.map((s) => this.#says(s));
    return this.#answers.map((_, i) => {
      const [a, b, c] = before?.[i] ?? [0, 0, 0];
      const top: [number, number, number] = [a, b, c];
      for (const s of said) for (let f = 0; f < 3; f++) top[f] = Math.max(top[f]!, s[i]![f]!);
      return top;
    });
  }
  /** With what an answer says by itself. */
  features(best: readonly Best[]): number[][] {
    return best.map((b, i) => [...b, ...this.#alone[i]!]);
  }
}
type Best = readonly [number, number, number];

export interface Reader {
  readonly credence: (reading: Reading, best: readonly Best[], whole: boolean) => number[];
  readonly reading: (question: string, answers: readonly string[]) => Reading;
}
/** Learned from questions of other texts: answers with no, some or all sentences before them, drawn by lot. */
export function trainReader(questions: readonly TextQuestion[], o: { seed: number }): Reader {
  const rarity = rarityOf([...new Set(questions.map((q) => q.text))]);
  const reading = (question: string, answers: readonly string[]) =>
    new Reading(rarity, question, answers);
  const shown = new Map(
    [...new Set(questions.map((q) => q.text))].map((t) => [
      t,
      sentencesOf(t).map((s) => t.slice(s.from, s.to)),
    ]),
  );
  const learn = (sizes: readonly number[]) => {
    const rows = questions.flatMap((q, i) =>
      sizes.map((size) => {
        const random = rng(o.seed, "reader", i, size);
        const sentences = random.shuffle(shown.get(q.text)!).slice(0, size);
        const answers = [q.answers[0]!, q.answers[1]!];
        const read = reading(q.question, answers);
        const [right, wrong] = read.features(read.best(sentences));
        return right!.map((x, f) => x - wrong![f]!);
      }),
    );
    const add = (i: number, by: number, out: Float64Array) => {
      rows[i]!.forEach((x, f) => (out[f]! += by * x));
    };
    const dot = (i: number, w: Float64Array) => rows[i]!.reduce((s, x, f) => s + x * w[f]!, 0);
    return logisticWeights({ n: rows.length, dims: FEATURES, dot, add, p: () => 1 }, { ridge: 1 });
  };
  return readerOf(rarity, { some: learn([0, 1, 2, 4, 8, 16]), all: learn([Infinity]) });
}
interface Weights {
  readonly some: ArrayLike<number>;
  readonly all: ArrayLike<number>;
}
function readerOf(rarity: Rarity, { some, all }: Weights): Reader {
  return {
    reading: (question, answers) => new Reading(rarity, question, answers),
    credence(of, best, whole) {
      const w = whole ? all : some;
      const logits = of.features(best).map((f) => f.reduce((s, x, k) => s + x * w[k]!, 0));
      const most = largest(logits);
      const powers = logits.map((l) => Math.exp(l - most));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((p) => p / sum);
    },
  };
}

/** As `trainReader` learned them of 800 questions of FairytaleQA (Apache-2.0), with some sentences before it and with all. */
const learned: Weights = {
  some: [-0.509, 2.056, 2.091, -0.1, 0.506, 0.004],
  all: [-0.882, 4.195, 3.363, -0.058, 0.559, 0.201],
};
/** A reader that needs no questions to learn from: rarity is that of these texts. */
export const lexicalReader = (texts: readonly string[]): Reader =>
  readerOf(rarityOf(texts), learned);

/** The sentences that a seat has before it: of the whole text, or of what was quoted. */
function seenSentences(v: View): { sentences: string[]; whole: boolean } {
  const [text] = v.texts;
  if (!text) return { sentences: [], whole: false };
  if (text.body !== undefined && v.role === "judge")
    return {
      sentences: sentencesOf(text.body).map((s) => text.body!.slice(s.from, s.to)),
      whole: true,
    };
  const sentences = text.passages.flatMap(({ characters }) =>
    sentencesOf(characters).map((s) => characters.slice(s.from, s.to)),
  );
  return { sentences, whole: false };
}

/** Characters; less of a sentence says nothing. */
const LEAST = 30;
/** What is not shown yet, each piece no longer than what is left. */
function unshown(v: View, left: number): Span[] {
  const { body, passages } = v.texts[0]!;
  return sentencesOf(body!).flatMap((s): Span[] => {
    if (passages.some((p) => p.from < s.to && s.from < p.to)) return [];
    if (s.to - s.from <= left) return [s];
    const cut = body!.lastIndexOf(" ", s.from + left);
    return cut - s.from >= LEAST ? [{ from: s.from, to: cut }] : [];
  });
}
const quote = (v: View, spans: readonly Span[]): Act => ({
  do: "speak",
  items: [
    { content: spans.map(({ from, to }) => ({ quote: { text: v.texts[0]!.id, from, to } })) },
  ],
});

/** Seats of readers. `part` is the share of its budget that a debater for a wrong or for the right answer uses. */
export function readerSeats(
  reader: Reader,
  o: { part?: { honest: number; dishonest: number } } = {},
): Readonly<Record<string, Player>> {
  const readings = new Map<string, Reading>();
  const readingOf = (v: View) => {
    const key = `${v.question}\n${v.answers.join("\n")}`;
    const made = readings.get(key) ?? reader.reading(v.question, v.answers);
    readings.set(key, made);
    return made;
  };
  const believes = (v: View) => {
    const body = v.texts[0]!.body!;
    const sentences = sentencesOf(body).map((s) => body.slice(s.from, s.to));
    const reading = readingOf(v);
    return reader.credence(reading, reading.best(sentences), true);
  };
  const judge: Player = (v, turn) => {
    const { sentences, whole } = seenSentences(v);
    const reading = readingOf(v);
    const credence = reader.credence(reading, reading.best(sentences), whole);
    const end = turn.do === "credence" && turn.end === "must";
    return { do: "credence", credence, end, content: [] };
  };
  const debater: Player = (v, turn) => {
    if (turn.do === "pick") {
      const p = believes(v);
      return { do: "pick", choice: { answer: p.indexOf(largest(p)) } };
    }
    const mine = v.sides.find((s) => s.seat === v.seat)!.answer;
    const share = v.truth === undefined ? 1 : o.part?.[mine === v.truth ? "honest" : "dishonest"];
    let left = Math.floor((turn.do === "speak" ? turn.quoted! : 0) * (share ?? 1));
    const body = v.texts[0]!.body!;
    const chosen: Span[] = [];
    const reading = readingOf(v);
    let best = reading.best(seenSentences(v).sentences);
    for (;;) {
      const open = unshown(v, left).filter(
        (s) => !chosen.some((c) => c.from < s.to && s.from < c.to),
      );
      const worth = open.map(
        (s) =>
          reader.credence(reading, reading.best([body.slice(s.from, s.to)], best), false)[mine]!,
      );
      const next = open[worth.indexOf(largest(worth))];
      if (!next) return quote(v, chosen.length > 0 ? chosen : [{ from: 0, to: 1 }]);
      // having said something, one says no more that harms or does nothing
      const now = reader.credence(reading, best, false)[mine]!;
      if (chosen.length > 0 && largest(worth) <= now) return quote(v, chosen);
      best = reading.best([body.slice(next.from, next.to)], best);
      chosen.push(next);
      left -= next.to - next.from;
    }
  };
  return { judge, a: debater, b: debater };
}

/** Sentences by lot, until the budget is used. */
export const lotSeat =
  (seed: number): Player =>
  (v, turn) => {
    let left = turn.do === "speak" ? turn.quoted! : 0;
    const random = rng(seed, "passages", v.question);
    const chosen: Span[] = [];
    for (;;) {
      const open = unshown(v, left).filter(
        (s) => !chosen.some((c) => c.from < s.to && s.from < c.to),
      );
      if (open.length === 0) return quote(v, chosen.length > 0 ? chosen : [{ from: 0, to: 1 }]);
      const next = random.choose(open);
      chosen.push(next);
      left -= next.to - next.from;
    }
  };
