"""Tokenizers of many kinds, small, and what Hugging Face's `tokenizers` 0.23.2 makes of hard texts.

Run: python packages/lm/golden/make_tokenizers.py PUBLISHED..., where PUBLISHED are tokenizer.json files to take ids from as well
(the test names them llama3 and qwen3); writes tokenizers.json.gz beside this file.
"""
import gzip, json, os, random, sys
import tokenizers as hf
from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N, pre_tokenizers as P, processors as X, trainers as T

R = random.Random(11)
WORDS = "call me Ishmael some years ago never mind how long precisely having little or no money in my purse the whale Whale WHALE don't I'LL été naïve Ω 12345 3.14 東京 鯨 привет 🐋 (yes) -- ... x_y </tag> <b>".split(" ")
TEXT = [" ".join(R.choice(WORDS) for _ in range(40)) + R.choice(["\n", "\n\n", "  ", "\t", ""]) for _ in range(300)]
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = LLAMA3.replace("{1,3}", "")
UP, LOW = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{LOW}+|[^\r\n\p{{L}}\p{{N}}]?{UP}+{LOW}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
A = lambda c, special=False, **k: AddedToken(c, special=special, **k)
BL = lambda regex=True, prefix=False: P.ByteLevel(add_prefix_space=prefix, use_regex=regex)
kinds = {}


def bpe(name, norm=None, pre=None, dec=None, specials=("<|endoftext|>",), vocab=330, post=None, added=(), alphabet=P.ByteLevel.alphabet(), **kw):
    t = Tokenizer(M.BPE(**kw))
    if norm: t.normalizer = norm
    t.pre_tokenizer = pre or BL()
    t.decoder = dec or D.ByteLevel()
    t.train_from_iterator(TEXT, T.BpeTrainer(vocab_size=vocab, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False))
    if post: t.post_processor = post
    for a in added: (t.add_special_tokens if a.special else t.add_tokens)([a])
    kinds[name] = t
    return t


split = lambda regex: P.Sequence([P.Split(Regex(regex), "isolated"), BL(False)])
bpe("gpt2", added=[A("<think>"), A("    "), A("  ")])
bpe("gpt2-strips", added=[A("<mask>", True, lstrip=True), A("<r>", True, rstrip=True), A("<both>", lstrip=True, rstrip=True), A("<one>", True, single_word=True), A("whale", single_word=True)])
bpe("gpt2-longest", added=[A("<a>", True), A("<a>b", True), A("<a>bc"), A("<", True)])
bpe("gpt2-prefix-bos", pre=BL(True, True), specials=("<|endoftext|>", "<s>"), post=X.TemplateProcessing(single="<s> $A <|endoftext|>", special_tokens=[("<s>", 1), ("<|endoftext|>", 0)]))
bpe("pythia", norm=N.NFC(), added=[A("        "), A("    "), A("  ")])
bpe("llama3", pre=split(LLAMA3), specials=("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"), ignore_merges=True, post=X.Sequence([X.ByteLevel(trim_offsets=False), X.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)])]))
bpe("qwen", norm=N.NFC(), pre=split(QWEN), specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>"), added=[A("<think>"), A("</think>"), A("<tool_call>")])
bpe("tekken", pre=split(TEKKEN), specials=("<unk>", "<s>", "</s>", "[INST]", "[/INST]"))
bpe("digits", pre=P.Sequence([P.Digits(individual_digits=True), BL()]))
bpe("phi", added=[A("\t\t"), A("\t\t\t"), A("   ", normalized=True), A("<|code|>", normalized=False)])
bpe("roberta", post=X.RobertaProcessing(("</s>", 1), ("<s>", 0)), specials=("<s>", "</s>", "<mask>"))
bpe("behaviours", pre=P.Sequence([P.Split("-", "merged_with_previous"), P.Split(Regex(r"\p{Lu}"), "merged_with_next"), P.Split(Regex("[aeiou]+"), "contiguous"), P.Split("#", "removed"), P.Split(Regex("x+"), "removed", invert=False), BL()]))
bpe("suffix", pre=P.WhitespaceSplit(), dec=D.BPEDecoder(suffix="</w>"), specials=("<unk>", "<eos>"), alphabet=[], unk_token="<unk>", end_of_word_suffix="</w>")
bpe("punctuation", pre=P.Sequence([P.Punctuation("contiguous"), P.WhitespaceSplit(), BL()]))
ignore = json.loads(kinds["llama3"].to_str())
for w in ("\u0120zqxj", "qqqq"): ignore["model"]["vocab"][w] = 1 + max(ignore["model"]["vocab"].values())
kinds["ignore-merges"] = Tokenizer.from_str(json.dumps(ignore))

BYTES = [f"<0x{i:02X}>" for i in range(256)]
SPDEC = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])


