/** A seat's view as text, the same for every reader of an export: what was asked, what is known of the texts, who said what. */
import { own } from "@tiller/schema";
import type { SeenMove, SeenPart, View } from "./view.ts";

/** A for the first answer. */
export const letter = (answer: number): string => String.fromCharCode(65 + answer);
export const partsInWords = (parts: readonly SeenPart[]): string =>
  parts
    .map((p) =>
      "text" in p
        ? p.text
        : "quote" in p
          ? `<quote>${p.characters}</quote>`
          : `[a quote that is in no text: "${p.unverified}"]`,
    )
    .join("");

/** What was asked and what may be known before anybody spoke. */
export function questionInWords(v: View): string {
  const texts = v.texts.map((t) =>
    t.body === undefined ? `Of "${t.title}" only what is quoted.` : `${t.title}\n\n${t.body}`,
  );
  const answers = v.answers.map((a, i) => `${letter(i)}. ${a}`);
  return [...texts, `Question: ${v.question}`, ...answers].join("\n");
}
export function moveInWords(v: View, m: SeenMove): string {
  const several = (m.items?.length ?? 0) > 1;
  const choice = m.choice;
  const lines = [
    ...(m.items ?? []).map(
      (i) =>
        `${several || i.about ? `[${i.id}${i.about ? ` about ${i.about}` : ""}] ` : ""}${partsInWords(i.parts)}`,
    ),
    ...(m.parts?.length ? [partsInWords(m.parts)] : []),
    ...Object.entries(m.marks ?? {}).map(([item, mark]) => `[${item}] ${mark}`),
    ...(choice
      ? [
          "answer" in choice
            ? `goes on for ${letter(choice.answer)}`
            : "item" in choice
              ? `goes on about [${choice.item}]`
              : choice.meta,
        ]
      : []),
    ...(m.credence
      ? [m.credence.map((p, i) => `${letter(i)} ${Math.round(100 * p)} %`).join(", ")]
      : []),
    ...(m.end === undefined ? [] : [m.end ? "ends it" : "goes on"]),
  ];
  return lines.join("\n");
}
/** Who speaks, and for what. */
export function speakerInWords(v: View, by: string): string {
  const side = own(Object.fromEntries(v.sides.map((s) => [s.seat, s.answer])), by);
  return side === undefined ? by : `${by}, for ${letter(side)}`;
}
/** All of it, as a prompt of a seat whose move is due. */
export const viewInWords = (v: View): string =>
  [
    questionInWords(v),
    ...v.rounds.flatMap((r) =>
      r.moves.map((m) => `[${speakerInWords(v, m.by)}]\n${moveInWords(v, m)}`),
    ),
    `[${speakerInWords(v, v.seat)}]\n`,
  ].join("\n\n");
