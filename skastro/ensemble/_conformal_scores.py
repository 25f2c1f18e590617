"""How strange a class is for a sample, by the probabilities that a classifier gives."""

from hashlib import blake2b

import numpy as np


def class_scores(probabilities, score, seed):
    """Scores of all classes, the larger the stranger.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes.
    score : {"lac", "aps"}
        One minus the probability of the class; or the sum of the probabilities of all classes
        that are more probable, and of a random part of its own.
    seed : int
        Seed of the random parts.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        The scores.
    """
    if score == "lac":
        return 1 - probabilities
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    before = np.empty_like(ranked)
    np.put_along_axis(before, order, ranked.cumsum(axis=1) - ranked, axis=1)
    return before + _uniform(probabilities, seed)[:, None] * probabilities


def _uniform(rows, seed):
    """A number between 0 and 1 for each row, whatever rows are beside it."""
    rows = rows.astype(np.float32)  # rounding may depend on how many rows were predicted at once
    key = int(seed).to_bytes(8, "big")
    digests = b"".join(blake2b(row.tobytes(), key=key, digest_size=8).digest() for row in rows)
    return (np.frombuffer(digests, dtype=">u8") >> 11) / 2.0**53
