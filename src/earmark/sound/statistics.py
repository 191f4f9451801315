"""What a library's sounds have in common: fitted on its windows, stored with it, then subtracted.

Networks put all of a library's sounds into one corner of their space; without the mean, everything
looks alike. The first principal components hold all that tells sounds apart.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError
from earmark.sound.model import Float32
from earmark.sound.params import JoinParams

Float64 = npt.NDArray[np.float64]

MOST_WINDOWS = 8192
"""Windows that statistics are fitted on; more change nothing."""
_PRIOR_WINDOWS = 20.0
"""Windows' worth of trust in the mean of nothing: one sound's mean is that sound itself."""
_MAGIC = b"EMSS"
_HEAD = struct.Struct("<4sBxHHHI")  # magic, version, dimension, timbre, kept, fitted on
_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Means (d,) and (t,), the timbre's spread (t,), and the basis (d + t, k) of what is kept.

    ``fitted_on`` is the number of windows they were fitted on.
    """

    mean: Float32
    timbre_mean: Float32
    timbre_spread: Float32
    basis: Float32
    fitted_on: int

    def joined(
        self, vectors: Float32, timbres: Float32, length_s: Float32, params: JoinParams
    ) -> Float32:
        """Return (n, k) unit vectors of windows given by both of theirs and by their length.

        Their inner product is the weighted mean of the cosines of network and timbre, as far as
        the principal components keep it.
        """
        own = _own(vectors - self.mean, (timbres - self.timbre_mean) / self.timbre_spread)
        kept = _unit(_weighted(*own, length_s, params) @ self.basis)
        # What lies at the mean, or outside of all that was kept, is like nothing in particular.
        kept[~kept.any(axis=1), 0] = 1.0
        return kept

    @property
    def digest(self) -> str:
        """12 hex digits that stand for these figures; vectors made with others do not compare."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:12]

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` reads: a head, the columns and a checksum."""
        shape = (len(self.mean), len(self.timbre_mean), self.basis.shape[1], self.fitted_on)
        body = _HEAD.pack(_MAGIC, _VERSION, *shape)
        for column in (self.mean, self.timbre_mean, self.timbre_spread):
            body += column.astype("<f4").tobytes()
        body += self.basis.astype("<f2").tobytes()
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Statistics:
        """Return the statistics that were stored; raises `DamagedIndexError`."""
        body, checksum = data[:-32], data[-32:]
        try:
            magic, version, size, timbre, kept, fitted_on = _HEAD.unpack_from(body)
            if magic != _MAGIC or version != _VERSION or hashlib.sha256(body).digest() != checksum:
                raise ValueError(version)
            figures = np.frombuffer(body, "<f4", size + 2 * timbre, _HEAD.size).astype(np.float32)
            kept_at = _HEAD.size + 4 * len(figures)
            basis = np.frombuffer(body, "<f2", -1, kept_at).astype(np.float32)
            basis = basis.reshape(size + timbre, kept)
        except (struct.error, ValueError) as error:
            message = "the statistics of the sound index are damaged; run `earmark rebuild`"
            raise DamagedIndexError(message) from error
        mean, timbre_mean, timbre_spread = np.split(figures, [size, size + timbre])
        return cls(mean, timbre_mean, timbre_spread, basis, fitted_on)


def fit(
    vectors: Float32,
    timbres: Float32,
    length_s: Float32,
    params: JoinParams,
    random: np.random.Generator,
) -> Statistics:
    """Return the statistics of n windows: ``vectors`` (n, d), ``timbres`` (n, t), lengths (n,).

    Parameters
    ----------
    random
        Chooses `MOST_WINDOWS` of more, and the directions to keep beyond those that n windows span.
    """
    if len(vectors) > MOST_WINDOWS:
        chosen = np.sort(random.choice(len(vectors), MOST_WINDOWS, replace=False))
        vectors, timbres, length_s = vectors[chosen], timbres[chosen], length_s[chosen]
    count = len(vectors)
    trust = count / (count + _PRIOR_WINDOWS)
    mean = trust * vectors.mean(axis=0, dtype=np.float64)
    timbre_mean = trust * timbres.mean(axis=0, dtype=np.float64)
    # A component is told in units of its typical spread, which is what few windows have.
    spread = np.sqrt(trust * np.square(timbres - timbre_mean).mean(axis=0) + (1.0 - trust))
    centred = _own(vectors - mean, (timbres - timbre_mean) / spread)
    rows = _weighted(*centred, length_s, params).astype(np.float64)
    basis = _principal(rows, min(params.dimension, rows.shape[1]), random)
    return Statistics(
        mean.astype(np.float32),
        timbre_mean.astype(np.float32),
        np.maximum(spread, 1e-3).astype(np.float32),
        basis.astype(np.float16).astype(np.float32),  # as it is kept
        count,
    )


def _principal(rows: Float64, kept: int, random: np.random.Generator) -> Float64:
    """Return (d, kept) orthonormal: principal directions through 0, then any others."""
    # Not centred again: the rows lie on a sphere about the library's mean already.
    if len(rows) < rows.shape[1]:
        directions = np.linalg.svd(rows, full_matrices=False)[2].T
    else:
        directions = np.linalg.eigh(rows.T @ rows)[1][:, ::-1]
    directions = directions[:, :kept]
    if directions.shape[1] < kept:
        more = random.standard_normal((rows.shape[1], kept - directions.shape[1]))
        directions = np.linalg.qr(np.concatenate((directions, more), axis=1))[0]
    # The sign of a direction means nothing, and depends on the library that found it.
    largest = np.abs(directions).argmax(axis=0)
    return np.asarray(directions * np.sign(directions[largest, np.arange(kept)]))


def _own(vectors: Float32, timbres: Float32) -> tuple[Float32, Float32]:
    return _unit(vectors), _unit(timbres)


def _weighted(vectors: Float32, timbres: Float32, length_s: Float32, params: JoinParams) -> Float32:
    short = np.asarray(length_s)[:, None] < params.short_s
    weight = np.where(short, params.short_weight, params.timbre_weight).astype(np.float32)
    return _unit(np.concatenate((vectors, weight * timbres), axis=1))


def _unit(rows: Float32) -> Float32:
    wide = rows.astype(np.float64)  # squares of float32 may be beyond float32
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(norms > 0.0, norms, 1.0), np.float32)
