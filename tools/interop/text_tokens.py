"""What the Python package `tokenizers` makes of mixed scripts, for tools/interop/text-tokens.mjs and the tests' fixture.

  text_tokens.py FOLDER CHARACTERS SEED
writes texts.json, NAME.json (the tokenizer) and NAME.expected.json ([ids, offsets in UTF-16 code units, decoded] a text).
  text_tokens.py packages/text/test/fixtures/tokens.json.gz 5000 7
writes all of it into one file, which is the tests' fixture.
"""
import gzip
import json
import os
import random
import sys
import unicodedata
from collections import Counter

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

folder, characters, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
packed = {} if folder.endswith(".gz") else None
if packed is None:
    os.makedirs(folder, exist_ok=True)
rng = random.Random(seed)

BLOCKS = [
    (0x0041, 0x007A), (0x00C0, 0x017F), (0x0370, 0x03FF), (0x0400, 0x04FF), (0x0531, 0x0587), (0x05D0, 0x05EA),
    (0x0620, 0x0669), (0x0900, 0x0963), (0x0985, 0x09B9), (0x0B85, 0x0BB9), (0x0E01, 0x0E4E), (0x10A0, 0x10FF),
    (0x1100, 0x11FF), (0x1200, 0x1248), (0x1780, 0x17B3), (0x1E00, 0x1EFF), (0x1F00, 0x1FFE), (0x3041, 0x3096),
    (0x30A1, 0x30FA), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0xFB00, 0xFB06), (0xFF01, 0xFF9F), (0x10400, 0x1044F),
    (0x1D400, 0x1D7CB), (0x20000, 0x2A6D6),
]
MARKS = "\u0300\u0301\u0308\u030a\u0323\u0327\u0338\u0345\u093c\u064b\u0651\u3099\u20d7"
SPACES = [" "] * 30 + ["  ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u2003", "\u3000", "\u0085", "\u2028", "   \n "]
SIGNS = list(".,;:!?'\"()[]{}<>-_+=*/\\|@#$%^&~`") + ["…", "—", "’", "。", "、", "«", "»", "¿", "€", "№", "½", "²", "Ⅷ", "٣", "५"]
EMOJI = ["😀", "👩‍👩‍👧", "👍🏽", "🇫🇷", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☃"]
ODD = ["\u200b", "\u200d", "\ufeff", "\u00ad", "\u0001", "\u007f", "\ufffd", "\u2581", "\u0130", "ß", "ﬀ", "ſ"]
WORDS = (
    "the of and to in that it was I'm you're they'll we've don't it's HTTP request tokenizer don't naïve café "
    "résumé Straße привет мир Ελλάδα שלום مرحبا नमस्ते สวัสดี 今日は世界 안녕하세요 中文分词 2024 3.14159 1,000,000 0x7f e\u0301te\u0301 A\u030a n\u0303"
).split()
ADDED = ["<mask>", "[NEW]", "<|end|>", "straße"]


big = characters > 20_000


def size(vocabulary):
    """A vocabulary's size: the fixture is to be small."""
    return vocabulary if big else vocabulary // 2


def word():
    r = rng.random()
    if r < 0.45:
        return rng.choice(WORDS)
    if r < 0.75:
        low, high = rng.choice(BLOCKS)
        letters = [chr(rng.randint(low, high)) for _ in range(rng.randint(1, 9))]
        letters = [c for c in letters if unicodedata.category(c) != "Cn"]
        if rng.random() < 0.25:
            letters = [c + (rng.choice(MARKS) * (rng.random() < 0.4)) + (rng.choice(MARKS) * (rng.random() < 0.2)) for c in letters]
        return "".join(letters)
    if r < 0.83:
        return str(rng.randint(0, 10 ** rng.randint(1, 8)))
    if r < 0.93:
        return rng.choice(SIGNS) * rng.choice([1, 1, 1, 2, 3])
    if r < 0.96:
        return rng.choice(EMOJI)
    if r < 0.98:
        return rng.choice(ODD)
    return rng.choice(ADDED)


def text():
    parts = []
    for _ in range(rng.randint(1, 120)):
        parts.append(word())
        parts.append(rng.choice(SPACES) if rng.random() < 0.85 else "")
    return "".join(parts)


texts = ["", " ", "a", "  two  spaces  ", "\n"]
while sum(map(len, texts)) < characters:
    texts.append(text())
training = [text() for _ in range(400 if big else 50)]

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def trained(tokenizer, trainer):
    tokenizer.train_from_iterator(training, trainer)
    return tokenizer


def build(model, normalizer=None, pre=None, decoder=None):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    if decoder is not None:
        tokenizer.decoder = decoder
    return tokenizer


def gpt2():
    t = build(models.BPE(), None, pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel())
    trained(t, trainers.BpeTrainer(vocab_size=size(900), special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


def roberta():
    t = build(models.BPE(), normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel())
    trained(t, trainers.BpeTrainer(vocab_size=size(800), special_tokens=["<s>", "</s>", "<pad>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.add_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False), AddedToken("[NEW]", rstrip=True, single_word=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    return t


def llama3():
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t = build(models.BPE(ignore_merges=True), None, pre, decoders.ByteLevel())
    trained(t, trainers.BpeTrainer(vocab_size=size(900), special_tokens=["<|begin|>", "<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True, add_prefix_space=False), processors.TemplateProcessing(single="<|begin|> $A", pair="<|begin|> $A $B:1 <|end|>:1", special_tokens=[("<|begin|>", 0), ("<|end|>", 1)])])
    return t


def llama2():
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t = build(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), normalizer, None, decoder)
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    trained(t, trainers.BpeTrainer(vocab_size=size(1000), special_tokens=special, limit_alphabet=120, show_progress=False))
    fresh = json.loads(t.to_str())
    fresh["added_tokens"] = [a for a in fresh["added_tokens"] if not a["content"].startswith("<0x")]
    fresh["pre_tokenizer"] = None
    return Tokenizer.from_str(json.dumps(fresh))


def bert(lowercase):
    t = build(models.WordPiece(unk_token="[UNK]"), normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece())
    trained(t, trainers.WordPieceTrainer(vocab_size=size(900), special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], limit_alphabet=300, show_progress=False))
    t.add_tokens([AddedToken("Straße", normalized=True), AddedToken("[NEW]", single_word=True)])
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return t


def unigram(byte_fallback):
    normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    t = build(models.Unigram(), normalizer, pre_tokenizers.Metaspace(prepend_scheme="first" if byte_fallback else "always"), decoders.Metaspace())
    special = ["<unk>", "<s>"] + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else [])
    common = {c for c, _ in Counter("".join(training)).most_common(250)}
    lines = ["".join(c for c in line if c in common) for line in training]
    t.train_from_iterator(lines, trainers.UnigramTrainer(vocab_size=size(1100), special_tokens=special, unk_token="<unk>", show_progress=False))
    fresh = json.loads(t.to_str())
    fresh["added_tokens"] = [a for a in fresh["added_tokens"] if not a["content"].startswith("<0x")]
    fresh["model"]["vocab"] = [v for v in fresh["model"]["vocab"] if len(v[0]) > 1 or ord(v[0]) % 3]
    fresh["model"]["byte_fallback"] = byte_fallback
    t = Tokenizer.from_str(json.dumps(fresh))
    t.post_processor = processors.TemplateProcessing(single="$A <s>", special_tokens=[("<s>", 1)])
    return t


def words():
    normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.NFKD()])
    pre = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation("contiguous")])
    t = build(models.WordLevel(unk_token="[UNK]"), normalizer, pre)
    trained(t, trainers.WordLevelTrainer(vocab_size=size(700), special_tokens=["[UNK]"], show_progress=False))
    return t


def suffixed():
    pre = pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit(" "), pre_tokenizers.Split("e", "merged_with_next"), pre_tokenizers.Digits()])
    t = build(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", continuing_subword_prefix="@@"), normalizers.NFKC(), pre, decoders.BPEDecoder())
    trained(t, trainers.BpeTrainer(vocab_size=size(900), special_tokens=["<unk>"], limit_alphabet=200, end_of_word_suffix="</w>", continuing_subword_prefix="@@", show_progress=False))
    return t


def sentencepiece():
    import sentencepiece as spm
    from sentencepiece import sentencepiece_model_pb2 as pb
    import base64, io

    out = io.BytesIO()
    common = {c for c, _ in Counter("".join(training)).most_common(400)}
    lines = ["".join(c for c in line if c in common) for t in training for line in t.split("\n") if line.strip()]
    spm.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=out, vocab_size=2000, character_coverage=0.98, model_type="unigram", normalization_rule_name="nmt_nfkc_cf", minloglevel=2, hard_vocab_limit=False)
    proto = pb.ModelProto.FromString(out.getvalue())
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], proto.trainer_spec.unk_id))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    return t


