"""earmark hears a sound and finds it in your own library.

>>> from earmark import Library
>>> with Library.open("earmark-library") as library:  # doctest: +SKIP
...     library.add("music/")
...     library.identify("clip.wav").best
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.config import Settings, load_settings
    from earmark.errors import (
        AnalysisDiedError,
        ArchiveError,
        AudioTooLongError,
        AudioTooShortError,
        CheckpointError,
        DamagedIndexError,
        DiskFullError,
        EarmarkError,
        EmptyAudioError,
        ExtraMissingError,
        FetchError,
        InputError,
        LibraryLockedError,
        LibraryNotFoundError,
        LibraryParametersError,
        LibraryVersionError,
        ModelUnavailableError,
        NoMelodyError,
        NotAScoreError,
        NotAudioError,
        SilentAudioError,
        SourceNotFoundError,
        SourceUnreadableError,
        StoreError,
        StoreUnavailableError,
        TooLittleVoiceError,
        TrackNotFoundError,
        UntrustedCheckpointError,
        UsageError,
    )
    from earmark.library import Library
    from earmark.reports import (
        AddReport,
        CopyReport,
        Failure,
        LibraryStats,
        Progress,
        RebuildReport,
    )
    from earmark.types import (
        Answer,
        Considered,
        Contours,
        Evidence,
        Landmark,
        Match,
        QueryFacts,
        Segment,
        Span,
        Track,
        Within,
    )

__version__ = "0.1.0"

# Imported when first asked for: `import earmark` costs nothing, whatever a library pulls in.
_HOMES = {
    "config": ("Settings", "load_settings"),
    "errors": (
        "AnalysisDiedError",
        "ArchiveError",
        "AudioTooLongError",
        "AudioTooShortError",
        "CheckpointError",
        "DamagedIndexError",
        "DiskFullError",
        "EarmarkError",
        "EmptyAudioError",
        "ExtraMissingError",
        "FetchError",
        "InputError",
        "LibraryLockedError",
        "LibraryNotFoundError",
        "LibraryParametersError",
        "LibraryVersionError",
        "ModelUnavailableError",
        "NoMelodyError",
        "NotAScoreError",
        "NotAudioError",
        "SilentAudioError",
        "SourceNotFoundError",
        "SourceUnreadableError",
        "StoreError",
        "StoreUnavailableError",
        "TooLittleVoiceError",
        "TrackNotFoundError",
        "UntrustedCheckpointError",
        "UsageError",
    ),
    "library": ("Library",),
    "reports": (
        "AddReport",
        "CopyReport",
        "Failure",
        "LibraryStats",
        "Progress",
        "RebuildReport",
    ),
    "types": (
        "Answer",
        "Considered",
        "Contours",
        "Evidence",
        "Landmark",
        "Match",
        "QueryFacts",
        "Segment",
        "Span",
        "Track",
        "Within",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AddReport",
    "AnalysisDiedError",
    "Answer",
    "ArchiveError",
    "AudioTooLongError",
    "AudioTooShortError",
    "CheckpointError",
    "Considered",
    "Contours",
    "CopyReport",
    "DamagedIndexError",
    "DiskFullError",
    "EarmarkError",
    "EmptyAudioError",
    "Evidence",
    "ExtraMissingError",
    "Failure",
    "FetchError",
    "InputError",
    "Landmark",
    "Library",
    "LibraryLockedError",
    "LibraryNotFoundError",
    "LibraryParametersError",
    "LibraryStats",
    "LibraryVersionError",
    "Match",
    "ModelUnavailableError",
    "NoMelodyError",
    "NotAScoreError",
    "NotAudioError",
    "Progress",
    "QueryFacts",
    "RebuildReport",
    "Segment",
    "Settings",
    "SilentAudioError",
    "SourceNotFoundError",
    "SourceUnreadableError",
    "Span",
    "StoreError",
    "StoreUnavailableError",
    "TooLittleVoiceError",
    "Track",
    "TrackNotFoundError",
    "UntrustedCheckpointError",
    "UsageError",
    "Within",
    "__version__",
    "load_settings",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        message = f"module 'earmark' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"earmark.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
