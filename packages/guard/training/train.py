"""Trains the small transformer. See README.md beside it for the commands."""

import argparse
import json
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

from batch import padded
from model import SHAPE, Classifier
from rows import draw_epoch, hide_tokens, make_batches, read_rows
from tokenizer import Tokenizer, train_merges


def parse():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", required=True)
    options.add_argument("--out", required=True)
    options.add_argument("--draws", type=int, default=22000, help="rows drawn per epoch")
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--batch-tokens", type=int, default=2048)
    options.add_argument("--rate", type=float, default=1e-3)
    options.add_argument("--decay", type=float, default=0.05)
    options.add_argument("--dropout", type=float, default=0.1)
    options.add_argument("--hide", type=float, default=0.2, help="at most this share of the tokens is hidden")
    options.add_argument("--guess", type=float, default=0.15, help="weight of guessing the hidden tokens")
    options.add_argument("--smooth", type=float, default=0.05)
    options.add_argument("--attack-share", type=float, default=0.45)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--shape", default="{}")
    return options.parse_args()


def main():
    options = parse()
    shape = {**SHAPE, **json.loads(options.shape)}
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    started = time.time()

    with open(f"{options.rows}/train.jsonl", encoding="utf-8") as file:
        texts = [row["input"] for row in map(json.loads, file)]
    tokenizer = Tokenizer(train_merges(texts, shape["vocab"]))
    shape["vocab"] = len(tokenizer)
    train = read_rows(f"{options.rows}/train.jsonl", tokenizer)
    model = Classifier(**shape, dropout=options.dropout)
    print(f"{len(train)} rows, {sum(p.numel() for p in model.parameters())} weights", flush=True)

    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": options.decay},
        {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98), eps=1e-6)
    epochs = [
        make_batches(draw_epoch(train, options.draws, options.attack_share, options.seed + e), options.batch_tokens, e)
        for e in range(options.epochs)
    ]
    steps = sum(map(len, epochs))
    mean_rows = sum(len(batch) for epoch in epochs for batch in epoch) / steps
    print(f"{steps} steps, prepared in {time.time() - started:.0f} s", flush=True)
    os.makedirs(options.out, exist_ok=True)
    tokenizer.save(options.out, shape["positions"])
    slow = {name: value.clone() for name, value in model.state_dict().items()}
    step, tokens, losses = 0, 0, []
    for epoch in epochs:
        model.train()
        for batch in epoch:
            hidden_texts = [hide_tokens(ids, rng, shape["vocab"], options.hide) for ids, _ in batch]
            ids, mask = padded([fed for fed, _ in hidden_texts])
            labels = torch.tensor([label for _, label in batch])
            offset = rng.randrange(shape["positions"] - ids.shape[1] + 1) if rng.random() < 0.5 else 0
            with torch.autocast("cpu", torch.bfloat16):
                logits, guessed = model(ids, mask, offset, states=True)
            logits = logits.float()
            # Each row counts alike, in a batch of many short ones and in one of a few long ones.
            loss = F.cross_entropy(logits, labels, label_smoothing=options.smooth, reduction="sum") / mean_rows
            total = loss
            places = [(i, j) for i, (_, where) in enumerate(hidden_texts) for j in where]
            if options.guess > 0 and places:
                at = tuple(torch.tensor(places).t())
                wanted = torch.tensor([batch[i][0][j] for i, j in places])
                with torch.autocast("cpu", torch.bfloat16):
                    guesses = model.guess(guessed[at])
                total = total + options.guess * F.cross_entropy(guesses.float(), wanted)
            for group in optimiser.param_groups:
                group["lr"] = options.rate * min(1, (step + 1) / (steps * 0.06)) * max(0.02, 1 - step / steps)
            optimiser.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            step += 1
            tokens += ids.numel()
            losses.append((loss.item(), total.item()))
            keep = min(0.998, step / (step + 20))
            for name, value in model.state_dict().items():
                if value.dtype.is_floating_point:
                    slow[name].lerp_(value, 1 - keep)
            if step % 500 == 0:
                torch.save({"shape": shape, "state": slow}, f"{options.out}/weights.pt")
            if step % 100 == 0:
                mean = np.mean(losses[-100:], axis=0)
                seconds = time.time() - started
                print(f"{step}/{steps} loss {mean[0]:.4f} with guesses {mean[1]:.4f}, {tokens / seconds:.0f} tokens/s, {seconds:.0f} s", flush=True)
    torch.save({"shape": shape, "state": slow}, f"{options.out}/weights.pt")
    print(f"trained in {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
