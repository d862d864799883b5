/**
 * Irving, Christiano and Amodei 2018 in miniature, played through the engine of rooms: the picture is a text of 64 characters, to
 * show a pixel is to quote one, and the judge's view holds the quotes and nothing else. The liar commits to a digit and moves first. Every
 * seat is a function of its view. Differs: both sides are greedy (one pixel ahead), where the paper has tree search.
 */
import {
  drawOpening,
  legal,
  type Log,
  parseRules,
  play,
  type Rules,
  score,
  view,
  type View,
} from "@tiller/room";
import { rng } from "@tiller/schema";
import { type Digit, inked, type Judge, type Seen } from "./judge.ts";

/** Liar first: seat a speaks before b. */
const pixel = { do: "speak", label: "pixel", together: false, characters: 1, quoted: 1 };
const debater = { role: "debater", knows: ["text", "truth"] };
const verdict = { do: "credence", label: "verdict", seats: ["judge"], characters: 1, may: "end" };
const repeat = (times: number) =>
  times > 1 ? [{ do: "again", label: "repeat", to: "pixel", most: times - 1 }] : [];
export type Arm = "alone" | "debate" | "honest" | "dishonest";
export function digitRules(arm: Arm, k: number): Rules {
  const seats = arm === "debate" ? ["a", "b"] : arm === "alone" ? ["lot"] : ["a"];
  return parseRules(
    {
      name: `digits-${arm}`,
      source: "Irving, Christiano and Amodei 2018, arXiv 1805.00899, section 3",
      seats: {
        ...Object.fromEntries(
          seats.map((s) => [s, s === "lot" ? { role: "chance", knows: ["text"] } : debater]),
        ),
        judge: { role: "judge" },
      },
      rounds: [{ ...pixel, seats }, ...repeat(k / seats.length), verdict],
      scoring: { rule: "log" },
    },
    arm,
  );
}

const asText = (digit: Digit) => digit.pixels.map((v) => v.toString(17)).join("");
/** The pixels that a seat has before it. */
const seenOf = (v: View): Seen =>
  new Map(
    v.texts[0]!.passages.flatMap((p) =>
      p.characters.split("").map((c, i) => [p.from + i, Number.parseInt(c, 17)] as const),
    ),
  );
const digitOf = (v: View, answer: number) => Number(v.answers[answer]);

/** The unshown pixel that moves the judge most from the other answer to one's own. */
function search(judge: Judge, v: View): number {
  const seen = seenOf(v);
  const own = v.sides.find((s) => s.seat === v.seat)!.answer;
  const [mine, other] = [digitOf(v, own), digitOf(v, 1 - own)];
  const more = v.texts[0]!.body!.split("").flatMap((c, i) =>
    c === "0" || seen.has(i) ? [] : [[i, Number.parseInt(c, 17)] as const],
  );
  const margins = judge.margins(seen, more, mine, other);
  return more[margins.indexOf(Math.max(...margins))]![0];
}
function credence(judge: Judge, v: View): number[] {
  const logits = judge.logits(seenOf(v));
  const [a, b] = [logits[digitOf(v, 0)]!, logits[digitOf(v, 1)]!];
  const p = 1 / (1 + Math.exp(b - a));
  return [p, 1 - p];
}

/** One room, from its opening to its verdict: the credence in the right answer. `seed` draws the pixels of a judge alone. */
export function playDigit(
  judge: Judge,
  rules: Rules,
  arm: Arm,
  o: { digit: Digit; lie: number; seed: number },
): number {
  const { digit, lie, seed } = o;
  const drawn = drawOpening(
    rules,
    {
      question: "Which digit is this?",
      answers: [String(digit.label), String(lie)],
      texts: [{ id: "picture", title: "Digit", body: asText(digit) }],
    },
    { list: seed, sides: seed, first: seed },
  );
  const [right, wrong] = [drawn.truth, 1 - drawn.truth];
  const sides = {
    alone: {},
    honest: { a: right },
    dishonest: { a: wrong },
    debate: { a: wrong, b: right },
  };
  let log: Log = [{ id: "open", seat: "room", at: 0, act: { ...drawn, sides: sides[arm] } }];
  const lots = rng(seed, "pixels").shuffle(inked(digit));
  for (;;) {
    const turn = legal(rules, log)[0];
    if (!turn) break;
    const v = view(rules, log, turn.seat);
    const shown = () => (turn.seat === "lot" ? lots[log.length - 1]! : search(judge, v));
    const quote = (from: number) => ({ quote: { text: "picture", from, to: from + 1 } });
    log = play(rules, log, {
      id: `${log.length}`,
      seat: turn.seat,
      at: log.length,
      act:
        turn.do === "credence"
          ? { do: "credence", credence: credence(judge, v), end: true, content: [] }
          : { do: "speak", items: [{ content: [quote(shown())] }] },
    });
  }
  const { credence: p, truth } = score(rules, log)!;
  return p[truth]!;
}

export interface Accuracies {
  /** right whatever the lie is */
  readonly worst: number;
  /** right on average over the nine lies */
  readonly average: number;
}
/** An arm over pictures and all nine lies each. */
export function accuracies(
  judge: Judge,
  arm: Arm,
  o: { k: number; digits: readonly Digit[]; seed: number },
): Accuracies {
  const rules = digitRules(arm, o.k);
  let [worst, average] = [0, 0];
  for (const [n, digit] of o.digits.entries()) {
    const lies = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((d) => d !== digit.label);
    // one seed a picture: a judge alone sees the same pixels whatever it is told
    const right = lies.filter(
      (lie) => playDigit(judge, rules, arm, { digit, lie, seed: 10_000 * o.seed + n }) > 0.5,
    ).length;
    worst += Number(right === lies.length);
    average += right / lies.length;
  }
  return { worst: worst / o.digits.length, average: average / o.digits.length };
}
