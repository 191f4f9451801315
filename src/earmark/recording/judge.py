"""Compares the best tracks of a stretch: the strength of the best, and of its best rival."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.recording.confidence import Calibration, Figures
from earmark.recording.landmarks import Peaks
from earmark.recording.verify import Scored, Verifier

Float64 = npt.NDArray[np.float64]

_TRACKS = 8
_FEW, _MANY = 25, 100  # query peaks a page that must coincide with the reference's
# What the best of hundreds of wrong tracks reaches on an easy query: a small library has no rival
# that strong, and must not be surer of itself for it.
_LEAST_STRENGTH, _LEAST_SCORE, _LEAST_SHARE, _LEAST_MEAN = 8.0, 5.0, 0.15, 0.5
_SURPRISE = 0.6  # weight of coincidence beside the score


@dataclass(frozen=True, slots=True)
class Standing:
    """The best alignment of each of the best tracks, strongest first.

    ``strength`` is the score plus the weighted surprise of the coincidences; ``share`` the part of
    the reference's peaks that are query peaks.
    """

    best: Scored
    strength: Float64
    share: Float64

    def __len__(self) -> int:
        return len(self.strength)

    @property
    def numbers(self) -> list[int]:
        """The tracks, strongest first."""
        return [int(n) for n in self.best.at.numbers]


class Judge:
    """Weighs alignments of one query by score and by coincidence of peaks.

    The score alone is fooled by sustained tones, which agree with every track in the same key;
    a peak of the query within one frame and one bin of a peak of the reference is not.
    """

    def __init__(self, verifier: Verifier, peaks: Peaks, calibration: Calibration) -> None:
        self._verifier = verifier
        self._calibration = calibration
        self._few = _near(peaks, _FEW, verifier.shape)
        self._many = _near(peaks, _MANY, verifier.shape)
        self._chance = max(1e-4, float(self._few.mean()))

    def standing(self, pool: Scored) -> Standing:
        """Return the standing of the pool's best tracks; the pool comes best score first."""
        _, first = np.unique(pool.at.numbers, return_index=True)
        best = pool.rows(np.sort(first)[:_TRACKS])
        few, count = self._verifier.coincidences(self._few, best.at)
        many, _ = self._verifier.coincidences(self._many, best.at)
        strength = best.score + _SURPRISE * _surprise(few, count, self._chance)
        order = np.argsort(-strength, kind="stable")
        share = many / np.maximum(count, 1)
        return Standing(best.rows(order), strength[order], share[order])

    def confidence(
        self, standing: Standing, row: int, kin: set[int], warped: bool
    ) -> tuple[float, float]:
        """Return (confidence of a row, score of its best rival); kin are no rivals."""
        if len(standing) == 0:
            return 0.0, 0.0
        rivals = [i for i, number in enumerate(standing.numbers) if number not in kin]
        score, mean = standing.best.score, _mean(standing.best)
        strength = float(standing.strength[row])
        rival_strength = max((float(standing.strength[i]) for i in rivals), default=0.0)
        rival_score = max((float(score[i]) for i in rivals), default=0.0)
        rival_mean = max((float(mean[i]) for i in rivals), default=0.0)
        rival_share = max((float(standing.share[i]) for i in rivals), default=0.0)
        figures = Figures(
            strength_ratio=_log_ratio(strength, max(_LEAST_STRENGTH, rival_strength), 0.1),
            score_ratio=_log_ratio(float(score[row]), max(_LEAST_SCORE, rival_score), 0.1),
            share_ratio=_log_ratio(
                float(standing.share[row]), max(_LEAST_SHARE, rival_share), 0.02
            ),
            mean=float(mean[row]),
            mean_lead=float(mean[row]) - max(_LEAST_MEAN, rival_mean),
            share=float(standing.share[row]),
            log_peaks=float(np.log(max(1, int(standing.best.count[row])))),
            warped=float(warped),
        )
        return self._calibration(figures), rival_score


def _mean(scored: Scored) -> Float64:
    return scored.score / np.sqrt(np.maximum(scored.count, 10))


def _log_ratio(value: float, other: float, least: float) -> float:
    return float(np.log(max(value, least) / other))


def _near(peaks: Peaks, per_page: int, shape: tuple[int, int]) -> npt.NDArray[np.int8]:
    """Return a map that is 1 within one frame and one bin of the strongest query peaks."""
    keep = peaks.rank < per_page
    return widened(peaks.frames[keep], peaks.bins[keep], shape)


def widened(
    frames: npt.NDArray[np.integer], bins: npt.NDArray[np.integer], shape: tuple[int, int]
) -> npt.NDArray[np.int8]:
    """Return a map that is 1 within one frame and one bin of the given cells."""
    marks = np.zeros((shape[0] + 2, shape[1] + 2), np.int8)
    marks[frames.astype(np.int64) + 1, bins.astype(np.int64) + 1] = 1
    rows = marks[:-2] | marks[1:-1] | marks[2:]
    return np.ascontiguousarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])


def _surprise(hits: Float64, of: Float64, chance: float) -> Float64:
    """Return the signed root of the log-likelihood ratio of a binomial, in standard deviations.

    >>> _surprise(np.array([50.0]), np.array([100.0]), 0.5)
    array([0.])
    """
    of = np.maximum(of, 1.0)
    rate = np.clip(hits / of, 1e-6, 1 - 1e-6)
    gain = rate * np.log(rate / chance) + (1 - rate) * np.log((1 - rate) / (1 - chance))
    return np.where(rate > chance, np.sqrt(2.0 * of * np.maximum(gain, 0.0)), 0.0)
