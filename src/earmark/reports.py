"""What the library's long operations tell: progress while they run, a report at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from earmark.errors import EarmarkError

if TYPE_CHECKING:
    from earmark.types import Track


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that could not be taken, and why."""

    input: str
    code: str
    message: str

    @classmethod
    def of(cls, source: str, error: EarmarkError) -> Failure:
        """Return the failure that an error of this input amounts to."""
        return cls(source, error.code, error.message)

    def error(self) -> EarmarkError:
        """Return the error that this failure stands for: of the class that has its code."""
        return _class_of(self.code)(self.message)


def _class_of(code: str) -> type[EarmarkError]:
    waiting: list[type[EarmarkError]] = [EarmarkError]
    for kind in waiting:
        if kind.code == code:
            return kind
        waiting += kind.__subclasses__()
    return EarmarkError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long operation is; ``done`` counts inputs that are settled, failed ones included.

    ``audio_s`` is the audio analysed so far, ``wall_s`` the time it took.
    """

    done: int
    total: int
    failed: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0
    source: str = ""

    @property
    def x_real_time(self) -> float:
        """Seconds of audio analysed per second."""
        return self.audio_s / self.wall_s if self.wall_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Estimated seconds to go, or None before anything is done."""
        return self.wall_s * (self.total - self.done) / self.done if self.done else None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class AddReport:
    """What an ``add`` came to.

    ``added`` counts new and replaced tracks, among them ``replaced`` whose file had changed and
    ``linked`` whose audio the library held already. ``unchanged`` counts known files, among them
    ``moved`` whose track now points to the new path. ``warnings`` are sentences about troubles that
    were read past (a file cut short, samples that are no numbers).
    """

    added: int = 0
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()
    audio_s: float = 0.0
    wall_s: float = 0.0
    replaced: int = 0
    linked: int = 0
    moved: int = 0
    track_ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def x_real_time(self) -> float:
        """Seconds of audio analysed per second."""
        return self.audio_s / self.wall_s if self.wall_s > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of the last line of ``add --json``."""
        return {
            "added": self.added,
            "unchanged": self.unchanged,
            "failed": [asdict(failure) for failure in self.failed],
            "audio_s": round(self.audio_s, 3),
            "wall_s": round(self.wall_s, 3),
        }


@dataclass(frozen=True, slots=True)
class PutReport:
    """What a ``put`` came to.

    ``created`` tells a new track, ``changed`` that anything of it is another than before (a new
    track included). ``track.source`` is the file that the track stands on, which need not be the
    one that was put: a track whose bytes are held already keeps its own.
    """

    track: Track
    created: bool
    changed: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a ``rebuild`` came to: audios indexed, analysed again, and sources that were missing."""

    indexed: int
    analysed: int = 0
    missing: tuple[Failure, ...] = ()
    wall_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``rebuild --json``."""
        return asdict(self) | {"missing": [asdict(failure) for failure in self.missing]}


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What an export, an import, or a copy from one library to another came to.

    ``tracks`` counts those that were written, ``unchanged`` those that were there already and
    ``bytes`` the archive, or what was written of features and covers. Only a copy has the rest:
    among ``tracks`` those ``replaced`` that were there with another content, how many tracks were
    ``verified``, and the ``checksum`` (sha256) in which both sides agreed.
    """

    tracks: int
    unchanged: int = 0
    bytes: int = 0
    replaced: int = 0
    verified: int = 0
    checksum: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``export --json``, ``import --json`` and ``copy --json``."""
        shape = asdict(self)
        if not self.checksum:
            for name in ("replaced", "verified", "checksum"):
                del shape[name]
        return shape


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair came to: one sentence each for what was found, done, and is wrong still."""

    found: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong any more."""
        return not self.left

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``doctor --repair --json``."""
        return {
            "sound": self.sound,
            "faults": list(self.left),
            "found": list(self.found),
            "done": list(self.done),
        }


@dataclass(frozen=True, slots=True)
class LibraryStats:
    """Sizes and counts; audio that tracks share counts once in ``audios`` and ``audio_s``.

    ``choices`` are what engines were opened for: ``{"sound": {"model": "mn04"}}``; ``vectors`` is
    where vectors are: ``embedded`` or a Milvus.
    """

    tracks: int
    audios: int
    audio_s: float
    truth_bytes: int
    engines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    vectors: str = "embedded"

    @property
    def bytes(self) -> int:
        """Everything on disk: the truth and every derived index."""
        return self.truth_bytes + sum(int(stats.get("bytes", 0)) for stats in self.engines.values())

    @property
    def bytes_per_hour(self) -> float:
        """Bytes on disk for an hour of audio."""
        return self.bytes / (self.audio_s / 3600.0) if self.audio_s > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``stats --json``."""
        return {
            "tracks": self.tracks,
            "audios": self.audios,
            "audio_s": round(self.audio_s, 3),
            "bytes": self.bytes,
            "bytes_per_hour": round(self.bytes_per_hour),
            "truth_bytes": self.truth_bytes,
            "engines": {name: dict(stats) for name, stats in self.engines.items()},
            "choices": {name: dict(chosen) for name, chosen in self.choices.items()},
            "vectors": self.vectors,
        }