made = {
    "gpt2": gpt2(), "roberta": roberta(), "llama3": llama3(), "llama2": llama2(), "bert": bert(True), "bert-cased": bert(False),
    "unigram": unigram(False), "unigram-bytes": unigram(True), "words": words(), "suffixed": suffixed(),
}
if characters > 100_000:
    try:
        made["sentencepiece"] = sentencepiece()
    except ImportError:
        print("no sentencepiece: its compiled normalization is not compared", file=sys.stderr)


def units(text):
    """Where each character lies in UTF-16."""
    at, result = 0, []
    for c in text:
        result.append(at)
        at += 2 if ord(c) > 0xFFFF else 1
    return result + [at]


def row(text, encoding, tokenizer):
    place = units(text)
    return [encoding.ids, [place[i] for pair in encoding.offsets for i in pair], tokenizer.decode(encoding.ids)]


def write(name, value):
    if packed is not None:
        packed[name] = value
        return
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))


write("texts.json", texts)
write("training.json", training)
for name, tokenizer in made.items():
    write(f"{name}.json", json.loads(tokenizer.to_str()))
    write(f"{name}.expected.json", [row(t, e, tokenizer) for t, e in zip(texts, tokenizer.encode_batch(texts))])

# What training learns, to the token.
def learned(name, tokenizer, trainer):
    trained(tokenizer, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    write(f"{name}.trained.json", {"vocab": model["vocab"], "merges": model.get("merges")})


learned("bpe", build(models.BPE(), None, pre_tokenizers.ByteLevel(add_prefix_space=False)), trainers.BpeTrainer(vocab_size=size(700), min_frequency=2, special_tokens=["<s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
learned("bpe-short", build(models.BPE(unk_token="<unk>"), normalizers.NFC(), pre_tokenizers.Whitespace()), trainers.BpeTrainer(vocab_size=9000 if big else 350, special_tokens=["<unk>"], max_token_length=6, show_progress=False))

if packed is not None:
    with open(folder, "wb") as file:
        file.write(gzip.compress(json.dumps(packed, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0))
