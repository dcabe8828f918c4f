"""Byte-level BPE: training, encoding, and the tokenizer.json that @huggingface/tokenizers reads with the same ids.

White space only separates (line breaks stay), and the last piece of a word carries a suffix: so a word has the same
ids at the start of a text, after a line break and after a space, which matters where few rows teach it.
"""

import heapq
import json
import re
from collections import Counter, defaultdict

SUFFIX = "</w>"
SPECIALS = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
PAD, CLS, SEP, MASK = range(4)

# Written as characters, not as escapes or properties: Python, JavaScript and Rust agree on these alone.
_LETTER = "A-Za-zªµºÀ-ÖØ-öø-\u1fff\u2c00-\u2dff\u3005-\u3007\u3031-\ud7ff\uf900-\ufdff\ufe70-\ufefc\U00010000-\U0001efff\U00020000-\U0003ffff"
_SPACE = "\t\n\v\f\r "
# Runs are bounded, so that a text of one endless word costs no more than another.
PATTERN = f"[{_LETTER}]{{1,24}}|[0-9]{{1,3}}|\n{{1,8}}|[^{_SPACE}0-9{_LETTER}]{{1,4}}"
_pieces = re.compile(PATTERN).findall


def _byte_letters():
    """The printable letter that stands for each byte, as GPT-2 and the Hugging Face formats have it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return [table[byte] for byte in range(256)]


BYTES = _byte_letters()


def _symbols(piece):
    letters = [BYTES[byte] for byte in piece.encode("utf-8", "surrogatepass")]
    letters[-1] += SUFFIX
    return letters


def train_merges(texts, size):
    """Merges, most frequent pair first, until the vocabulary has `size` entries. Same texts, same merges."""
    counts = Counter()
    for text in texts:
        counts.update(_pieces(text))
    words = [(_symbols(piece), count) for piece, count in sorted(counts.items()) if count > 1]
    pairs, where = Counter(), defaultdict(set)
    for index, (word, count) in enumerate(words):
        for pair in zip(word, word[1:]):
            pairs[pair] += count
            where[pair].add(index)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(SPECIALS) + 512 + len(merges) < size:
        count, pair = heapq.heappop(heap)
        if pairs[pair] != -count:
            # Counted anew since it was pushed.
            if pairs[pair] > 1:
                heapq.heappush(heap, (-pairs[pair], pair))
            continue
        if -count < 2:
            break
        merges.append(pair)
        changed = set()
        for index in where.pop(pair):
            word, times = words[index]
            for old in zip(word, word[1:]):
                pairs[old] -= times
                changed.add(old)
            word = _merge(word, pair)
            words[index] = (word, times)
            for new in zip(word, word[1:]):
                pairs[new] += times
                where[new].add(index)
                changed.add(new)
        for each in changed:
            if pairs[each] > 1:
                heapq.heappush(heap, (-pairs[each], each))
    return merges


def _merge(word, pair):
    merged, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            merged.append(word[i] + word[i + 1])
            i += 2
        else:
            merged.append(word[i])
            i += 1
    return merged


class Tokenizer:
    """Encodes texts with given merges."""

    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        names = [*SPECIALS, *BYTES, *(letter + SUFFIX for letter in BYTES), *(a + b for a, b in self.merges)]
        self.ids = {}
        for name in names:
            self.ids.setdefault(name, len(self.ids))
        self.cache = {}

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file)["model"]["merges"])

    def __len__(self):
        return len(self.ids)

    def encode(self, text):
        """Ids without special tokens."""
        ids = []
        for piece in _pieces(text):
            known = self.cache.get(piece)
            if known is None:
                known = self.cache[piece] = [self.ids[name] for name in self._split(piece)]
            ids.extend(known)
        return ids

    def _split(self, piece):
        word = _symbols(piece)
        while len(word) > 1:
            rank, pair = min((self.ranks.get(pair, len(self.ranks)), pair) for pair in zip(word, word[1:]))
            if rank == len(self.ranks):
                break
            word = _merge(word, pair)
        return word

    def save(self, folder, max_length):
        """Writes tokenizer.json and tokenizer_config.json."""
        special = {name: {"id": name, "ids": [index], "tokens": [name]} for index, name in enumerate(SPECIALS[:3])}
        piece = {"Sequence": {"id": "A", "type_id": 0}}
        mark = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
        document = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            # Specials are no added tokens: those would be found in texts too, and a text could forge them.
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Removed", "invert": True},
                    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
                ],
            },
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [mark("[CLS]"), piece, mark("[SEP]")],
                "pair": [mark("[CLS]"), piece, mark("[SEP]"), {"Sequence": {"id": "B", "type_id": 0}}, mark("[SEP]")],
                "special_tokens": special,
            },
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": SUFFIX,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": self.ids,
                "merges": [list(pair) for pair in self.merges],
            },
        }
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": max_length,
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "mask_token": "[MASK]",
            "clean_up_tokenization_spaces": False,
        }
        for name, value in (("tokenizer.json", document), ("tokenizer_config.json", config)):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                json.dump(value, file, ensure_ascii=False, indent=None if name == "tokenizer.json" else 2)
                file.write("\n")
