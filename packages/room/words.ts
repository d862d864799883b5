/**
 * A view in words, the one place where it is put so: prompts, training rows, exports and judging again join the lines as text, the
 * reader and the room's page make the same lines into HTML. Nobody's words can pass for ours: a tag or a heading of this form that
 * somebody wrote is changed where it is shown.
 */
import type { Choice } from "./moves.ts";
import type { SeenMove, SeenPart, View } from "./view.ts";

/** A line of a move. `item`: the place that it names, which a page makes a link. */
export type Line =
  | {
      readonly parts: readonly SeenPart[];
      /** of a part among several, or of one that is about another */
      readonly id?: string;
      readonly about?: string;
    }
  | { readonly credence: readonly number[] }
  | { readonly item: string; readonly mark: string }
  | { readonly words: string; readonly item?: string };

/** A for the first answer. */
export const letter = (answer: number): string => String.fromCharCode(65 + answer);
export const percents = (credence: readonly number[]): string =>
  credence.map((p, i) => `${letter(i)} ${Math.round(100 * p)} %`).join(", ");
export const choiceText = (answers: readonly string[], c: Choice): string =>
  "answer" in c
    ? `answer ${letter(c.answer)}: ${answers[c.answer] ?? ""}`
    : "item" in c
      ? c.item
      : c.meta;

/** What was said or done, line by line; `do` is any word, as a page has it from the server. */
export function linesOf(
  answers: readonly string[],
  m: Omit<SeenMove, "do"> & { readonly do: string },
): Line[] {
  const several = (m.items?.length ?? 0) > 1;
  const { choice } = m;
  return [
    ...(m.items ?? []).map(({ id, about, parts }) => ({
      parts,
      ...(several || about !== undefined ? { id } : {}),
      ...(about === undefined ? {} : { about }),
    })),
    ...(m.credence ? [{ credence: m.credence }] : []),
    ...(m.parts?.length ? [{ parts: m.parts }] : []),
    ...Object.entries(m.marks ?? {}).map(([item, mark]) => ({ item, mark })),
    ...(choice
      ? ["item" in choice ? { words: "picks", item: choice.item } : picked(answers, choice)]
      : []),
    ...(m.do === "credence" && m.end ? [{ words: "and ends the room" }] : []),
    ...(m.do === "vote" ? [{ words: m.end ? "votes to end" : "votes to go on" }] : []),
    ...(m.do === "lapse" ? [{ words: "said nothing in time" }] : []),
  ];
}
const picked = (answers: readonly string[], c: Choice) => ({
  words: `picks ${choiceText(answers, c)}`,
});

/** A quote's tags are ours alone, and so are lines that begin a round or say who speaks. */
const disarmed = (text: string): string =>
  text.replaceAll(/<(\/?)quote\b[^>]*>/gi, "[$1quote]").replaceAll(/^(?=##|\[)/gm, " ");
const partsText = (parts: readonly SeenPart[]): string =>
  parts
    .map((p) =>
      "text" in p
        ? disarmed(p.text)
        : "quote" in p
          ? `<quote>${p.characters}</quote>`
          : `[a quote that is in no text: "${disarmed(p.unverified)}"]`,
    )
    .join("");
function lineText(line: Line): string {
  if ("credence" in line) return percents(line.credence);
  if ("mark" in line) return `${line.item}: ${line.mark}`;
  if ("words" in line) return line.item === undefined ? line.words : `${line.words} ${line.item}`;
  const about = line.about === undefined ? "" : ` (about ${line.about})`;
  return `${line.id === undefined ? "" : `${line.id}${about}: `}${partsText(line.parts)}`;
}
export const moveText = (v: View, m: SeenMove): string =>
  linesOf(v.answers, m).map(lineText).join("\n");

/** Who speaks, and for what. */
export function speakerText(v: View, by: string): string {
  const side = v.sides.find((s) => s.seat === by)?.answer;
  return side === undefined ? by : `${by}, for ${letter(side)}`;
}

/** The question, the answers and what the seat has of the texts. */
export function questionText(v: View): string {
  const answers = v.answers.map((a, i) => `${letter(i)}. ${a}`);
  const truth = v.truth === undefined || v.over ? [] : [`The right answer is ${letter(v.truth)}.`];
  const texts = v.texts.map((t) =>
    t.body === undefined
      ? [
          `Of the text "${t.title}" you see only what is quoted.`,
          ...t.passages.map((p) => `<quote>${p.characters}</quote>`),
        ].join("\n")
      : `The text "${t.title}":\n${t.body}`,
  );
  return [[`Question: ${v.question}`, ...answers, ...truth].join("\n"), ...texts].join("\n\n");
}
/** All that was said so far, round by round. */
export function saidText(v: View): string {
  const rounds = v.rounds
    .filter((r) => r.moves.length > 0)
    .map((r) => {
      const moves = r.moves.map((m) => `[${speakerText(v, m.by)}]\n${moveText(v, m)}`);
      return `## ${r.label}\n${moves.join("\n\n")}`;
    });
  return rounds.join("\n\n") || "Nothing was said so far.";
}
