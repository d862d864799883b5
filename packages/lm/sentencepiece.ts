/** A SentencePiece vocabulary (pieces with scores) as a tokenizer.json, the way transformers converts Llama 2's. */
import { TillerError } from "@tiller/schema";
import { addedToken } from "./bpe.ts";

const SPACE = "\u2581";
const LONGEST = 500; // characters; SentencePiece makes tokens of up to 16
export interface Piece {
  /** with spaces as U+2581 */
  readonly text: string;
  readonly score: number;
  /** control tokens are never text; those that users defined are text and match whole */
  readonly type?: "control" | "user";
}
export interface PieceOptions {
  /** whether a text begins with `bos`; it does unless said otherwise */
  readonly addBos?: boolean;
  /** whether a space is put before a text; it is unless said otherwise */
  readonly addSpace?: boolean;
}

/**
 * The tokenizer.json of these pieces, in order of id. A merge of two pieces is tried in the order of the score of what
 * it makes; characters that are no piece fall back to their bytes, <0x00> to <0xFF>.
 */
export function sentencePieceJson(
  pieces: readonly Piece[],
  ids: { readonly unk: number; readonly bos: number; readonly eos: number },
  { addBos = true, addSpace = true }: PieceOptions = {},
): unknown {
  for (const [name, id] of Object.entries(ids))
    if (!pieces[id])
      throw new TillerError(
        "damaged_checkpoint",
        `the tokenizer's ${name} is token ${id}, it has ${pieces.length}. Take the file from its source again.`,
      );
  const long = pieces.find((p) => p.text.length > LONGEST);
  if (long)
    throw new TillerError(
      "damaged_checkpoint",
      `the tokenizer has a token of ${long.text.length} characters, ${LONGEST} are read. Take the file from its source again.`,
    );
  const vocab = new Map(pieces.map((p, id) => [p.text, id]));
  const isControl = (id: number) =>
    [ids.unk, ids.bos, ids.eos].includes(id) || pieces[id].type === "control";
  const added = [...pieces.keys()].filter((id) => isControl(id) || pieces[id].type === "user");
  const notMerged = new Set(added);
  const merges = pieces
    .flatMap(({ text, score }, id) => {
      if (notMerged.has(id) || /^<0x[0-9A-F]{2}>$/.test(text)) return [];
      const chars = Array.from(text); // code points
      return chars.slice(1).flatMap((_, i) => {
        const [left, right] = [chars.slice(0, i + 1).join(""), chars.slice(i + 1).join("")];
        const [a, b] = [vocab.get(left), vocab.get(right)];
        return a === undefined || b === undefined ? [] : [{ left, right, a, b, score }];
      });
    })
    .sort((x, y) => y.score - x.score || x.a - y.a || x.b - y.b);
  const begin = pieces[ids.bos].text;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added.map((id) => addedToken(id, pieces[id].text, isControl(id))),
    normalizer: {
      type: "Sequence",
      normalizers: [
        ...(addSpace ? [{ type: "Prepend", prepend: SPACE }] : []),
        { type: "Replace", pattern: { String: " " }, content: SPACE },
      ],
    },
    pre_tokenizer: null,
    post_processor: addBos ? beginsWith(begin, ids.bos) : null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(addSpace ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: pieces[ids.unk].text,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: merges.map((m) => [m.left, m.right]),
    },
  };
}

/** A post-processor that puts one token before a text. */
export const beginsWith = (token: string, id: number) => ({
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [
    { SpecialToken: { id: token, type_id: 0 } },
    { Sequence: { id: "A", type_id: 0 } },
    { SpecialToken: { id: token, type_id: 1 } },
    { Sequence: { id: "B", type_id: 1 } },
  ],
  special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
});
