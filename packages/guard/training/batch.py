"""Texts to tensors, and what a model says about texts."""

import numpy as np
import torch

from rows import windows
from tokenizer import PAD


def padded(texts):
    width = max(map(len, texts))
    ids = torch.full((len(texts), width), PAD, dtype=torch.int64)
    for i, text in enumerate(texts):
        ids[i, : len(text)] = torch.tensor(text)
    return ids, (torch.arange(width)[None] < torch.tensor([len(text) for text in texts])[:, None]).long()


@torch.no_grad()
def score(model, rows):
    """Difference of the logits, of the worst window of each text."""
    model.eval()
    parts = [(i, window) for i, row in enumerate(rows) for window in windows(row["ids"])]
    parts.sort(key=lambda part: len(part[1]))
    worst = np.full(len(rows), -np.inf)
    for at in range(0, len(parts), 32):
        piece = parts[at : at + 32]
        logits = model(*padded([window for _, window in piece]))
        for (i, _), logit in zip(piece, (logits[:, 1] - logits[:, 0]).tolist()):
            worst[i] = max(worst[i], logit)
    return worst
