"""The labels that the index keeps of each window: to tell with a match, and to filter by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.sound.features import LABELS, SoundFeatures

LEAST_LIKELY = 0.1
"""Labels less likely than this are neither told nor searched for."""
_ROW = np.dtype([("label", "<i2", (LABELS,)), ("likely", "u1", (LABELS,))])


def pack_labels(features: SoundFeatures) -> bytes:
    """Return 9 bytes for each window."""
    rows = np.zeros(len(features.labels), _ROW)
    rows["label"] = features.labels
    rows["likely"] = np.round(features.likely * 255.0)
    return rows.tobytes()


def labels_of(payload: bytes, names: Sequence[str]) -> list[dict[str, float]]:
    """Return, for each window, its labels by name with their probabilities, likeliest first."""
    rows = np.frombuffer(payload, _ROW)
    return [
        {
            names[label]: round(float(likely) / 255.0, 2)
            for label, likely in zip(row["label"].tolist(), row["likely"].tolist(), strict=True)
            if 0 <= label < len(names) and likely >= 255.0 * LEAST_LIKELY
        }
        for row in rows
    ]


def windows_with(payload: bytes, label: int) -> list[int]:
    """Return the windows among whose likeliest labels ``label`` is."""
    rows = np.frombuffer(payload, _ROW)
    told = (rows["label"] == label) & (rows["likely"] >= 255.0 * LEAST_LIKELY)
    return [int(row) for row in np.flatnonzero(told.any(axis=1))]


def label_named(text: str, names: Sequence[str]) -> list[int]:
    """Return the labels that ``text`` means: the one of that name, else all that contain it.

    >>> label_named("dog", ("Dog", "Dog whistle", "Cat"))
    [0]
    >>> label_named("do", ("Dog", "Dog whistle", "Cat"))
    [0, 1]
    """
    wanted = text.strip().casefold()
    exact = [index for index, name in enumerate(names) if name.casefold() == wanted]
    if exact or not wanted:
        return exact
    return [index for index, name in enumerate(names) if wanted in name.casefold()]
