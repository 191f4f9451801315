"""Query windows against a library's: tracks ranked by their best moment, or as wholes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.ports import Neighbours, Numbers, VectorStore
from earmark.sound.model import Float32
from earmark.types import Span

MOMENTS = 5
"""The most moments told of one track."""
_LIKE_THE_BEST = 0.1
"""A further moment of a track is told if its similarity is this close to the best one's."""
_LEAST_NEIGHBOURS, _MOST_NEIGHBOURS = 50, 10_000
_FILES_EACH = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of a query and the stretch of a track that sounds like it."""

    similarity: float
    query: Span
    reference: Span


@dataclass(frozen=True, slots=True)
class Resembling:
    """A track and its moments, the most similar first."""

    number: int
    moments: tuple[Moment, ...]


def resembling(
    store: VectorStore,
    queries: Float32,
    spans: list[Span],
    limit: int,
    *,
    among: Numbers | None = None,
    without: Collection[int] = (),
) -> list[Resembling]:
    """Return at most ``limit`` tracks, the most similar first.

    Parameters
    ----------
    queries
        (q, d) unit vectors of the query's windows.
    spans
        The q stretches of the query that they stand for.
    among, without
        Numbers to search, all if None, and numbers to leave out.
    """
    if not len(queries) or (among is not None and not len(among)):
        return []
    wanted = limit + len(without)
    k = min(_MOST_NEIGHBOURS, max(_LEAST_NEIGHBOURS, 8 * wanted))
    while True:
        found = store.search(queries, k, among)
        ranked = _ranked(found, spans, without)
        if k == _MOST_NEIGHBOURS or _settled(found, ranked) >= limit:
            return ranked[:limit]
        k = min(_MOST_NEIGHBOURS, 4 * k)


def resembling_files(
    store: VectorStore,
    queries: Float32,
    spans: list[Span],
    limit: int,
    *,
    among: Numbers | None = None,
    without: Collection[int] = (),
) -> list[Resembling]:
    """Return at most ``limit`` tracks, those first that are most alike as wholes.

    A whole is the mean of its windows, weighted by their lengths. Compared are the tracks with
    the most similar moments: what is alike as a whole is alike somewhere.
    """
    most = max(_LEAST_NEIGHBOURS, _FILES_EACH * limit)
    near = resembling(store, queries, spans, most, among=among, without=without)
    if not near:
        return []
    query = _whole(queries, np.array([span.duration_s for span in spans]))
    heard = Span(min(span.start_s for span in spans), max(span.end_s for span in spans))
    found = []
    for one in near:
        try:
            held = store.embedded(one.number)
        except KeyError:  # removed since
            continue
        similarity = float(query @ _whole(held.vectors, held.length_s))
        start_s, end_s = held.start_s.min(), (held.start_s + held.length_s).max()
        moment = Moment(similarity, heard, Span(float(start_s), float(end_s)))
        found.append(Resembling(one.number, (moment,)))
    found.sort(key=lambda one: (-one.moments[0].similarity, one.number))
    return found[:limit]


def _whole(vectors: Float32, length_s: Float32 | npt.NDArray[np.float64]) -> Float32:
    mean = np.asarray(length_s, np.float32) @ vectors
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _settled(found: Neighbours, ranked: list[Resembling]) -> float:
    """Return how many of the first tracks cannot be preceded by one that was not seen."""
    more = found.similarity[found.number[:, -1] >= 0, -1]
    if not len(more):
        return math.inf
    unseen = float(more.max())
    return sum(one.moments[0].similarity >= unseen for one in ranked)


def _ranked(found: Neighbours, spans: list[Span], without: Collection[int]) -> list[Resembling]:
    rows, columns = np.nonzero(found.number >= 0)
    similarity = found.similarity[rows, columns]
    order = np.lexsort((found.number[rows, columns], -similarity))
    moments: dict[int, list[Moment]] = {}
    for index in order:
        row, column = rows[index], columns[index]
        number = int(found.number[row, column])
        if number in without:
            continue
        start_s = float(found.start_s[row, column])
        reference = Span(start_s, start_s + float(found.length_s[row, column]))
        moment = Moment(float(similarity[index]), spans[row], reference)
        told = moments.setdefault(number, [])
        if not told or _worth_telling(moment, told):
            told.append(moment)
    return [Resembling(number, tuple(told)) for number, told in moments.items()]


def _worth_telling(moment: Moment, told: list[Moment]) -> bool:
    if len(told) >= MOMENTS or moment.similarity < told[0].similarity - _LIKE_THE_BEST:
        return False
    return not any(_overlap(moment.reference, other.reference) for other in told)


def _overlap(one: Span, other: Span) -> bool:
    return one.start_s < other.end_s and other.start_s < one.end_s