def sentencepiece(name, norm, pre, dec=SPDEC, added=()):
    t = Tokenizer(M.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if norm: t.normalizer = norm
    if pre: t.pre_tokenizer = pre
    t.decoder = dec
    t.train_from_iterator([x.replace("東", "").replace("🐋", "") for x in TEXT], T.BpeTrainer(vocab_size=400, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, show_progress=False))
    j = json.loads(t.to_str())
    j["added_tokens"] = [a for a in j["added_tokens"] if not a["content"].startswith("<0x")]
    t = Tokenizer.from_str(json.dumps(j))
    t.post_processor = X.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    for a in added: (t.add_special_tokens if a.special else t.add_tokens)([a])
    kinds[name] = t


sentencepiece("llama2-legacy", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None)
sentencepiece("llama2", None, P.Metaspace("▁", prepend_scheme="first", split=False))
sentencepiece("mistral", None, P.Metaspace("▁", prepend_scheme="first", split=False), added=[A("[INST]", True), A("[/INST]", True), A("<|tool|>")])
sentencepiece("llama2-always", None, P.Metaspace("▁", prepend_scheme="always", split=True), dec=D.Metaspace("▁", prepend_scheme="always"))
sentencepiece("gemma", N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"), dec=D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]))
bpe("nfkc", norm=N.Sequence([N.NFKC(), N.Lowercase()]))
bpe("accents", norm=N.Sequence([N.NFD(), N.StripAccents(), N.Strip(), N.Nmt()]))


def unigram(name, byte_fallback):
    t = Tokenizer(M.Unigram())
    t.normalizer = N.Sequence([N.NFKC(), N.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = P.Metaspace("▁", prepend_scheme="always")
    t.decoder = D.Metaspace("▁", prepend_scheme="always")
    t.train_from_iterator([x.replace("鯨", "") for x in TEXT], T.UnigramTrainer(vocab_size=150, special_tokens=["<pad>", "</s>", "<unk>"] + (BYTES if byte_fallback else []), unk_token="<unk>", show_progress=False))
    if byte_fallback:
        j = json.loads(t.to_str())
        j["model"]["byte_fallback"] = True
        j["added_tokens"] = j["added_tokens"][:3]
        j["decoder"] = json.loads(kinds["llama2"].to_str())["decoder"]
        t = Tokenizer.from_str(json.dumps(j))
    t.post_processor = X.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    kinds[name] = t


unigram("t5", False)
unigram("t5-bytes", True)
w = Tokenizer(M.WordPiece(unk_token="[UNK]"))
w.normalizer, w.pre_tokenizer, w.decoder = N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece()
w.train_from_iterator(TEXT, T.WordPieceTrainer(vocab_size=200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<eos>"], show_progress=False))
w.post_processor = X.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
kinds["bert"] = w
for name, pre in (("words", P.Whitespace()), ("words-by-bar", P.CharDelimiterSplit("|"))):
    v = Tokenizer(M.WordLevel(unk_token="<unk>"))
    v.pre_tokenizer = pre
    v.train_from_iterator(TEXT, T.WordLevelTrainer(vocab_size=80, special_tokens=["<unk>", "<eos>"], show_progress=False))
    kinds[name] = v

FIXED = ["", " ", "   a", "a   ", "\n\n\n", " \n \n", "\t\ta\t b", "a\r\nb", "\u00a0x\u00a0", "x\ufeffy", "\ufeffstart", "a\u0085b", "\u3000全角", "\u200bzero\u200dwidth", "don't DON'T I'LL ’s", "1234567890", "٣٤٥ ²³ ½ Ⅻ", "3.14159e-10", "e\u0301 é", "ﬁ ﬂ ℌ ①", "한국어 \u1112\u1161\u11ab", "İstanbul ǅ ẞ ΑΣ Σ", "鯨と東京。", "🐋👨\u200d👩\u200d👧", "नमस्ते", "العَرَبِيَّة", "\x00\x01\x7f\x1c", "a<|endoftext|>b", "<|im_start|>user\nhi<|im_end|>", " <mask> a<mask>b <r>  x <both>  y<one> x<one>y <one> whale whales", "<a>bcd <a>b <a> <x", "<think>hm</think>\n\nok <tool_call>", "        if x:\n            return    y", "[INST] hi [/INST] ok", "▁x ▁▁y", "<|tool|>x  <|tool|> y", "\t\t\t\tcode <|code|>   z", "one-two-Three--x AAbC#d#", "a|b||whale|", "x" * 130, " " * 40, "!?!?...---", "zqxj qqqq zqxj", "Ġword Ċ", "a\u2003b\u2009c\u2028d", "<0x41>", "<custom>"]


def hard():
    out = []
    for _ in range(R.randint(1, 25)):
        k = R.random()
        if k < .4: out.append(chr(R.randint(32, 126)))
        elif k < .55: out.append(R.choice(" \t\n\r\u00a0\u3000\u2009\u0085\ufeff"))
        elif k < .75: out.append(chr(R.randint(0xa0, 0x24f)))
        elif k < .85: out.append(chr(R.randint(0x4e00, 0x9fff)))
        elif k < .9: out.append(chr(R.randint(0x1f300, 0x1f5ff)))
        else: out.append(R.choice(["<|endoftext|>", "<mask>", "    ", "<think>", "'LL", "12345", "[INST]", "whale", " whale", "Call me"]))
    return "".join(out)


TEXTS = FIXED + [hard() for _ in range(60)]


def rows(make):
    t, p = make(), make()
    p.encode_special_tokens = True
    out = []
    for x in TEXTS:
        ids = p.encode(x, add_special_tokens=False).ids
        special = t.encode(x, add_special_tokens=False).ids
        out.append({"special": None if special == ids else special, "plain": ids, "decoded": t.decode(ids), "prefixes": [t.decode(ids[:n]) for n in range(1, min(len(ids), 4))]})
    return out


result = {"tokenizers": hf.__version__, "texts": TEXTS, "kinds": {}, "published": {}}
for name, t in kinds.items():
    s = t.to_str()
    result["kinds"][name] = {"tokenizer": json.loads(s), "start": t.encode("").ids, "rows": rows(lambda: Tokenizer.from_str(s))}
for path in sys.argv[1:]:
    name = "llama3" if "llama3" in path else "qwen3"
    result["published"][name] = rows(lambda: Tokenizer.from_file(path))
out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizers.json.gz")
with gzip.GzipFile(out, "wb", mtime=0) as f: f.write(json.dumps(result, separators=(",", ":")).encode())
print(len(kinds), "kinds", len(TEXTS), "texts", os.path.getsize(out), "bytes")
