/**
 * A tokenizer from a checkpoint's tokenizer.json: normaliser, cuts, model and decoder as Hugging Face's `tokenizers`
 * 0.23 has them (golden files hold its ids), with the pieces of each word kept, so that a book takes a second. Control
 * tokens are never made from text: a prompt that spells "<|endoftext|>" stays plain characters, unless `encode` is told
 * which characters come from a template. Added tokens that are not special ("<think>") are text and match in any.
 */
import { join } from "node:path";
import { largest, TillerError } from "@tiller/schema";
import { z } from "zod";
import { AddedToken, addedTokenCutter, type Allowed, type Cut } from "./added-tokens.ts";
import { bounded } from "./bounded.ts";
import { idLimit } from "./bpe-merge.ts";
import { bytesOfLetters, byteToken, decoder, type Token } from "./decoders.ts";
import { normalizer } from "./normalizers.ts";
import { jsonOf, readPart } from "./parts.ts";
import { patterns } from "./patterns.ts";
import { preTokenizer } from "./pre-tokenizers.ts";
import { damaged, tokenModel } from "./token-models.ts";

export interface Tokenizer {
  readonly vocabSize: number;
  /** id of <|endoftext|> */
  readonly eos: number;
  /** id of <|pad|> */
  readonly pad: number;
  /** what a text begins with: nothing for GPT-2, the begin-of-text token for Llama 2 */
  readonly start: readonly number[];
  /** ids that no text makes: the special tokens and the end of text */
  readonly control: ReadonlySet<number>;
  /** `specials`: control tokens spelled in the text (where allowed) become one id each, as chat templates need */
  encode(text: string, o?: { readonly specials?: boolean | Allowed }): number[];
  /** Specials are left out; bytes that form no character become U+FFFD. */
  decode(ids: readonly number[]): string;
  /** The bytes of one token, for text that streams out a token at a time; empty for specials. */
  bytes(id: number): Uint8Array;
}

export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const file = join(dir, "tokenizer.json");
  return loadTokenizerJson(jsonOf(file, await readPart(file)));
}

const Json = z.looseObject({
  model: z.looseObject({}),
  added_tokens: z.array(AddedToken).nullish(),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  decoder: z.unknown(),
});

export interface TokenizerOptions {
  /** config.json's eos_token_id, where it names one */
  readonly eos?: number;
  /** how long the file's own patterns may take for one text, and 1 ms more for every 200 characters */
  readonly patienceMs?: number;
}
/** From a parsed tokenizer.json. */
export function loadTokenizerJson(parsed: unknown, o: TokenizerOptions = {}): Tokenizer {
  try {
    return assemble(Json.parse(parsed), o);
  } catch (cause) {
    if (cause instanceof TillerError) throw cause;
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const why = issue
      ? `${issue.path.join(".") || "its content"}: ${issue.message}`
      : (cause as Error).message;
    throw new TillerError(
      "unknown_tokenizer",
      `tokenizer.json cannot be used: ${why}. Take the file from its source again, or choose a model with byte-level BPE.`,
      { cause },
    );
  }
}

const always = () => true;
const cacheLimit = 200_000; // words; the whole of Moby-Dick has 30,000
const wordLimit = 64; // characters of a word that is kept
const longLimit = 1000; // characters of a token; published vocabularies stay far below

