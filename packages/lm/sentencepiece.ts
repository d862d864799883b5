/** A SentencePiece vocabulary (pieces with scores) as a tokenizer.json, the way transformers converts Llama 2's. */
import { addedToken } from "./bpe.ts";

const SPACE = "\u2581";
export interface Piece {
  /** with spaces as U+2581 */
  readonly text: string;
  readonly score: number;
}

/**
 * The tokenizer.json of these pieces, in order of id. A merge of two pieces is tried in the order of the score of what
 * it makes; characters that are no piece fall back to their bytes, <0x00> to <0xFF>.
 */
export function sentencePieceJson(
  pieces: readonly Piece[],
  ids: { readonly unk: number; readonly bos: number; readonly eos: number },
): unknown {
  const vocab = new Map(pieces.map((p, id) => [p.text, id]));
  const special = [ids.unk, ids.bos, ids.eos];
  const merges = pieces
    .flatMap(({ text, score }, id) => {
      if (special.includes(id) || /^<0x[0-9A-F]{2}>$/.test(text)) return [];
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
    added_tokens: special.map((id) => addedToken(id, pieces[id].text, true)),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: SPACE },
        { type: "Replace", pattern: { String: " " }, content: SPACE },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: begin, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [
        { SpecialToken: { id: begin, type_id: 0 } },
        { Sequence: { id: "A", type_id: 0 } },
        { SpecialToken: { id: begin, type_id: 1 } },
        { Sequence: { id: "B", type_id: 1 } },
      ],
      special_tokens: { [begin]: { id: begin, ids: [ids.bos], tokens: [begin] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
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
