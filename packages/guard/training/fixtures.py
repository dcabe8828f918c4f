"""Writes texts with the ids that the training tokenizer gives them, for the test that the runtime's gives the same."""

import argparse
import json
import random

from tokenizer import Tokenizer

ODD = [
    "",
    " ",
    "\n\n\n",
    "[CLS] [SEP] [PAD] </w> <s>",
    "Héllo WÖRLD, naïve café",
    "你好世界 こんにちは 안녕하세요 สวัสดี",
    "👩‍👩‍👧 🇩🇪 👍🏽 ❤️",
    "\u200bzero\u00a0width\u3000and\u2028odd\x85spaces\ufeff",
    "a" * 100,
    "def f(x):\n\treturn x ** 2  # square\n\n\nprint(f(3.14159))",
    "𝓐𝓑𝓒 ①②③ ½ x² 1,234,567.89",
    "𐐷 \U0010ffff \ue000 \ufffd",
    "line\r\nline\r\n\r\nline",
    '{"role": "user", "content": "ok"}',
]
RANGES = [(32, 127), (32, 127), (160, 0x3000), (0x3000, 0xD7FF), (0xE000, 0x10000), (0x10000, 0x110000), (9, 14)]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", required=True)
    options.add_argument("--model", required=True, help="folder with tokenizer.json")
    options.add_argument("--out", required=True)
    options = options.parse_args()
    tokenizer = Tokenizer.load(f"{options.model}/tokenizer.json")
    rng = random.Random(1)
    with open(f"{options.rows}/train.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    # Texts that this repository makes: no public row is copied.
    made = [row["input"] for row in rows if row["source"] in ("generated", "everyday", "replies") and len(row["input"]) < 500]
    texts = [*ODD, *rng.sample(made, 250)]
    for _ in range(150):
        texts.append("".join(chr(rng.randrange(*rng.choice(RANGES))) for _ in range(rng.randrange(1, 40))))
    with open(options.out, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text, "ids": tokenizer.encode(text)}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