function assemble(json: z.infer<typeof Json>, o: TokenizerOptions): Tokenizer {
  const found = patterns();
  const normalize = normalizer(json.normalizer, found);
  const pre = preTokenizer(json.pre_tokenizer, found);
  const decodeTokens = decoder(json.decoder, found);
  const added = json.added_tokens ?? [];
  const idOf = new Map(added.map((t) => [t.content, t.id]));
  const eos = endOfText((name) => idOf.get(name) ?? idInVocab(json.model["vocab"], name), o.eos);
  const control = new Set([eos, ...added.filter((t) => t.special).map((t) => t.id)]);
  const model = tokenModel(json.model, { control, byteLevel: pre.byteLevel });
  const tokens = tokensById(model.vocab, added);
  const vocabSize = tokens.length;
  const hidden = new Set(added.filter((t) => t.special).map((t) => t.id));

  const guarded = added.map((t) => ({ ...t, special: control.has(t.id) }));
  const late = guarded.filter((t) => t.normalized ?? !t.special);
  const cutRaw = addedTokenCutter(guarded.filter((t) => !late.includes(t)));
  const cutNormal = addedTokenCutter(
    late,
    late.map((t) => normalize(t.content)),
  );
  const longest = largest(tokens.map((t) => t?.text.length ?? 0));
  const trusted = found.safe && longest <= longLimit;
  const within = <T>(size: number, work: () => T): T =>
    trusted ? work() : bounded((o.patienceMs ?? 2_000) + size / 200, work, tooSlow);

  const cache = new Map<string, readonly number[]>();
  const idsOfWord = (word: string): readonly number[] => {
    let ids = cache.get(word);
    if (ids) return ids;
    ids = model.encode(word);
    if (cache.size < cacheLimit && word.length <= wordLimit) cache.set(word, ids);
    return ids;
  };
  const encodeCuts = (cuts: readonly Cut[], first: boolean, out: number[]) =>
    cuts.forEach(({ section }, k) => {
      if (typeof section === "number") out.push(section);
      else if (section)
        for (const word of pre.cut(section, first && k === 0))
          for (const id of idsOfWord(word)) out.push(id);
    });

  const encode = (given: string, specials: Allowed | undefined): number[] => {
    const out: number[] = [];
    for (const { section, from } of cutRaw(given.toWellFormed(), specials)) {
      if (typeof section === "number") {
        out.push(section);
        continue;
      }
      let at = from;
      for (const { text, template } of ownParts(section, from, specials)) {
        encodeCuts(cutNormal(normalize(text), template ? always : undefined), at === 0, out);
        at += text.length;
      }
    }
    return out;
  };
  /** Control tokens of normalised text are looked for between the characters of others, never across them. */
  const ownParts = (section: string, from: number, specials: Allowed | undefined) => {
    const template = specials?.(from, from + section.length) ?? false;
    const whole = [{ text: section, template }];
    if (!specials || template || !late.some((t) => t.special)) return whole;
    const isControl = ({ section: s }: Cut) => typeof s === "number" && control.has(s);
    if (!cutNormal(normalize(section), always).some(isControl)) return whole;
    const parts: typeof whole = [];
    for (let i = 0; i < section.length; i++) {
      const own = specials(from + i, from + i + 1);
      const last = parts.at(-1);
      if (last?.template === own) last.text += section[i];
      else parts.push({ text: section[i], template: own });
    }
    return parts;
  };

  const pieces = new Map<number, Uint8Array>();
  return {
    vocabSize,
    eos,
    pad: idOf.get("<|pad|>") ?? idOf.get("<pad>") ?? eos,
    start: startOf(json.post_processor, vocabSize),
    control,
    encode: (text, { specials } = {}) =>
      within(text.length, () => encode(text, specials === true ? always : specials || undefined)),
    decode: (ids) => {
      const shown = ids.flatMap((id) => (hidden.has(id) ? [] : (tokens[id] ?? [])));
      return shown.length ? within(shown.length, () => decodeTokens(shown)) : "";
    },
    bytes: (id) => {
      let bytes = pieces.get(id);
      if (bytes) return bytes;
      const token = hidden.has(id) ? undefined : tokens[id];
      const byte = token && !token.added && byteToken.exec(token.text);
      if (!token) bytes = new Uint8Array();
      else if (decodeTokens.byteLevel) bytes = bytesOfLetters(token);
      else if (byte && decodeTokens.byteFallback) bytes = Uint8Array.of(parseInt(byte[1], 16));
      else {
        const before = { text: "x", added: true }; // in the midst of a text, its first space is none to leave out
        bytes = Buffer.from(within(1, () => decodeTokens([before, token])).slice(1));
      }
      pieces.set(id, bytes);
      return bytes;
    },
  };
}
const tooSlow = () =>
  new TillerError(
    "slow_tokenizer",
    "this model's tokenizer takes too long for this text and was stopped: a pattern in its tokenizer.json is not made for it. Shorten the text, or take the file from its source again.",
  );

