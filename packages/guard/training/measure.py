"""ROC figures, the stacked score, and the cascade of Bayes filter and transformer."""

import numpy as np


def auc(labels, scores):
    order = np.argsort(scores, kind="mergesort")
    sorted_scores = scores[order]
    ranks = np.empty(len(scores))
    _, start, count = np.unique(sorted_scores, return_index=True, return_counts=True)
    for s, n in zip(start, count):
        ranks[order[s : s + n]] = s + (n + 1) / 2
    attacks = labels == 1
    n1, n0 = attacks.sum(), (~attacks).sum()
    return (ranks[attacks].sum() - n1 * (n1 + 1) / 2) / (n1 * n0) if n1 and n0 else float("nan")


def recall_at(labels, scores, rate=0.01):
    others = np.sort(scores[labels == 0])[::-1]
    if len(others) == 0:
        return float("nan")
    limit = others[int(len(others) * rate + 1e-9)]
    return (scores[labels == 1] > limit).mean()


def fit_logistic(features, labels, weights, ridge=1.0, rounds=50):
    """Weights and bias of a logistic regression, by Newton's method."""
    x = np.hstack([features, np.ones((len(features), 1))])
    found = np.zeros(x.shape[1])
    penalty = np.diag([ridge] * features.shape[1] + [0.0])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        slope = x.T @ (weights * (p - labels)) + penalty @ found
        found -= np.linalg.solve((x * (weights * p * (1 - p))[:, None]).T @ x + penalty + 1e-9 * np.eye(len(found)), slope)
    return found[:-1], found[-1]


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def cascade(bayes, stacked, allow_below, block_from):
    """Probability of the cascade: that of the filter where it decides, the stacked one elsewhere; and where it does."""
    p = sigmoid(bayes)
    decided = (p < allow_below) | (p >= block_from)
    return np.where(decided, p, sigmoid(stacked)), decided


# Sources of rows that this repository makes.
MADE = {"generated", "generated_noise", "everyday", "replies", "padded"}


def report(rows, logits, stack):
    """Prints what the model is worth on the held-out part of the training data, on dev, and on the other rows."""
    held = np.array([row["source"] in MADE for row in rows["held"]])
    main = np.array([not row["note"].endswith("no_injection") for row in rows["dev"]])
    take = lambda name, pick: tuple(
        np.array(values)[pick] for values in zip(*((r["label"], r["bayes"], l) for r, l in zip(rows[name], logits[name])))
    )
    dev = take("dev", main)
    others = [each[dev[0] == 0] for each in dev]
    print("ROC-AUC and recall at 1% false positives")
    _line("held out, public", *take("held", ~held), stack)
    _line("held out, made here", *take("held", held), stack)
    _line("dev", *dev, stack)
    everything = take("other", slice(None))
    _line("other attacks, dev others", *(np.r_[a[everything[0] == 1], b] for a, b in zip(everything, others)), stack)
    if stack is None:
        return
    labels, bayes, logit = dev
    for low, high in ((0.019, 0.46), (0.019, 0.9), (0.015, 0.95), (0.01, 0.97), (0.005, 0.99)):
        p, decided = cascade(bayes, _stacked(bayes, logit, stack), low, high)
        print(f"cascade {low} {high}: decided {decided.mean():.3f} AUC {auc(labels, p):.4f} recall {recall_at(labels, p):.3f}")


def _stacked(bayes, logit, stack):
    return stack["bayesLogit"] * bayes + stack["transformerLogit"] * logit + stack["bias"]


def _line(name, labels, bayes, logit, stack):
    scores = {"bayes": bayes, "transformer": logit}
    if stack is not None:
        scores["stacked"] = _stacked(bayes, logit, stack)
    figures = ", ".join(f"{what} {auc(labels, s):.4f} {recall_at(labels, s):.3f}" for what, s in scores.items())
    print(f"  {name} ({(labels == 1).sum()} attacks, {(labels == 0).sum()} others): {figures}", flush=True)
