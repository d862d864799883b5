/**
 * How a tokenizer.json cuts normalised text into the pieces that its model sees, as Hugging Face's `tokenizers` 0.23
 * does it. The bytes of a ByteLevel step that stands last are left to the model, which knows them without a table.
 */
import { z } from "zod";
import { byteToChar, gpt2Split } from "./bpe.ts";
import { type Patterns, TextPattern } from "./patterns.ts";

/** `first`: the piece begins the whole text. */
type Step = (piece: string, first: boolean) => string[];
export interface PreTokenizer {
  cut(text: string, first: boolean): string[];
  /** Pieces are plain text whose UTF-8 bytes the model's alphabet stands for. */
  readonly byteLevel: boolean;
}

const behaviors = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;
const Behavior = z
  .string()
  .transform((b) => behaviors.find((name) => name.toLowerCase() === b.toLowerCase()) ?? b)
  .pipe(z.enum(behaviors));
type Behavior = (typeof behaviors)[number];

const Spec = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("ByteLevel"),
    add_prefix_space: z.boolean().default(true),
    use_regex: z.boolean().default(true),
  }),
  z.looseObject({
    type: z.literal("Split"),
    pattern: TextPattern,
    behavior: Behavior,
    invert: z.boolean().default(false),
  }),
  z.looseObject({ type: z.literal("Digits"), individual_digits: z.boolean().default(false) }),
  z.looseObject({ type: z.literal("Punctuation"), behavior: Behavior.default("Isolated") }),
  z.looseObject({
    type: z.literal("Metaspace"),
    replacement: z.string().min(1).default("\u2581"),
    prepend_scheme: z.enum(["always", "first", "never"]).optional(),
    add_prefix_space: z.boolean().optional(),
    split: z.boolean().default(true),
  }),
  z.looseObject({ type: z.enum(["BertPreTokenizer", "Whitespace", "WhitespaceSplit"]) }),
  z.looseObject({ type: z.literal("CharDelimiterSplit"), delimiter: z.string().min(1) }),
  z.looseObject({ type: z.literal("FixedLength"), length: z.int().positive() }),
  z.looseObject({ type: z.literal("Sequence"), pretokenizers: z.array(z.unknown()) }),
]);
type Spec = z.infer<typeof Spec>;

export function preTokenizer(spec: unknown, patterns: Patterns): PreTokenizer {
  const flat = flatten(spec);
  const byteLevel = flat.at(-1)?.type === "ByteLevel";
  const steps = flat.map((s, i) => stepOf(s, patterns, { last: i === flat.length - 1 }));
  return {
    byteLevel,
    cut: (text, first) => {
      let pieces = [text];
      for (const step of steps)
        pieces =
          pieces.length === 1
            ? step(pieces[0], first)
            : pieces.flatMap((piece, i) => step(piece, first && i === 0));
      return pieces;
    },
  };
}

function flatten(spec: unknown): Spec[] {
  if (spec === null || spec === undefined) return [];
  const s = Spec.parse(spec);
  return s.type === "Sequence" ? s.pretokenizers.flatMap(flatten) : [s];
}

function stepOf(s: Spec, patterns: Patterns, o: { readonly last: boolean }): Step {
  switch (s.type) {
    case "ByteLevel": {
      const inBytes = (piece: string) =>
        Array.from(Buffer.from(piece), (b) => byteToChar[b]).join("");
      return (piece) => {
        const text = s.add_prefix_space && !piece.startsWith(" ") ? ` ${piece}` : piece;
        const cut = s.use_regex ? (text.match(gpt2Split) ?? []) : [text];
        return o.last ? cut : cut.map(inBytes);
      };
    }
    case "Split":
      return cutter(patterns.of(s.pattern), s.behavior, s.invert);
    case "Digits":
      return cutter(/\p{N}/gu, s.individual_digits ? "Isolated" : "Contiguous");
    case "Punctuation":
      return cutter(/[\p{P}!-/:-@[-`{-~]/gu, s.behavior);
    case "Metaspace":
      return metaspace(s);
    case "BertPreTokenizer": {
      const punctuation = cutter(/[\p{P}!-/:-@[-`{-~]/gu, "Isolated");
      return (piece, first) =>
        cutter(/\p{White_Space}/gu, "Removed")(piece, first).flatMap((w) => punctuation(w, first));
    }
    case "Whitespace":
      return (piece) =>
        piece.match(
          /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
        ) ?? [];
    case "WhitespaceSplit":
      return cutter(/\p{White_Space}/gu, "Removed");
    case "CharDelimiterSplit":
      return cutter(new RegExp(RegExp.escape(s.delimiter), "gu"), "Removed");
    case "FixedLength":
      return (piece) => {
        const chars = Array.from(piece);
        return Array.from({ length: Math.ceil(chars.length / s.length) }, (_, i) =>
          chars.slice(i * s.length, (i + 1) * s.length).join(""),
        );
      };
    case "Sequence":
      return (piece) => [piece]; // flattened before
  }
}

function metaspace(s: Extract<Spec, { type: "Metaspace" }>): Step {
  const scheme = s.add_prefix_space === false ? "never" : (s.prepend_scheme ?? "always");
  const pieces = cutter(new RegExp(RegExp.escape(s.replacement), "gu"), "MergedWithNext");
  return (piece, first) => {
    let text = piece.replaceAll(" ", s.replacement);
    if (!text.startsWith(s.replacement) && (scheme === "always" || (scheme === "first" && first)))
      text = s.replacement + text;
    return s.split ? pieces(text, first) : [text];
  };
}

/** Cuts at every match; what becomes of the matches is the behaviour's. Empty pieces are left out. */
function cutter(pattern: RegExp, behavior: Behavior, invert = false): Step {
  if (pattern.source === "(?:)") return (piece) => [piece]; // an empty text matches nothing here
  if (behavior === "Isolated")
    return (piece) => {
      const out: string[] = [];
      eachPart(piece, pattern, (from, to) => out.push(piece.slice(from, to)));
      return out;
    };
  return (piece) => {
    const parts: { from: number; to: number; match: boolean }[] = [];
    eachPart(piece, pattern, (from, to, match) =>
      parts.push({ from, to, match: match !== invert }),
    );
    const text = ({ from, to }: { from: number; to: number }) => piece.slice(from, to);
    if (behavior === "Removed") return parts.filter((p) => !p.match).map(text);
    if (behavior === "MergedWithNext") parts.reverse();
    const out: typeof parts = [];
    let before = false;
    for (const part of parts) {
      const last = out.at(-1);
      const joined = behavior === "Contiguous" ? last?.match === part.match : part.match && !before;
      if (last && joined) {
        last.from = Math.min(last.from, part.from);
        last.to = Math.max(last.to, part.to);
      } else out.push({ ...part });
      before = part.match;
    }
    if (behavior === "MergedWithNext") out.reverse();
    return out.map(text);
  };
}

function eachPart(
  text: string,
  pattern: RegExp,
  part: (from: number, to: number, match: boolean) => void,
): void {
  let done = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    if (index > done) part(done, index, false);
    if (found) part(index, index + found.length, true);
    done = index + found.length;
  }
  if (done < text.length) part(done, text.length, false);
}
