/** An answer as a converter or a mapping has it, before it has ids; and how ids and numbers are taken from files. */
import type { DirtKind } from "@tiller/schema";
import type { ImportedType } from "./imported-types.ts";
import { isRaw, shownValue } from "./json.ts";
import { BadRow } from "./row.ts";

/** Columns of an answer that a file may fill, and what they are where it does not. */
export interface Mapped {
  readonly task?: string | undefined;
  readonly batch?: string | undefined;
  /** undefined: the file does not say who; each further answer to one task is somebody else's then */
  readonly rater?: string | undefined;
  readonly at?: string | undefined;
  readonly activeSeconds?: number | undefined;
  readonly idleSeconds?: number | undefined;
  readonly swap?: boolean | undefined;
  readonly weight?: number | undefined;
  readonly input: Readonly<Record<string, unknown>>;
  readonly value: Readonly<Record<string, unknown>>;
  /** the kind of work, where a format's rows are of several */
  readonly type?: ImportedType | undefined;
  /** what the format has no place for; goes out again with the task or the answer */
  readonly source?: Readonly<Record<string, unknown>> | undefined;
}

/** A row that a policy may leave out. */
export class DirtyRow extends BadRow {
  readonly kind: DirtKind;
  constructor(line: number, kind: DirtKind, message: string) {
    super(line, message);
    this.kind = kind;
  }
}

const LONGEST_ID = 150;
/** A person, a batch, a task: text, or a whole number with its digits. */
export function idOf(value: unknown, name: string, line: number): string {
  const text =
    typeof value === "string"
      ? value
      : isRaw(value)
        ? value.rawJSON
        : typeof value === "number"
          ? String(value)
          : undefined;
  if (text === undefined || (typeof value !== "string" && !/^-?\d+$/.test(text)))
    throw new BadRow(line, `${name}: ${shownValue(value)} is neither text nor a whole number`);
  if (!text.trim()) throw new BadRow(line, `${name} is empty`);
  if (text.length > LONGEST_ID)
    throw new BadRow(
      line,
      `${name} has ${text.length} characters; at most ${LONGEST_ID} are taken`,
    );
  return text;
}
