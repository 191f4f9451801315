"""Figures: how well a student agrees with its teacher, and how well vectors find their class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from training.sound.model import Student
from training.sound.shards import LENGTHS_S, Examples

Floats = npt.NDArray[np.float32]

NEIGHBOURS = 10


def answers(net: Student, mels: Sequence[npt.NDArray[np.float16]]) -> tuple[Floats, Floats]:
    """Return the features and logits of mels of one length."""
    found, named = [], []
    with torch.inference_mode():
        for rows in mels:
            for start in range(0, len(rows), 64):
                part = torch.from_numpy(np.array(rows[start : start + 64], np.float32))
                features, logits = net(part[:, None])
                found.append(features.numpy())
                named.append(logits.numpy())
    return np.concatenate(found), np.concatenate(named)


def unit(vectors: Floats) -> Floats:
    """Return the rows at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def agreement(net: Student, held: Examples) -> dict[str, float]:
    """Return the mean centred cosine to the teacher, and the share of ten neighbours in common.

    ``cosine`` is over all lengths, ``cosine_5s`` and ``shared`` over examples of 5 s.
    """
    mean = net.mean.numpy()
    cosines: list[Floats] = []
    out: dict[str, float] = {}
    for length in LENGTHS_S:
        if not held.count(length):
            continue
        found, _ = answers(net, held.mels[length])
        wanted = np.concatenate(held.features[length]).astype(np.float32)
        ours, theirs = unit(found - mean), unit(wanted - mean)
        cosines.append((ours * theirs).sum(1))
        if length == max(LENGTHS_S):
            out["cosine_5s"] = float(cosines[-1].mean())
            out["shared"] = shared_neighbours(ours, theirs)
    out["cosine"] = float(np.concatenate(cosines).mean())
    return {name: round(value, 4) for name, value in sorted(out.items())}


def shared_neighbours(ours: Floats, theirs: Floats, count: int = NEIGHBOURS) -> float:
    """Return which share of each row's nearest ``count`` rows is the same in both, on average."""
    nearest = []
    for vectors in (ours, theirs):
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -2.0)
        nearest.append(np.argsort(-cosines, axis=1)[:, :count])
    same = [len(set(a) & set(b)) for a, b in zip(*(rows.tolist() for rows in nearest), strict=True)]
    return float(np.mean(same)) / count


def retrieval(
    vectors: Floats, classes: Sequence[str], recordings: Sequence[str]
) -> dict[str, float]:
    """Return P@1, P@5 and mAP@10 of each row as a query among the others.

    Rows of the query's own recording are no answers. The average precision divides by the hits
    found in the first ten (by 1 where there are none).
    """
    rows = unit(vectors)
    cosines = rows @ rows.T
    kind, recording = np.array(classes), np.array(recordings)
    first, five, average = [], [], []
    for query in range(len(rows)):
        row = np.where(recording == recording[query], -2.0, cosines[query])
        hits = (kind[np.argsort(-row, kind="stable")[:NEIGHBOURS]] == kind[query]).astype(float)
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        first.append(hits[0])
        five.append(hits[:5].mean())
        average.append(float((precision * hits).sum()) / NEIGHBOURS)
    return {
        "P@1": float(np.mean(first)), "P@5": float(np.mean(five)), "mAP@10": float(np.mean(average))
    }  # fmt: skip
