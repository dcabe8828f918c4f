"""Calibrates a trained model and writes the folder that ships: model.onnx, config.json, crucible.json."""

import argparse
import hashlib
import json
import os

import numpy as np
import torch

from batch import score
from measure import fit_logistic, report
from model import Classifier, export, hf_config
from rows import read_rows
from tokenizer import Tokenizer

FILES = ("config.json", "onnx/model.onnx", "tokenizer.json", "tokenizer_config.json")
# What a calibrated probability takes for granted about the traffic, as for the Bayes filter.
PRIOR = 0.2


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", required=True)
    options.add_argument("--weights", required=True, help="what train.py wrote")
    options.add_argument("--out", required=True)
    options.add_argument("--input", default="normalised")
    options = options.parse_args()
    torch.set_num_threads(1)
    saved = torch.load(f"{options.weights}/weights.pt")
    shape = saved["shape"]
    model = Classifier(**shape)
    model.load_state_dict(saved["state"])
    tokenizer = Tokenizer.load(f"{options.weights}/tokenizer.json")
    held = read_rows(f"{options.rows}/held.jsonl", tokenizer)
    tests = {name: read_rows(f"{options.rows}/{name}.jsonl", tokenizer) for name in ("dev", "other")}

    labels = np.array([row["label"] for row in held])
    weights = np.array([row["weight"] for row in held])
    for label, share in ((1, PRIOR), (0, 1 - PRIOR)):
        weights[labels == label] *= share * len(held) / weights[labels == label].sum()
    logit, bayes = score(model, held), np.array([row["bayes"] for row in held])
    (scale,), shift = fit_logistic(logit[:, None], labels, weights)
    model.scale.fill_(scale)
    model.shift.copy_(torch.tensor([-shift / 2, shift / 2]))
    logit = logit * scale + shift
    (of_bayes, of_transformer), bias = fit_logistic(np.stack([bayes, logit], 1), labels, weights)
    stack = {"bayesLogit": round(of_bayes, 4), "transformerLogit": round(of_transformer, 4), "bias": round(bias, 4)}
    print(f"calibration: logit * {scale:.4f} + {shift:.4f}; stack {stack}")
    rows = {"held": held, **tests}
    report(rows, {name: score(model, each) for name, each in rows.items()}, stack)

    os.makedirs(f"{options.out}/onnx", exist_ok=True)
    export(model, f"{options.out}/onnx/model.onnx")
    tokenizer.save(options.out, shape["positions"])
    write(f"{options.out}/config.json", hf_config(shape))
    files = {}
    for name in FILES:
        with open(f"{options.out}/{name}", "rb") as file:
            files[name] = hashlib.sha256(file.read()).hexdigest()
    facts = {"name": "transformer-1", "input": options.input, "windowTokens": shape["positions"], "strideTokens": 256}
    write(f"{options.out}/crucible.json", {**facts, "stack": stack, "files": files})


def write(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
