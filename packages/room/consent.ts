/**
 * What somebody is asked before they take a seat in which they may have to argue for a wrong answer. It is made of the rules alone: it
 * tells nothing of this room, and the same of every room with these rules.
 */
import { own } from "@tiller/schema";
import type { Rules } from "./rules.ts";
import { picksSide, seatsOf } from "./state.ts";

export interface Terms {
  /** of the words below; whoever agreed to another version is asked again */
  readonly version: number;
  readonly points: readonly string[];
}
const VERSION = 1;

/** A debater who is given a side, and whoever speaks as one: a witness answers as the author of a text. */
const mayArgueFalsely = (rules: Rules, seat: string): boolean => {
  const is = own(rules.seats, seat);
  if (is?.role === "witness") return mayArgueFalsely(rules, is.partner!);
  return is?.role === "debater" && !picksSide(rules, seat);
};

/** Undefined: nobody has to be asked. */
export function termsOf(
  rules: Rules,
  seat: string,
  o: { readonly names: "hidden" | "pseudonyms" },
): Terms | undefined {
  if (!mayArgueFalsely(rules, seat)) return undefined;
  const { knows, role } = own(rules.seats, seat)!;
  const alone = seatsOf(rules, "debater").length === 1;
  const judges = seatsOf(rules, "judge");
  const reads = judges.some((j) => own(rules.seats, j)?.knows.includes("text"));
  const points = [
    role === "witness"
      ? "You answer questions as the author of what was said, who may have had to argue for a wrong answer."
      : alone
        ? "You argue for an answer that you do not choose. By lot it is the right one or a wrong one, and you argue for it as well as you can."
        : "One side in this room has to argue for a wrong answer. Which one is drawn by lot, and it may be yours.",
    knows.includes("text")
      ? `You read the whole text. Whoever judges ${reads ? "reads it, too" : "sees of it only what is quoted"}.`
      : "You do not see the text, only what is quoted of it.",
    knows.includes("truth")
      ? "You are told which answer is right."
      : "You are not told which answer is right before the room is over.",
    "Whoever judges has been told that some who argue may argue for a wrong answer.",
    "What you send is kept, and how long you read, wrote and waited. Drafts are seen by nobody else.",
    "Once the room is over, everybody in it is told which answer was right, who had to argue for a wrong one, and what each earned.",
    o.names === "hidden"
      ? "The others know your seat, and never your name."
      : "The others know your seat, and your pseudonym once the room is over.",
  ];
  return { version: VERSION, points };
}
