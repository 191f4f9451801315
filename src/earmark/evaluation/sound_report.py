"""What became of sounds that were compared: one ranking each, and the figures they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DEPTH = 10
"""Answers beyond this rank are not looked at."""


@dataclass(frozen=True, slots=True)
class SoundOutcome:
    """One clip that was asked for what sounds like it.

    ``right`` says of each answer, best first, whether it is of the clip's own class, ``label``;
    ``relevant`` is how many clips of the class could have been found.
    """

    query: str
    label: str
    right: tuple[bool, ...]
    relevant: int


@dataclass(frozen=True, slots=True)
class SoundReport:
    """All outcomes, of labelled clips and of segments of music, and what was measured besides."""

    model: str
    labelled: tuple[SoundOutcome, ...] = ()
    music: tuple[SoundOutcome, ...] = ()
    measured: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return one flat object: the model's name and figures; those of classes as ``p@1.CLASS``.

        Figures of music begin with ``music_``.
        """
        shape: dict[str, Any] = {"model": self.model}
        if self.labelled:
            classes = sorted({one.label for one in self.labelled})
            shape |= {"queries": len(self.labelled), "classes": len(classes)}
            shape |= figures(self.labelled)
            for label in classes:
                own = [one for one in self.labelled if one.label == label]
                shape[f"p@1.{label}"] = figures(own)["p@1"]
        if self.music:
            found = figures(self.music)
            shape["music_queries"] = len(self.music)
            shape["music_tracks"] = len({one.label for one in self.music})
            shape |= {f"music_{name}": found[name] for name in ("p@1", f"map@{DEPTH}")}
        return {**shape, **self.measured}

    def table(self) -> str:
        """Return the figures as lines of text."""
        shape = self.as_dict()
        width = max(map(len, shape))
        lines = (
            f"{name:{width}}  {value:>12}"
            if isinstance(value, str)
            else f"{name:{width}}  {value:>12g}"
            for name, value in shape.items()
        )
        return "\n".join(lines)


def figures(outcomes: Sequence[SoundOutcome]) -> dict[str, float]:
    """Return ``p@1``, ``p@5`` and ``map@10``, means over the outcomes, of which there is one."""
    return {
        **{f"p@{k}": float(np.mean([precision(one.right, k) for one in outcomes])) for k in (1, 5)},
        f"map@{DEPTH}": float(
            np.mean([average_precision(one.right, one.relevant) for one in outcomes])
        ),
    }


def precision(right: Sequence[bool], depth: int) -> float:
    """Return the share of the first ``depth`` answers that are right; an absent one is wrong.

    >>> precision([True, False], 1), precision([True, False], 5)
    (1.0, 0.2)
    """
    return sum(right[:depth]) / depth


def average_precision(right: Sequence[bool], relevant: int, depth: int = DEPTH) -> float:
    """Return the mean of the precision at each right answer, with 0 for those that are missing.

    Parameters
    ----------
    right
        Whether each answer is right, best first.
    relevant
        How many there are to find, 1 or more.

    >>> average_precision([True, False, True], relevant=2)  # (1/1 + 2/3) / 2
    0.8333333333333333
    """
    at_hits = (precision(right, k) for k, hit in enumerate(right[:depth], 1) if hit)
    return sum(at_hits) / min(depth, relevant)