function tokensById(
  vocab: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
): (Token | undefined)[] {
  for (const { id, content } of added)
    if (id >= idLimit)
      throw damaged(`the added token ${content} has the id ${id}, ids are 0 to ${idLimit - 1}`);
  const size = 1 + largest([largest(vocab.values()), largest(added.map((t) => t.id))]);
  const tokens = Array.from({ length: size }, (): Token | undefined => undefined);
  for (const [text, id] of vocab) tokens[id] = { text, added: false };
  for (const { id, content } of added) {
    const own = vocab.get(content);
    const other = tokens[id];
    if (own !== undefined && own !== id)
      throw damaged(`the added token ${content} has the id ${id}, in the vocabulary it is ${own}`);
    if (other && other.text !== content)
      throw damaged(`the tokens ${other.text} and ${content} have one id, ${id}`);
    tokens[id] = { text: content, added: true };
  }
  return tokens;
}

const idInVocab = (vocab: unknown, name: string): number | undefined => {
  if (Array.isArray(vocab)) {
    const at = vocab.findIndex((entry) => Array.isArray(entry) && entry[0] === name);
    return at < 0 ? undefined : at;
  }
  const id: unknown =
    typeof vocab === "object" && vocab !== null && Object.hasOwn(vocab, name)
      ? vocab[name as keyof typeof vocab]
      : undefined;
  return typeof id === "number" ? id : undefined;
};

/** config.json's, else the first of the names in use. */
function endOfText(idOf: (name: string) => number | undefined, given: number | undefined): number {
  const names = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>"];
  const id = given ?? names.map(idOf).find((x) => x !== undefined);
  if (id !== undefined) return id;
  throw new TillerError(
    "unknown_tokenizer",
    `tokenizer.json has no ${names[0]} token, nor another end of text, and config.json names none. Add eos_token_id there.`,
  );
}

const Pair = z.tuple([z.string(), z.int().nonnegative()]);
const PostProcessor = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("ByteLevel") }),
  z.looseObject({ type: z.enum(["BertProcessing", "RobertaProcessing"]), cls: Pair }),
  z.looseObject({
    type: z.literal("TemplateProcessing"),
    single: z.array(
      z.union([
        z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }) }),
        z.looseObject({ Sequence: z.looseObject({ id: z.string() }) }),
      ]),
    ),
    special_tokens: z.custom<Readonly<Record<string, { readonly ids: readonly number[] }>>>(
      (v) => typeof v === "object" && v !== null,
      "is no object",
    ),
  }),
  z.looseObject({ type: z.literal("Sequence"), processors: z.array(z.unknown()) }),
]);
const Ids = z.array(z.int().nonnegative());

/** What stands before a text; what a template puts after it ends a text, and a prompt goes on. */
export function startOf(spec: unknown, vocabSize: number): number[] {
  if (spec === null || spec === undefined) return [];
  const s = PostProcessor.parse(spec);
  if (s.type === "ByteLevel") return [];
  if (s.type === "Sequence") return s.processors.toReversed().flatMap((p) => startOf(p, vocabSize));
  const ids = [];
  if (s.type !== "TemplateProcessing") ids.push(s.cls[1]);
  else
    for (const part of s.single) {
      if ("Sequence" in part) break;
      const name = (part as { SpecialToken: { id: string } }).SpecialToken.id;
      const held = Object.hasOwn(s.special_tokens, name) ? s.special_tokens[name]?.ids : undefined;
      for (const id of Ids.parse(held)) ids.push(id);
    }
  const foreign = ids.find((id) => id >= vocabSize);
  if (foreign !== undefined)
    throw damaged(`a text is to begin with token ${foreign}, the vocabulary has ${vocabSize}`);
  return ids;
}
