/** What every kind of question gets, and the keys it may take. */
import { useLayoutEffect } from "react";
import type { Field } from "@tiller/schema";
import type { Draft } from "@tiller/task";

/** What a key did: nothing, something, finished the question, or it goes on into a box that has the focus now. */
export type Pressed = "ignored" | "taken" | "done" | "typed";
/** `outside`: nothing of the form has the focus, so the key was meant for the page, or for the box that is to be filled. */
export type Press = (key: string, o: { shift: boolean; outside: boolean }) => Pressed;

/** Where people type: no letter is a command there. */
export const typingIn = (target: Element | null): Element | null =>
  target?.closest(
    "textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox])",
  ) ?? null;

export interface FieldProps<F extends Field = Field> {
  readonly field: F;
  readonly input: unknown;
  readonly value: Draft;
  /** the value of this field, and of a second key where the field has one */
  readonly set: (value: unknown, second?: readonly [string, unknown]) => void;
  /** b is on the left */
  readonly swap: boolean;
  /** places of n items, top to bottom */
  readonly order: (n: number) => readonly number[];
  readonly active: boolean;
  readonly disabled: boolean;
  /** the only question is a choice between two: a key answers and sends */
  readonly quick: boolean;
  readonly labelId: string;
  /** says which keys this question takes while it is the active one */
  readonly keys: (press: Press) => () => void;
  /** after a click that finished the question */
  readonly done: () => void;
}

/** Registers the newest closure: the parent asks it when a key is pressed. */
export function useKeys(keys: FieldProps["keys"], press: Press): void {
  useLayoutEffect(() => keys(press));
}

/** 1 to 9, then 0 for the tenth; -1 for another key. */
export const placeOf = (key: string): number => (/^\d$/.test(key) ? (Number(key) + 9) % 10 : -1);
